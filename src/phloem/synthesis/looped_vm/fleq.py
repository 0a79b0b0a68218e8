"""FLEQ: a looped transformer with functions, of which SUBLEQ's subtraction is one.

Giannou et al. (ICML 2023, section 5): an instruction is

    mem[c] = f_m(mem[a], mem[b]);  if mem[flag] <= 0 go on at p, else with the next instruction

All functions are computed side by side in rows of their own, and the instruction's indicator lets one of them through.
Here the functions are those of a calculator: add, subtract, and compare (1 where a > b, else 0).

    1  fetch    2  operands    3  all functions                4  the one that is asked    5  write
    6  the flag's cell is read    7  whether it is <= 0, counter + 1    8  branch    9  round

Multiplication is a program: repeated addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from phloem.errors import PhloemError
from phloem.nn.handset_transformer import HandsetTransformer
from phloem.synthesis.looped_vm.machine import SHARPNESS, LayerPlan, Rows, address_bits, build, number_of, signs
from phloem.synthesis.subleq_assembler import wrapped

FUNCTIONS = ("add", "subtract", "compare")
BITS = 8


class Fleq(NamedTuple):
    """mem[result] = function(mem[left], mem[right]); if mem[flag] <= 0 go on at target. Numbers are of cells and of
    instructions."""

    function: str
    left: int
    right: int
    result: int
    flag: int
    target: int


class FleqProgram(NamedTuple):
    instructions: tuple[Fleq, ...]
    memory: tuple[int, ...]


def step(program: FleqProgram, memory: Sequence[int], place: int, bits: int = BITS) -> tuple[list[int], int]:
    """The meaning: the memory and the next instruction after one."""
    function, left, right, result, flag, target = program.instructions[place]
    after = list(memory)
    values = {
        "add": memory[left] + memory[right],
        "subtract": memory[left] - memory[right],
        "compare": int(memory[left] > memory[right]),
    }
    after[result] = wrapped(values[function], bits)
    return after, target if after[flag] <= 0 else place + 1


def multiply(x: int, y: int) -> FleqProgram:
    """Cell 2 becomes x · y, for 0 <= y: y times x is added."""
    x_cell, y_cell, total, one, zero = range(5)
    return FleqProgram(
        (
            Fleq("add", zero, zero, zero, y_cell, 4),  # y = 0: nothing to add
            Fleq("add", total, x_cell, total, one, 0),
            Fleq("subtract", y_cell, one, y_cell, y_cell, 4),
            Fleq("add", zero, zero, zero, zero, 1),
            Fleq("add", zero, zero, zero, zero, 4),
        ),
        (x, y, 0, 1, 0),
    )


class FleqComputer:
    """The network for programs of up to `columns` - 1 cells and instructions together."""

    def __init__(self, columns: int = 16, bits: int = BITS, sharpness: float = SHARPNESS) -> None:
        self.columns, self.bits = columns, bits
        address = address_bits(columns)
        self.fields = ("left", "right", "result", "flag", "target")
        pointers = {f"at {name}": address for name in self.fields}
        self.rows = Rows(
            {"memory": bits, "position": address, "scratch": 1}
            | {f"instruction {name}": address for name in self.fields}
            | {"instruction function": len(FUNCTIONS), "counter": address, "next": address}
            | pointers
            | {"asked": len(FUNCTIONS), "left": bits, "right": bits, "result": bits, "flag": bits}
            | {f"of {name}": bits for name in FUNCTIONS if name != "compare"}
            | {"larger": 1, "go": 1, "buffer": max(5 * address + len(FUNCTIONS), 2 * bits)}
        )
        self.net: HandsetTransformer = build(self.rows, self._layers(sharpness))

    def _layers(self, sharpness: float) -> list[LayerPlan]:
        rows = self.rows
        fetch, operands, compute, select, store, flag, decide, branch, correct = (
            LayerPlan(rows, sharpness) for _ in range(9)
        )
        moves = [(f"instruction {name}", f"at {name}") for name in self.fields]
        fetch.read("counter", [*moves, ("instruction function", "asked")])
        operands.read("at left", [("memory", "left")])
        operands.read("at right", [("memory", "right")])
        compute.add_numbers(rows["left"], rows["right"], rows["of add"])
        compute.add_numbers(rows["left"], rows["right"], rows["of subtract"], subtract=True)
        self._compare(compute)
        self._select(select)
        store.write("at result", "result", "memory")
        flag.read("at flag", [("memory", "flag")])
        decide.not_positive(rows["flag"], rows["go"].start)
        decide.increment(rows["counter"], rows["next"])
        branch.choose(rows["go"].start, rows["at target"], rows["next"], rows["counter"])
        correct.clamp(*rows["memory"], *rows["counter"])
        names = [*(f"at {name}" for name in self.fields), "of add", "of subtract"]
        for name in [*names, "next", "asked", "left", "right", "result", "flag", "larger", "go"]:
            correct.clear(*rows[name])
        return [fetch, operands, compute, select, store, flag, decide, branch, correct]

    def _compare(self, plan: LayerPlan) -> None:
        """larger = relu(d) - relu(d - 1) for the difference d of the whole numbers."""
        rows = self.rows
        weights: dict[int, float] = {}
        for bit in range(self.bits):
            value = 2.0**bit * (-1 if bit == self.bits - 1 else 1) / 2  # of a bit in ±1
            weights |= {rows["left"][bit]: value, rows["right"][bit]: -value}
        target = rows["larger"].start
        for bias, factor in ((0.0, 1.0), (-1.0, -1.0)):
            plan.relu_in_scratch(weights, bias, {target: factor}, large=2.0 ** (self.bits + 3))

    def _select(self, plan: LayerPlan) -> None:
        """The result of the function whose indicator is 1; a comparison's is -1 in all bits but the lowest."""
        rows = self.rows
        for number, name in enumerate(FUNCTIONS):
            asked = {rows["asked"][number]: 1.0}
            for bit, target in enumerate(rows["result"]):
                if name != "compare":
                    plan.gated({rows[f"of {name}"][bit]: 1.0}, 0.0, {target: 1.0}, asked, 1.0)
                else:
                    inputs = {rows["larger"].start: 2.0} if bit == 0 else {}
                    plan.gated(inputs, -1.0, {target: 1.0}, asked, 1.0)

    def encode(self, program: FleqProgram) -> Float[Tensor, "columns width"]:
        """The columns of a program. Raises PhloemError where they are too many."""
        rows, cells, address = self.rows, len(program.memory), len(self.rows["position"])
        if 1 + cells + len(program.instructions) > self.columns:
            raise PhloemError(f"{cells} cells and {len(program.instructions)} instructions need more columns")
        x = torch.zeros(self.columns, self.net.width, dtype=torch.float64)
        for column in range(1, self.columns):
            x[column, rows["position"]] = signs(column, address)
        x[0, rows["scratch"]] = 1
        x[0, rows["counter"]] = signs(1 + cells, address)
        for cell, value in enumerate(program.memory):
            x[1 + cell, rows["memory"]] = signs(wrapped(value, self.bits), self.bits)
        for place, instruction in enumerate(program.instructions):
            own = x[1 + cells + place]
            numbers = [1 + cell for cell in instruction[1:5]] + [1 + cells + instruction.target]
            for name, number in zip(self.fields, numbers, strict=True):
                own[rows[f"instruction {name}"]] = signs(number, address)
            own[rows["instruction function"][FUNCTIONS.index(instruction.function)]] = 1
        return x

    @torch.no_grad()
    def run(self, programs: Sequence[FleqProgram], loops: int) -> list[list[int]]:
        """The memory of each program after so many loops."""
        x = torch.stack([self.encode(program) for program in programs])
        for _ in range(loops):
            x = self.net(x)
        memory = number_of(x[:, 1:][:, :, self.rows["memory"]]).tolist()
        return [
            [wrapped(value, self.bits) for value in row[: len(program.memory)]]
            for row, program in zip(memory, programs, strict=True)
        ]
