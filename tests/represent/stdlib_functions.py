"""Functions of Python's own library, for properties that must hold on real code."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.example import Example


@cache
def stdlib_functions(count: int = 1000, special: int = 50) -> list[Example]:
    """`count` functions, among them `special` with escape sequences in strings and as many with f-strings."""
    found: list[Example] = []
    escapes: list[Example] = []
    formatted: list[Example] = []
    for example in _functions():
        source = example.tree.source
        if b"\\n'" in source or b'\\n"' in source:
            escapes.append(example)
        elif b" f'" in source or b' f"' in source or b"(f'" in source or b'(f"' in source:
            formatted.append(example)
        elif len(found) < count - 2 * special:
            found.append(example)
        if len(escapes) >= special and len(formatted) >= special and len(found) == count - 2 * special:
            return [*escapes[:special], *formatted[:special], *found]
    raise AssertionError("the library has fewer functions than that")


def _functions() -> Iterator[Example]:
    language = by_name("python")
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for example in examples_of(file.read_bytes(), language, file.name):
            if len(example.tree.source) < 2500:
                yield example
