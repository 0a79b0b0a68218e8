"""One vector of a sequence's vectors."""

from __future__ import annotations

import pytest
import torch

from phloem.nn.encoders.pooling import weighted_mean


@pytest.mark.row("S106", 1)
def test_later_states_weigh_more_and_padding_on_either_side_changes_nothing() -> None:
    torch.manual_seed(0)
    states = torch.randn(1, 3, 4, dtype=torch.float64)
    expected = (states[:, 0] + 2 * states[:, 1] + 3 * states[:, 2]) / 6
    noise = torch.randn(1, 2, 4, dtype=torch.float64)
    real = torch.ones(1, 3, dtype=torch.bool)
    none = torch.zeros(1, 2, dtype=torch.bool)
    torch.testing.assert_close(weighted_mean(states, real), expected)
    right = weighted_mean(torch.cat([states, noise], 1), torch.cat([real, none], 1))
    left = weighted_mean(torch.cat([noise, states], 1), torch.cat([none, real], 1))
    torch.testing.assert_close(right, expected)
    torch.testing.assert_close(left, expected)
    assert not weighted_mean(noise, none).any()
