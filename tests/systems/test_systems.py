"""The systems: their recipes, and what the larger claims need."""

import pyarrow as pa
import pytest
import torch

from phloem import systems
from phloem.corpora import shards
from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.represent.path_batch import PathBatch
from phloem.systems import reproduce
from phloem.systems.claims import scale_of
from phloem.systems.recipes import RECIPES, WRITERS
from phloem.systems.understanding.code2seq_claim import ABLATION, Corpus, contenders, drawn
from phloem.tasks.accessors import accessors

NEED_DATA = ("code2seq", "seq2seq", "tbcnn")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_an_unknown_system_is_named():
    assert set(NEED_DATA) <= set(systems.names())
    with pytest.raises(PhloemError, match="unknown system"):
        systems.card("nothing")


@pytest.mark.parametrize("name", NEED_DATA)
@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_larger_claims_name_what_they_need(name, scale, tmp_path, monkeypatch):
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    with pytest.raises(PhloemError, match=r"--data"):
        reproduce.run(name, scale, out=tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_recipes_make_models_that_decode(name):
    recipe, examples = RECIPES[name], accessors("validation")[:20]
    config = recipe.config()
    view = recipe.view(config).fit(examples)
    again = recipe.restore(view.state())
    model = recipe.model(config, again).eval()
    batch = again.batch(examples)
    loss = recipe.objective(config)(model, batch)
    assert torch.isfinite(loss.value)
    found = recipe.search(config)(model, batch, length=6)
    assert len(found) == 20
    assert all(again.decode(best[0].value) == [] or best[0].score <= 0 for best in found)


def test_the_ablation_reads_ends_but_no_paths():
    config = contenders(scale_of("laptop"))["end tokens"][1]
    examples = accessors("validation")[:6]
    view = ABLATION.view(config).fit(examples)
    model = ABLATION.model(config, view).eval()
    batch = view.batch(examples)
    blank = batch._replace(path=torch.zeros_like(batch.path))
    assert isinstance(batch, PathBatch)
    assert torch.equal(model(batch), model(blank))
    swapped = batch._replace(left=batch.right, right=batch.left)
    assert not torch.allclose(model(batch), model(swapped), atol=1e-4)


def test_a_smaller_draw_is_part_of_a_larger_one():
    source = "".join(f"def f{i}(a):\n    return a + {i}\n" for i in range(40)).encode()
    examples = examples_of(source, by_name("python"))
    small, large = (drawn(iter(examples), count) for count in (5, 20))
    assert [one.name for one in small] == [one.name for one in large[:5]]
    assert drawn(iter(examples[::-1]), 5)[0].name == small[0].name


def test_generated_accessors_do_not_leak_between_splits():
    names = {split: {one.name.partition("_")[2] for one in accessors(split)} for split in ("train", "test")}
    assert not names["train"] & names["test"]
    words = {word for one in accessors("train") for word in one.name.split("_")}
    assert {word for one in accessors("test") for word in one.name.split("_")} <= words


def test_every_contender_reads_the_same_functions_of_a_corpus(tmp_path):
    source = "".join(f"def f{i}(a):\n    return a + {i}\n" for i in range(30)).encode()
    examples = examples_of(source, by_name("python"), project="p")
    for split in shards.SHARD_SPLITS:
        shards.write_part(tmp_path, split, 0, pa.Table.from_batches([shards.to_batch(examples)]))
    shards.write_json(tmp_path / "corpus.json", {"format": shards.FORMAT_VERSION})
    few, more = Corpus(tmp_path, train=5, validation=8), Corpus(tmp_path, train=8, validation=None)
    assert [one.name for one in few.functions("train")] == [one.name for one in more.functions("train")][:5]
    assert len(list(few.functions("validation"))) == 8
    assert len(list(more.functions("validation"))) == 30
    assert few.facts()["train"] == 5
    assert more.facts()["validation"] == "all"
