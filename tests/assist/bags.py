"""An embedder of hashed bags of subtokens: small, real, and the same in every process."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from phloem.assist.search.lexical import words


class Bags:
    """The sign of a word's hash goes to the word's bucket; texts that share words are near each other."""

    def __init__(self, dimensions: int = 64) -> None:
        self.dimensions = dimensions
        self.identity = f"bags of {dimensions}"

    def queries(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in words(text):
                digest = zlib.crc32(word.encode())
                row[digest % self.dimensions] += 1 if digest >> 31 else -1
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(length > 0, length, 1)

    codes = queries
