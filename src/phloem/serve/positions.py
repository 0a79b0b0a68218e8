"""Between bytes of a source and positions of an editor: a line from 0, and a column in the editor's units.

The Language Server Protocol counts columns in UTF-16 code units unless client and server agree otherwise, and ends
lines at line feeds and carriage returns only.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
_WIDTH = {"utf-16": 2, "utf-32": 4}
_END = re.compile(rb"\r\n|\n|\r")


class Lines:
    """The lines of a source in UTF-8."""

    def __init__(self, source: bytes, encoding: Encoding = "utf-16") -> None:
        self.source = source
        self.encoding = encoding
        ends = list(_END.finditer(source))
        self.starts = [0, *(end.end() for end in ends)]
        self.ends = [*(end.start() for end in ends), len(source)]

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of a byte.

        >>> Lines("é = 𝒙\\n".encode()).position(9)
        (0, 6)
        """
        line = bisect_right(self.starts, offset) - 1
        before = self.source[self.starts[line] : min(offset, self.ends[line])]
        return line, self._units(before)

    def offset(self, line: int, column: int) -> int:
        """The byte at a line and column; the nearest there is for what lies outside.

        >>> Lines("é = 𝒙\\n".encode()).offset(0, 4)
        5
        """
        if line < 0:
            return 0
        if line >= len(self.starts):
            return len(self.source)
        start, end = self.starts[line], self.ends[line]
        text = self.source[start:end]
        if text.isascii() or self.encoding == "utf-8":
            return start + max(0, min(column, len(text)))
        units = 0
        for i, character in enumerate(decoded := text.decode("utf-8", "replace")):
            units += len(character.encode(self._codec)) // _WIDTH[self.encoding]
            if units > column:
                return start + len(decoded[:i].encode())
        return end

    def _units(self, text: bytes) -> int:
        if text.isascii() or self.encoding == "utf-8":
            return len(text)
        return len(text.decode("utf-8", "replace").encode(self._codec)) // _WIDTH[self.encoding]

    @property
    def _codec(self) -> str:
        return f"{self.encoding}-le"
