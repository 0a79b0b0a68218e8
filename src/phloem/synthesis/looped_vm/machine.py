"""Parts of looped computers: rows of the residual stream, reading and writing by address, gates and rounding.

Giannou et al. (ICML 2023, sections 3 and 4, appendix A). Columns are positions: first one scratchpad, then memory, then
instructions. The row block `position` holds the address p_i of a column in ±1, and 0 in the scratchpad; `scratch`
is 1 there alone. Since p_i · p_i = log n and p_i · p_j <= log n - 2, a softmax of sharpness λ is a lookup:

    read    key = query = position + pointer: the scratchpad, which has a pointer and no position, and the column that
            it points to share their attention in halves; all others read themselves. The head copies source and target
            rows into a buffer, so that the scratchpad's is (old + new)/2, and the feed-forward net adds 2 (buffer -
            old) to the target, in the scratchpad only
    write   the same pattern; the net adds it in all columns but the scratchpad. Columns that read themselves have
            buffer = old

A value v passes a gate g in {0, 1} as relu(v + C g - C) - relu(-v + C g - C), for C above its range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from phloem.errors import PhloemError
from phloem.nn.handset_transformer import HandsetTransformer, Head, Units

LARGE = 100.0  # C
SHARPNESS = 10.0  # λ, as released
ROUNDED = 0.5  # bits that are off by less are put right


def sufficient_sharpness(columns: int, error: float) -> float:
    """λ = log(n³/ε): every row of attention is within ε of the lookup."""
    return math.log(columns**3 / error)


class Rows:
    """Blocks of channels by name."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.blocks: dict[str, range] = {}
        self.width = 0
        for name, size in sizes.items():
            self.blocks[name] = range(self.width, self.width + size)
            self.width += size

    def __getitem__(self, name: str) -> range:
        return self.blocks[name]


class LayerPlan:
    """One layer while it is written: its heads and its hidden units."""

    def __init__(self, rows: Rows, sharpness: float) -> None:
        self.rows, self.sharpness, self.units = rows, sharpness, Units()
        self.heads: list[Head] = []
        self.buffered = 0

    # Attention

    def exchange(self, pointer: str, moves: Sequence[tuple[str, str]]) -> list[tuple[range, range]]:
        """A head that brings each source, and each target as it was, into a buffer; pairs (buffer, target)."""
        rows, size = self.rows, len(self.rows["position"])
        unit = torch.eye(rows.width, dtype=torch.float64)
        address = unit[list(rows["position"])] + unit[list(rows[pointer])]
        value, out, pairs = [], [], []
        for source, target in moves:
            if len(rows[source]) != len(rows[target]):
                raise ValueError(f"{source} and {target} have different sizes")
            start = rows["buffer"].start + self.buffered
            buffer = range(start, start + len(rows[target]))
            self.buffered += len(buffer)
            if buffer.stop > rows["buffer"].stop:
                raise ValueError("the buffer is too small")
            value.append(unit[list(rows[source])] + unit[list(rows[target])])
            out.append(unit[:, list(buffer)])
            pairs.append((buffer, rows[target]))
        self.heads.append(Head(address, address, torch.cat(value), torch.cat(out, dim=1), self.sharpness))
        assert len(address) == size
        return pairs

    def read(self, pointer: str, moves: Sequence[tuple[str, str]]) -> None:
        """Into the scratchpad: targets become what the column has in the sources."""
        for buffer, target in self.exchange(pointer, moves):
            for new, old in zip(buffer, target, strict=True):
                self.scratch_only({new: 2.0, old: -2.0}, 0.0, {old: 1.0})
                self.clear(new)

    def write(self, pointer: str, source: str, target: str) -> None:
        """Into the column that the scratchpad points to: its target becomes the scratchpad's source."""
        for buffer, place in self.exchange(pointer, [(source, target)]):
            for new, old in zip(buffer, place, strict=True):
                off = self.rows["scratch"].start
                for sign in (1.0, -1.0):
                    self.units.add({new: 2 * sign, old: -2 * sign, off: -LARGE}, 0.0, {old: sign})
                self.clear(new)

    # The feed-forward net

    def scratch_only(
        self, inputs: Mapping[int, float], bias: float, outputs: Mapping[int, float], *, large: float = LARGE
    ) -> None:
        """Add a linear function of the column to `outputs`, in the scratchpad; elsewhere nothing."""
        self.gated(inputs, bias, outputs, {self.rows["scratch"].start: 1.0}, 1.0, large=large)

    def gated(
        self,
        inputs: Mapping[int, float],
        bias: float,
        outputs: Mapping[int, float],
        gates: Mapping[int, float],
        threshold: float,
        *,
        large: float = LARGE,
    ) -> None:
        """Add a linear function where the sum of gates reaches `threshold`, and nothing where it is 1 less or lower."""
        for sign in (1.0, -1.0):
            weights = {channel: sign * weight for channel, weight in inputs.items()}
            for channel, weight in gates.items():
                weights[channel] = weights.get(channel, 0.0) + large * weight
            self.units.add(
                weights, sign * bias - large * threshold, {channel: sign * each for channel, each in outputs.items()}
            )

    def relu_in_scratch(
        self, inputs: Mapping[int, float], bias: float, outputs: Mapping[int, float], *, large: float = LARGE
    ) -> None:
        """Add relu(inputs · x + bias) in the scratchpad."""
        scratch = self.rows["scratch"].start
        self.units.add({**inputs, scratch: inputs.get(scratch, 0.0) + large}, bias - large, outputs)

    def clear(self, *channels: int) -> None:
        """Make them 0, in all columns."""
        for channel in channels:
            self.units.add({channel: 1.0}, 0.0, {channel: -1.0})
            self.units.add({channel: -1.0}, 0.0, {channel: 1.0})

    def clamp(self, *channels: int) -> None:
        """Round to -1 or 1 what is at least ROUNDED away from 0, and leave 0: x <- relu(2x+1) - relu(2x-1) - 1."""
        for channel in channels:
            self.clear(channel)
            self.units.add({channel: 1 / ROUNDED}, 1.0, {channel: 1.0})
            self.units.add({channel: 1 / ROUNDED}, -1.0, {channel: -1.0})
            self.units.shift[channel] = -1.0

    # Arithmetic of bits in ±1, the lowest first; results are added to rows that are 0

    def add_numbers(self, left: range, right: range, result: range, *, subtract: bool = False) -> None:
        """result = left + right, or left - right = left + not right + 1, modulo 2^N. The carry into bit j is whether
        the lower bits' sum reaches 2^j; sums are whole numbers, so that two relus are a step."""
        sign, size = (-1.0 if subtract else 1.0), len(left)
        large = 2.0 ** (size + 3)
        carry_in = 1.0 if subtract else 0.0
        for bit in range(size):
            # 2 (l + r) - 1 of bits l = (1 + left)/2 and r = (1 ± right)/2
            self.scratch_only({left[bit]: 1.0, right[bit]: sign}, 1.0, {result[bit]: 1.0}, large=large)
            outputs = {result[bit]: 2.0} | ({result[bit - 1]: -4.0} if bit else {})
            self._carry(left, right, sign, bit, carry_in, outputs, large)
        self._carry(left, right, sign, size, carry_in, {result[size - 1]: -4.0}, large)

    def _carry(
        self,
        left: range,
        right: range,
        sign: float,
        bit: int,
        carry_in: float,
        outputs: Mapping[int, float],
        large: float,
    ) -> None:
        weights: dict[int, float] = {}
        for lower in range(bit):
            weights[left[lower]] = weights.get(left[lower], 0.0) + 2.0**lower / 2
            weights[right[lower]] = weights.get(right[lower], 0.0) + sign * 2.0**lower / 2
        total = carry_in + sum(2.0**lower for lower in range(bit))
        for offset, factor in ((1.0, 1.0), (0.0, -1.0)):
            bias = total - 2.0**bit + offset
            self.relu_in_scratch(
                weights, bias, {channel: factor * each for channel, each in outputs.items()}, large=large
            )

    def increment(self, number: range, result: range) -> None:
        """result = number + 1: a carry into bit j is the AND of the lower bits."""
        size = len(number)
        for bit in range(size):
            self.scratch_only({number[bit]: 1.0}, 0.0, {result[bit]: 1.0})
            outputs = {result[bit]: 2.0} | ({result[bit - 1]: -4.0} if bit else {})
            weights = {number[lower]: 0.5 for lower in range(bit)}
            self.relu_in_scratch(weights, bit / 2 - (bit - 1), outputs)
        self.relu_in_scratch(dict.fromkeys(number, 0.5), size / 2 - (size - 1), {result[size - 1]: -4.0})

    def not_positive(self, number: range, flag: int) -> None:
        """flag += 1 where the number in two's complement is <= 0: its sign bit, or all bits 0."""
        self.scratch_only({number[-1]: 0.5}, 0.5, {flag: 1.0})
        weights = dict.fromkeys(number, -0.5)
        self.relu_in_scratch(weights, 1 - len(number) / 2, {flag: 1.0})

    def choose(self, flag: int, yes: range, no: range, target: range) -> None:
        """target becomes `yes` where the flag is 1 and `no` where it is 0, for rows of ±1 or 0."""
        for one, other, place in zip(yes, no, target, strict=True):
            self.clear(place)
            for sign in (1.0, -1.0):
                self.units.add({one: sign, flag: 1.0}, -1.0, {place: sign})
                self.units.add({other: sign, flag: -1.0}, 0.0, {place: sign})


def build(rows: Rows, plans: Sequence[LayerPlan]) -> HandsetTransformer:
    """The transformer of these layers."""
    heads = [max(1, len(plan.heads)) for plan in plans]
    size = max(max(len(head.key), len(head.value)) for plan in plans for head in plan.heads)
    width = HandsetTransformer.fitting(rows.width, size, heads)
    net = HandsetTransformer(width, heads, [max(1, len(plan.units)) for plan in plans])
    for layer, plan in zip(net.stack(), plans, strict=True):
        layer.set_heads([_widened(head, width) for head in plan.heads])
        layer.set_units(*plan.units.matrices(width))
    return net.eval()


def _widened(head: Head, width: int) -> Head:
    def wide(matrix: Tensor) -> Tensor:
        return torch.nn.functional.pad(matrix, (0, width - matrix.shape[1]))

    return Head(wide(head.key), wide(head.query), wide(head.value), wide(head.out.T).T, head.sharpness)


def signs(number: int, bits: int) -> Float[Tensor, " bits"]:
    """A number in two's complement as ±1, the lowest bit first."""
    return torch.tensor([1.0 if number >> bit & 1 else -1.0 for bit in range(bits)], dtype=torch.float64)


def number_of(bits: Float[Tensor, "*numbers bits"]) -> Tensor:
    """The inverse of `signs`, 0 to 2^bits - 1."""
    weights = 2 ** torch.arange(bits.shape[-1])
    return ((bits > 0).long() * weights).sum(dim=-1)


def address_bits(columns: int) -> int:
    """log n. Raises PhloemError where the columns are no power of 2."""
    if columns < 4 or columns & (columns - 1):
        raise PhloemError(f"a looped computer has 4, 8, 16, … columns, not {columns}")
    return columns.bit_length() - 1
