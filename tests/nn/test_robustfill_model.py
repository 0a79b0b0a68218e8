"""RobustFill's network: pooling over examples, attention to the right strings, steps equal to the teacher-forced
pass."""

from random import Random

import numpy as np
import pytest
import torch

from phloem.nn.models.robustfill import ExampleBatch, RobustFill
from phloem.nn.models.seq2seq import shift_right
from phloem.synthesis.languages.robustfill_tokens import encode
from phloem.systems.synthesis import robustfill as system
from phloem.tasks.string_programs import TOKENS, VOCABULARY, StringPrograms, StringTask, batch_of, task

VARIANTS = ("basic", "A", "B", "C")


def tasks(count: int = 3, observed: int = 4, seed: int = 0) -> list[StringTask]:
    rng = Random(seed)
    return [task(rng, observed=observed, held=1) for _ in range(count)]


def network(variant: str, **options: bool) -> RobustFill:
    torch.manual_seed(0)
    tokens = VOCABULARY if options.get("induction") else TOKENS
    return RobustFill(VOCABULARY, tokens, variant=variant, embedding=8, width=12, **options).double().eval()


def chosen(some: list[StringTask], index: list[int]) -> list[StringTask]:
    """The tasks with their observed examples in this order."""
    return [
        each._replace(
            inputs=(*(each.inputs[i] for i in index), *each.inputs[len(each.shown) :]),
            outputs=(*(each.outputs[i] for i in index), *each.outputs[len(each.shown) :]),
            shown=tuple(each.shown[i] for i in index),
        )
        for each in some
    ]


@pytest.mark.row("S002", 2)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("induction", [False, True])
def test_order_and_repetition_of_examples_change_nothing(variant: str, induction: bool) -> None:
    some, net = tasks(), network(variant, induction=induction)
    expected = net(batch_of(some, induction=induction))
    for index in ([2, 0, 3, 1], [0, 1, 2, 3, 3], [1, 0, 2, 3, 1, 1]):
        found = net(batch_of(chosen(some, index), induction=induction))
        assert (found - expected).abs().max() < 1e-5
    without = net(batch_of(chosen(some, [0, 1, 2]), induction=induction))
    assert (without - expected).abs().max() > 1e-6


@pytest.mark.parametrize("variant", VARIANTS)
def test_steps_are_the_teacher_forced_pass(variant: str) -> None:
    batch, net = batch_of(tasks()), network(variant)
    expected, state = net(batch), net.start(batch)
    for step, tokens in enumerate(shift_right(batch.target).unbind(1)):
        logits, state = net.next(tokens, state)
        assert torch.allclose(logits, expected[:, step], atol=1e-10)
    packed, positions = net.packed(batch)
    assert torch.allclose(packed, expected.flatten(0, 1)[positions], atol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_task_does_not_see_its_batch(variant: str) -> None:
    some, net = tasks(4), network(variant)
    whole = net(batch_of(some))
    for i, each in enumerate(some):
        alone = net(batch_of([each]))
        assert torch.allclose(whole[i, : alone.shape[1]], alone[0], atol=1e-10)


def changed(batch: ExampleBatch, field: str) -> ExampleBatch:
    strings = getattr(batch, field).clone()
    strings[0, 0] = strings[0, 0] % 80 + 4
    return batch._replace(**{field: strings})


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_what_is_read(variant: str) -> None:
    batch, net = batch_of(tasks(1)), network(variant)
    expected = net(batch)
    for field in ("inputs", "outputs"):
        assert not torch.allclose(net(changed(batch, field)), expected)
    net.zero_grad()
    net(batch).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_reordered_hypotheses_go_on_as_their_own() -> None:
    batch, net = batch_of(tasks(2)), network("B")
    _, state = net.next(torch.full((2,), 2), net.start(batch))
    logits, _ = net.next(torch.tensor([5, 6]), state)
    index = torch.tensor([1, 1, 0])
    again, _ = net.next(torch.tensor([6, 6, 5]), net.reorder(state, index))
    assert torch.allclose(again, logits[index], atol=1e-12)


def test_an_odd_width_has_no_half() -> None:
    with pytest.raises(ValueError, match="width of 13"):
        RobustFill(10, 10, width=13)


def test_training_draws_no_task_ahead() -> None:
    """An epoch only counts: a billion tasks cost nothing before they are asked for."""
    data = StringPrograms(examples=10**9, seed=0)
    batch = data.batch(np.arange(2), np.random.default_rng(0))
    assert len(data) == 10**9
    assert batch.target.shape[0] == 2
    few = StringPrograms(examples=3, seed=5)
    assert few.fixed == StringPrograms(examples=3, seed=5).fixed
    assert few.fixed != StringPrograms(examples=3, seed=6).fixed


@pytest.mark.parametrize("most", [3, 10])
def test_decoding_is_as_long_as_the_longest_program(most: int) -> None:
    tasks = StringPrograms(examples=60, seed=1, most=most).fixed
    lengths = [len(encode(each.program)) for each in tasks]
    assert max(lengths) <= system.EXPRESSION * most
    assert max(lengths) > 24 or most == 3
