"""Prompts: templates that never lose a slot, logits of a masked language model, and what is trained."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phloem.nn.models.prompted_encoder import PromptedEncoder, verbalized
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import END, MASK, START, BytePairs
from phloem.represent.prompt_template import SLOTS, collate_prompts, prompt_row


def roberta() -> Roberta:
    torch.manual_seed(0)
    return Roberta(RobertaConfig(40, width=16, layers=2, heads=2, inner=24, places=64, pad=0)).eval()


def batch(slots: int, most: int = 40):
    rows = [prompt_row([7, 8, 9], [10, 11], slots, most), prompt_row([12] * 30, [13] * 30, slots, most)]
    return collate_prompts(rows, [0, 1])


@pytest.mark.row("S096", 1)
def test_without_slots_it_is_the_masked_language_model():
    model, data = roberta(), batch(0)
    prompted = PromptedEncoder(model, 0, [[5, 6], [9]]).eval()
    logits = model.logits(model(data.tokens, None, data.lengths))[data.tokens == MASK]
    assert torch.allclose(prompted(data)[:, 1], logits[:, 9], atol=1e-6)
    assert torch.allclose(prompted(data)[:, 0], (logits[:, 5] + logits[:, 6]) / 2, atol=1e-6)


@pytest.mark.row("S096", 2)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(16, 90), st.sampled_from(sorted(SLOTS)), st.booleans())
def test_slots_survive(first, second, most, slots, released):
    row = prompt_row([7] * first, [8] * second, slots, most, released=released)
    assert len(row.tokens) == len(row.slots) <= most
    assert row.slots[row.slots >= 0].tolist() == list(range(slots))
    kept = [int((row.tokens == unit).sum()) for unit in (7, 8)]
    before, between, behind = SLOTS[slots]
    shape = ["s"] * before + ["1"] * kept[0] + ["s"] * between + ["2"] * kept[1] + ["s"] * behind + ["m"]
    names = {7: "1", 8: "2", MASK: "m"}
    inner = zip(row.tokens[1:-1].tolist(), row.slots[1:-1].tolist(), strict=True)
    seen = ["s" if slot >= 0 else names[unit] for unit, slot in inner]
    assert seen == shape
    assert (row.tokens[0], row.tokens[-1]) == (START, END)
    room = most - slots - 3
    assert sum(kept) == min(first + second, room)
    if first == second and sum(kept) < 2 * first:
        if released:
            assert kept == [min(first, room), room - min(first, room)], "code_2 is cut first"
        else:
            assert abs(kept[0] - kept[1]) <= 1


def test_the_published_template():
    row = prompt_row([7, 7], [8], 10, 40)
    assert row.slots.tolist() == [-1, 0, 1, 2, -1, -1, 3, 4, 5, 6, -1, 7, 8, 9, -1, -1]
    for slots, most in ((4, 40), (10, 12)):
        with pytest.raises(ValueError, match="slots"):
            prompt_row([7], [8], slots, most)


@pytest.mark.row("S096", 3)
@pytest.mark.parametrize("recurrent", [True, False])
def test_what_is_trained(recurrent):
    data = batch(10)
    frozen = PromptedEncoder(roberta(), 10, [[5], [6]], recurrent=recurrent, frozen=True)
    frozen(data).sum().backward()
    assert all(parameter.grad is None for parameter in frozen.roberta.parameters())
    trained = {name for name, parameter in frozen.named_parameters() if parameter.requires_grad}
    assert trained == {f"prompts.{name}" for name, _ in frozen.prompts.named_parameters()}
    full = PromptedEncoder(roberta(), 10, [[5], [6]], recurrent=recurrent)
    before = {name: parameter.detach().clone() for name, parameter in full.named_parameters()}
    optimizer = torch.optim.Adam(full.parameters(), lr=0.01)
    torch.nn.functional.cross_entropy(full(data), data.target).backward()
    optimizer.step()
    changed = {name for name, parameter in full.named_parameters() if not torch.equal(parameter, before[name])}
    assert "prompts.vectors" in changed
    assert "roberta.table.weight" in changed
    # the same prompt at another place goes into the first layer as another vector
    states = []
    for slots in ([0, -1, -1], [-1, 0, -1]):
        tokens, numbers = torch.tensor([[7, 7, MASK]]), torch.tensor([slots])
        row = data._replace(tokens=tokens, slots=numbers, lengths=torch.tensor([3]), target=torch.tensor([0]))
        states.append(full.roberta.states(None, None, row.lengths, full.embed(row))[0][0, slots.index(0)])
    assert not torch.allclose(*states)


@pytest.mark.row("S096", 4)
def test_swapped_answers_swap_predictions():
    data = batch(10)
    one, other = (PromptedEncoder(roberta(), 10, words) for words in ([[5], [6]], [[6], [5]]))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.eval()(data), other.eval()(data).flip(1))
    assert torch.equal(one(data).argmax(dim=1), 1 - other(data).argmax(dim=1))


def test_answer_words_are_one_unit():
    units = BytePairs.fit([" Yes No"] * 50, 400, sentinels=0)
    yes, no = verbalized(units, [["Yes"], ["No"]])
    assert len(yes) == len(no) == 1
    assert np.unique([yes, no]).size == 2
    with pytest.raises(ValueError, match="must be one"):
        verbalized(units, [["unheard"]])
