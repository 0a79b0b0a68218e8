"""Evaluation of a model that copies, on a dataset that knows its references; swapping of names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from phloem.decode.beam import Beam
from phloem.decode.greedy import greedy
from phloem.languages.subtokens import split
from phloem.measure import subtoken_f1
from phloem.tasks import naming, summaries

WORDS = ["<PAD>", "<UNK>", "<START>", "get", "set", "file", "name", "of"]


class Batch(NamedTuple):
    answer: Tensor
    target: Tensor


class Says(nn.Module):
    """Writes what the batch tells it to."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.modes: list[bool] = []

    def start(self, batch):
        self.modes.append(self.training)
        return batch.answer, 0

    def next(self, tokens, state):
        answer, step = state
        logits = torch.full((len(answer), len(WORDS)), -5.0)
        return logits.scatter(1, answer[:, step : step + 1], 5.0), (answer, step + 1)

    def reorder(self, state, index):
        return state[0][index], state[1]

    def trace(self, state):
        return None


class Told:
    """A dataset of references and of what the model will say."""

    def __init__(self, pairs) -> None:
        self.wanted = [reference for reference, _ in pairs]
        self.said = [[WORDS.index(word) for word in said] + [0] * (8 - len(said)) for _, said in pairs]

    def __len__(self):
        return len(self.wanted)

    @property
    def sizes(self):
        return np.ones(len(self))

    def batch(self, index, rng):
        assert rng is None  # the fixed sample
        answer = torch.tensor([self.said[number] for number in index])
        return Batch(answer, answer)

    def references(self, index):
        return [self.wanted[number] for number in index]


VIEW = SimpleNamespace(decode=lambda ids, example=None: [WORDS[number] for number in ids])
PAIRS = [
    (["get", "file", "name"], ["get", "name"]),
    (["set", "name"], ["set", "name"]),
    (["file", "of", "xylophone"], ["get", "<UNK>"]),
    (["name"], ["get", "file", "name"]),
    (["get", "get"], ["name"]),
]


@pytest.mark.parametrize("search", [greedy, Beam(2)])
def test_naming_figures(search):
    model = Says().train()
    found = naming.evaluate(model, VIEW, Told(PAIRS), search, batch_size=2)
    sums = np.sum([subtoken_f1.counts(*pair) for pair in PAIRS], axis=0)
    for name, figure in [("f1", subtoken_f1.f1), ("precision", subtoken_f1.precision), ("recall", subtoken_f1.recall)]:
        assert found[name] == pytest.approx(float(figure(sums)))
        low, high = found[f"{name}_interval"]
        assert low <= found[name] <= high
    assert found["exact_match"] == pytest.approx(1 / 5)
    assert found["examples"] == 5
    assert model.training
    assert not any(model.modes)


def test_words_beyond_the_length_are_missed_not_forgotten():
    found = naming.evaluate(Says(), VIEW, Told([(["get"] * 7, ["get"] * 7)]), greedy, length=6, resamples=0)
    assert found["exact_match"] == 0.0
    assert "f1_interval" not in found


def test_no_examples_are_no_error():
    assert naming.evaluate(Says(), VIEW, Told([]), greedy)["f1"] == 0.0
    assert summaries.evaluate(Says(), VIEW, Told([]), greedy)["bleu"] == 0.0


def test_summary_figures():
    pairs = [(["get", "name", "of", "file", "name"], ["get", "name", "of", "file", "name"]), (["set", "of"], ["get"])]
    found = summaries.evaluate(Says(), VIEW, Told(pairs[:1]), greedy)
    for name in ("bleu", "codenn_bleu", "rouge_l", "chrf"):
        assert found[name] == pytest.approx(100.0)
    worse = summaries.evaluate(Says(), VIEW, Told(pairs), greedy)
    for name in ("bleu", "codenn_bleu", "rouge_l", "chrf"):
        assert worse[f"{name}_interval"][0] <= worse[name] < 100.0


functions = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["getName", "get_name", "setName", "run", "x", "close"])),
    max_size=40,
)


@settings(deadline=None)
@given(functions, st.integers(0, 5))
def test_swapped_names_are_of_the_project_and_different(pairs, seed):
    examples = [SimpleNamespace(project=project, name=name) for project, name in pairs]
    names, wrong = naming.swapped_names(examples, seed)
    own = {project: {name for other, name in pairs if other == project} for project, _ in pairs}
    for (project, name), given_, swapped in zip(pairs, names, wrong, strict=True):
        assert given_ in own[project]
        assert swapped == (split(given_) != split(name))
        assert swapped or given_ == name
    swappable = sum(len({tuple(split(name)) for name in own[project]}) > 1 for project, _ in pairs)
    assert wrong.sum() == min(len(pairs) // 2, swappable)
    assert names == naming.swapped_names(examples, seed).names


def test_another_seed_swaps_other_names():
    examples = [SimpleNamespace(project="A", name=f"{a}_{b}") for a in "abcdefgh" for b in "ijklmnop"]
    assert naming.swapped_names(examples, 0).names != naming.swapped_names(examples, 1).names
