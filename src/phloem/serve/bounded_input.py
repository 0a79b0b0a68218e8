"""A stream of messages with lengths in their headers, none of which can fill the memory."""

from __future__ import annotations

from typing import BinaryIO

LARGEST_MESSAGE = 64_000_000  # bytes
LONGEST_HEADER = 65_536


class Bounded:
    """Standard input that no length in a header can make this process hold more than LARGEST_MESSAGE of."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def readline(self) -> bytes:
        return self.stream.readline(LONGEST_HEADER)

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
