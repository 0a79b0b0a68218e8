"""Every system: its card, and the smoke scale of its claim, which runs end to end and learns.

A claim that is exact or a table has nothing to learn; its floor is what it must reach. Which smokes run is a matter of
time: PHLOEM_SMOKES=all runs all, otherwise ten do, day by day others, those first whose files the last commit changed.
"""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import torch

from phloem.errors import PhloemError
from phloem.systems import registry, reproduce
from phloem.systems.claims import scale_of

MOST = 10  # smokes a run, about eight seconds each
ROOT = Path(__file__).parents[2]


def _changed() -> set[str]:
    """The files of the last commit; none outside of a checkout."""
    command = ["git", "diff", "--name-only", "HEAD~1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return set(done.stdout.splitlines())


def _due() -> list[str]:
    """All if that is asked; else MOST: those that the last commit changed first, and each its turn."""
    names, changed = registry.names(), _changed()
    if os.environ.get("PHLOEM_SMOKES") == "all":
        return names

    def order(name: str) -> tuple[bool, int]:
        own = Path(sys.modules[registry.card(name).claim.__module__].__file__ or "").resolve()
        touched = own.is_relative_to(ROOT) and own.relative_to(ROOT).as_posix() in changed
        return not touched, (names.index(name) - MOST * date.today().toordinal()) % len(names)

    return sorted(names, key=order)[:MOST]


def _claim(card, scale):
    """The claim; None where it wants to see its data first."""
    try:
        return card.claim(scale_of(scale))
    except PhloemError as error:
        if "--data" not in str(error):
            raise
    return None


TABLES = {"compositional"}  # of several rows, under the row of one of them


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", registry.names())
def test_card_and_claims_fit_together(name):
    card = registry.card(name)
    assert registry.card(card.row) == card or name in TABLES
    assert "20" in card.source, "the first paragraph names the paper and its year"
    for scale in ("smoke", "laptop", "paper"):
        claim = _claim(card, scale)
        if claim is None:
            assert scale != "smoke"
            continue
        arms = {arm.name for arm in claim.arms}
        assert len(arms) == len(claim.arms)
        asked = (claim.floor,) if scale == "smoke" else claim.clauses
        assert asked
        for clause in asked:
            assert {clause.candidate, clause.baseline} - {None} <= arms
            assert clause.metric in claim.metrics


@pytest.mark.parametrize("name", _due())
def test_smoke_runs_end_to_end_and_learns(name, tmp_path, monkeypatch):
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    result = reproduce.run(name, "smoke", out=tmp_path)
    assert result["verdict"] == "confirmed"
    for clause in result["clauses"]:
        if result["kind"] == "trained":
            lower = registry.card(name).claim(scale_of("smoke")).metrics[clause["metric"]].lower_is_better
            worst = min(clause["untrained"]) if lower else max(clause["untrained"])
            assert worst > clause["margin"] if lower else worst < clause["margin"]
