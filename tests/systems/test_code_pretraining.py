"""Systems that pretrain sequence models on code: each larger claim is wired."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from phloem import systems
from phloem.errors import PhloemError
from phloem.systems import reproduce
from phloem.systems.claims import scale_of

ROWS = {
    "codeexecutor": "S122",
    "codet5": "S117",
    "codet5p": "S174",
    "cotext": "S164",
    "cst-adapt": "S050",
    "ernie-code": "S186",
    "plbart": "S009",
    "unixcoder": "S037",
}


@pytest.fixture(autouse=True)
def _one_thread() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"codeexecutor"}))  # which makes its own programs
@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_larger_claims_need_shards(name: str, scale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    with pytest.raises(PhloemError, match="--data"):
        reproduce.run(name, scale, out=tmp_path)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_clauses_compare_arms_that_exist(name: str, small_shards: Path) -> None:
    claim = systems.card(name).claim(scale_of("laptop", data=small_shards))
    arms = {arm.name for arm in claim.arms}
    assert claim.clauses
    for clause in claim.clauses:
        assert clause.metric in claim.metrics
        assert {clause.candidate, clause.baseline or clause.candidate} <= arms
    assert len({repr(sorted(arm.settings.items(), key=str)) + arm.name for arm in claim.arms}) == len(claim.arms)
