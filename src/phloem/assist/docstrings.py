"""Inserting doc comments into source code, every other byte kept.

The new source is parsed again before anyone sees it: it has the same functions under the same names, no new syntax
errors, and each insertion is read back as the documentation of its function. Python is compared by its own parser too:
but for docstrings the program is the same.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.base import Function
from phloem.languages.tree import ERROR, MISSING, Tree

WRITABLE = ("python", "java")
# The first block that has lines of its own: its header's indentation, then what its first line adds.
_BLOCK = re.compile(
    rb"^([ \t]*)(?=\S)[^\r\n#]*:[ \t]*(?:#[^\r\n]*)?(?:\r?\n[ \t]*)*\r?\n\1([ \t]+)(?=\S)", re.MULTILINE
)

Edit = tuple[int, int, bytes]  # first byte, one past the last, what stands there instead


class Inserted(NamedTuple):
    """A source with doc comments, and the functions that got one, by the byte at which each started before."""

    source: bytes
    starts: frozenset[int]
    refused: int  # functions that would not be the same with one


def insert(source: bytes, language: str, docs: Mapping[int, str]) -> Inserted:
    """The source with a doc comment for each function whose definition starts at a byte in `docs`.

    Functions that have one, be it empty, keep it. A function that would not be the same with it goes without. Raises
    PhloemError for a language that is not in WRITABLE and where every insertion would change the program.
    """
    if language not in WRITABLE:
        raise PhloemError(f"doc comments can be written for {' and '.join(WRITABLE)}, not for {language}")
    known = by_name(language)
    tree = known.parse(source)
    starts = {int(tree.start[function.node]): function for function in known.functions(tree)}
    chosen = {at: one for at, one in starts.items() if at in docs and one.doc_span is None}
    place = _in_python if language == "python" else _in_java
    edits = {start: place(tree, function, docs[start]) for start, function in chosen.items()}
    good, reason = _that_keep_the_program(source, language, edits, docs)
    if reason and not good:
        raise PhloemError(reason)
    changed = _applied(source, language, {at: edits[at] for at in good}, docs)
    return Inserted(changed, frozenset(good), len(edits) - len(good))


def _that_keep_the_program(
    source: bytes, language: str, edits: Mapping[int, Edit], docs: Mapping[int, str]
) -> tuple[list[int], str]:
    """The functions whose edits keep the program, found by halves, and why another one's does not ("": all do)."""
    try:
        _applied(source, language, edits, docs)
        return list(edits), ""
    except PhloemError as error:
        if len(edits) == 1:
            return [], str(error)
    middle = len(edits) // 2
    halves = (dict(list(edits.items())[:middle]), dict(list(edits.items())[middle:]))
    found = [_that_keep_the_program(source, language, half, docs) for half in halves]
    return found[0][0] + found[1][0], found[0][1] or found[1][1]


def _applied(source: bytes, language: str, edits: Mapping[int, Edit], docs: Mapping[int, str]) -> bytes:
    """The source with the edits made. Raises PhloemError where the outcome would not be the same program."""
    changed = source
    for at, end, new in sorted(edits.values(), reverse=True):
        changed = changed[:at] + new + changed[end:]
    _verify(source, changed, language, {position: docs[start] for position, start in _after(edits)})
    return changed


def _line_start(source: bytes, at: int) -> int:
    start = max(source.rfind(b"\n", 0, at), source.rfind(b"\r", 0, at)) + 1
    return 3 if start == 0 and source.startswith(b"\xef\xbb\xbf") and at >= 3 else start


def _indentation(source: bytes, at: int) -> bytes:
    line = source[_line_start(source, at) : at]
    return line[: len(line) - len(line.lstrip(b" \t"))]


def _newline(source: bytes) -> bytes:
    end = source.find(b"\n")
    if end > 0 and source[end - 1 : end] == b"\r":
        return b"\r\n"
    return b"\n" if end >= 0 or b"\r" not in source else b"\r"


def _in_python(tree: Tree, function: Function, text: str) -> Edit:
    source, newline = tree.source, _newline(tree.source)
    first = int(tree.start[function.body])
    line = _line_start(source, first)
    doc = _quoted(text)
    continued = source[:line].rstrip(b"\r\n").endswith(b"\\")
    if not continued and source[line:first].strip(b" \t\f") == b"":  # the body has lines of its own
        indent = source[line:first]
        return line, line, indent + doc.replace(b"\n", newline + indent) + newline
    outer = _indentation(source, int(tree.start[function.node]))
    indent = outer + _unit(source)
    colon = source.rfind(b":", 0, first) + 1
    return colon, first, newline + indent + doc.replace(b"\n", newline + indent) + newline + indent


def _unit(source: bytes) -> bytes:
    """One step of the file's indentation: that of its first block, four blanks without one."""
    found = _BLOCK.search(source)
    return found[2] if found else b"\t" if b"\n\t" in source else b"    "


def _quoted(text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    return f'"""{escaped}"""'.encode()


def _in_java(tree: Tree, function: Function, text: str) -> Edit:
    source, start = tree.source, int(tree.start[function.node])
    doc = f"/** {text.replace('*/', '* /')} */".encode()
    if source[_line_start(source, start) : start].strip() == b"":
        return start, start, doc + _newline(source) + _indentation(source, start)
    return start, start, doc + b" "


def _after(edits: Mapping[int, Edit]) -> list[tuple[int, int]]:
    """Where each definition starts once the edits are made, with where it started."""
    shifts = [(at, len(new) - (end - at)) for at, end, new in edits.values()]
    return [(start + sum(shift for at, shift in shifts if at <= start), start) for start in edits]


def _verify(source: bytes, changed: bytes, language: str, docs: Mapping[int, str]) -> None:
    known = by_name(language)
    before, after = known.parse(source), known.parse(changed)
    functions = known.functions(after)
    same_names = [each.name for each in known.functions(before)] == [each.name for each in functions]
    written = {int(after.start[each.node]): each.doc for each in functions}
    if not same_names or _errors(after) > _errors(before) or any(written.get(at) != doc for at, doc in docs.items()):
        raise PhloemError("doc comments would change the program; left as it is")
    if language == "python":
        program = _program(source)
        if program is not None and program != _program(changed):
            raise PhloemError("docstrings would change the program; left as it is")


def _errors(tree: Tree) -> int:
    return int(np.count_nonzero(tree.flags & (ERROR | MISSING)))


def _program(source: bytes) -> str | None:
    """The program without its functions' docstrings, or None where this Python cannot parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and ast.get_docstring(node, clean=False) is not None
            ):
                del node.body[0]
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
