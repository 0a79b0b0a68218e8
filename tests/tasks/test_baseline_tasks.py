"""Classification, translation and copying: data, splits and addends."""

import gzip
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from phloem.decode.greedy import greedy
from phloem.errors import PhloemError
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.nn.models.seq2seq import Seq2Seq
from phloem.represent.base import PAD
from phloem.represent.node_types import NodeTypeView
from phloem.represent.text_pairs import PairView
from phloem.tasks import classification, copying, translation
from phloem.tasks.rows import rows

PAIRS = [("a b", "x y"), ("b a", "y x"), ("c", "z z z")]


def write(folder, name, split, objects):
    (folder / name).mkdir(exist_ok=True)
    with gzip.open(folder / name / f"{split}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in objects)


def test_generated_programs_differ_in_shape_only(tmp_path):
    programs = classification.shaped_programs(300, seed=1)
    view = NodeTypeView().fit(programs)
    counts = {name: np.zeros(len(view.kinds)) for name in view.classes}
    for program in programs:
        counts[program.name] += np.bincount(view.encode(program)["kind"], minlength=len(view.kinds))
    loop, condition = counts["loop"], counts["condition"]
    fixed = [view.kinds.id(kind) for kind in ("for_statement", "if_statement", "function_definition")]
    assert (loop[fixed] == condition[fixed]).all()
    assert np.abs(loop - condition).max() < 0.15 * (loop + condition).max()


def test_every_class_gives_its_share_to_validation():
    programs = classification.shaped_programs(70, seed=0)
    kept, held = classification.split_by_class(programs)
    assert (len(kept), len(held)) == (60, 10)
    assert {one.name for one in held} == {"loop", "condition"}


def test_hits_are_counted_in_order(tmp_path):
    programs = classification.shaped_programs(100, seed=0)
    dataset = NodeTypeView().fit(programs).compile(programs, tmp_path / "data")

    class Always(nn.Module):
        def forward(self, batch):
            return torch.tensor([[0.0, 1.0]]).expand(len(batch.target), 2)

    hits = classification.hits(Always(), dataset)
    assert hits[:, 0].tolist() == [float(one.name == "loop") for one in programs]
    assert classification.evaluate(Always(), dataset) == {"accuracy": 0.5}


def test_data_sets_are_read_from_the_folder(tmp_path, monkeypatch):
    write(tmp_path, "poj_sample", "train", [{"code": "int a;", "label": 3, "id": "7"}])
    (program,) = classification.judged_programs("poj_sample", "train", tmp_path)
    assert (program.name, program.language) == ("3", "cpp")
    write(tmp_path, "multi30k", "val", [{"en": "a b", "de": "x"}])
    monkeypatch.setenv("PHLOEM_DATA", str(tmp_path))
    assert translation.CORPORA["multi30k"].pairs("validation") == [("a b", "x")]


def test_missing_and_damaged_data_are_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    with pytest.raises(PhloemError, match="multi30k is needed"):
        rows("multi30k", "train")
    with pytest.raises(PhloemError, match="cannot read the data set multi30k"):
        rows("multi30k", "train", tmp_path)
    (tmp_path / "multi30k").mkdir()
    (tmp_path / "multi30k" / "train.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(PhloemError, match="cannot read the data set multi30k"):
        rows("multi30k", "train", tmp_path)


def test_surprise_sums_to_the_loss(tmp_path):
    torch.manual_seed(0)
    view = PairView(40).fit(PAIRS)
    dataset = view.compile(PAIRS, tmp_path / "data")
    model = Seq2Seq(40, 40, embedding=8, width=8, dropout=0.0)
    addends = translation.surprise(model, dataset)
    assert addends[:, 1].tolist() == [len(view.target.encode(target).ids) + 1 for _, target in PAIRS]
    loss = SequenceCrossEntropy()(model, view.batch(PAIRS)).value
    assert addends[:, 0].sum() / 3 == pytest.approx(loss.item(), rel=1e-5)
    expected = math.exp(addends[:, 0].sum() / addends[:, 1].sum())
    assert translation.perplexity(model, dataset)["perplexity"] == pytest.approx(expected)


def test_a_learned_translation_scores_in_full(tmp_path):
    torch.manual_seed(0)
    view = PairView(40).fit(PAIRS)
    model = Seq2Seq(40, 40, embedding=16, width=32, dropout=0.0)
    optimizer, batch = torch.optim.Adam(model.parameters(), 0.02), view.batch(PAIRS)
    for _ in range(60):
        optimizer.zero_grad()
        SequenceCrossEntropy()(model, batch).value.backward()
        optimizer.step()
    assert translation.translate(model, view, [source for source, _ in PAIRS], greedy) == ["x y", "y x", "z z z"]
    figures = translation.evaluate(model, view, view.compile(PAIRS, tmp_path / "data"), PAIRS, greedy)
    assert figures["perplexity"] < 1.5
    assert model.training


def test_strings_are_drawn_afresh_in_training_and_fixed_in_evaluation():
    strings, index = copying.Copying(length=6, symbols=4, examples=8), np.arange(4)
    fixed = strings.batch(index, None)
    assert torch.equal(fixed.tokens, strings.batch(index, None).tokens)
    drawn = strings.batch(index, np.random.default_rng(1))
    assert not torch.equal(drawn.tokens, fixed.tokens)
    assert torch.equal(drawn.tokens, drawn.target[:, :-1])
    assert (drawn.target[:, -1] == PAD).all()
    assert drawn.tokens.min() >= 3
    assert drawn.tokens.max() < strings.vocabulary == 7


def test_a_model_that_copies_hits_everything():
    strings = copying.Copying(length=5, symbols=4, examples=70)

    class Copies(nn.Module):
        def forward(self, batch):
            return nn.functional.one_hot(batch.target, strings.vocabulary).float()

    assert copying.hits(Copies(), strings).tolist() == [[6.0, 6.0]] * 70
