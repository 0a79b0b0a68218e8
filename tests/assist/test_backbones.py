"""`phloem train encoder|encoder-decoder|decoder`: from source to a saved model and to the hub's layout."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from phloem.assist import backbones
from phloem.assist.backbones import BackbonePlan
from phloem.assist.library import facts_of
from phloem.cli.app import app
from phloem.decode.greedy import greedy
from phloem.decode.marks import OwnMarks
from phloem.errors import PhloemError
from phloem.learn.objectives.backbone_pretraining import (
    CausalPretraining,
    EncoderPretraining,
    SpanPretraining,
    pairs_of,
)
from phloem.nn.models import hub_layout
from phloem.nn.models.encoder_decoder import LEFT_OUT
from phloem.represent.byte_pairs import END, MASK, PAD, SPECIALS, START
from phloem.represent.function_units import FunctionUnits, FunctionUnitsConfig
from phloem.systems.recipes import RECIPES
from phloem.tasks import saved
from phloem.tasks.accessors import accessors

SMALL = {"width": 32, "layers": 1, "heads": 2, "inner": 48, "view": {"vocabulary": 420, "sentinels": 8}}
VIEW = FunctionUnitsConfig(vocabulary=420, sentinels=8)


@pytest.fixture(scope="module")
def view() -> FunctionUnits:
    return FunctionUnits(VIEW).fit(accessors("train"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three projects of methods."""
    root = tmp_path_factory.mktemp("source")
    for split in ("train", "validation", "test"):
        folder = root / split
        folder.mkdir()
        (folder / "setup.py").write_text("")
        bodies = [example.tree.source.decode() for example in accessors(split)][:60]
        (folder / "methods.py").write_text("\n\n".join(bodies) + "\n")
    return root


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def test_functions_survive_compiling(view: FunctionUnits, tmp_path: Path) -> None:
    examples = accessors("validation")[:20]
    dataset = view.compile(examples, tmp_path / "set")
    batch = dataset.batch(np.array([3, 0]), None)
    kept = [example for example in examples if len(view.encode(example)["code"]) >= 16]
    assert len(dataset) == len(kept)
    assert view.units.decode(batch.code[0].tolist()) == kept[3].tree.source.decode()
    again = FunctionUnits.from_state(json.loads(json.dumps(view.state())))
    assert again.units.encode("def f(x): return x") == view.units.encode("def f(x): return x")
    assert int(dataset.sizes[0]) == len(batch.code[1])
    with pytest.raises(PhloemError, match="no compiled dataset"):
        view.open(tmp_path)


class Seen:
    """A model that keeps what it was given and says nothing of worth."""

    def __init__(self, size: int) -> None:
        self.size, self.given = size, []

    def __call__(self, *given: Any, **named: Any) -> torch.Tensor:
        self.given.append((*given, *named.values()))
        shape = (given[-1] if len(given) == 3 else given[0]).shape
        return torch.zeros(*shape, self.size, requires_grad=True)

    def words(self, states: torch.Tensor) -> torch.Tensor:
        return states

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        return states


def functions(view: FunctionUnits, count: int = 40) -> Any:
    encoded = [view.encode(example) for example in accessors("train")[:count]]
    doc = np.array(view.units.encode("some words"), np.int32)
    rows = [[row["code"] for row in encoded], [row["name"] for row in encoded], [doc, *[doc[:0]] * (count - 1)]]
    from phloem.represent.function_units import Functions

    return Functions(*rows)


def test_an_encoder_has_names_or_units_hidden(view: FunctionUnits) -> None:
    torch.manual_seed(0)
    batch, model = functions(view), Seen(view.units.size)
    pairs = pairs_of(batch)
    assert pairs.tokens[0, : int(pairs.lengths[0])].tolist() == [
        START, *batch.doc[0].tolist(), END, *batch.code[0].tolist(), END,
    ]  # fmt: skip
    objective = EncoderPretraining(view.units.size)
    chosen, by_names = objective.chosen(batch, pairs)
    assert 10 < int(by_names.sum()) < 30
    for row in by_names.nonzero()[:, 0].tolist():
        names = batch.name[row]
        hidden = chosen[row][pairs.code[row]].numpy()
        assert hidden.any()
        for name in range(names.max() + 1):
            assert hidden[names == name].all() or not hidden[names == name].any()
        assert not hidden[names < 0].any()
    assert not (chosen & ~(pairs.text | pairs.code)).any()
    torch.manual_seed(0)
    loss = objective(model, batch)
    torch.testing.assert_close(loss.value, torch.tensor(view.units.size).float().log())
    tokens = model.given[0][0]
    assert torch.equal(tokens[~chosen], pairs.tokens[~chosen])
    assert (tokens[chosen & by_names[:, None]] == MASK).all()


def test_spans_and_targets_give_the_function_back(view: FunctionUnits) -> None:
    torch.manual_seed(0)
    batch, model = functions(view), Seen(view.units.size)
    SpanPretraining(VIEW.sentinels)(model, batch)
    tokens, lengths, targets = model.given[0]
    low = len(SPECIALS)
    for row, code in enumerate(batch.code):
        spans: dict[int, list[int]] = {}
        for unit in targets[row][targets[row] != LEFT_OUT].tolist()[:-1]:
            if low <= unit < low + VIEW.sentinels:
                current = spans.setdefault(unit, [])
            else:
                current.append(unit)
        found = []
        for unit in tokens[row, : int(lengths[row]) - 1].tolist():
            found += spans.get(unit, [unit])
        assert found == [*batch.doc[row].tolist(), *[END] * bool(len(batch.doc[row])), *code.tolist()]
        assert int(tokens[row, int(lengths[row]) - 1]) == END
        assert sum(map(len, spans.values())) == max(1, round(0.15 * len([u for u in found if u != END])))


def test_a_decoder_predicts_what_follows(view: FunctionUnits) -> None:
    batch, model = functions(view, 3), Seen(view.units.size)
    loss = CausalPretraining()(model, batch)
    tokens, lengths = model.given[0]
    assert tokens[1, : int(lengths[1])].tolist() == [START, *batch.code[1].tolist(), END]
    torch.testing.assert_close(loss.value, torch.tensor(view.units.size).float().log())


@pytest.mark.parametrize("kind", list(backbones.KINDS))
def test_training_saves_measures_and_exports(kind: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    config = {**SMALL, "training": {"minutes": None, "epochs": 3, "learning_rate": 5e-3, "warmup_steps": 2}}
    plan = BackbonePlan(kind, (str(source),), out, config=config, hub=True, storage="float32")
    facts = backbones.train(plan)
    log = [json.loads(line) for line in (out / "run" / "log.jsonl").read_text().splitlines()]
    assert facts["training"]["steps"] > 0
    assert any("loss" in line for line in log)
    assert facts == facts_of(out)
    assert f"# {out.name}" in (out / "MODEL_CARD.md").read_text()

    loaded = saved.load(out, RECIPES)
    there = hub_layout.load(out / "hub")
    own = loaded.model.encoder if kind == "encoder" else loaded.model
    assert not there.unused
    text = "def get_<mask>(self): return 'é'"
    units = there.tokenizer.encode(text.replace("<mask>", "open"))  # type: ignore[union-attr]
    assert units.ids == loaded.view.units.encode(text.replace("<mask>", "open"))
    assert there.tokenizer.encode(text).ids.count(MASK) == 1  # type: ignore[union-attr]
    assert there.tokenizer.decode(units.ids) == text.replace("<mask>", "open")  # type: ignore[union-attr]
    tokens = torch.tensor([units.ids])
    if kind == "encoder-decoder":
        torch.testing.assert_close(there.model.encode(tokens), own.encode(tokens))
    else:
        torch.testing.assert_close(there.model(tokens), own(tokens))
        assert own(tokens).std() > 0.1
    if kind != "encoder":
        batch = SimpleNamespace(tokens=tokens, lengths=torch.tensor([len(units.ids)]), target=tokens[:, :0])
        assert len(greedy(OwnMarks(own), batch, length=5)[0][0].value) <= 5

    shown = CliRunner().invoke(app, ["info", str(out / "hub")])
    assert shown.exit_code == 0
    assert "Hugging Face hub" in shown.stdout
    again = backbones.train(plan)  # finished already: nothing is trained any more
    assert again["training"]["steps"] == facts["training"]["steps"]


def test_it_learns(view: FunctionUnits, tmp_path: Path) -> None:
    """Better than the share of the most frequent unit, on functions that were not seen."""
    from phloem.learn.settings import TrainingSettings
    from phloem.learn.trainer import train
    from phloem.systems.backbones.code_backbones import BackboneConfig, decoder

    data = {split: view.compile(accessors(split), tmp_path / split) for split in ("train", "test")}
    torch.manual_seed(0)
    model = decoder(BackboneConfig(VIEW, width=32, layers=1, heads=2, inner=64), view)
    settings = TrainingSettings(epochs=6, batch_size=32, learning_rate=1e-2, clip=1.0)
    train(model, data["train"], CausalPretraining(), settings, folder=tmp_path / "run")
    found = backbones.measured(model, CausalPretraining(), data["test"])
    assert found["accuracy"] > 0.4
    assert found["loss"] < 0.5 * float(np.log(view.units.size))
    assert backbones.measured(model, CausalPretraining(), data["test"]) == found


def test_what_is_wrong_is_said(source: Path, tmp_path: Path) -> None:
    for change, message in (
        ({"kind": "diffusion"}, "known: encoder, "),
        ({"data": ()}, "--data"),
        ({"minutes": 0}, "no time"),
        ({"functions": 0}, "nothing to read"),
    ):
        with pytest.raises(PhloemError, match=message):
            BackbonePlan(**{"kind": "encoder", "data": ("src",), "out": tmp_path, **change})  # type: ignore[arg-type]
    for config, message in (({"depth": 3}, "no setting 'depth'"), ({"view": {"vocabulary": 10}}, "10 ids is less")):
        plan = BackbonePlan("decoder", (str(source),), tmp_path / "out", config=config)
        with pytest.raises(PhloemError, match=message):
            backbones.train(plan)
    done = CliRunner().invoke(app, ["train", "encoder", "--data", str(tmp_path / "nothing"), "--out", str(tmp_path)])
    assert done.exit_code != 0


def test_pad_is_never_written_as_text(view: FunctionUnits) -> None:
    whole = backbones.tokenizer(view.units)
    assert whole.get_vocab_size() == view.units.size
    assert whole.id_to_token(PAD) == "<pad>"
    assert whole.encode("a  b\n\tc_d").ids == view.units.encode("a  b\n\tc_d")
