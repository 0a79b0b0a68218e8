"""Lexical tokens of a function with its layout: NEWLINE, INDENT and DEDENT are tokens, comments are left out.

The tokens that CuBERT reads (Kanade et al., "Learning and Evaluating Contextual Embedding of Source Code", 2020,
section 2.2): what Python's own lexer gives, a logical line being what BERT calls a sentence. Here they come from the
syntax tree, so that a token knows its node: of Python the sequence is that of the module `tokenize`, except that a line
which holds a comment alone has no NEWLINE. Where layout is no syntax (C, Java) there are no layout tokens.

    to_text(texts(tokens)) has the same tokens again, though not the same blanks
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from phloem.languages import by_name
from phloem.languages.base import Language
from phloem.languages.tree import Tree, subtree_stops
from phloem.represent.tokens import inside

NEWLINE, INDENT, DEDENT = -1, -2, -3  # in place of a node
LAYOUT = {NEWLINE: "<NEWLINE>", INDENT: "<INDENT>", DEDENT: "<DEDENT>"}
INDENTED = frozenset({"python"})  # languages whose layout is syntax
STEP = "    "  # a level of indentation in `to_text`
TAB = 8  # columns, as Python's lexer counts them


class Tokens(NamedTuple):
    """Tokens in order: `node` is the tree's node or one of LAYOUT; a layout token lies, empty, before the next one."""

    node: Int64[np.ndarray, " tokens"]
    start: Int64[np.ndarray, " tokens"]
    end: Int64[np.ndarray, " tokens"]


def indent_tokens(
    tree: Tree,
    language: Language,
    *,
    doc_span: tuple[int, int] | None = None,
    whole_strings: bool = True,
    whole_operators: bool = False,
) -> Tokens:
    """The tokens of a tree, without those in the bytes `doc_span`.

    A string literal is one token; with `whole_strings=False` one that holds code (an f-string) is its parts. Operators
    of two words (`not in`) are two tokens, or one with `whole_operators`.
    """
    nodes = lexical_nodes(tree, language, whole_strings, whole_operators)
    start, end = tree.start[nodes].astype(np.int64), tree.end[nodes].astype(np.int64)
    if doc_span is not None:
        keep = (start >= doc_span[1]) | (end <= doc_span[0])
        nodes, start, end = nodes[keep], start[keep], end[keep]
    if language.name not in INDENTED or not len(nodes):
        return Tokens(nodes, start, end)
    return _laid_out(tree, language, Tokens(nodes, start, end))


def lexical_nodes(
    tree: Tree, language: Language, whole_strings: bool, whole_operators: bool
) -> Int64[np.ndarray, " tokens"]:
    """The nodes that are tokens, layout left out."""
    stops = subtree_stops(tree.parent)
    kinds = _Kinds.of(language.name)
    whole = kinds.string[tree.kind]
    if not whole_strings:
        for node in tree.parent[kinds.interpolation[tree.kind]].tolist():
            while node >= 0 and whole[node]:
                whole[node] = False
                node = int(tree.parent[node])
    if whole_operators:
        whole = whole | kinds.phrase[tree.kind]
    dropped = kinds.dropped[tree.kind]
    tops = np.flatnonzero(whole | dropped)
    leaf = (stops == np.arange(1, len(stops) + 1)) & (tree.end > tree.start)
    return np.flatnonzero((leaf | whole) & ~inside(stops, tops) & ~dropped)


class _Kinds(NamedTuple):
    """Which kinds are what, by id."""

    string: Bool[np.ndarray, "65536"]
    interpolation: Bool[np.ndarray, "65536"]
    phrase: Bool[np.ndarray, "65536"]  # operators of several words
    dropped: Bool[np.ndarray, "65536"]  # comments, and backslashes at a line's end
    bracket: np.ndarray  # +1 opens, -1 closes

    @staticmethod
    @cache
    def of(name: str) -> _Kinds:
        language = by_name(name)
        phrase, bracket = np.zeros(1 << 16, bool), np.zeros(1 << 16, np.int8)
        for kind, text in enumerate(language.kinds):
            phrase[kind] = text in ("not in", "is not")
            bracket[kind] = (text in ("(", "[", "{")) - (text in (")", "]", "}"))
        return _Kinds(
            language.kind_mask(language.string_kinds),
            language.kind_mask(frozenset({"interpolation", "template_substitution"})),
            phrase,
            language.kind_mask(language.comment_kinds | {"line_continuation"}),
            bracket,
        )


def _laid_out(tree: Tree, language: Language, plain: Tokens) -> Tokens:
    """With NEWLINE after each logical line, and INDENT and DEDENT where its column changes."""
    source = tree.source
    newlines = np.flatnonzero(np.frombuffer(source, np.uint8) == ord("\n"))
    first_line = np.searchsorted(newlines, plain.start)
    last_line = np.searchsorted(newlines, plain.end - 1)
    depth = np.cumsum(_Kinds.of(language.name).bracket[tree.kind[plain.node]])
    begins = np.flatnonzero((first_line[1:] > last_line[:-1]) & (depth[:-1] <= 0)) + 1
    node: list[np.ndarray] = []
    start: list[np.ndarray] = []
    end: list[np.ndarray] = []
    columns, done = [0], 0
    for at in begins.tolist():
        here = int(plain.start[at])
        if b"\\" in source[int(plain.end[at - 1]) : here] and _continues(source, int(plain.end[at - 1]), here):
            continue
        line = newlines[first_line[at] - 1] + 1
        column = len(source[line:here].expandtabs(TAB))
        marks = [NEWLINE]
        if column > columns[-1]:
            columns.append(column)
            marks.append(INDENT)
        while column < columns[-1]:
            columns.pop()
            marks.append(DEDENT)
        _extend(node, start, end, plain, done, at, marks, here)
        done = at
    marks = [NEWLINE] + [DEDENT] * (len(columns) - 1)
    _extend(node, start, end, plain, done, len(plain.node), marks, int(plain.end[-1]))
    return Tokens(np.concatenate(node), np.concatenate(start), np.concatenate(end))


def _continues(source: bytes, end: int, start: int) -> bool:
    """Whether the line goes on behind a backslash, which stands in no comment."""
    return source[end:start].split(b"\n", 1)[0].rstrip(b"\r").strip(b" \t\f") == b"\\"


def _extend(
    node: list[np.ndarray],
    start: list[np.ndarray],
    end: list[np.ndarray],
    plain: Tokens,
    first: int,
    stop: int,
    marks: list[int],
    here: int,
) -> None:
    node += [plain.node[first:stop], np.array(marks)]
    start += [plain.start[first:stop], np.full(len(marks), here)]
    end += [plain.end[first:stop], np.full(len(marks), here)]


def texts(tokens: Tokens, source: bytes) -> list[str]:
    """What each token is written as; layout as in LAYOUT."""
    return [
        LAYOUT[node] if node < 0 else source[start:end].decode("utf-8", "replace")
        for node, start, end in zip(tokens.node.tolist(), tokens.start.tolist(), tokens.end.tolist(), strict=True)
    ]


def to_text(words: Sequence[str]) -> str:
    """Source text that has these tokens: a blank between two, a line and its indentation where layout says so."""
    newline, indent, dedent = LAYOUT.values()
    lines: list[str] = []
    line: list[str] = []
    level = 0
    for word in words:
        if word == newline:
            lines.append(STEP * level + " ".join(line))
            line = []
        elif word in (indent, dedent):
            level += 1 if word == indent else -1
        else:
            line.append(word)
    return "\n".join([*lines, *([STEP * level + " ".join(line)] if line else [])]) + "\n"
