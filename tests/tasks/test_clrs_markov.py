"""Step functions that need the present state alone, and a search for traces that need more."""

from __future__ import annotations

import pytest

from phloem.corpora import clrs
from phloem.tasks import clrs_markov


@pytest.mark.row("S191", 3)
@pytest.mark.parametrize("name", clrs_markov.STEPS)
def test_step_functions_lead_from_each_state_to_the_next(name: str) -> None:
    right, total = clrs_markov.agreement(name, clrs.draw(name, 200, 8, 11))
    assert right == total > 200


@pytest.mark.row("S191", 3)
def test_states_with_two_successors_are_found_where_a_hint_was_deleted() -> None:
    for name in clrs.NAMES:
        assert not clrs_markov.conflicts(clrs.draw(name, 50, 8, 5))
    samples = clrs.draw("minimum", 50, 8, 5)
    found = clrs_markov.conflicts(samples, {"pred_h", "min_h"})
    assert found
    for one, other, differ in found:
        assert differ == ("min_h",)
        (sample, step), (again, later) = one, other
        assert sample == again
        assert step < later
        best = samples.hints["min_h"][:, sample]
        assert (best[step] == best[later]).all()
        assert (best[step + 1] != best[later + 1]).any()
    assert not clrs_markov.conflicts(samples, {"min_h", "i"}), "the pointers are an input in truth"
