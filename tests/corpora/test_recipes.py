"""Recipes: their lists, and fetching that goes on and names what is missing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from phloem.corpora import debian, packages, recipes
from phloem.corpora.packages import parse_requirement
from phloem.corpora.recipes import RECIPES, FetchProgress
from phloem.errors import PhloemError


def test_lists_are_without_repetition_and_python_is_pinned() -> None:
    for recipe in RECIPES.values():
        assert len(set(recipe.items)) == len(recipe.items)
    pins = [parse_requirement(item) for item in RECIPES["python-packages"].items if item != "standard-library"]
    assert len(pins) >= 60
    assert all(pin.version for pin in pins)
    assert len(RECIPES["java-debian"].items) >= 60
    assert len(RECIPES["c-debian"].items) >= 40


def test_items_that_cannot_be_had_are_named_and_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(item: str, folder: Path, *, prefer: str) -> Path:
        if item.startswith("a"):
            raise PhloemError(f"{item} is gone")
        return folder / item

    monkeypatch.setattr(packages, "fetch", fetch)
    told: list[FetchProgress] = []
    found = recipes.fetch("python-packages", tmp_path, told.append)
    items = RECIPES["python-packages"].items
    assert [each.item for each in told] == list(items)
    assert {each.item for each in told if each.problem} == {item for item in items if item.startswith("a")}
    assert len(found) == sum(each.problem is None for each in told)
    assert (Path(found[0]) / "os.py").exists(), "the standard library is a folder of this interpreter"


def test_nothing_to_be_had_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: debian.Apt, package: str, cache: Path) -> Path:
        raise PhloemError("no mirror")

    monkeypatch.setattr(debian.Apt, "__init__", lambda self, folder: None)
    monkeypatch.setattr(debian.Apt, "source", fail)
    with pytest.raises(PhloemError, match="nothing of the recipe c-debian can be had: no mirror"):
        recipes.fetch("c-debian", tmp_path)


def test_an_unknown_recipe() -> None:
    with pytest.raises(PhloemError, match="there are python-packages, jdk, java-debian, c-debian"):
        recipes.fetch("cobol", "cache")


def test_without_apt_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(PhloemError, match="needs apt-get"):
        recipes.fetch("jdk", tmp_path)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> debian.Apt:
    """Apt without a network: `source` leaves files as apt-get does, and calls are counted."""
    monkeypatch.setattr(debian.Apt, "_own_release", lambda self: "deb http://mirror/debian bookworm main\n")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")

    def run(self: debian.Apt, arguments: list[str], where: Path) -> None:
        if arguments[0] == "source":
            name = arguments[-1]
            (where / f"{name}_1.2.orig.tar.xz").write_bytes(b"x" * 100)
            (where / f"{name}_1.2.orig-tests.tar.xz").write_bytes(b"x" * 10)
            calls.append(name)

    calls: list[str] = []
    monkeypatch.setattr(debian.Apt, "_run", run)
    made = debian.Apt(tmp_path / ".apt")
    made.calls = calls  # type: ignore[attr-defined]
    return made


def test_a_source_package_is_fetched_once(apt: debian.Apt, tmp_path: Path) -> None:
    first = apt.source("commons-io", tmp_path)
    assert first == tmp_path / "commons-io_1.2.orig.tar.xz"
    assert apt.source("commons-io", tmp_path) == first
    assert apt.calls == ["commons-io"]  # type: ignore[attr-defined]
    assert sorted(file.name for file in tmp_path.iterdir()) == [".apt", "commons-io_1.2.orig.tar.xz"]


def test_another_package_with_the_same_beginning_is_not_taken(apt: debian.Apt, tmp_path: Path) -> None:
    (tmp_path / "apr-util_1.6.orig.tar.bz2").write_bytes(b"")
    assert apt.source("apr", tmp_path).name == "apr_1.2.orig.tar.xz"


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt-get")
def test_failures_of_apt_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian.Apt, "_own_release", lambda self: f"deb-src file:{tmp_path}/no-mirror stable main\n")
    with pytest.raises(PhloemError, match=r"apt-get update failed: E(rr)?:") as told:
        debian.Apt(tmp_path / ".apt")
    assert "\n" not in str(told.value)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb")
def test_one_file_comes_out_of_a_package(apt: debian.Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: jdk-source\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n"
    )
    (tree / "DEBIAN" / "postinst").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tree / "DEBIAN" / "postinst").chmod(0o755)
    (tree / "usr" / "lib").mkdir(parents=True)
    with zipfile.ZipFile(tree / "usr" / "lib" / "src.zip", "w") as archive:
        archive.writestr("java.base/java/lang/A.java", "class A {}")

    def download(self: debian.Apt, arguments: list[str], where: Path) -> None:
        subprocess.run(["dpkg-deb", "--build", tree, where / "jdk-source_1_all.deb"], check=True, capture_output=True)

    monkeypatch.setattr(debian.Apt, "_run", download)
    target = tmp_path / "openjdk.zip"
    assert apt.file_of("jdk-source", "/src.zip", target) == target
    assert zipfile.ZipFile(target).namelist() == ["java.base/java/lang/A.java"]
    assert not (tmp_path / "ran").exists()
    with pytest.raises(PhloemError, match=r"holds no /other\.zip"):
        apt.file_of("jdk-source", "/other.zip", tmp_path / "other.zip")
