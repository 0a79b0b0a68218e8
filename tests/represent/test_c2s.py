"""The .c2s format: round trips, malformed lines, and exports from source files."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.represent import c2s
from phloem.represent.export import LARGEST_FILE, export
from phloem.represent.paths import OFFICIAL_JAVA, PYTHON150K, TREE_SITTER, Labels, extract

from . import snippets

FIXTURES = Path(__file__).parent / "fixtures"

words = st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Z"], blacklist_characters=",| \x85"), min_size=1, max_size=6
)
joined = st.lists(words, min_size=1, max_size=4)
text_contexts = st.tuples(
    joined.map("|".join), st.lists(words, min_size=1, max_size=9).map(tuple), joined.map("|".join)
)
text_examples = st.builds(c2s.TextExample, joined.map(tuple), st.lists(text_contexts, min_size=1, max_size=6))


def written(examples):
    """These examples through the arrays and out again."""
    labels = Labels()
    contexts, targets = c2s.from_text(examples, labels)
    file = io.StringIO()
    assert c2s.write(contexts, targets, labels, file) == len(examples)
    return file.getvalue()


def parsed(text, tmp_path):
    file = tmp_path / "data.c2s"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    malformed = c2s.Malformed()
    return list(c2s.read(file, malformed)), malformed


@settings(deadline=None)
@given(examples=st.lists(text_examples, max_size=5))
def test_reading_inverts_writing(examples, tmp_path_factory):
    found, malformed = parsed(written(examples), tmp_path_factory.mktemp("c2s"))
    assert found == examples
    assert malformed == c2s.Malformed()


@settings(deadline=None, max_examples=30)
@given(source=snippets.python_functions)
def test_what_is_extracted_survives_the_round_trip(source, tmp_path_factory):
    examples = examples_of(source.encode(), by_name("python"))
    labels = Labels()
    contexts = extract(examples, TREE_SITTER, labels)
    file = io.StringIO()
    c2s.write(contexts, [c2s.target_of(example.name) for example in examples], labels, file)
    found, malformed = parsed(file.getvalue(), tmp_path_factory.mktemp("c2s"))
    assert malformed == c2s.Malformed()
    expected = [contexts.of(number, labels) for number in range(len(examples))]
    assert [example.contexts for example in found] == [one for one in expected if one]


def test_lines_of_the_original_are_read(tmp_path):
    """official.c2s was printed by the released extractor; its trainer pads lines with spaces."""
    padded = (FIXTURES / "official.c2s").read_text().replace("\n", "   \n")
    found, malformed = parsed(padded, tmp_path)
    assert malformed == c2s.Malformed()
    assert found[0].target == ("get", "name")
    assert found[0].contexts[0] == ("string", ("Cls0", "Mth", "Nm1"), "METHOD_NAME")


def test_malformed_lines_are_counted_and_named(tmp_path):
    text = b"f a,N,b\n\nno_contexts\n g a,N,b\nf a,b a,N,b a,N,b,c\nf a,,b\nf \xff,N,b\n"
    found, malformed = parsed(text, tmp_path)
    assert [len(example.contexts) for example in found] == [1, 1, 1]
    assert found[-1].contexts[0][0] == "\ufffd"
    assert malformed.lines == 3
    assert malformed.contexts == 3
    assert malformed.line_numbers == [3, 4, 5, 6]


def test_a_line_without_end_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(c2s, "LONGEST_LINE", 100)
    found, malformed = parsed("f a,N,b\nf " + "a,N,b " * 1000 + "\ng c,N,d\n", tmp_path)
    assert [example.target for example in found] == [("f",), ("g",)]
    assert malformed.line_numbers == [2]


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(PhloemError, match=r"cannot read .*none\.c2s"):
        list(c2s.read(tmp_path / "none.c2s"))


@pytest.mark.parametrize("name", ["getFileName", "operator ==", "operator,", "a|b", "_", "été"])
def test_targets_have_no_reserved_letters(name, tmp_path):
    target = c2s.target_of(name)
    found, malformed = parsed(f"{target} a,N,b\n", tmp_path)
    assert malformed == c2s.Malformed()
    assert "|".join(found[0].target) == target


# Exports --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    for number in range(6):
        (folder / f"m{number}.py").write_text(f"def f{number}(a, b):\n    return a.x{number} + b[{number}]\n" * 3)
    (folder / "Official.java").write_bytes((FIXTURES / "Official.java").read_bytes())
    (folder / "notes.txt").write_text("no source")
    (folder / "large.py").write_text("#" * (LARGEST_FILE + 1))
    return [*sorted(folder.iterdir()), folder / "gone.py"]


def test_exports_do_not_depend_on_workers(sources, tmp_path, monkeypatch):
    monkeypatch.setattr("phloem.represent.export.BATCH_BYTES", 100)
    seen = []
    counts = export(
        sources, tmp_path / "one.c2s", TREE_SITTER, workers=1, limit=20, progress=lambda c: seen.append(c.files)
    )
    assert export(sources, tmp_path / "two.c2s", TREE_SITTER, workers=2, limit=20) == counts
    assert (tmp_path / "one.c2s").read_bytes() == (tmp_path / "two.c2s").read_bytes()
    assert seen == sorted(seen)
    assert seen[-1] == counts.files == 7
    assert [reason for _, reason in counts.skipped] == [
        "larger than 2000000 bytes",
        "unknown language",
        "No such file or directory",
    ]
    examples, malformed = parsed((tmp_path / "one.c2s").read_bytes(), tmp_path)
    assert malformed == c2s.Malformed()
    assert len(examples) == counts.written
    assert sum(len(example.contexts) for example in examples) == counts.contexts
    assert max(len(example.contexts) for example in examples) == 20


def test_presets_skip_other_languages(sources, tmp_path):
    java = export(sources, tmp_path / "java.c2s", OFFICIAL_JAVA, workers=1, limit=None)
    assert (java.files, java.functions) == (1, 8)
    python = export(sources, tmp_path / "python.c2s", PYTHON150K, workers=1)
    assert python.files == 6
    released = {
        line.split(" ")[0]: sorted(line.split()) for line in (FIXTURES / "official.c2s").read_text().splitlines()
    }
    ours = {line.split(" ")[0]: sorted(line.split()) for line in (tmp_path / "java.c2s").read_text().splitlines()}
    assert ours == released


def test_a_failed_export_leaves_nothing(sources, tmp_path):
    out = tmp_path / "kept.c2s"
    out.write_text("before")

    def fail(counts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(sources, out, TREE_SITTER, workers=1, progress=fail)
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.c2s", "src"]
    with pytest.raises(PhloemError, match="cannot write"):
        export(sources, tmp_path / "none" / "out.c2s", TREE_SITTER, workers=1)


def test_imported_contexts_have_one_row_for_each_path():
    labels = Labels(["N"])
    contexts, targets = c2s.from_text(
        [c2s.TextExample(("f",), [("a", ("N", "M"), "b"), ("b", ("N", "M"), "a"), ("a", ("M",), "a")])], labels
    )
    assert targets == ["f"]
    assert contexts.paths.tolist() == [[0, 1], [1, -1]]
    assert np.diff(contexts.offsets).tolist() == [3]
