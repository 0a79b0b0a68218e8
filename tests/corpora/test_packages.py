"""Packages from an index in a folder, as pip reads one; nothing of a package runs."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from phloem.corpora import packages, shards
from phloem.corpora.listing import MineSettings
from phloem.corpora.mine import mine
from phloem.corpora.packages import fetch, parse_requirement
from phloem.errors import PhloemError

CODE = "def area(width, height):\n    return width * height\n"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip's only index: an empty folder."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "simple").as_uri())
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    (tmp_path / "simple").mkdir()
    return tmp_path / "simple"


def publish(index: Path, name: str, file: str, content: bytes, attributes: str = "", sha256: str | None = None) -> None:
    folder = index / name
    folder.mkdir(exist_ok=True)
    (folder / file).write_bytes(content)
    page = folder / "index.html"
    digest = sha256 or hashlib.sha256(content).hexdigest()
    listed = page.read_text() if page.exists() else "<!DOCTYPE html>"
    page.write_text(f'{listed}<a href="{file}#sha256={digest}" {attributes}>{file}</a>\n')


def sdist(name: str, version: str, marker: Path) -> bytes:
    """A source distribution whose every build hook leaves a mark."""
    mark = f"open({str(marker)!r}, 'w')\n"
    files = {
        "setup.py": mark,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "hook"\nbackend-path = ["."]\n',
        "hook.py": mark,
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n",
        f"{name}/shape.py": CODE,
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def wheel(name: str, version: str, files: dict[str, str]) -> bytes:
    about = f"{name}-{version}.dist-info"
    files = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return out.getvalue()


def test_a_source_distribution_is_fetched_and_never_run(index: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    publish(index, "shapes", "shapes-1.0.tar.gz", sdist("shapes", "1.0", marker))
    report = mine(["pip:shapes"], tmp_path / "out")
    assert sum(report.functions.values()) == 1
    assert shards.info(tmp_path / "out")["projects"][0]["licence"] == "MIT"
    assert not marker.exists()


def test_wheels_come_first_unless_sdists_are_asked_for(index: Path, tmp_path: Path) -> None:
    publish(index, "shapes", "shapes-1.0.tar.gz", sdist("shapes", "1.0", tmp_path / "ran"))
    publish(index, "shapes", "shapes-1.0-py3-none-any.whl", wheel("shapes", "1.0", {"shapes/a.py": CODE}))
    assert fetch("shapes", tmp_path / "a").name == "shapes-1.0-py3-none-any.whl"
    assert fetch("shapes", tmp_path / "b", prefer="sdist").name == "shapes-1.0.tar.gz"
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["shapes-1.0-py3-none-any.whl"]


def test_a_wheel_without_source_gives_way_to_the_sdist(index: Path, tmp_path: Path) -> None:
    publish(index, "shapes", "shapes-1.0.tar.gz", sdist("shapes", "1.0", tmp_path / "ran"))
    publish(index, "shapes", "shapes-1.0-py3-none-any.whl", wheel("shapes", "1.0", {"shapes/core.so": "\0"}))
    mine(["pip:shapes==1.0"], tmp_path / "out", settings=MineSettings(languages=("python",)))
    paths = {e.path for split in shards.SHARD_SPLITS for e in shards.read(tmp_path / "out", split)}
    assert paths == {"shapes-1.0/shapes/shape.py"}


def test_pins_releases_and_yanked_ones(index: Path, tmp_path: Path) -> None:
    for version, attributes in (("1.0", ""), ("1.9", ""), ("1.10", ""), ("2.0", "data-yanked"), ("3.0rc1", "")):
        publish(index, "shapes", f"shapes-{version}.tar.gz", sdist("shapes", version, tmp_path / "ran"), attributes)
    assert fetch("shapes", tmp_path / "new", prefer="sdist").name == "shapes-1.10.tar.gz"
    assert fetch("Shapes==2.0", tmp_path / "pin", prefer="sdist").name == "shapes-2.0.tar.gz"
    assert fetch("shapes==3.0rc1", tmp_path / "pin", prefer="sdist").name == "shapes-3.0rc1.tar.gz"


def test_a_pinned_package_is_fetched_once(index: Path, tmp_path: Path) -> None:
    publish(index, "shapes", "shapes-1.0.tar.gz", sdist("shapes", "1.0", tmp_path / "ran"))
    first = fetch("shapes==1.0", tmp_path / "cache", prefer="sdist")
    (index / "shapes" / "index.html").unlink()
    assert fetch("shapes==1.0", tmp_path / "cache", prefer="sdist") == first


def test_a_package_with_another_hash_is_refused(index: Path, tmp_path: Path) -> None:
    content = sdist("shapes", "1.0", tmp_path / "ran")
    publish(index, "shapes", "shapes-1.0.tar.gz", content, sha256="0" * 64)
    with pytest.raises(PhloemError, match="SHA-256 is not the index's"):
        fetch("shapes", tmp_path / "cache", prefer="sdist")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_package_that_is_not_there(index: Path, tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match="cannot fetch no-such-shape: pip found no wheel"):
        fetch("no-such-shape", tmp_path / "cache")


@pytest.mark.parametrize(
    "text", ["", "-r file", "--index-url=x", "a b", "a>=1", "../a", "a==", "git+https://x/y", "a[b]"]
)
def test_what_is_no_package(text: str) -> None:
    with pytest.raises(PhloemError, match="is not a package"):
        parse_requirement(text)


def test_requirements() -> None:
    assert str(parse_requirement("scikit-learn==1.9.1")) == "scikit-learn==1.9.1"
    assert parse_requirement(" six ") == packages.Requirement("six", None)
