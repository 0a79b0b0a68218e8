"""A function without its signature and what it returns: a code that is not found by its name alone.

Zhang et al., "Code Representation Learning at Scale" (ICLR 2024, section 3.2, hard positives): documentation often
repeats what the signature and the return statements say, so they are dropped from the code side of a pair. What is left
of the body parses: a block that loses all its statements becomes `pass`.
"""

from __future__ import annotations

import re

import numpy as np

from phloem.languages import by_name
from phloem.languages.tree import Tree, subtree_stops

PYTHON = "python"
_RETURN = frozenset({"return_statement"})
_BLOCK = frozenset({"block"})
_FUNCTION = frozenset({"function_definition", "lambda"})
_COMMENT = frozenset({"comment"})


def body_only(tree: Tree, *, without: tuple[int, int] | None = None) -> str:
    """The statements of a Python function's body, `return`s left out wherever they stand, inner functions' too, and
    the bytes `without` (a docstring's). The body's indentation is taken off; "" for a tree without a block."""
    language = by_name(PYTHON)
    blocks = np.flatnonzero(language.kind_mask(_BLOCK)[tree.kind])
    if not len(blocks):
        return ""
    body = int(blocks[0])
    holes = [*_returns(tree), *([(without, "")] if without is not None else [])]
    start, end = int(tree.start[body]), int(tree.end[body])
    text = _cut(tree.source, start, end, holes)
    line = tree.source.rfind(b"\n", 0, start) + 1
    indent = tree.source[line:start]
    text = _outdented(text, indent.decode("utf-8", "replace") if not indent.strip() else "")
    return text.strip() or "pass"


def _returns(tree: Tree) -> list[tuple[tuple[int, int], str]]:
    """The bytes of each return statement with what stands for them: nothing, or `pass` where a block has no other."""
    language = by_name(PYTHON)
    is_return = language.kind_mask(_RETURN)[tree.kind]
    is_block = language.kind_mask(_BLOCK)[tree.kind]
    comment = language.kind_mask(_COMMENT)[tree.kind]
    stop = subtree_stops(tree.parent)
    found = []
    for block in np.flatnonzero(is_block).tolist():
        children = np.flatnonzero(tree.parent[block : stop[block]] == block) + block
        statements = [child for child in children.tolist() if tree.flags[child] & 1 and not comment[child]]
        gone = [child for child in statements if is_return[child]]
        for number, child in enumerate(gone):
            alone = len(gone) == len(statements) and number == 0
            found.append(((int(tree.start[child]), int(tree.end[child])), "pass" if alone else ""))
    return found


def _cut(source: bytes, start: int, end: int, holes: list[tuple[tuple[int, int], str]]) -> str:
    """The bytes from `start` to `end`, each hole replaced; a line or a semicolon that a hole leaves goes with it."""
    pieces: list[bytes] = []
    at = start
    for (first, last), instead in sorted(holes):
        if first < at or last > end:
            continue
        pieces += [source[at:first], instead.encode()]
        at = last
        if not instead:
            before = b"".join(pieces).rstrip(b" \t")
            if before.endswith(b";"):
                pieces = [before[:-1]]
            elif before.endswith(b"\n") or not before:
                behind = re.compile(rb"[ \t]*;?[ \t]*\n?").match(source, at)
                pieces, at = [before], behind.end() if behind else at
                if source[at - 1 : at] != b"\n":  # statements follow on the line
                    pieces.append(_indent(source, first))
    pieces.append(source[at:end])
    return b"".join(pieces).decode("utf-8", "replace")


def _indent(source: bytes, at: int) -> bytes:
    """The blanks before the first character of a line."""
    line = source.rfind(b"\n", 0, at) + 1
    return source[line:at] if not source[line:at].strip() else b""


def _outdented(text: str, indent: str) -> str:
    """Without the indentation that all lines but the first have."""
    return "\n".join(line.removeprefix(indent) for line in text.split("\n"))
