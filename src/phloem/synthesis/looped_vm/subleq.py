"""A transformer that runs SUBLEQ programs when it is applied to its own output.

Giannou et al. (ICML 2023, section 4). One loop is one instruction, in six layers of at most two heads; the paper
counts nine, since it subtracts in three layers and has separate ones for pointer arithmetic, where here the carries of
all bits are steps of one layer and independent nets share a layer:

    1  the instruction at the program counter is read into the scratchpad
    2  both operands are read, a head each
    3  mem[b] - mem[a]
    4  the result is written to b; whether it is <= 0; the counter plus 1
    5  the counter becomes c or counter + 1
    6  memory and counter are rounded to ±1, everything else is cleared

The weights do not depend on the program: only the columns that they are applied to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from phloem.errors import PhloemError
from phloem.nn.handset_transformer import HandsetTransformer
from phloem.synthesis.looped_vm.machine import (
    SHARPNESS,
    LayerPlan,
    Rows,
    address_bits,
    build,
    number_of,
    signs,
)
from phloem.synthesis.subleq_assembler import SubleqProgram, wrapped

BITS = 8


class Facts(NamedTuple):
    """Counted from the network that was built."""

    layers: int
    heads: int  # most in one layer
    width: int
    units: int  # most in one layer


class LoopState(NamedTuple):
    """After one loop, for each program of a batch."""

    memory: Int64[Tensor, "batch cells"]  # 0 to 2^bits - 1
    largest_error: float  # of a memory bit before rounding


class SubleqComputer:
    """The network for programs of up to `columns` - 1 cells and instructions together."""

    def __init__(self, columns: int = 32, bits: int = BITS, sharpness: float = SHARPNESS) -> None:
        self.columns, self.bits = columns, bits
        address = address_bits(columns)
        pointers = dict.fromkeys(("counter", "a", "b", "c", "next"), address)
        instruction = dict.fromkeys(("instruction a", "instruction b", "instruction c"), address)
        self.rows = Rows(
            {"memory": bits, "position": address, "scratch": 1}
            | instruction
            | pointers
            | {"left": bits, "right": bits, "result": bits, "flag": 1, "buffer": max(3 * address, 2 * bits)}
        )
        self.net: HandsetTransformer = build(self.rows, self._layers(sharpness))

    def _layers(self, sharpness: float) -> list[LayerPlan]:
        rows = self.rows
        fetch, operands, subtract, store, branch, correct = (LayerPlan(rows, sharpness) for _ in range(6))
        fetch.read("counter", [(f"instruction {name}", name) for name in "abc"])
        operands.read("a", [("memory", "right")])
        operands.read("b", [("memory", "left")])
        subtract.add_numbers(rows["left"], rows["right"], rows["result"], subtract=True)
        store.write("b", "result", "memory")
        store.not_positive(rows["result"], rows["flag"].start)
        store.increment(rows["counter"], rows["next"])
        branch.choose(rows["flag"].start, rows["c"], rows["next"], rows["counter"])
        correct.clamp(*rows["memory"], *rows["counter"])
        for name in ("a", "b", "c", "next", "left", "right", "result", "flag"):
            correct.clear(*rows[name])
        return [fetch, operands, subtract, store, branch, correct]

    @property
    def facts(self) -> Facts:
        stack = self.net.stack()
        return Facts(
            len(stack),
            max(layer.used_heads() for layer in stack),
            self.net.width,
            max(layer.feed_forward.up.out_features for layer in stack),
        )

    def encode(self, program: SubleqProgram) -> Float[Tensor, "columns width"]:
        """The columns of a program: scratchpad, cells, instructions. Raises PhloemError where they are too many."""
        rows, cells = self.rows, len(program.memory)
        if 1 + cells + len(program.instructions) > self.columns:
            raise PhloemError(f"{cells} cells and {len(program.instructions)} instructions need more columns")
        x = torch.zeros(self.columns, self.net.width, dtype=torch.float64)
        address = len(rows["position"])
        for column in range(1, self.columns):
            x[column, rows["position"]] = signs(column, address)
        x[0, rows["scratch"]] = 1
        x[0, rows["counter"]] = signs(1 + cells, address)
        for cell, value in enumerate(program.memory):
            x[1 + cell, rows["memory"]] = signs(wrapped(value, self.bits), self.bits)
        for place, instruction in enumerate(program.instructions):
            own = x[1 + cells + place]
            target = instruction.target % len(program.instructions)
            for name, number in (
                ("a", 1 + instruction.subtrahend),
                ("b", 1 + instruction.minuend),
                ("c", 1 + cells + target),
            ):
                own[rows[f"instruction {name}"]] = signs(number, address)
        return x

    @torch.no_grad()
    def loops(self, x: Float[Tensor, "batch columns width"], cells: Sequence[int]) -> Iterator[LoopState]:
        """Loop for ever; `cells` says how many memory cells each program has (others are shown as 0)."""
        rows, stack = self.rows, self.net.stack()
        real = torch.arange(1, self.columns) <= torch.tensor(list(cells))[:, None]
        while True:
            for layer in stack[:-1]:
                x = layer(x)
            before = x[:, 1:][:, :, rows["memory"]][real]
            x = stack[-1](x)
            memory = number_of(x[:, 1:][:, :, rows["memory"]]) * real
            yield LoopState(memory, float((before.abs() - 1).abs().max()))

    def counters(self, x: Float[Tensor, "batch columns width"]) -> Int64[Tensor, " batch"]:
        """The columns that the program counters point to."""
        return number_of(x[:, 0, self.rows["counter"]])
