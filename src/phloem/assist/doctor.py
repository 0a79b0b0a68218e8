"""Checks of an installation."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from phloem import __version__
from phloem.assist.caches import cache_folder, size_of
from phloem.assist.library import pretrained
from phloem.errors import PhloemError
from phloem.languages import LANGUAGES

PACKAGES = ("torch", "numpy", "tree-sitter", "pyarrow", "safetensors", "tokenizers", "typer")
EXTRAS = {
    "search": ("lancedb", "filelock"),
    "serve": ("fastapi", "uvicorn"),
    "tables": ("openpyxl",),
    "mcp": ("mcp", "lancedb"),
    "lsp": ("pygls", "lancedb"),
    "cluster": ("ray", "accelerate"),
    "symbolic": ("stitch-core", "sympy", "llvmlite", "ziglang"),
    "transformers": ("transformers",),
}


class Check(NamedTuple):
    what: str
    good: bool
    said: str


def examine() -> list[Check]:
    """Everything worth knowing, bad things marked."""
    return [
        Check("phloem", True, f"{__version__}, Python {platform.python_version()}, {platform.platform()}"),
        *_packages(),
        *_grammars(),
        *_models(),
        _cache(),
    ]


def _packages() -> Iterator[Check]:
    for package in PACKAGES:
        try:
            yield Check(package, True, version(package))
        except PackageNotFoundError:
            yield Check(package, False, f"not installed: pip install {package}")
    for extra, packages in EXTRAS.items():
        lacking = [package for package in packages if not _installed(package)]
        said = f"without {', '.join(lacking)}: pip install 'phloem[{extra}]'" if lacking else "installed"
        yield Check(f"extra {extra}", True, said)


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _grammars() -> Iterator[Check]:
    for name in LANGUAGES:
        try:
            language = LANGUAGES[name]
            language.parse(b"")
            yield Check(f"grammar {name}", True, f"{language.package} {version(language.package)}")
        except (ImportError, ValueError, PackageNotFoundError) as error:
            yield Check(f"grammar {name}", False, str(error))


def _models() -> Iterator[Check]:
    from phloem.systems.recipes import RECIPES
    from phloem.tasks import saved

    for name, folder in pretrained().items():
        try:
            facts = saved.load(folder, RECIPES).facts
            yield Check(f"model {name}", True, f"{facts.get('task')} for {', '.join(facts.get('languages', ()))}")
        except PhloemError as error:
            yield Check(f"model {name}", False, str(error))


def _cache() -> Check:
    folder = cache_folder()
    return Check("cache", True, f"{folder} ({size_of(folder) / 1e6:.1f} MB; --clean removes it)")
