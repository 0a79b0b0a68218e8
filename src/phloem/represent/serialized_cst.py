"""A concrete syntax tree written as text, and text from what is written.

Agarwal et al., "Structured Code Representations Enable Data-Efficient Adaptation of Code Language Models" (2024,
section 3.1). With marks for opening and closing that are not the brackets of any source, and a label a node type:

    S(leaf) = its text        S(t) = OPEN label_t S(c_1) … S(c_n) CLOSE

A node whose children do not cover its text (blanks aside; inside of strings blanks, too) is written as a leaf. Blanks
between leaves are not written: `detokenised` puts them back so that the same tree is parsed again, from the node types
alone. A model's output need not close: `closed` mends it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from phloem.errors import PhloemError
from phloem.languages.base import Language
from phloem.languages.tree import Tree, subtree_stops
from phloem.represent.flat_ast import is_leaf, kind_names


class Open(NamedTuple):
    """Where a node of the type `kind` begins: OPEN and the label together."""

    kind: str


class Close(NamedTuple):
    """Where the innermost open node ends."""


Element = Open | Close | str  # a string is a leaf's text
CLOSE = Close()

# Nodes whose text is a string's or a comment's, blanks and all.
_QUOTED = frozenset(
    {
        "string",
        "string_literal",
        "character_literal",
        "template_string",
        "interpolated_string_expression",
        "verbatim_string_literal",
        "raw_string_literal",
    }
)
_SUITES = frozenset({"block", "module"})  # of Python: children are lines
_LINE_COMMENTS = {"python": ("#",), "java": ("//",), "csharp": ("//", "#")}  # and C#'s directives
STEP = "    "
LAID_OUT = tuple(_LINE_COMMENTS)


def serialized(tree: Tree, language: Language) -> list[Element]:
    """S of the tree's root."""
    kinds = kind_names(tree, language)
    stops = subtree_stops(tree.parent).tolist()
    leaf = is_leaf(tree, _quoted(kinds, stops)).tolist()
    elements: list[Element] = []
    open_: list[int] = []
    node = 0
    while node < len(kinds):
        while open_ and open_[-1] <= node:
            elements.append(CLOSE)
            open_.pop()
        if leaf[node]:
            elements.append(tree.text(node))
            node = stops[node]
        else:
            elements.append(Open(kinds[node]))
            open_.append(stops[node])
            node += 1
    elements += [CLOSE] * len(open_)
    return elements


def _quoted(kinds: Sequence[str], stops: Sequence[int]) -> Bool[np.ndarray, " nodes"]:
    """The nodes that are strings or lie in one."""
    marked = np.zeros(len(kinds), bool)
    for node, kind in enumerate(kinds):
        if kind in _QUOTED:
            marked[node : stops[node]] = True
    return marked


def closed(elements: Iterable[Element]) -> list[Element]:
    """The same with what was left open closed at the end, and closings without an opening left out."""
    found: list[Element] = []
    depth = 0
    for element in elements:
        if isinstance(element, Close):
            if depth == 0:
                continue
            depth -= 1
        elif isinstance(element, Open):
            depth += 1
        found.append(element)
    return found + [CLOSE] * depth


def is_closed(elements: Iterable[Element]) -> bool:
    """Whether every opening has its closing, in order."""
    depth = 0
    for element in elements:
        depth += isinstance(element, Open) - isinstance(element, Close)
        if depth < 0:
            return False
    return depth == 0


def detokenised(elements: Sequence[Element], language: str) -> str:
    """Source text whose tree is this one, for code that parses.

    Python's lines and blocks follow from the node types; in other languages leaves are parted by blanks, a comment to
    the end of the line by a line's end. Strings are put together without blanks. Raises PhloemError for elements that
    are not closed, and for a language whose layout is not known here.
    """
    if language not in LAID_OUT:
        raise PhloemError(f"no layout of {language} is known: there are {', '.join(LAID_OUT)}")
    if not is_closed(elements):
        raise PhloemError("the tree is not closed")
    writer = (_Python if language == "python" else _Free)(_LINE_COMMENTS[language])
    for element in elements:
        if isinstance(element, Open):
            writer.open(element.kind)
        elif isinstance(element, Close):
            writer.close()
        else:
            writer.leaf(element)
    return "".join(writer.pieces) + ("\n" if language == "python" else "")


class _Free:
    """Writes languages in which a line's end is a blank like others."""

    def __init__(self, comments: tuple[str, ...]) -> None:
        self.comments = comments
        self.pieces: list[str] = []
        self.kinds: list[str] = []
        self.quoted = 0
        self.joined = True  # nothing comes between the last leaf and the next one

    def open(self, kind: str) -> None:
        self.part()
        self.kinds.append(kind)
        if kind in _QUOTED:
            self.joined = self.joined or self.quoted > 0
            self.quoted += 1
            if self.quoted == 1:
                self.separate()

    def close(self) -> None:
        kind = self.kinds.pop()
        if kind in _QUOTED:
            self.quoted -= 1

    def part(self) -> None:
        """What comes before a node or leaf that the types say."""

    def leaf(self, text: str) -> None:
        self.part()
        if self.quoted == 0:
            self.separate()
        self.pieces.append(text)
        self.joined = False
        if self.ends_line(text):
            self.pieces.append("\n")
            self.joined = True

    def ends_line(self, text: str) -> bool:
        """A comment to the end of the line."""
        return self.quoted == 0 and text.startswith(self.comments)

    def separate(self) -> None:
        if not self.joined and self.pieces:
            self.pieces.append(" ")
        self.joined = True


class _Python(_Free):
    """Writes statements on lines of their own, indented by the blocks around them."""

    def __init__(self, comments: tuple[str, ...]) -> None:
        super().__init__(comments)
        self.depth = 0
        self.last: list[str] = [""]  # the last child of each open node
        self.begun = True  # a line is open that may be written to

    def open(self, kind: str) -> None:
        super().open(kind)
        self.last[-1] = kind
        self.last.append("")
        if kind == "block":
            self.depth += 1
            self.begun = False

    def close(self) -> None:
        kind = self.kinds[-1]
        super().close()
        self.last.pop()
        if kind == "block":
            self.depth -= 1
        if kind in ("block", "decorator"):
            self.begun = False

    def leaf(self, text: str) -> None:
        if text == ";" and self.kinds and self.kinds[-1] in _SUITES:
            self.begun, self.joined = True, False
            self.last[-1] = ";"
        super().leaf(text)
        self.last[-1] = text
        if text.startswith("\\"):  # a line that goes on
            self.joined = True
        if self.ends_line(text):
            self.begun = False

    def part(self) -> None:
        line = bool(self.kinds) and self.kinds[-1] in _SUITES and self.last[-1] != ";"
        if line or not self.begun:
            if self.pieces:
                if not self.pieces[-1].endswith("\n"):
                    self.pieces.append("\n")
                self.pieces.append(STEP * self.depth)
            self.begun, self.joined = True, True
