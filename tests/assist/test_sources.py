import io
import os
from pathlib import Path

import pytest

from phloem.assist.sources import MAX_FILE_SIZE, Skipped, read_sources, source_of_stdin
from phloem.errors import PhloemError

CODE = b"def f():\n    return 1\n"


def write(root: Path, **files: bytes) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path = path.with_name(path.name.replace("_dot_", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(paths, **options) -> list[str]:  # type: ignore[no-untyped-def]
    return [Path(file.path).name for file in read_sources(paths, **options)]


def test_a_folder_gives_its_sources_once_in_order_and_no_others(tmp_path: Path) -> None:
    write(tmp_path, b_dot_py=CODE, a_dot_py=CODE, sub__c_dot_py=CODE, notes_dot_txt=b"x", J_dot_java=b"class J {}")
    write(tmp_path, node_modules__x_dot_py=CODE)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "h.py").write_bytes(CODE)
    assert names([tmp_path, tmp_path / "a.py"]) == ["J.java", "a.py", "b.py", "c.py"]


def test_exclude_reads_patterns_as_gitignore_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, a_dot_py=CODE, x_pb2_dot_py=CODE, gen__b_dot_py=CODE, gen__keep__c_dot_py=CODE)
    assert names(["."], exclude=["*_pb2.py", "/gen/"]) == ["a.py"]


def test_unfit_files_are_skipped_with_their_reason(tmp_path: Path) -> None:
    write(tmp_path, good_dot_py=CODE, latin_dot_py="é = 1".encode("latin-1"), binary_dot_py=b"\0\1\2", empty_dot_py=b"")
    write(tmp_path, utf16_dot_py="x = 1".encode("utf-16"))
    skipped = Skipped()
    assert names([tmp_path], skipped=skipped) == ["empty.py", "good.py"]
    reasons = {Path(path).name: reason for path, reason in skipped.files}
    assert reasons == {"latin.py": "not UTF-8 (byte 0)", "binary.py": "binary", "utf16.py": "binary"}
    assert len(skipped.lines(limit=1)) == 3  # one file by name, then one line a reason


def test_a_line_of_50_mb_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "large.py", "wb") as file:
        file.truncate(50_000_000)
    monkeypatch.setattr("builtins.open", lambda *_, **__: pytest.fail("was opened"))
    skipped = Skipped()
    assert list(read_sources([tmp_path], skipped=skipped)) == []
    assert "50,000,000 bytes, above --max-file-size 2,000,000" in skipped.files[0][1]


def test_links_that_loop_and_links_to_the_same_file_end(tmp_path: Path) -> None:
    write(tmp_path, a_dot_py=CODE)
    (tmp_path / "self.py").symlink_to(tmp_path / "self.py")
    (tmp_path / "again.py").symlink_to(tmp_path / "a.py")
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    skipped = Skipped()
    assert len(names([tmp_path], skipped=skipped)) == 1
    assert [Path(path).name for path, _ in skipped.files] == ["self.py"]


def test_unreadable_folders_and_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a_dot_py=CODE, locked__b_dot_py=CODE)
    listing = os.scandir

    def scandir(path: str):  # type: ignore[no-untyped-def]
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    skipped = Skipped()
    assert names([tmp_path], skipped=skipped) == ["a.py"]
    assert skipped.files == [(str(tmp_path / "locked"), "Permission denied")]


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    skipped = Skipped()
    assert names([tmp_path], skipped=skipped) == []
    assert skipped.files[0][1] == "not a regular file"


def test_wrong_arguments_are_errors(tmp_path: Path) -> None:
    write(tmp_path, notes_dot_txt=CODE)
    with pytest.raises(PhloemError, match="no such file"):
        names([tmp_path / "none"])
    with pytest.raises(PhloemError, match="not a source file of a known language"):
        names([tmp_path / "notes.txt"])
    with pytest.raises(PhloemError, match="unknown language 'klingon'"):
        names([tmp_path / "notes.txt"], language="klingon")
    assert names([tmp_path / "notes.txt"], language="python") == ["notes.txt"]


def test_stdin_obeys_the_same_limits() -> None:
    assert source_of_stdin(io.BytesIO(CODE), "py").language == "python"
    with pytest.raises(PhloemError, match="stdin: above --max-file-size"):
        source_of_stdin(io.BytesIO(b"x" * (MAX_FILE_SIZE + 1)), "python")
