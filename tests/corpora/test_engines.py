"""Every engine gives the same corpus."""

from pathlib import Path

import pytest

from phloem.corpora import listing
from phloem.corpora.listing import MineSettings
from phloem.corpora.mine import mine
from phloem.errors import MissingExtra
from tests.corpora.samples import contents, project_tree

DEPTH = MineSettings(project_depth=1)


def test_ray_writes_what_the_local_engine_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(listing, "UNIT_BYTES", 3000)
    monkeypatch.setattr(listing, "CHUNK_BYTES", 20_000)
    tree = project_tree(tmp_path / "code")
    local = mine([str(tree)], tmp_path / "local", settings=DEPTH)
    spread = mine([str(tree)], tmp_path / "ray", settings=DEPTH, engine="ray", workers=2)
    assert contents(tmp_path / "local") == contents(tmp_path / "ray")
    assert spread.functions == local.functions


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"phloem\[cluster\]"):
        mine([str(project_tree(tmp_path / "code"))], tmp_path / "out", settings=DEPTH, engine="ray")
