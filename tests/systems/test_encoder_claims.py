"""What the larger claims of pretrained encoders read, keep and spend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from phloem.corpora import shards
from phloem.corpora.lint_labelled_code import QUERIES, labelled
from phloem.errors import PhloemError
from phloem.represent.byte_pairs import MASK, SPECIALS, BytePairs
from phloem.represent.cst_units import BLANK, CstUnits
from phloem.represent.identifier_occurrences import MarkedTokens
from phloem.represent.serialized_cst import Open
from phloem.systems import card
from phloem.systems.claims import Job, Scale, scale_of
from phloem.systems.understanding import (
    ast_probe,
    codeexecutor,
    codequeries,
    codesage,
    codesyntax,
    cotext,
    cst_adapt,
    earlybird,
    ernie_code,
    graphcodebert,
    search_pairs,
    tiny_encoders,
    unixcoder,
)
from phloem.systems.understanding.sequence_pretraining import TINY, Functions
from phloem.tasks.clone_pairs import ClonePair, generated
from phloem.tasks.code_questions import instance

KEYED = ("codebert", "codesage", "sgpt", "decoder-search", "ast-probe", "codesyntax", "earlybird", "cubert")


def job(folder: Path) -> Job:
    return Job(0, folder / "run", folder / "shared", lambda done: None)


@pytest.mark.parametrize("name", KEYED)
def test_a_run_on_one_corpus_is_none_on_another(name: str, tmp_path: Path) -> None:
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        shards.write_json(folder / "corpus.json", {"format": shards.FORMAT_VERSION, "plan": str(number)})
        found.append(card(name).claim(scale_of("laptop", data=folder)).data["corpus"])
    assert found[0] != found[1]


def test_the_corpus_is_that_of_the_folder_or_of_those_in_it(tmp_path: Path) -> None:
    def told(scale: str = "laptop") -> dict[str, str]:
        return scale_of(scale, data=tmp_path).corpus()

    empty = told()
    for name in ("python", "java"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "corpus.json").write_text("1")
    first = told()
    (tmp_path / "java" / "corpus.json").write_text("2")
    assert len({empty["corpus"], first["corpus"], told()["corpus"]}) == 3
    assert told("smoke") == {}
    assert scale_of("laptop").corpus() == {}


def test_data_without_the_language_is_named(small_shards: Path) -> None:
    with pytest.raises(PhloemError, match="no functions of ruby in its split train"):
        tiny_encoders.mined_functions(small_shards, "train", 5, "ruby")
    with pytest.raises(PhloemError, match="no functions of ruby in its split test"):
        Functions(small_shards, languages=("ruby",)).of("test")
    with pytest.raises(PhloemError, match="no documented functions of"):
        cotext.described(Functions(small_shards, languages=("python",)), "train")


def test_no_python_is_said(tmp_path: Path) -> None:
    shards.write_json(tmp_path / "corpus.json", {"format": shards.FORMAT_VERSION})
    with pytest.raises(PhloemError, match="no documented Python functions in its split test"):
        search_pairs.functions(scale_of("laptop", data=tmp_path), "test", 5)


@pytest.mark.parametrize(("name", "whole"), [("codequeries", 11.0), ("earlybird", None)])
def test_minutes_are_obeyed(name: str, whole: float | None, tmp_path: Path) -> None:
    budget: Any = card(name).claim(Scale("laptop", (0,), 0.5, tmp_path)).budget
    if name == "codequeries":
        assert sum(budget["minutes"].values()) == pytest.approx(0.5)
        assert sum(card(name).claim(scale_of("laptop")).budget["minutes"].values()) == whole
    else:
        assert budget["pretraining minutes"] + len(earlybird.TASKS) * budget["tuning"]["minutes"] <= 0.6
        assert card(name).claim(scale_of("laptop")).budget["tuning"] == {"epochs": 4}


def test_masks_of_a_batch_are_drawn_by_its_own_numbers() -> None:
    """Batches are made in another thread than the steps, which seed torch's generator."""
    ids = np.arange(20, 120, dtype=np.int32)
    codes = [MarkedTokens(ids, np.arange(100), np.full(100, -1), ())] * 30
    made = codesage.Corruptions(codes, [frozenset()] * 30, 300, full=False)
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    batch = made.batch(np.arange(30), np.random.default_rng(0))
    assert torch.equal(torch.rand(4), wanted)
    again = made.batch(np.arange(30), np.random.default_rng(0))
    assert torch.equal(again.tokens, batch.tokens)
    assert not torch.equal(made.batch(np.arange(30), np.random.default_rng(1)).tokens, batch.tokens)
    assert torch.equal(batch.tokens[~batch.chosen], batch.original[~batch.chosen])
    hidden, before = batch.tokens[batch.chosen], batch.original[batch.chosen]
    assert abs(float((hidden == MASK).float().mean()) - 0.8) < 0.06
    assert 0.05 < float((hidden == before).float().mean()) < 0.16
    others = hidden[(hidden != MASK) & (hidden != before)]
    assert len(others) > 20
    assert len(SPECIALS) <= int(others.min()) < int(others.max()) < 300
    full = codesage.Corruptions(codes, [frozenset()] * 30, 300).batch(np.arange(30), np.random.default_rng(0))
    assert (full.tokens[full.chosen] == MASK).all()


def test_files_of_one_text_are_read_once_and_copies_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import os\nimport sys\n\n" + "print(os.name)\n" * 20
    roots = {}
    for root in ("stdlib", "purelib"):
        roots[root] = str(tmp_path / root)
        for place in ("one/a.py", "two/_vendor/one/a.py", "site-packages/one/a.py", "three/a.py"):
            file = tmp_path / root / place
            file.parent.mkdir(parents=True)
            file.write_text(text)
    monkeypatch.setattr(codequeries.sysconfig, "get_paths", lambda: roots)
    codequeries.sources.cache_clear()
    try:
        assert {path.relative_to(tmp_path).parts[1] for _, path in codequeries.python_files()} == {"one", "three"}
        found = [one for many in codequeries.sources(False).values() for one in many]
    finally:
        codequeries.sources.cache_clear()
    assert {one for _, one in found} == {text}
    assert len(found) == len(QUERIES), "one file of this text, asked each question"
    assert labelled(text, QUERIES["unused-import"]).answers


def test_the_control_of_the_probe_keeps_what_goes_into_its_first_layer() -> None:
    units = BytePairs.fit(["def f(a): return a"] * 2, 300, sentinels=0)
    sizes = {**tiny_encoders.SMALL, "width": 16, "inner": 16, "places": 32}
    trained = tiny_encoders.random_encoder(units, sizes, 0)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(0.1)
    control = ast_probe.untrained_layers(trained, units, sizes, 1).eval()
    tokens = ["def", "f", "(", "a", ")"]
    one, other = (ast_probe.token_vectors(model, units, tokens) for model in (trained, control))
    assert one.shape == other.shape == (sizes["layers"] + 1, len(tokens), 16)
    np.testing.assert_array_equal(one[0], other[0])
    assert not np.allclose(one[1], other[1], atol=0.01)


def test_a_code_without_a_text_is_not_described() -> None:
    units = BytePairs.fit(["def f(a): return a"] * 2, 320, sentinels=5, extra=unixcoder.MODE_MARKS)
    model = unixcoder.small_model(units, TINY)
    (task,) = unixcoder.tasks_of(units, model.marks, TINY, ("described",), False)
    code, text = np.arange(20, 40), np.arange(50, 56)
    items = [unixcoder.Sample(code, code, text), unixcoder.Sample(code, code, text[:0])] * 4
    batch = task.make(items, np.random.default_rng(0))
    assert len(batch.target) == 4
    for row in batch.target.tolist():
        assert row[: len(text)] == text.tolist() or row[: len(code)] == code.tolist()


def test_clone_pairs_of_trained_programs_are_not_tested_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = generated(4, 0)

    def read(folder: Path, split: str) -> list[ClonePair]:
        return [pair._replace(unseen=bool(number % 2)) for number, pair in enumerate(pairs)]

    monkeypatch.setattr(graphcodebert, "java_pairs", read)
    monkeypatch.setattr(graphcodebert, "_documented", lambda folder, split: [])
    graphcodebert.material.cache_clear()
    found = graphcodebert.material(False, tmp_path).clones
    graphcodebert.material.cache_clear()
    assert {split: len(many) for split, many in found.items()} == {"train": 4, "validation": 4, "test": 2}


def test_who_tells_languages_apart_has_not_read_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    fit = ernie_code.LanguageIdentifier.fit

    def watched(texts: dict[str, list[str]]) -> Any:
        read.extend(text for many in texts.values() for text in many)
        return fit(texts)

    monkeypatch.setattr(ernie_code.LanguageIdentifier, "fit", watched)
    ernie_code.world.cache_clear()
    known = ernie_code.world(Functions(None), TINY)
    ernie_code.world.cache_clear()
    tested = {text for one in known.test for text in one.sentences.values()}
    assert len(read) > 500
    assert not tested & set(read)


def test_what_heads_are_asked_about_is_not_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tiny_encoders.standard_functions(40, ("textwrap", "heapq"))
    monkeypatch.setattr(codesyntax, "standard_functions", lambda most, modules=(): library)
    shards.write_part(tmp_path, "train", 0, pa.Table.from_batches([shards.to_batch(list(library))]))
    shards.write_json(tmp_path / "corpus.json", {"format": shards.FORMAT_VERSION})
    monkeypatch.setattr(codesyntax, "PROGRAMS", {"test": 5, "validation": 5})
    codesyntax.training_functions.cache_clear()
    found = codesyntax.training_functions(tmp_path)
    codesyntax.training_functions.cache_clear()
    asked = {one.tree.source for one in codesyntax.asked(False)}
    assert len(asked) == 20
    assert not asked & {one.tree.source for one in found}
    assert len(found) == len(library) - 20


def test_what_is_written_right_is_read_right() -> None:
    """A perfect output has all of BLEU and parses by both routes; one whose last brackets are lost parses mended."""
    codes = ["int F(int a) { return G(a, new int[] {1}); }", 'string S() { return $"{a}(" + \'[\' + ")"; }']
    elements = [cst_adapt.elements_of(code, "csharp") for code in codes]
    leaves = [cst_adapt.leaves(each) for each in elements]
    units = BytePairs.fit([" " + " ".join(each) for each in leaves] * 2, 400, sentinels=2, extra=(BLANK,))
    vocabulary = CstUnits(units, sorted({each.kind for one in elements for each in one if isinstance(each, Open)}))
    for trees in (True, False):
        route = cst_adapt.Route(trees, 2)
        sides = elements if trees else leaves
        outputs = [vocabulary.encode(each).tolist() for each in sides]
        found = cst_adapt.read_all(outputs, vocabulary, route, "csharp")
        assert [each.leaves for each in found] == leaves
        assert all(each.mended and each.plain for each in found)
        short = cst_adapt.read_all([outputs[0][:-1]], vocabulary, route, "csharp")[0]
        assert (short.mended, short.plain) == (True, False)


def test_blocks_by_words_fit_and_are_those_of_the_question() -> None:
    filler = "def f{}(a):\n    b = a + {}\n    return b\n\n\n"
    source = "".join(filler.format(n, n) for n in range(8)) + 'def debug(app):\n    app.run("flask debug mode")\n'
    units = BytePairs.fit([source] * 2, 400, sentinels=0)
    one = instance(source, "flask-debug", units)
    size = 60
    found = codequeries.shared_words(units, one, size)
    assert found == sorted(found)
    assert len(codequeries.piece(one, found).units) <= size
    text = units.decode([unit for unit in codequeries.piece(one, found).units if unit >= len(SPECIALS)])
    assert "flask debug mode" in text
    assert "f7" not in text, "there is no room for all"


def test_shares_by_length() -> None:
    known = codeexecutor.programs_of(20, 12, 10, 500)
    right = np.array([float(number % 2) for number in range(len(known.held))])
    found = codeexecutor.by_length(known.held, right)
    assert sum(count for _, count in found.values()) == len(known.held)
    assert sum(share * count for share, count in found.values()) == pytest.approx(right.sum(), abs=0.01)


def test_a_tried_combination_is_kept_for_its_budget_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = earlybird.material(True, None)
    tried: list[Any] = []

    def tune(base: Any, choice: Any, *rest: Any) -> earlybird.Tuned:
        tried.append(choice)
        return earlybird.Tuned(np.ones((1, 2)), float(len(tried)), (1.0, 1.0))

    monkeypatch.setattr(earlybird, "tune", tune)
    own, budget = job(tmp_path), earlybird.budgets(scale_of("laptop"))
    best = earlybird.chosen(own, None, found, budget)  # type: ignore[arg-type]  # nothing is tuned
    assert len(best) == earlybird.CHOICES
    assert best[0] == tried[-1]
    once = len(tried)
    assert earlybird.chosen(own, None, found, budget) == best  # type: ignore[arg-type]
    assert len(tried) == once
    earlybird.chosen(own, None, found, earlybird.budgets(scale_of("laptop", minutes=1)))  # type: ignore[arg-type]
    assert len(tried) == 2 * once
