"""A stream of messages with lengths in their headers, none of which can fill the memory."""

from __future__ import annotations

import re
from typing import BinaryIO

LARGEST_MESSAGE = 64_000_000  # bytes
LONGEST_HEADER = 65_536
_LENGTH = re.compile(rb"content-length:[ \t]*([0-9]{1,18})[ \t]*\r?\n\Z", re.IGNORECASE)


class Bounded:
    """Standard input that no length in a header can make this process hold more than LARGEST_MESSAGE of."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def readline(self) -> bytes:
        """A line of a header; "" at the end.

        What stands before a length on its line is the rest of a message whose own length was wrong or missing: left
        out, or no later message would be found. No text of JSON holds such a line, for it escapes line ends.
        """
        line = self.stream.readline(LONGEST_HEADER)
        length = _LENGTH.search(line)
        if length is not None:
            return b"Content-Length: %s\r\n" % length[1]
        if line.lower().startswith(b"content-length"):
            return b"-\r\n"  # with no length that is one: for the reader a line of no meaning
        return b"\r\n" if line == b"\n" else line

    def read(self, size: int) -> bytes:
        """The bytes; of too many they are read past, and an empty message stands for them."""
        if size <= LARGEST_MESSAGE:
            return self.stream.read(size)
        while size > 0:
            part = self.stream.read(min(size, LARGEST_MESSAGE))
            if not part:
                return b""
            size -= len(part)
        return b"null"
