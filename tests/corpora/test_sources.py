"""Folders and archives as sources, and what must not come out of them."""

import io
import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from phloem.corpora import sources
from phloem.corpora.sources import DAMAGED, Bomb, Source, open_source, project_name, skipped_path
from phloem.errors import PhloemError

CODE = b"def f(a):\n    return a\n"


def listed(source: Source) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
    """Content by path, and (reason, path) of what was skipped."""
    skipped: list[tuple[str, str]] = []
    found = {}
    for entry in source.entries(lambda *skip: skipped.append(skip)):
        found[entry.path] = entry.read(10_000_000)
        assert entry.size == len(found[entry.path])
    return found, skipped


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_folder_is_walked_in_one_order(tmp_path: Path) -> None:
    for name in ("b/z.py", "b/a.py", "a/x.py", "c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CODE)
    found, skipped = listed(open_source(tmp_path))
    assert list(found) == ["c.py", "a/x.py", "b/a.py", "b/z.py"]
    assert not skipped


def test_symbolic_links_are_skipped_and_loops_end(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_bytes(CODE)
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "a.py")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nowhere")
    found, skipped = listed(open_source(tmp_path))
    assert list(found) == ["real/a.py"]
    assert sorted(skipped) == [("symbolic link", name) for name in ("dangling.py", "link.py", "real/loop")]


def test_a_link_named_by_a_person_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_bytes(CODE)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert list(listed(open_source(tmp_path / "link"))[0]) == ["a.py"]


def test_an_unreadable_folder_is_named_and_the_rest_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open.py").write_bytes(CODE)
    scandir = os.scandir

    def guarded(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(sources.os, "scandir", guarded)
    found, skipped = listed(open_source(tmp_path))
    assert list(found) == ["open.py"]
    assert skipped == [("unreadable folder (Permission denied)", "closed/")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert listed(open_source(tmp_path)) == ({}, [])


def test_gitignore_holds_in_a_checkout_only(tmp_path: Path) -> None:
    for name in ("kept.py", "made.py", "out/x.py", "sub/made.py", "sub/own.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CODE)
    (tmp_path / ".gitignore").write_text("made.py\n/out/\n")
    (tmp_path / "sub" / ".gitignore").write_text("!made.py\nown.py\n")
    ignoring = {"kept.py", "sub/made.py"}

    def code(folder: Path) -> set[str]:
        return {path for path in listed(open_source(folder))[0] if path.endswith(".py")}

    assert code(tmp_path) == {"kept.py", "made.py", "out/x.py", "sub/made.py", "sub/own.py"}
    (tmp_path / ".git").mkdir()
    assert code(tmp_path) == ignoring
    assert code(tmp_path / "sub") == {"made.py"}
    assert code(tmp_path / "out") == {"x.py"}, "an ignored folder that a person names is mined"


def test_hidden_and_vendored_paths() -> None:
    assert not any(map(skipped_path, ["a/b.py", "src/node/x.js", "vendors/a.py"]))
    for path in ("node_modules/a.js", "a/.venv/b.py", ".hidden.py", "lib/site-packages/x.py", "a/_vendor/b.py"):
        assert skipped_path(path)


def test_a_folder_deeper_than_recursion(tmp_path: Path) -> None:
    depth = sys.getrecursionlimit() + 200
    here, home = os.open(tmp_path, os.O_RDONLY), Path.cwd()
    try:
        os.chdir(here)
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        Path("a.py").write_bytes(CODE)
        found, skipped = listed(open_source(tmp_path))
        # a path longer than the system takes is named, not followed
        assert len(found) + len(skipped) == 1
        os.unlink("a.py")
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(home)
        os.close(here)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, pack: Callable[..., Path]) -> None:
    bad = ["../up.py", "a/../../up.py", "/etc/root.py"]
    source = open_source(pack(tmp_path / "p-1.0.zip", {**dict.fromkeys(bad, CODE), "p/./ok.py": CODE}))
    found, skipped = listed(source)
    assert found == {"p/ok.py": CODE}
    assert skipped == [("unsafe name in an archive", name) for name in bad]


def test_windows_names_in_zips() -> None:
    assert sources._safe_name("a\\b.py") == "a/b.py"
    assert [sources._safe_name(name) for name in ("..\\up.py", "C:\\a.py", "\\a.py", "a\0.py")] == [None] * 4


def test_links_in_archives_are_skipped(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        for name, kind in (("soft.py", tarfile.SYMTYPE), ("hard.py", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as packed:
        link = zipfile.ZipInfo("soft.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
    assert listed(open_source(tmp_path / "t.tar")) == ({}, [("symbolic link", "soft.py"), ("symbolic link", "hard.py")])
    assert listed(open_source(tmp_path / "z.zip")) == ({}, [("symbolic link", "soft.py")])


def test_a_zip_bomb_stops_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FREE_EXPANSION", 1 << 20)
    bomb = open_source(zipped(tmp_path / "bomb.zip", {f"{i}.py": b" " * (1 << 20) for i in range(300)}))
    read: list[int] = []

    def read_all() -> None:
        for entry in bomb.entries(lambda *_: None):
            read.append(len(entry.read(2_000_000)))

    with pytest.raises(Bomb):
        read_all()
    assert sum(read) < sources.LARGEST_EXPANSION * bomb.path.stat().st_size + (2 << 20)


def test_a_member_larger_than_it_says_is_read_to_the_limit(tmp_path: Path) -> None:
    path = zipped(tmp_path / "liar.zip", {"a.py": b"x" * 5_000_000})
    data = path.read_bytes().replace((5_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(data)
    [entry] = open_source(path).entries(lambda *_: None)
    assert entry.size == 100
    with suppress(DAMAGED):
        assert len(entry.read(1000)) <= 1000


def test_a_tar_bomb_stops_while_it_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FREE_EXPANSION", 1 << 20)
    path = tarred(tmp_path / "bomb.tar.gz", {"a.py": CODE, "zeros": b"\0" * (64 << 20), "b.py": CODE})
    found, skipped = listed(open_source(path))
    assert list(found) == ["a.py"]
    assert skipped == [("expands too much", str(path))]


def test_a_tar_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 8 << 30
    path = tmp_path / "pax.tar"
    plain = tarred(tmp_path / "plain.tar", {"a.py": CODE}, "w").read_bytes()[:1024]
    path.write_bytes(plain + header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 4096)
    found, skipped = listed(open_source(path))
    assert list(found) == ["a.py"]
    assert skipped == [("damaged archive", str(path))]


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2"])
def test_a_truncated_tar_gives_what_is_whole(tmp_path: Path, mode: str) -> None:
    noise = {f"{i}.py": os.urandom(40_000) for i in range(60)}
    path = tarred(tmp_path / "p-1.0.tar", noise, mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    skipped: list[tuple[str, str]] = []
    whole = 0
    for entry in open_source(path).entries(lambda *skip: skipped.append(skip)):
        try:
            whole += entry.read(10**6) == noise[entry.path]
        except DAMAGED:
            break
    else:
        assert skipped == [("damaged archive", str(path))]
    assert 0 < whole < 60


def test_a_truncated_zip_is_refused_in_one_line(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", {"a.py": CODE * 1000})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(PhloemError, match="neither a folder"):
        open_source(path)


def test_an_encrypted_member_is_skipped(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", {"a.py": CODE})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert listed(open_source(path)) == ({}, [("encrypted", "a.py")])


@pytest.mark.parametrize("name", ["missing", "missing.zip", "a/b"])
def test_what_does_not_exist(tmp_path: Path, name: str) -> None:
    with pytest.raises(PhloemError, match="does not exist"):
        open_source(tmp_path / name)


def test_what_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no code")
    with pytest.raises(PhloemError, match="nor a source file"):
        open_source(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("file", "project"),
    [
        ("django-6.0.tar.gz", "django"),
        ("scikit_learn-1.9.1.tar.gz", "scikit_learn"),
        ("commons-io_2.11.0.orig.tar.xz", "commons-io"),
        ("six-1.17.0-py2.py3-none-any.whl", "six"),
        ("numpy-2.4.0-cp311-cp311-manylinux_2_28_x86_64.whl", "numpy"),
        ("src.zip", "src"),
        ("guava-31.1-jre.jar", "guava"),
        ("my-code.zip", "my-code"),
    ],
)
def test_project_names(file: str, project: str) -> None:
    assert project_name(Path(file)) == project
