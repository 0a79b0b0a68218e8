"""Search by words, vectors and names; filters; questions of every size."""

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.assist.search.index import Wish, index
from phloem.assist.search.lexical import MOST_TERMS, document, query_terms, stems, words
from phloem.assist.search.queries import Filters, glob_as_regex, names_a_place, understand
from phloem.assist.search.search import Match, OpenIndex, fuse, name_overlap, open_index
from phloem.assist.search.snippets import snippet_of
from phloem.errors import PhloemError
from phloem.languages.subtokens import split
from tests.assist.bags import Bags

BAGS = Bags(256)
FILES = {
    "net/http.py": '''
def fetch_page(url, timeout=10):
    """Download a page over HTTP."""
    return urlopen(url, timeout=timeout).read()


def retry(call, times=3):
    """Call again after a failure, waiting twice as long each time."""
    for attempt in range(times):
        try:
            return call()
        except OSError:
            sleep(2 ** attempt)


class Client:
    """Talks to a server."""

    def login(self, user, password):
        return self.post("/login", user=user, password=password)
''',
    "data/tables.py": '''
"""Tables of numbers."""


def read_csv(path):
    """Read a table from a file of comma separated values."""
    return [line.split(",") for line in open(path)]


def mean(values):
    return sum(values) / len(values)
''',
    "data/Tables.java": """
class Tables {
    /** Reads a table of comma separated values. */
    static List<String[]> readCsv(Path path) { return lines(path).map(line -> line.split(",")).toList(); }
    double mean(double[] values) { double sum = 0; for (double v : values) sum += v; return sum / values.length; }
}
""",
    "README.md": "# Tables\nHow to read tables.\n\n## Retrying\nCalls are made again after failures.\n",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("searched")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text.lstrip("\n"))
        os.utime(root / name, (1_600_000_000,) * 2)
    return root


@pytest.fixture(scope="module")
def opened(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIndex]:
    found = open_index(tree, wish=Wish(embedder=BAGS, out=tmp_path_factory.mktemp("index")))
    yield found
    found.close()


def test_words_of_the_documentation_find_the_function(opened: OpenIndex, tree: Path) -> None:
    best = opened.search("download a page")[0]
    assert (best.name, best.path, best.line) == ("fetch_page", f"{tree}/net/http.py", 1)
    assert best.why.startswith("name says page; text download; meaning")
    assert best.doc == "Download a page over HTTP."
    assert best.snippet.splitlines()[0] == "def fetch_page(url, timeout=10):"


def test_lines_are_those_of_the_file(opened: OpenIndex) -> None:
    for match in opened.search("table of comma separated values", limit=20):
        lines = Path(match.path).read_text().splitlines()
        if match.kind in ("function", "method"):
            for number, shown in zip(match.snippet_lines, match.snippet.splitlines(), strict=True):
                assert lines[number - 1].strip() == shown.strip()


def test_an_identifier_finds_what_is_called_so(opened: OpenIndex) -> None:
    assert opened.search("read_csv")[0].qualified_name == "read_csv"
    assert opened.search("readCsv")[0].qualified_name == "Tables.readCsv"
    assert opened.search("login")[0].qualified_name == "Client.login"


def test_code_finds_code(opened: OpenIndex) -> None:
    code = "```python\ndef average(xs):\n    return sum(xs) / len(xs)\n```"
    assert opened.search(code, filters=Filters(kind="function"))[0].name == "mean"


def test_a_place_finds_what_is_like_it(opened: OpenIndex, tree: Path) -> None:
    found = opened.search(f"{tree}/data/tables.py:read_csv", limit=3)
    assert "readCsv" in [match.name for match in found]
    assert "read_csv" not in [match.name for match in found]
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
    with pytest.raises(PhloemError, match=r"tables\.py has no nothing; it has data|tables\.py has no nothing; it has"):
        opened.similar(f"{tree}/data/tables.py:nothing")
    with pytest.raises(PhloemError, match="no such file"):
        opened.similar("absent.py:read")


def kept(matches: list[Match], **wanted: str) -> bool:
    return bool(matches) and all(getattr(each, name) == value for each in matches for name, value in wanted.items())


def test_filters(opened: OpenIndex, tree: Path) -> None:
    ask = "read tables of values"
    assert kept(opened.search(ask, filters=Filters(language="Java")), language="java")
    assert kept(opened.search(ask, filters=Filters(kind="section")), kind="section", language="markdown")
    assert kept(opened.search(ask, filters=Filters(path="data/*.py")), path=f"{tree}/data/tables.py")
    assert kept(opened.search(ask, filters=Filters(below="net/")), path=f"{tree}/net/http.py")
    assert opened.search(ask, filters=Filters(language="rust")) == []
    assert len(opened.search(ask, limit=2)) == 2
    with pytest.raises(PhloemError, match="--kind: 'verb'"):
        opened.search(ask, filters=Filters(kind="verb"))
    with pytest.raises(PhloemError, match="unknown language"):
        opened.search(ask, filters=Filters(language="klingon"))
    assert opened.search(ask, filters=Filters(path="it's'; DROP TABLE")) == []


def test_a_folder_within_an_indexed_tree_uses_its_index(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path))
    index(tree, Wish(embedder=BAGS))
    monkeypatch.chdir(tree / "net")
    here = open_index(".", wish=Wish(embedder=BAGS))
    assert {match.path for match in here.search("read tables of values", limit=50)} == {"http.py"}
    beside = open_index("../data", wish=Wish(embedder=BAGS))
    assert beside.search("read_csv")[0].path == "../data/tables.py"
    assert len(list((tmp_path / "indexes").iterdir())) == 1


def test_search_sees_files_as_they_are_now(tmp_path: Path) -> None:
    file = tmp_path / "code" / "a.py"
    file.parent.mkdir()
    file.write_text("def alpha(): pass\n")
    wish = Wish(embedder=BAGS, out=tmp_path / "index")
    with pytest.raises(PhloemError, match=r"there is no index of .*; make one with: phloem index"):
        open_index(file.parent, refresh=False, wish=wish)
    assert open_index(file.parent, wish=wish).search("alpha")[0].name == "alpha"
    file.write_text("def gamma(): pass\n")
    assert open_index(file.parent, refresh=False, wish=wish).search("alpha")[0].name == "alpha"
    assert [match.name for match in open_index(file.parent, wish=wish).search("alpha gamma")] == ["gamma"]


def test_an_index_held_for_long_is_refreshed_in_place(tmp_path: Path) -> None:
    file = tmp_path / "code" / "a.py"
    file.parent.mkdir()
    file.write_text("def alpha(): pass\n")
    wish = Wish(embedder=BAGS, out=tmp_path / "index")
    held = open_index(file.parent, wish=wish)
    file.write_text("def gamma(): pass\n")
    assert [match.name for match in held.search("alpha gamma")] == ["alpha"]
    held.refresh(wish)
    assert [match.name for match in held.search("alpha gamma")] == ["gamma"]
    with pytest.raises(PhloemError, match="was made with another model; rebuild it with: phloem index"):
        open_index(file.parent, refresh=False, wish=Wish(embedder=Bags(32), out=tmp_path / "index"))


@pytest.mark.parametrize("query", ["", "   \n", "```\n```"])
def test_an_empty_question_is_told(opened: OpenIndex, query: str) -> None:
    with pytest.raises(PhloemError, match="the query is empty"):
        opened.search(query)


def test_a_question_of_any_size(opened: OpenIndex) -> None:
    long = "download a page " + "and more of it " * 6667
    assert len(long) > 100_000
    question = understand(long)
    assert (question.cut_from, len(question.text)) == (len(long.strip()), 2_000)
    assert "fetch_page" in [match.name for match in opened.search(long)]
    code = "def f(x):\n    return x\n" * 5_000
    assert understand(code).is_code
    assert len(understand(code).text) == 20_000
    assert opened.search(code)
    for odd in ("!!!", "…", "a" * 100_000, "'", '"', "\\", "SELECT * FROM x; --", "(((", "🙂", "x:y", "*"):
        opened.search(odd)


@given(st.text(min_size=1, max_size=80))
def test_no_question_breaks_the_search(opened: OpenIndex, query: str) -> None:
    if query.strip():
        assert len(opened.search(query, limit=3)) <= 3


@pytest.mark.parametrize(
    ("query", "is_code"),
    [
        ("retry with backoff", False),
        ("how do I parse a date (ISO)?", False),
        ("where is the config read; and written?", False),
        ("def f(x):\n    return x + 1", True),
        ("```\nanything\n```", True),
        ("int add(int a, int b) {\n  return a + b;\n}", True),
        ("const f = (x) => {\n  return x;\n};", True),
        ("first line\nsecond line of a question", False),
    ],
)
def test_what_is_code(query: str, is_code: bool) -> None:
    assert understand(query).is_code == is_code


def test_a_place_is_a_file_that_is_there(tree: Path) -> None:
    assert names_a_place(f"{tree}/net/http.py:retry")
    assert names_a_place(f"{tree}/net/http.py:retry:7")
    assert not names_a_place("std::vector")
    assert not names_a_place("note: see here")


def test_words_of_identifiers_are_their_subtokens() -> None:
    assert words("readHTTPPage2 and read_page") == ["read", "http", "page", "and", "read", "page"]
    assert document("A.readPage", "Reads.", "x = 1", "a/b.py").split() == (
        ["a", "read", "page"] * 3 + ["read"] * 2 + ["a", "b", "py", "x"]
    )
    assert len(query_terms(" ".join(f"word{chr(97 + i)}{chr(97 + j)}" for i in range(20) for j in range(20)))) == (
        MOST_TERMS
    )


def test_words_of_one_stem_are_found_for_each_other() -> None:
    assert document("", "", "queries = parsed(files)", "").split() == ["queri", "pars", "file"]
    assert stems("query of parsing a file").split() == ["queri", "of", "pars", "a", "file"]


@given(st.text(max_size=60))
def test_words_are_those_of_the_naming_models(text: str) -> None:
    for word in words(text):
        assert word == word.lower()
        assert " " not in word
    if text.isidentifier() and text.isascii():
        assert words(text) == split(text)


def test_scores_grow_with_each_part() -> None:
    base = [np.array([1.0, 2.0, 0.0], np.float32), np.array([0.2, 0.1, 0.3], np.float32), np.zeros(3, np.float32)]
    scores = fuse(*base)
    for part in range(3):
        better = [column.copy() for column in base]
        better[part][0] += 0.5
        assert fuse(*better)[0] > scores[0]
    assert fuse(*(np.zeros(0, np.float32),) * 3).shape == (0,)
    assert name_overlap(["read"], frozenset({"read_csv"}), "read_csv") > 1.0
    assert 0 < name_overlap(["read"], frozenset(), "read_csv") < name_overlap(["read", "csv"], frozenset(), "read_csv")


GLOBS = [("*.py", "a/b.py"), ("src/*", "src/a/b.py"), ("src/**/*.py", "src/b.py"), ("a?b", "x/a.b"), ("d", "x/d/e.py")]


@pytest.mark.parametrize(("glob", "path"), GLOBS)
def test_globs_match(glob: str, path: str) -> None:
    import re

    assert re.search(glob_as_regex(glob), path)


@given(st.text("ab.*?", min_size=1, max_size=6), st.text("ab.", min_size=1, max_size=6))
def test_a_glob_without_folders_is_one_of_names(glob: str, name: str) -> None:
    """Against fnmatch, for one name."""
    import re

    if glob.rstrip("/") and "**" not in glob:
        assert bool(re.search(glob_as_regex(glob), name)) == fnmatch(name, glob)


def test_a_snippet_skips_the_docstring_and_shows_what_was_asked() -> None:
    body = "\n".join(f"    step{i} = {i}" for i in range(20))
    code = f'def f(x):\n    """Say.\n\n    More.\n    """\n{body}\n    close_the_door(x)\n    return x'
    lines, snippet = snippet_of(code, 10, "function", ["door"])
    assert lines[0] == 10
    assert "close_the_door" in snippet
    assert '"""' not in snippet
    assert [code.split("\n")[number - 10] for number in lines] == snippet.split("\n")
