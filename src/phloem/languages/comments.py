"""Doc comments: which comments before a definition document it, and what they say.

Grammars put a comment wherever their rules allow: beside the definition, inside the class's header, after the
previous body. So comments are looked up by their bytes: only white space (and attributes) may lie between.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from inspect import cleandoc

import numpy as np

from phloem.languages.base import Language
from phloem.languages.tree import Tree

_FURTHEST = 4096  # bytes of white space; a bound, so that no function makes us read the file again
_LINE_MARKS = re.compile(r"^[ \t]*(?:///?[!/]?<?|#+)", re.MULTILINE)
_STARS = re.compile(r"^[ \t]*\*+(?!/)", re.MULTILINE)


@dataclass(frozen=True)
class CommentRules:
    """What a doc comment looks like in a language.

    `openings`: how it begins. `adjacent`: no empty line may part it from the definition, as where any comment may
    document. `ignored`: beginnings of comments that speak to tools, not to readers.
    """

    openings: tuple[str, ...]
    adjacent: bool = False
    ignored: tuple[str, ...] = ()
    attributes: frozenset[str] = frozenset()  # kinds that may lie between the comment and the definition


class Comments:
    """The comments of a file in source order, to look up those that document a definition."""

    def __init__(self, tree: Tree, language: Language, rules: CommentRules) -> None:
        comment = language.kind_mask(language.comment_kinds)
        items = np.flatnonzero((comment | language.kind_mask(rules.attributes))[tree.kind])
        self._source = tree.source
        self._adjacent = rules.adjacent
        self._openings = tuple(opening.encode() for opening in rules.openings)
        self._ignored = tuple(beginning.encode() for beginning in ("/**/", *rules.ignored))
        self._starts: list[int] = tree.start[items].tolist()
        self._ends: list[int] = tree.end[items].tolist()
        self._is_comment: list[bool] = comment[tree.kind[items]].tolist()

    def before(self, anchor: int) -> tuple[str, tuple[int, int]] | None:
        """The text and the byte span of the doc comment that ends before the byte `anchor`."""
        block: list[tuple[int, int]] = []
        below = anchor
        for item in range(bisect_left(self._starts, anchor) - 1, -1, -1):
            start = self._starts[item]
            end = start + len(self._source[start : self._ends[item]].rstrip())
            if not end <= below <= end + _FURTHEST:
                break
            gap = self._source[end:below]
            if gap.strip():
                break
            if not self._is_comment[item]:
                below = start
                continue
            if self._source.startswith(self._ignored, start):
                below = start
                continue
            lines = gap.count(b"\n")
            if not self._source.startswith(self._openings, start) or (lines and not self._first_on_its_line(start)):
                if self._adjacent or block:
                    break
                below = start
                continue
            if (self._adjacent or block) and lines > 1:
                break
            is_block = self._source.startswith((b"/*", b"=begin"), start)
            if block and is_block:
                break
            block.append((start, end))
            below = start
            if is_block:
                break
        if not block:
            return None
        block.reverse()
        texts = [self._source[start:end].decode("utf-8", "replace") for start, end in block]
        return clean(texts), (block[0][0], block[-1][1])

    def _first_on_its_line(self, start: int) -> bool:
        return not self._source[self._source.rfind(b"\n", 0, start) + 1 : start].strip()


def clean(comments: list[str]) -> str:
    """The text of one block comment, or of the line comments of one block: without markers and indentation.

    >>> clean(["/**", " * Adds.", " */"])
    'Adds.'
    """
    text = "\n".join(comments).replace("\r\n", "\n")
    if text.startswith("/*"):
        text = text[2:].removesuffix("*/").rstrip("*")
        text = _STARS.sub("", text.lstrip("*!"))
    elif text.startswith("=begin"):
        text = text.removeprefix("=begin").removesuffix("=end")
    else:
        text = _LINE_MARKS.sub("", text)
    return cleandoc(text).strip()
