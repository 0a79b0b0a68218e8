"""Programming languages as phloem reads them: grammars, functions, names and doc comments.

A language is one small file, imported when it is first asked for, so that listing the languages costs nothing.
`tsx` is TypeScript with JSX: a grammar of its own, since `<T>x` means two things.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING

from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.languages.base import Language

_EXTENSIONS: dict[str, tuple[str, ...]] = {
    "python": (".py", ".pyi", ".pyw"),
    "java": (".java",),
    "csharp": (".cs", ".csx"),
    "javascript": (".js", ".mjs", ".cjs", ".jsx"),
    "typescript": (".ts", ".mts", ".cts"),
    "tsx": (".tsx",),
    "go": (".go",),
    "c": (".c", ".h"),
    "cpp": (".cpp", ".cc", ".cxx", ".c++", ".hpp", ".hh", ".hxx", ".h++", ".ipp", ".tpp", ".inl"),
    "rust": (".rs",),
    "ruby": (".rb", ".rake", ".gemspec", ".ru"),
    "php": (".php", ".phtml", ".php5", ".phpt", ".inc"),
}
_BY_EXTENSION = {extension: name for name, extensions in _EXTENSIONS.items() for extension in extensions}
_SPOKEN = {"c#": "csharp", "cs": "csharp", "js": "javascript", "ts": "typescript", "c++": "cpp", "py": "python"}


_CPP = re.compile(
    rb"^[ \t]*(?:(?:inline[ \t]+)?namespace[ \t]*[\w:]*[ \t]*\{?[ \t]*\r?$|template[ \t]*<"
    rb"|class[ \t]+\w+[ \t]*(?:final[ \t]*)?(?:[:{]|\r?$)|(?:public|private|protected)[ \t]*:[ \t]*\r?$"
    rb"|using[ \t]+(?:namespace\b|\w+[ \t]*=))",
    re.MULTILINE,
)


class _Languages(Mapping[str, "Language"]):
    """The known languages by name; a value's module is imported when it is read."""

    def __getitem__(self, name: str) -> Language:
        if name not in _EXTENSIONS:
            raise KeyError(name)
        language: Language = import_module(f"phloem.languages.{name}").LANGUAGE
        return language

    def __iter__(self) -> Iterator[str]:
        return iter(_EXTENSIONS)

    def __len__(self) -> int:
        return len(_EXTENSIONS)


LANGUAGES: Mapping[str, Language] = _Languages()


def by_name(name: str) -> Language:
    """The language called `name`, in any case ("C#", "js" and "c++" are understood). Raises PhloemError."""
    known = name.strip().lower()
    known = _SPOKEN.get(known, known)
    if known not in LANGUAGES:
        raise PhloemError(f"unknown language {name!r}; known: {', '.join(LANGUAGES)}")
    return LANGUAGES[known]


def for_path(path: str | PurePath) -> Language | None:
    """The language of a file by its extension; None if phloem does not know it. Headers (.h) are read as C."""
    name = name_for_path(path)
    return None if name is None else LANGUAGES[name]


def name_for_path(path: str | PurePath) -> str | None:
    """The name of `for_path`'s language, without importing it: for walks over many files."""
    return _BY_EXTENSION.get(PurePath(path).suffix.lower())


def for_source(path: str | PurePath, source: bytes) -> Language | None:
    """As `for_path`, but a header (.h) that can only be C++ is read as C++."""
    name = name_for_path(path)
    if name == "c" and PurePath(path).suffix.lower() == ".h" and _CPP.search(source):
        name = "cpp"
    return None if name is None else LANGUAGES[name]


def extensions() -> dict[str, tuple[str, ...]]:
    """File extensions by language."""
    return dict(_EXTENSIONS)


__all__ = ["LANGUAGES", "by_name", "extensions", "for_path", "for_source", "name_for_path"]
