"""What claims prepare and keep for their runs: made of the data at hand, the same every time, and told from others'."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from phloem.errors import PhloemError
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.marked_code import MarkedCodeConfig, MarkedCodeView
from phloem.represent.query_parse import parse
from phloem.systems.claims import Job, scale_of
from phloem.systems.training import corpus_of
from phloem.systems.understanding import survey_nci
from phloem.systems.understanding.ns3 import Parsed, ParsedPairs
from phloem.systems.understanding.sequence_pretraining import TINY
from phloem.systems.understanding.tiny_encoders import SMALL, kept_encoder
from phloem.tasks.accessors import accessors


def job(folder: Path) -> Job:
    return Job(0, folder / "run", folder / "shared", lambda done: None)


def test_a_corpus_is_told_by_what_it_holds_and_not_by_its_path(tmp_path: Path) -> None:
    assert corpus_of(scale_of("smoke"), "programl") == {"functions": "generated"}
    with pytest.raises(PhloemError, match="programl learns on mined C functions: phloem mine"):
        corpus_of(scale_of("laptop"), "programl")
    with pytest.raises(PhloemError, match="is not a corpus"):
        corpus_of(scale_of("laptop", data=tmp_path), "programl")

    def mark(name: str, **settings: object) -> dict[str, object]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "corpus.json").write_text(json.dumps({"format": 1, "settings": settings}))
        return corpus_of(scale_of("laptop", data=tmp_path / name), "programl")

    assert mark("one", languages=["c"], seed=0) == mark("copy", languages=["c"], seed=0)
    assert mark("other", languages=["c"], seed=1) != mark("third", languages=["c"], seed=2)
    with pytest.raises(PhloemError, match=r"learns on C functions, and .* has none"):
        mark("python", languages=["python"])


def test_an_encoder_is_kept_for_its_own_units(tmp_path: Path) -> None:
    """Weights that learned other units under the same number would be taken for these."""
    examples = accessors("train")[:40]
    texts = [example.tree.source.decode() for example in examples]
    one, other = (BytePairs.fit(some, 300, sentinels=0) for some in (texts[:20], texts[20:]))
    assert one.size == other.size
    tables = []
    for units in (one, other, one):
        encoder = kept_encoder(lambda: examples, units, job(tmp_path), sizes=SMALL, minutes=1e-4)
        tables.append(encoder.table.weight.detach().numpy())
    assert np.array_equal(tables[0], tables[2])
    assert len(list((tmp_path / "shared").glob("encoder-*.safetensors"))) == 2


def test_a_wrong_pair_is_never_a_right_one() -> None:
    asked = ("remove duplicates by sorting list", "copy file", "try to load table from file")
    layouts = [parse(query) for query in asked]
    pairs = [Parsed(layout, [number], ["x"]) for number, layout in enumerate(layouts, 5) if layout is not None]
    right = {(pair.layout, tuple(pair.code)) for pair in pairs}
    data, rng = ParsedPairs(pairs), np.random.default_rng(0)
    for _ in range(40):
        batch = data.batch(np.arange(len(pairs)), rng)
        assert not right & {(layout, tuple(code)) for layout, code in batch.wrong}
    assert {tuple(code) for _, code in batch.wrong}


def test_modelling_code_as_text_does_not_ask_for_names() -> None:
    view = MarkedCodeView(MarkedCodeConfig(TINY.units, TINY.sentinels, survey_nci.EXTRA, TINY.code, TINY.text))
    items = [view.fit(accessors("train")[:60]).encode(each) for each in accessors("train")[:5]]
    mark, rng = view.units.mark("<name>"), np.random.default_rng(0)
    whole, task = (survey_nci.written(items, rng, units=view.units, sizes=TINY, whole=whole) for whole in (True, False))
    assert not (whole.tokens == mark).any()
    assert ((task.tokens == mark).sum(dim=1) == 1).all()
    for row, item in enumerate(items):
        length = min(len(item.code.ids), TINY.code)
        assert whole.tokens[row, :length].tolist() == item.code.ids[:length].tolist()
        assert whole.counted[row].sum() == length + 1
        assert not task.counted[row, : int((task.tokens[row] == mark).nonzero()) + 1].any()


def test_lists_of_equal_frequency_have_one_order() -> None:
    pytest.importorskip("llvmlite")
    from phloem.systems.understanding.llm_compiler import by_frequency
    from phloem.tasks.pass_ordering_lm import AnsweredProgram

    lists = [("sroa",), ("new_gvn",), ("sccp", "sroa"), ("sroa",), ("instruction_combine",)]
    programs = [AnsweredProgram("", passes, 0, 0, "") for passes in lists]
    found = by_frequency(programs)
    assert found == [("sroa",), ("instruction_combine",), ("new_gvn",), ("sccp", "sroa")]
    assert by_frequency(programs[::-1]) == found


def test_the_best_single_sequence_is_the_best_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of those alone that the coreset has."""
    pytest.importorskip("llvmlite")
    pytest.importorskip("ziglang")
    from phloem.systems.understanding import coreset_nvp

    monkeypatch.setitem(coreset_nvp.SIZES, "smoke", coreset_nvp.Sizes((5, 2, 3), 6, 2, 1, 4))
    scale = scale_of("smoke")
    found = coreset_nvp.material(job(tmp_path), scale)
    shared = next((tmp_path / "shared").iterdir())
    _, tables = coreset_nvp.tables_of(scale, shared, lambda done: None)
    train = tables["train"]
    means = [np.log(train.best[:, number] / train.reference).mean() for number in range(6)]
    assert found.best_single.sequences == (train.sequences[int(np.argmin(means))],)
    assert len(found.splits["test"].table.sequences) == 1
    outcome = coreset_nvp.without_learning(job(tmp_path), scale, "single")
    assert np.allclose(outcome.units["size at 1"], outcome.units["size at 5"])
