"""Nucleus sampling: what may be drawn, how often, and with which score."""

import pytest
import torch

from phloem.decode.top_p import TopP, nucleus
from phloem.tasks import regex_examples


class Fixed:
    """The same logits at every step; token 0 ends."""

    def __init__(self, logits):
        self.logits = torch.tensor(logits)

    def start(self, source):
        return torch.arange(source.target.shape[0])

    def next(self, tokens, state):
        return self.logits.expand(len(state), -1).clone(), state

    def reorder(self, state, index):
        return state[index]


@pytest.mark.parametrize(("p", "kept"), [(0.5, [1]), (0.6, [1, 2]), (0.85, [0, 1, 2]), (1.0, [0, 1, 2, 3])])
def test_the_nucleus_is_the_smallest_set_with_the_mass(p: float, kept: list[int]) -> None:
    probabilities = torch.tensor([[0.15, 0.5, 0.25, 0.1]])
    found = nucleus(probabilities.log(), p)
    assert found[0].nonzero()[:, 0].tolist() == kept
    assert torch.allclose(found.sum(), torch.tensor(1.0))
    expected = torch.zeros(4)
    expected[kept] = probabilities[0, kept] / probabilities[0, kept].sum()
    assert torch.allclose(found[0], expected)


def test_samples_are_those_of_the_model() -> None:
    probabilities = [0.5, 0.0001, 0.0001, 0.3, 0.1998]
    model = Fixed([float(torch.tensor(each).log()) for each in probabilities])
    batch = regex_examples.batch_of([([3], []), ([4], [])])
    found = TopP(2_000, p=0.99, seed=1)(model, batch, length=60)
    again = TopP(2_000, p=0.99, seed=1)(model, batch, length=60)
    assert [[each.value for each in some] for some in found] == [[each.value for each in some] for some in again]
    for some in found:
        assert len(some) == 2_000
        assert all(token in (3, 4) for each in some for token in each.value)
        empty = sum(each.value == () for each in some) / 2_000
        first = sum(each.value[:1] == (3,) for each in some) / 2_000
        assert abs(empty - 0.5) < 0.04
        assert abs(first - 0.3) < 0.04
        for each in some[:50]:
            score = sum(torch.tensor(probabilities).log()[[*each.value, 0]].tolist())
            assert each.score == pytest.approx(score, abs=1e-3)
    assert all(len(each.value) <= 1 for each in TopP(50, seed=0)(model, batch, length=1)[0])
