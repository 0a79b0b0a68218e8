"""Saved models: what comes back, how large it is, and every way in which a folder can be wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

from phloem.errors import PhloemError
from phloem.languages import LANGUAGES
from phloem.tasks.recipe import Recipe
from phloem.tasks.saved import load, save


@dataclass(frozen=True)
class Sizes:
    width: int = 8
    layers: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Config:
    sizes: Sizes = field(default_factory=Sizes)
    extra: Sizes | None = None
    tied: bool = False
    dropout: float = 0.5


class View:
    def __init__(self, words):
        self.words = list(words)

    def state(self):
        return {"words": self.words}


class Net(nn.Module):
    def __init__(self, config, view):
        super().__init__()
        self.embed = nn.Embedding(len(view.words), config.sizes.width)
        self.norm = nn.LayerNorm(config.sizes.width)
        self.out = nn.Linear(config.sizes.width, len(view.words), bias=False)
        self.drop = nn.Dropout(config.dropout)
        self.register_buffer("steps", torch.tensor(7))
        if config.tied:
            self.out.weight = self.embed.weight

    def forward(self, ids):
        return self.drop(self.out(self.norm(self.embed(ids))))


RECIPE = Recipe("net", Config, lambda config: View([]), lambda state: View(state["words"]), Net, None, None)
RECIPES = {"net": RECIPE}
WORDS = [f"wörd{number}" for number in range(500)]


def saved(folder, config=None, storage="float16", **facts):
    config = config or Config(sizes=Sizes(64, (3, 4)))
    torch.manual_seed(0)
    view = View(WORDS)
    model = Net(config, view)
    with torch.no_grad():
        model.embed.weight[3] = 0.0  # a row that int8 can't scale
    save(
        folder, recipe=RECIPE, model=model, view=view, config=config, facts={"task": "names", **facts}, storage=storage
    )
    return model.eval()


@pytest.mark.parametrize(("storage", "tolerance"), [("float32", 0.0), ("float16", 5e-3), ("int8", 0.1)])
def test_a_round_trip(tmp_path, storage, tolerance):
    model = saved(tmp_path / "m", storage=storage, figures={"f1": 0.5, "f1_interval": [0.4, 0.6]})
    found = load(tmp_path / "m", RECIPES)
    ids = torch.arange(500)
    torch.testing.assert_close(found.model(ids), model(ids), atol=tolerance, rtol=0)
    assert not found.model.training
    assert {tensor.dtype for tensor in found.model.parameters()} == {torch.float32}
    assert found.model.steps.item() == 7
    assert found.config == Config(sizes=Sizes(64, (3, 4)))
    assert found.view.words == WORDS
    assert found.facts == {"task": "names", "figures": {"f1": 0.5, "f1_interval": [0.4, 0.6]}}
    assert found.recipe == "net"
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["model.json", "model.safetensors"]


def test_sizes(tmp_path):
    bytes_ = {}
    for storage in ("float32", "float16", "int8"):
        saved(tmp_path / storage, storage=storage)
        bytes_[storage] = (tmp_path / storage / "model.safetensors").stat().st_size
    assert bytes_["float16"] < 0.51 * bytes_["float32"]
    assert bytes_["int8"] < 0.29 * bytes_["float32"]


def test_int8_is_within_half_a_step_of_each_row(tmp_path):
    model = saved(tmp_path, storage="int8")
    weight, found = model.embed.weight, load(tmp_path, RECIPES).model.embed.weight
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    assert ((weight - found).abs() <= step / 2 + 1e-6).all()
    assert (found[3] == 0).all()


def test_tied_weights_are_stored_once_and_stay_tied(tmp_path):
    tied = Config(sizes=Sizes(64), tied=True)
    model = saved(tmp_path / "tied", tied, "float32")
    saved(tmp_path / "free", Config(sizes=Sizes(64)), "float32")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("tied", "free")]
    assert sizes[0] < 0.55 * sizes[1]
    found = load(tmp_path / "tied", RECIPES).model
    assert found.out.weight is found.embed.weight
    assert torch.equal(found.out.weight, model.out.weight)


def test_values_that_float16_can_not_hold_stay_exact(tmp_path):
    model = Net(Config(), View(WORDS))
    with torch.no_grad():
        model.embed.weight[0, 0] = 1e6
    save(tmp_path, recipe=RECIPE, model=model, view=View(WORDS), config=Config(), facts={})
    assert load(tmp_path, RECIPES).model.embed.weight[0, 0] == 1e6


def test_optional_parts_of_a_configuration_come_back(tmp_path):
    config = Config(extra=Sizes(3, ()))
    saved(tmp_path, config)
    assert load(tmp_path, RECIPES).config == config


def test_saving_again_replaces_the_model_and_nothing_else(tmp_path):
    saved(tmp_path, version=1)
    (tmp_path / "README.md").write_text("card")
    saved(tmp_path, version=2)
    assert load(tmp_path, RECIPES).facts["version"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "model.json", "model.safetensors"]


def edit(folder, **changes):
    file = folder / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(("damage", "message"), [
    (lambda f: (f / "model.json").unlink(), "no model in .*no model.json"),
    (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors: fetch or train"),
    (lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-9]), "is damaged"),
    (lambda f: (f / "model.json").write_bytes((f / "model.json").read_bytes()[:-9]), "is not JSON"),
    (lambda f: (f / "model.json").write_bytes(b"\xff\xfe\x00"), "is not JSON"),
    (lambda f: (f / "model.json").write_text("[" * 100_000), "is not JSON"),
    (lambda f: (f / "model.json").write_text("[1, 2]"), "is not a model of phloem"),
    (lambda f: (f / "model.json").write_text('{"arch": "gpt2"}'), "not a model of phloem .no format, recipe"),
    (lambda f: edit(f, format=99), "format 99, this phloem reads up to 1: update phloem"),
    (lambda f: edit(f, recipe="gnn"), "recipe 'gnn', this phloem has: net"),
    (lambda f: edit(f, config={"depth": 3}), "does not fit its recipe 'net' .*unknown setting depth"),
    (lambda f: edit(f, config={"sizes": {"width": 9}}), "does not fit its recipe"),
    (lambda f: edit(f, view={}), "does not fit its recipe"),
])  # fmt: skip
def test_wrong_folders_are_named(tmp_path, damage, message):
    saved(tmp_path)
    damage(tmp_path)
    with pytest.raises(PhloemError, match=message) as error:
        load(tmp_path, RECIPES)
    assert "\n" not in str(error.value)


def test_weights_that_are_no_safetensors_file_are_named(tmp_path):
    import hashlib

    saved(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"PK\x03\x04 a pickle in a zip")
    edit(tmp_path, sha256=hashlib.sha256(b"PK\x03\x04 a pickle in a zip").hexdigest())
    with pytest.raises(PhloemError, match="not a safetensors file"):
        load(tmp_path, RECIPES)


def test_a_missing_folder_and_an_unknown_storage(tmp_path):
    with pytest.raises(PhloemError, match="no model in"):
        load(tmp_path / "nowhere", RECIPES)
    with pytest.raises(PhloemError, match="storage 'fp8': take one of float16, float32, int8"):
        saved(tmp_path, storage="fp8")


def test_another_grammar_version_is_a_warning(tmp_path, recwarn):
    saved(tmp_path / "same", grammars={"python": LANGUAGES["python"].version})
    load(tmp_path / "same", RECIPES)
    assert not recwarn.list
    saved(tmp_path / "other", grammars={"python": "0.1", "klingon": "3"})
    with pytest.warns(UserWarning, match=r"python grammar 0\.1, .* tree-sitter-python==0\.1"):
        load(tmp_path / "other", RECIPES)


FULL = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from phloem.errors import PhloemError
from tasks.test_saved import saved
folder = Path(sys.argv[1])
saved(folder, version=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    saved(folder, version=2)
except PhloemError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_model_before(tmp_path, request):
    tests = str(request.path.parents[1])
    command = [sys.executable, "-c", FULL, str(tmp_path / "m"), tests]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "cannot write the model into" in done.stdout
    assert load(tmp_path / "m", RECIPES).facts["version"] == 1
    assert len(list((tmp_path / "m").iterdir())) == 2
