import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from shutil import copytree

import pytest
import torch

import phloem
from phloem.assist.engines import NumPyEngine, Started, TorchEngine, search
from phloem.assist.models import Model, load
from phloem.assist.sources import SourceFile
from phloem.corpora.examples import examples_of
from phloem.decode.rescore import score
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.represent.base import PAD

CODE = """class A:
    def get_color(self):
        x0 = 1
        return self.color

    def frobnicate(self, v0):
        self.size = v0

    def _hidden(self):
        y0 = None
        return self.owner is not y0

    def __len__(self):
        return self.weight

    def empty(self): ...
"""


@pytest.fixture(scope="module")
def model(names_model: Path) -> Model:
    return phloem.load(names_model)


def test_names_follow_from_bodies_and_wrong_ones_are_flagged(model: Model) -> None:
    found = {each.name: each for each in model.predict(CODE)}
    assert found["get_color"].suggestions[0].text == "get_color"
    assert found["frobnicate"].suggestions[0].text == "set_size"
    assert found["_hidden"].suggestions[0].text == "_has_owner"
    assert [each.name for each in found.values() if each.flagged] == ["frobnicate", "_hidden"]
    assert found["get_color"].probability > 0.5 > found["frobnicate"].probability
    assert (found["frobnicate"].line, found["frobnicate"].end_line) == (6, 7)
    assert CODE.encode()[found["frobnicate"].start : found["frobnicate"].end].startswith(b"def frobnicate")


def test_a_suggestions_probability_is_that_of_its_words(model: Model) -> None:
    """Beam search and teacher forcing agree on every suggestion."""
    example = examples_of(CODE.encode(), by_name("python"))[1]
    batch = model.view.batch([example])
    for suggestion in model.predict(CODE)[1].suggestions:
        target = torch.tensor([[*model.view.words.ids(list(suggestion.words)), 0]])
        wanted = model.ranking.probability(score(model.net, batch, target).item(), len(suggestion.words))
        assert math.isclose(suggestion.probability, wanted, rel_tol=2e-3)  # several may have been scaled to 1


def test_the_present_names_probability_is_teacher_forced(model: Model) -> None:
    examples = examples_of(CODE.encode(), by_name("python"))
    batch = model.view.batch(examples)
    scores, words = score(model.net, batch, batch.target).tolist(), (batch.target != PAD).sum(dim=1).tolist()
    expected = [model.ranking.probability(each, count) for each, count in zip(scores, words, strict=True)]
    assert [each.probability for each in model.predict(CODE)] == pytest.approx(expected, rel=1e-4)


def test_reading_a_batch_once_changes_nothing(model: Model) -> None:
    batch = model.view.batch(examples_of(CODE.encode(), by_name("python")))
    once = search(3)(Started(model.net, model.net.start(batch)), batch, length=6)
    plain = search(3)(model.net, batch, length=6)
    assert [[each.value for each in row] for row in once] == [[each.value for each in row] for row in plain]


def test_attention_is_a_distribution_whose_ends_stand_in_the_code(model: Model) -> None:
    source = CODE.encode()
    for prediction in model.predict(CODE):
        own = source[prediction.start : prediction.end]
        for suggestion in prediction.suggestions:
            assert len(suggestion.attention) == len(suggestion.words)
            for contexts in suggestion.attention:
                weights = [each.weight for each in contexts]
                assert weights == sorted(weights, reverse=True)
                assert 0 < sum(weights) <= 1 + 1e-5
                for each in contexts:
                    left, right = own[slice(*each.left_span)], own[slice(*each.right_span)]
                    assert each.left == "METHOD_NAME" or each.left.replace("|", "") in left.decode().lower()
                    assert each.right.replace("|", "") in right.decode().lower()
                    assert each.left_span < each.right_span


def test_files_in_one_batch_are_predicted_as_each_alone(model: Model) -> None:
    sources = [CODE, "", "x = 1\n", CODE.replace("color", "label"), "def f(:\n  ret urn"]
    files = [SourceFile(f"{number}.py", "python", text.encode()) for number, text in enumerate(sources)]
    together = list(model.predict_files(files))
    assert [file.path for file, _ in together] == [file.path for file in files]
    for (_, predictions), source in zip(together, sources, strict=True):
        alone = model.predict(source)
        assert [each.name for each in predictions] == [each.name for each in alone]
        for one, other in zip(predictions, alone, strict=True):
            assert one.probability == pytest.approx(other.probability, rel=1e-3)
            assert [each.text for each in one.suggestions][:1] == [each.text for each in other.suggestions][:1]


def test_only_flagged_functions_get_suggestions_if_asked(model: Model) -> None:
    [(_, predictions)] = model.predict_files([SourceFile("a.py", "python", CODE.encode())], suggest="flagged")
    assert {each.name for each in predictions if each.suggestions} == {
        each.name for each in model.predict(CODE) if each.flagged
    }


def test_what_cannot_be_predicted_is_one_line(model: Model, tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match="is for python; not for java"):
        model.predict("class A {}", language="java")
    with pytest.raises(PhloemError, match="unknown language 'klingon'"):
        model.predict("x", language="klingon")
    with pytest.raises(PhloemError, match="binary"):
        model.predict(b"\0\1")
    with pytest.raises(PhloemError, match="not UTF-8"):
        model.predict(b"x = '\xff'")
    with pytest.raises(PhloemError, match="above --max-file-size"):
        model.predict("x" * 3_000_000)
    with pytest.raises(PhloemError, match="neither a model of the package nor a folder"):
        phloem.load(tmp_path / "none")


def test_a_beam_of_nothing_is_refused_and_a_model_says_what_it_is(model: Model) -> None:
    with pytest.raises(PhloemError, match="beam is 0"):
        model.predict(CODE, beam=0)
    assert "names for python" in repr(model)


def test_names_that_stutter_are_not_suggested(model: Model) -> None:
    words = [each.words for one in model.predict(CODE, beam=20) for each in one.suggestions[1:]]
    assert words
    assert not [each for each in words if any(one == after for one, after in pairwise(each))]


def test_deep_nesting_is_read(model: Model) -> None:
    deep = "def deep(self):\n    return " + "(" * 10_000 + "self.color" + ")" * 10_000 + "\n"
    assert [each.name for each in model.predict(deep)] == ["deep"]


def test_truncated_and_foreign_models_are_one_line(names_model: Path, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for file in ("model.json", "model.safetensors"):
            (folder / file).write_bytes((names_model / file).read_bytes())
        return folder

    cut = copy("cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:1000])
    broken = copy("broken")
    (broken / "model.json").write_bytes((broken / "model.json").read_bytes()[:100])
    foreign = copy("foreign")
    (foreign / "model.json").write_text('{"architectures": ["Other"]}')
    newer = copy("newer")
    (newer / "model.json").write_text(json.dumps(json.loads((newer / "model.json").read_text()) | {"format": 99}))
    for folder, message in ((cut, "damaged"), (broken, "not JSON"), (foreign, "not a model"), (newer, "update phloem")):
        with pytest.raises(PhloemError, match=message) as caught:
            phloem.load(folder)
        assert "\n" not in str(caught.value)


def test_a_model_of_another_task_is_refused(names_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    copytree(names_model, other)
    about = json.loads((other / "model.json").read_text())
    about["facts"]["task"] = "poems"
    (other / "model.json").write_text(json.dumps(about))
    with pytest.raises(PhloemError, match="is a model for poems, not for names or summaries"):
        load(other)


def test_numpy_and_torch_give_the_same_answers(names_model: Path) -> None:
    model = load(names_model)
    assert isinstance(model.engine, NumPyEngine)
    ours = model.predict(CODE)
    model.engine = TorchEngine(model.net, model.view)
    for one, other in zip(ours, model.predict(CODE), strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-5)
        assert (one.flagged, [each.text for each in one.suggestions]) == (
            other.flagged,
            [each.text for each in other.suggestions],
        )
        for mine, theirs in zip(one.suggestions, other.suggestions, strict=True):
            assert mine.probability == pytest.approx(theirs.probability, abs=1e-5)
            for word, same in zip(mine.attention, theirs.attention, strict=True):
                assert [each.weight for each in word] == pytest.approx([each.weight for each in same], abs=1e-5)


def test_naming_a_file_needs_no_torch(names_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom phloem.cli import main\n"
        f"sys.argv = ['phloem', 'name', '--all', 'a.py', '--model', {str(names_model)!r}]\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, "get_color" in done.stdout) == (0, True), done.stderr
