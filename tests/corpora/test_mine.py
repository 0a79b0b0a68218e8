"""Mining from end to end: what is written, that it is the same each time, and what is said of it."""

import itertools
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from phloem.corpora import listing, shards
from phloem.corpora.listing import MineSettings
from phloem.corpora.mine import MineReport, Progress, mine
from phloem.errors import PhloemError
from tests.corpora.samples import WORDS, contents, module, project_tree

DEPTH = MineSettings(project_depth=1)


def everything(folder: Path) -> list[tuple[str, str, str]]:
    return [(e.project, e.path, e.name) for split in shards.SHARD_SPLITS for e in shards.read(folder, split)]


def test_every_function_lands_in_its_projects_split(tmp_path: Path) -> None:
    tree = project_tree(tmp_path / "code")
    seen: list[Progress] = []
    report = mine([str(tree)], tmp_path / "out", settings=DEPTH, progress=seen.append)
    assert sum(report.functions.values()) == 6 * 4 * len(WORDS)
    assert (report.files, report.projects, report.split_by, report.skipped) == (24, 6, "project", {})
    projects = {split: {e.project for e in shards.read(tmp_path / "out", split)} for split in shards.SHARD_SPLITS}
    assert all(projects.values())
    assert not any(a & b for a, b in itertools.combinations(projects.values(), 2))
    facts = shards.info(tmp_path / "out")
    assert {p["name"]: p["split"] for p in facts["projects"]} == {p: s for s, each in projects.items() for p in each}
    assert sum(p["functions"] for p in facts["projects"]) == 6 * 4 * len(WORDS)
    assert facts["languages"]["python"]["package"] == "tree-sitter-python"
    assert "function_definition" in facts["languages"]["python"]["kinds"]
    assert seen[-1] == Progress("parse", seen[-1].total, seen[-1].total, 6 * 4 * len(WORDS))
    assert not (tmp_path / "out" / ".mining").exists()


def test_rows_hold_the_function(tmp_path: Path) -> None:
    tree = project_tree(tmp_path / "code", projects=3, files=1)
    (tree / "project0" / "LICENSE").write_text(
        "Permission is hereby granted, free of charge, to any person obtaining a"
    )
    mine([str(tree)], tmp_path / "out", settings=DEPTH)
    example = next(e for s in shards.SHARD_SPLITS for e in shards.read(tmp_path / "out", s) if e.name == "size_0")
    assert (example.path, example.project, example.language) == ("project0/file0.py", "code/project0", "python")
    assert example.doc == "Return the size."
    assert example.tree.source.startswith(b"def size_0(")
    assert example.tree.text(example.name_node) == "size_0"
    assert (tree / "project0" / "file0.py").read_text().splitlines()[example.line - 1].startswith("def size_0")
    licences = {p["name"]: p["licence"] for p in shards.info(tmp_path / "out")["projects"]}
    assert licences == {"code/project0": "MIT", "code/project1": "", "code/project2": ""}


@pytest.mark.parametrize("workers", [1, 2])
def test_content_depends_on_input_alone(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phloem.corpora.mine.SMALL", 0)
    monkeypatch.setattr(listing, "UNIT_BYTES", 3000)
    monkeypatch.setattr(listing, "CHUNK_BYTES", 10_000)
    tree = project_tree(tmp_path / "code")
    mine([str(tree)], tmp_path / "out", settings=DEPTH, workers=workers)
    monkeypatch.undo()
    monkeypatch.setattr(listing, "CHUNK_BYTES", 10_000)
    mine([str(tree)], tmp_path / "again", settings=DEPTH)
    assert contents(tmp_path / "out") == contents(tmp_path / "again")
    assert len(list((tmp_path / "out" / "train").iterdir())) > 2


def test_copies_are_dropped_across_projects_and_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "CHUNK_BYTES", 4000)
    tree = project_tree(tmp_path / "code", projects=4, files=2)
    copy = (tree / "project0" / "file0.py").read_text()
    (tree / "project3" / "copy.py").write_text("# the same\n" + copy)
    (tree / "project2" / "like.py").write_text(copy.replace("return", "return not"))
    report = mine([str(tree)], tmp_path / "out", settings=DEPTH)
    assert report.exact_duplicates == len(WORDS)
    assert report.near_duplicates >= len(WORDS) - 2
    assert sum(report.functions.values()) == 4 * 2 * len(WORDS) + len(WORDS) - report.near_duplicates
    found = everything(tmp_path / "out")
    assert len(found) == len(set(found))
    assert {path for _, path, _ in found if path == "project3/copy.py"} == set()


def test_one_project_is_split_by_file_and_says_so(tmp_path: Path) -> None:
    tree = project_tree(tmp_path / "code", projects=1, files=40)
    report = mine([str(tree)], tmp_path / "out")
    assert report.split_by == "file"
    assert all(report.functions.values())
    files = {split: {e.path for e in shards.read(tmp_path / "out", split)} for split in shards.SHARD_SPLITS}
    assert not any(a & b for a, b in itertools.combinations(files.values(), 2))
    assert shards.info(tmp_path / "out")["projects"][0]["split"] == "by file"


def test_archives_and_folders_give_the_same_functions(tmp_path: Path) -> None:
    tree = project_tree(tmp_path / "code", projects=3, files=2)
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        for file in sorted(tree.rglob("*.py")):
            archive.write(file, file.relative_to(tree))
    mine([str(tree)], tmp_path / "a", settings=DEPTH)
    mine([str(tmp_path / "code.zip")], tmp_path / "b", settings=DEPTH)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_languages_and_tests_are_chosen(tmp_path: Path) -> None:
    code = tmp_path / "code"
    for name in ("a.py", "tests/b.py", "test_c.py", "B.java", "src/BTest.java", "attest/d.py"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        text = (
            module(["x"], len(name))
            if name.endswith("py")
            else f"class B {{ int f{len(name)}(int a) {{ return a; }} }}"
        )
        (code / name).write_text(text)

    def paths(number: int, settings: MineSettings) -> set[str]:
        mine([str(code)], tmp_path / f"out{number}", settings=settings)
        return {path for _, path, _ in everything(tmp_path / f"out{number}")}

    assert paths(0, MineSettings(languages=("Python",))) == {"a.py", "tests/b.py", "test_c.py", "attest/d.py"}
    assert paths(1, MineSettings(tests=False)) == {"a.py", "B.java", "attest/d.py"}
    with pytest.raises(PhloemError, match="unknown language"):
        MineSettings(languages=("cobol",))


def test_a_finished_corpus_is_not_mined_again(tmp_path: Path) -> None:
    tree = project_tree(tmp_path / "code")
    first = mine([str(tree)], tmp_path / "out", settings=DEPTH)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*")}
    again = mine([str(tree)], tmp_path / "out", settings=DEPTH)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*")} == before
    assert replace(again, resumed=False) == first
    assert isinstance(again, MineReport)
    with pytest.raises(PhloemError, match="other sources or settings"):
        mine([str(tree)], tmp_path / "out", settings=MineSettings())


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    tree = project_tree(tmp_path / "code")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("important")
    with pytest.raises(PhloemError, match=r"thesis\.tex"):
        mine([str(tree)], tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("")
    with pytest.raises(PhloemError, match="is a file"):
        mine([str(tree)], tmp_path / "file")


@pytest.mark.parametrize(
    ("sources", "message"),
    [([], "nothing to mine"), (["nowhere"], "does not exist"), (["pip:"], "not a package"), (["pip:--help"], "not a")],
)
def test_sources_that_are_none(tmp_path: Path, sources: list[str], message: str) -> None:
    with pytest.raises(PhloemError, match=message):
        mine(sources, tmp_path / "out")


def test_an_empty_source_says_why(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    with pytest.raises(PhloemError, match="no source file of a known language"):
        mine([str(tmp_path / "code")], tmp_path / "out")
    (tmp_path / "code" / "big.py").write_bytes(b"#" * 3_000_000)
    with pytest.raises(PhloemError, match="1 larger than the largest file size"):
        mine([str(tmp_path / "code")], tmp_path / "out")


def test_an_unknown_engine(tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match="no engine 'spark'"):
        mine([str(tmp_path)], tmp_path / "out", engine="spark")


def test_installed_packages_are_projects_with_their_licences(tmp_path: Path) -> None:
    opened = listing.open_sources(["installed"], tmp_path, MineSettings())
    names = [source.name for source in opened]
    assert len(set(names)) == len(names)
    licences = {source.name: source.licence for source in opened}
    assert licences["numpy"].startswith("BSD-3-Clause")
    assert not {"__pycache__", "numpy-2"} & set(names)
    found = listing.list_sources([s for s in opened if s.name == "pathspec"], MineSettings(), lambda _: None)
    assert list(found.sizes) == ["pathspec"]


@pytest.mark.skipif(sys.platform == "win32", reason="processes are counted through /proc")
def test_a_file_that_kills_the_parser_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.corpora import killing

    tree = project_tree(tmp_path / "code", projects=3, files=2)
    (tree / "project1" / "deadly.py").write_text(module(WORDS, 999) + "\n# DEADLY\n")
    monkeypatch.setattr("phloem.corpora.mine.SMALL", 0)
    monkeypatch.setattr("phloem.corpora.engines.parse", killing.parse)
    monkeypatch.setattr(listing, "UNIT_BYTES", 3000)
    report = mine([str(tree)], tmp_path / "out", settings=DEPTH, workers=2)
    assert report.skipped_paths == {"the parser crashed": ["project1/deadly.py"]}
    assert sum(report.functions.values()) == 3 * 2 * len(WORDS)
