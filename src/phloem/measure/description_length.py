"""The length in bits of a network's weights, as a message that decodes to the same weights.

For bounds that count a model's description (Lotfi et al., "PAC-Bayes Compression Bounds So Tight That They Can Explain
Generalization", 2022; Goldblum et al. 2024). Each tensor is rounded to integers of -(2^{b-1} - 1) … 2^{b-1} - 1 times a
scale of its own; the message holds

    the number of tensors, their shapes and scales | the bits b | how often each level occurs | the levels

with counts in Elias's gamma code (1975) and levels entropy coded by an asymmetric numeral system (Duda 2009) on one
integer without bound, which is within a few bits of the entropy under those counts. Nothing is left out: who has the
message and the architecture's program has the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

TENSORS, AXES, SIZE, SCALE, LEVELS = 8, 4, 16, 32, 4  # bits of the header's numbers


class Quantised(NamedTuple):
    """A tensor as scale × levels."""

    levels: Int[np.ndarray, "..."]
    scale: np.float32

    @property
    def values(self) -> Float[np.ndarray, "..."]:
        return self.levels.astype(np.float32) * self.scale


def quantised(tensor: Float[np.ndarray, "..."], bits: int) -> Quantised:
    """To the nearest level; the largest weight is on the last one."""
    top = (1 << (bits - 1)) - 1
    scale = np.float32(np.abs(tensor).max() / top) if tensor.any() else np.float32(1.0)
    return Quantised(np.clip(np.rint(tensor / scale), -top, top).astype(np.int64), scale)


def encode(tensors: Sequence[Quantised], bits: int) -> str:
    """The message, as a string of 0 and 1.

    Raises:
        ValueError: more tensors, axes or places than the header has room for, or a level beyond the bits.
    """
    top = (1 << (bits - 1)) - 1
    parts = [_fixed(len(tensors), TENSORS), _fixed(bits, LEVELS)]
    for one in tensors:
        parts.append(_fixed(one.levels.ndim, AXES))
        parts += [_fixed(size, SIZE) for size in one.levels.shape]
        parts.append(_fixed(int(np.float32(one.scale).view(np.uint32)), SCALE))
    symbols = np.concatenate([one.levels.ravel() for one in tensors]) + top if tensors else np.zeros(0, np.int64)
    if len(symbols) and (symbols.min() < 0 or symbols.max() > 2 * top):
        raise ValueError(f"levels of {bits} bits are between -{top} and {top}")
    counts = np.bincount(symbols, minlength=2 * top + 1).tolist()
    parts += [_gamma(count + 1) for count in counts]
    return "".join(parts) + _pushed(symbols.tolist(), counts)


def decode(message: str) -> list[Quantised]:
    """The tensors of a message."""
    reader = _Reader(message)
    count, bits = reader.fixed(TENSORS), reader.fixed(LEVELS)
    headers = []
    for _ in range(count):
        shape = tuple(reader.fixed(SIZE) for _ in range(reader.fixed(AXES)))
        headers.append((shape, np.uint32(reader.fixed(SCALE)).view(np.float32)))
    top = (1 << (bits - 1)) - 1
    counts = [reader.gamma() - 1 for _ in range(2 * top + 1)]
    levels = np.array(_popped(reader.rest(), counts), dtype=np.int64) - top
    tensors, start = [], 0
    for shape, scale in headers:
        size = int(np.prod(shape))
        tensors.append(Quantised(levels[start : start + size].reshape(shape), scale))
        start += size
    return tensors


def _fixed(number: int, width: int) -> str:
    if number >= 1 << width:
        raise ValueError(f"{number} does not fit {width} bits")
    return f"{number:0{width}b}"


def _gamma(number: int) -> str:
    digits = f"{number:b}"
    return "0" * (len(digits) - 1) + digits


def _pushed(symbols: list[int], counts: list[int]) -> str:
    """x ← ⌊x / f⌋ n + F + (x mod f) for each symbol, of frequency f behind a cumulated F, the last one first."""
    starts, total, state = np.cumsum([0, *counts]).tolist(), sum(counts), 1
    for symbol in reversed(symbols):
        whole, part = divmod(state, counts[symbol])
        state = whole * total + starts[symbol] + part
    return f"{state:b}"


def _popped(digits: str, counts: list[int]) -> list[int]:
    starts, total, state, symbols = np.cumsum([0, *counts]), sum(counts), int(digits, 2), []
    for _ in range(total):
        whole, slot = divmod(state, total)
        symbol = int(np.searchsorted(starts, slot, side="right")) - 1
        state = whole * counts[symbol] + slot - int(starts[symbol])
        symbols.append(symbol)
    return symbols


class _Reader:
    def __init__(self, message: str) -> None:
        self.message, self.place = message, 0

    def fixed(self, width: int) -> int:
        self.place += width
        return int(self.message[self.place - width : self.place], 2)

    def gamma(self) -> int:
        zeros = self.message.index("1", self.place) - self.place
        self.place += zeros
        return self.fixed(zeros + 1)

    def rest(self) -> str:
        return self.message[self.place :]
