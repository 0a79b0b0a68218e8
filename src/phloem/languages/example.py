"""One function with where it came from: what mining writes, views read, and jobs predict for."""

from __future__ import annotations

from typing import NamedTuple

from phloem.languages.tree import Tree


class Example(NamedTuple):
    """A function of a shard, or of a file that a person is looking at."""

    language: str
    path: str
    project: str
    name: str
    doc: str
    tree: Tree  # the function's own: node 0 is its definition, source and offsets start at it
    name_node: int  # the leaf of `tree` that holds the name
    doc_span: tuple[int, int] | None = None  # of a doc comment inside `tree.source` (Python)
    line: int = 1  # 1-based, of the name in its file
    start: int = 0  # byte of the definition in its file
