"""DP-Beam: what it returns reproduces the examples, and a model's order is kept among those."""

from itertools import product
from random import Random

import pytest
import torch

from phloem.decode.base import Hypothesis
from phloem.decode.execution_guided_beam import ExecutionGuidedBeam
from phloem.errors import PhloemError
from phloem.nn.models.robustfill import RobustFill
from phloem.synthesis.languages import robustfill_tokens
from phloem.synthesis.languages.robustfill import expressions
from phloem.synthesis.partial_concat import PartialConcat
from phloem.synthesis.program import run
from phloem.tasks.string_programs import TOKENS, VOCABULARY, StringTask, batch_of, task


class Taught:
    """A model that has learned a few programs by heart: prefixes of them are likely, other tokens hardly."""

    def __init__(self, programs: list[tuple[int, ...]], seed: int = 0) -> None:
        self.programs = programs
        self.noise = torch.Generator().manual_seed(seed)

    def start(self, source):
        return [()] * source.target.shape[0]

    def next(self, tokens, state):
        state = [(*written, token) for written, token in zip(state, tokens.tolist(), strict=True)]
        logits = torch.rand(len(state), TOKENS, generator=self.noise)
        for row, written in enumerate(state):
            for rank, program in enumerate(self.programs):
                if program[: len(written) - 1] == written[1:]:
                    token = (*program, 0)[len(written) - 1]
                    logits[row, token] = max(float(logits[row, token]), 12 - rank)
        return logits, state

    def reorder(self, state, index):
        return [state[i] for i in index.tolist()]


def tasks(count: int) -> list[StringTask]:
    rng = Random(7)
    return [task(rng, observed=3, held=2) for _ in range(count)]


def search(model, some: list[StringTask], width: int = 10, **options) -> list[list[Hypothesis]]:
    execution = PartialConcat([each.observed[0] for each in some], [each.observed[1] for each in some], **options)
    return ExecutionGuidedBeam(width)(model, batch_of(some), execution, length=20)


@pytest.fixture(scope="module")
def found() -> list[tuple[StringTask, list[Hypothesis]]]:
    """What searches return that know the right programs of some tasks and wrong ones."""
    some = tasks(40)
    wrong = [tuple(robustfill_tokens.encode(each.program)) for each in tasks(44)[40:]]
    results = []
    for number, each in enumerate(some):
        right = tuple(robustfill_tokens.encode(each.program))
        results.append((each, search(Taught([*wrong, right], number), [each])[0]))
    return results


@pytest.mark.row("S002", 3)
def test_every_hypothesis_reproduces_all_observed_outputs(found) -> None:
    assert sum(bool(hypotheses) for _, hypotheses in found) >= 35
    for each, hypotheses in found:
        for hypothesis in hypotheses:
            program = robustfill_tokens.decode(hypothesis.value)
            assert tuple(run(program, (text,)) for text in each.observed[0]) == each.observed[1]
            written = [""] * len(each.shown)
            for part in expressions(program):
                for i, text in enumerate(each.observed[0]):
                    written[i] += run(part, (text,))
                    assert each.observed[1][i].startswith(written[i])
        scores = [hypothesis.score for hypothesis in hypotheses]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.row("S002", 3)
def test_with_a_constant_interpreter_the_beam_is_empty() -> None:
    some = [each for each in tasks(12) if not all("~" in text for text in each.shown)]
    torch.manual_seed(0)
    net = RobustFill(VOCABULARY, TOKENS, embedding=8, width=8).eval()
    assert search(net, some, width=5, run=lambda program, row: "~") == [[] for _ in some]
    taught = Taught([tuple(robustfill_tokens.encode(each.program)) for each in some])
    assert search(taught, some, run=lambda program, row: "~") == [[] for _ in some]


def test_the_best_of_all_that_pass_is_found() -> None:
    each = tasks(1)[0]._replace(inputs=("a.b", "c.d"), outputs=("b", "d"), shown=("b", "d"))
    alphabet = [3 + 4, 3 + 15 + 84 + 1]  # GetToken and Char
    alphabet += [token for token in range(TOKENS) if token not in alphabet][:20]
    torch.manual_seed(1)
    table = torch.rand(21, TOKENS)

    class Fixed:
        """Logits that depend on the step alone."""

        def start(self, source):
            return 0

        def next(self, tokens, state):
            return table[state].expand(len(tokens), -1), state + 1

        def reorder(self, state, index):
            return state

    passing = []
    log_probabilities = table.log_softmax(1)
    for tokens in product(range(3, TOKENS), repeat=2):
        try:
            program = robustfill_tokens.decode(tokens)
        except PhloemError:
            continue
        if all(run(program, (text,)) == out for text, out in zip(*each.observed, strict=True)):
            passing.append(tokens)
    execution = PartialConcat([each.observed[0]], [each.observed[1]])
    hypotheses = ExecutionGuidedBeam(400, looked_at=TOKENS)(Fixed(), batch_of([each]), execution, length=2)[0]
    assert sorted(each.value for each in hypotheses) == sorted(passing)
    for hypothesis in hypotheses:
        steps = [*hypothesis.value, 0]
        assert hypothesis.score == pytest.approx(sum(float(log_probabilities[i, t]) for i, t in enumerate(steps)))


def test_partial_outputs() -> None:
    execution = PartialConcat([("ab", "cd")], [("x", "x")])
    constant = robustfill_tokens.encode(robustfill_tokens.decode([4, 3 + 16 + 23]))
    first, character = constant
    begun = execution.start(0)
    assert execution.extend(begun, 0) is None
    opened = execution.extend(begun, first)
    assert opened is not None
    assert execution.extend(opened, 0) is None
    whole = execution.extend(opened, character)
    assert whole is not None
    assert whole.places == (1, 1)
    assert execution.extend(whole, 0) == whole
    assert execution.extend(execution.extend(whole, first), character) is None
    assert execution.extend(begun, character) is None
