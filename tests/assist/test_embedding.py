"""Texts as vectors: the shipped model, and what a saved one must be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phloem.assist.search.embedding import STATIC_BATCH, Embedder, load_embedder
from phloem.assist.search.training import SearchPlan, train
from phloem.errors import PhloemError
from phloem.nn.encoders.static_bag import GAIN
from phloem.represent.bags import bags
from phloem.systems.recipes import RECIPES
from phloem.tasks import saved

TINY = {
    "view": {"vocabulary": 500, "undocumented": 1.0},
    "width": 16,
    "layers": 1,
    "inside": 16,
    "heads": 2,
    "inner": 16,
    "static": {"epochs": 30, "threads": 1, "batch_size": 2},
    "transformer": {"epochs": 2, "threads": 1, "batch_size": 2, "evaluate_every": 5},
}


@pytest.fixture(scope="session")
def search_model(small_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of code search, trained in seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHLOEM_CACHE", str(tmp_path_factory.mktemp("cache")))
        out = tmp_path_factory.mktemp("models") / "tiny"
        train(SearchPlan((str(small_shards),), out, minutes=5, config=TINY))
    return out


@pytest.fixture(scope="session")
def both(search_model: Path) -> tuple[Embedder, Embedder]:
    return load_embedder(search_model), load_embedder(search_model, speed="transformer")


def test_training_writes_a_model_with_its_card_and_figures(search_model: Path) -> None:
    facts = saved.read_about(search_model)["facts"]
    assert facts["task"] == "search"
    assert set(facts["training"]) == set(facts["figures"]) == {"static", "transformer"}
    assert facts["figures"]["static"]["mrr"] > 0.2  # chance among thirty functions is 0.13
    card = (search_model / "MODEL_CARD.md").read_text()
    assert f"{facts['figures']['transformer']['mrr_python']:.3f}" in card


def test_the_same_command_goes_on_and_the_run_of_another_is_refused(
    search_model: Path, small_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "again"
    shutil.copytree(search_model, out)
    steps = saved.read_about(out)["facts"]["training"]["static"]["steps"]
    again = train(SearchPlan((str(small_shards),), out, minutes=5, config=TINY))
    assert again["training"]["static"]["steps"] == steps
    with pytest.raises(PhloemError, match="learning_rate"):
        train(SearchPlan((str(small_shards),), out, config={**TINY, "static": {"learning_rate": 1.0, "epochs": 30}}))


def test_going_on_from_a_model_keeps_its_vocabulary(
    search_model: Path, small_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path / "cache"))
    still: dict[str, Any] = {"layers": 0, "static": {"epochs": 1, "learning_rate": 0.0, "batch_size": 2}}
    train(SearchPlan((str(small_shards),), tmp_path / "on", start=str(search_model), config=still, storage="float32"))
    before, after = load_embedder(search_model), load_embedder(tmp_path / "on")
    np.testing.assert_allclose(before.queries(["get the name"]), after.queries(["get the name"]), atol=1e-5)
    with pytest.raises(PhloemError, match="static speed only"):
        load_embedder(tmp_path / "on", speed="transformer")
    with pytest.raises(PhloemError, match="keeps its vocabulary"):
        train(SearchPlan((str(small_shards),), tmp_path / "no", start=str(search_model), config={"width": 8}))


def test_numpy_and_torch_give_the_same_static_vectors(search_model: Path, both: tuple[Embedder, Embedder]) -> None:
    model: Any = saved.load(search_model, RECIPES)
    texts = ["def get_name(self): return self.name", "set the owner", "x = y + 1", "size size size"]
    rows = model.view.subwords.encode(texts)
    for side, embed in (("query", both[0].queries), ("code", both[0].codes)):
        with torch.no_grad():
            expected = model.model.static(bags(rows), side).numpy()
        np.testing.assert_allclose(embed(texts), expected, atol=1e-5)
    assert GAIN == 6.0


@pytest.mark.parametrize("speed", [0, 1])
def test_vectors_have_length_one_and_empty_texts_are_zero(both: tuple[Embedder, Embedder], speed: int) -> None:
    embedder = both[speed]
    texts = ["get name", "", "()", "x" * 5000, "def f(a):\n  return a * 2\n" * 50] * (STATIC_BATCH // 2)
    for vectors in (embedder.queries(texts), embedder.codes(texts)):
        assert vectors.shape == (len(texts), embedder.dimensions)
        assert vectors.dtype == np.float32
        lengths = np.linalg.norm(vectors, axis=1)
        np.testing.assert_allclose(lengths[[0, 3, 4]], 1, atol=1e-5)
        assert not lengths[[1, 2]].any()
        np.testing.assert_allclose(vectors[:5], vectors[-5:], atol=1e-5)
    assert embedder.codes([]).shape == (0, embedder.dimensions)


@pytest.mark.parametrize("speed", [0, 1])
def test_a_vector_does_not_depend_on_the_other_texts(both: tuple[Embedder, Embedder], speed: int) -> None:
    texts = ["def get_name(self): return self.name", "set", "has a price and an owner", ""] * 40
    together = both[speed].codes(texts)
    for number in (0, 1, 2, 3, 155):
        np.testing.assert_allclose(together[number], both[speed].codes([texts[number]])[0], atol=1e-5)


def test_both_speeds_are_of_one_space_and_identity(both: tuple[Embedder, Embedder]) -> None:
    static, transformer = both
    assert static.identity == transformer.identity
    assert static.dimensions == transformer.dimensions
    texts = ["def get_name(self): return self.name", "def set_owner(self, v): self.owner = v"]
    assert (static.codes(texts) * transformer.codes(texts)).sum(axis=1).min() > 0.5


def test_the_shipped_model_finds_plain_functions() -> None:
    codes = [
        "def fetch(url):\n    return urllib.request.urlopen(url).read()",
        "def average(numbers):\n    return sum(numbers) / len(numbers)",
        "def to_json(value, path):\n    with open(path, 'w') as f:\n        json.dump(value, f)",
    ]
    queries = ["download a web page", "mean of a list", "write an object to a json file"]
    embedder = load_embedder()
    scores = embedder.queries(queries) @ embedder.codes(codes).T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]


def test_the_static_speed_leaves_torch_alone() -> None:
    program = (
        "import sys; from phloem.assist.search.embedding import load_embedder; load_embedder().codes(['x = 1']); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_is_no_model_says_so(search_model: Path, tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match="neither a model"):
        load_embedder("nothing-here")
    with pytest.raises(PhloemError, match="unknown speed"):
        load_embedder(speed="warp")  # type: ignore[arg-type]
    with pytest.raises(PhloemError, match="no model of code search"):
        load_embedder("python-names")
    broken = tmp_path / "broken"
    shutil.copytree(search_model, broken)
    weights = bytearray((broken / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (broken / "model.safetensors").write_bytes(weights)
    with pytest.raises(PhloemError, match="damaged"):
        load_embedder(broken)
    (broken / "model.json").write_text("{")
    with pytest.raises(PhloemError, match="not JSON"):
        load_embedder(broken)


def test_plans_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match="--data"):
        SearchPlan((), tmp_path)
    with pytest.raises(PhloemError, match="no time"):
        SearchPlan(("x",), tmp_path, minutes=0)
