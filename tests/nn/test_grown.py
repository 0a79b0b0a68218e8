from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from phloem.nn.models.grown import grown
from phloem.nn.models.t5 import T5, T5Config

PIECES = [[5, 6], [7], [8, 9, 9]]


@pytest.mark.row("S050", 4)
@pytest.mark.parametrize("tied", [True, False])
def test_new_units_begin_as_their_pieces_and_old_ones_stay(tied: bool) -> None:
    torch.manual_seed(0)
    model = T5(T5Config(30, 16, 2, 2, 2, 8, 32, tied=tied, begin=2, end=0)).eval()
    larger = grown(model, PIECES)
    for number, piece in enumerate(PIECES):
        wanted = model.table.weight[piece].mean(dim=0)
        torch.testing.assert_close(larger.table.weight[30 + number], wanted, atol=1e-7, rtol=0)
    tokens, target = torch.randint(3, 30, (4, 9)), torch.randint(3, 30, (4, 6))
    with torch.no_grad():
        before, after = model(tokens, None, target), larger(tokens, None, target)
    torch.testing.assert_close(after[..., :30], before, atol=1e-6, rtol=0)
    among_old = cross_entropy(after[..., :30].flatten(0, 1), target.flatten())
    whole = cross_entropy(after.flatten(0, 1), target.flatten())
    old = cross_entropy(before.flatten(0, 1), target.flatten())
    torch.testing.assert_close(among_old, old, atol=1e-6, rtol=0)
    assert whole > old, "new units take a share of the softmax"
    assert larger.config.vocabulary == 33


def test_a_unit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="new unit"):
        grown(T5(T5Config(30, 16, 1, 1, 2, 8, 32)), [[]])
