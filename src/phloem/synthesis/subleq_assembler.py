"""SUBLEQ, the computer with one instruction: its assembler, its interpreter and three programs.

    sub a b c        mem[b] -= mem[a]; if mem[b] <= 0 go on at c, else with the next instruction

Numbers are N bits in two's complement and wrap. A program halts at an instruction that goes on at itself and changes
nothing. Source text has one instruction or cell a line; a comment begins with #:

    x: 6                         a cell with a value
    loop: sub neg result         an instruction with a label; where no target is given it is the next one
          sub one y done
          sub zero zero loop
    done: halt                   sub zero zero done
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phloem.errors import PhloemError

MOST_LINES = 100_000


class Instruction(NamedTuple):
    """Numbers of cells, and the number of the instruction to go on at."""

    subtrahend: int
    minuend: int
    target: int


class SubleqProgram(NamedTuple):
    instructions: tuple[Instruction, ...]
    memory: tuple[int, ...]
    names: tuple[str, ...] = ()  # of the cells


class SubleqState(NamedTuple):
    memory: tuple[int, ...]
    place: int  # of the next instruction


def wrapped(value: int, bits: int) -> int:
    """A number in two's complement of so many bits."""
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def step(program: SubleqProgram, state: SubleqState, bits: int) -> SubleqState:
    """One instruction. Raises PhloemError behind the last one: a program ends with `halt` or a jump."""
    if state.place >= len(program.instructions):
        raise PhloemError("the program runs behind its last instruction")
    instruction = program.instructions[state.place]
    memory = list(state.memory)
    result = wrapped(memory[instruction.minuend] - memory[instruction.subtrahend], bits)
    memory[instruction.minuend] = result
    return SubleqState(tuple(memory), instruction.target if result <= 0 else state.place + 1)


def trace(program: SubleqProgram, steps: int, bits: int = 8) -> list[SubleqState]:
    """The states after each of so many instructions."""
    state, states = SubleqState(tuple(wrapped(value, bits) for value in program.memory), 0), []
    for _ in range(steps):
        state = step(program, state, bits)
        states.append(state)
    return states


def halts_at(program: SubleqProgram) -> set[int]:
    """Instructions that go on at themselves with a cell minus itself."""
    return {
        place
        for place, (subtrahend, minuend, target) in enumerate(program.instructions)
        if target == place and subtrahend == minuend
    }


def assemble(source: str) -> SubleqProgram:
    """The program of a source text. Raises PhloemError with the line that is wrong."""
    cells: dict[str, int] = {}
    labels: dict[str, int] = {}
    lines: list[tuple[int, list[str]]] = []
    for number, text in enumerate(source.splitlines()[:MOST_LINES], start=1):
        text = text.partition("#")[0].strip()
        label, colon, rest = text.partition(":")
        words = (rest if colon else text).split()
        if not text:
            continue
        if colon and len(words) == 1 and words[0].lstrip("-").isdigit():
            cells[label.strip()] = int(words[0])
            continue
        if colon:
            labels[label.strip()] = len(lines)
        if words:
            lines.append((number, words))
    if any(words == ["halt"] for _, words in lines):
        cells.setdefault("zero", 0)
    names = tuple(cells)
    made = tuple(_instruction(place, number, words, names, labels) for place, (number, words) in enumerate(lines))
    if not made:
        raise PhloemError("a SUBLEQ program needs an instruction")
    return SubleqProgram(made, tuple(cells.values()), names)


def _instruction(place: int, line: int, words: list[str], names: Sequence[str], labels: dict[str, int]) -> Instruction:
    if words == ["halt"]:
        zero = names.index("zero")
        return Instruction(zero, zero, place)
    if words[0] != "sub" or not 3 <= len(words) <= 4:
        raise PhloemError(f"line {line}: expected `sub A B [LABEL]` or `halt`, found {' '.join(words)!r}")
    for name in words[1:3]:
        if name not in names:
            raise PhloemError(f"line {line}: no cell is called {name!r}")
    if len(words) == 4 and words[3] not in labels:
        raise PhloemError(f"line {line}: no instruction is called {words[3]!r}")
    target = labels[words[3]] if len(words) == 4 else place + 1
    return Instruction(names.index(words[1]), names.index(words[2]), target)


def random_program(rng: np.random.Generator, cells: int, instructions: int, bits: int = 8) -> SubleqProgram:
    """Random instructions on random cells, ended by a halt; cell 0 holds 0 and is never written."""
    memory = (0, *(int(value) for value in rng.integers(-(1 << bits - 1), 1 << bits - 1, cells - 1)))
    made = [
        Instruction(int(rng.integers(cells)), int(rng.integers(1, cells)), int(rng.integers(instructions)))
        for _ in range(instructions - 1)
    ]
    return SubleqProgram((*made, Instruction(0, 0, instructions - 1)), memory)


def multiply(x: int, y: int) -> SubleqProgram:
    """result = x · y by repeated addition, for y >= 1."""
    return assemble(
        f"""
        x: {x}
        y: {y}
        result: 0
        negative: 0
        one: 1
        zero: 0
              sub x negative
        loop: sub negative result
              sub one y done
              sub zero zero loop
        done: halt
        """
    )


def gcd(x: int, y: int) -> SubleqProgram:
    """The greatest common divisor of x, y >= 1, left in y, by subtracting the smaller from the larger."""
    return assemble(
        f"""
        x: {x}
        y: {y}
        t: 0
        difference: 0
        zero: 0
        loop:   sub t t
                sub y t
                sub difference difference
                sub t difference              # y
                sub x difference larger       # y - x
                sub x y
                sub zero zero loop
        larger: sub y x done
                sub zero zero loop
        done:   halt
        """
    )


def bubble_sort(values: Sequence[int]) -> SubleqProgram:
    """Cells v0, v1, … in rising order: neighbours are compared and exchanged, pass after pass."""
    cells = "".join(f"v{number}: {value}\n" for number, value in enumerate(values))
    code: list[str] = []
    for last in range(len(values) - 1, 0, -1):
        for number in range(last):
            code.append(_exchange(f"v{number}", f"v{number + 1}", len(code)))
    return assemble(cells + "t: 0\ndifference: 0\nzero: 0\n" + "".join(code) + "halt\n")


def _exchange(left: str, right: str, number: int) -> str:
    return f"""
        sub t t
        sub {right} t
        sub difference difference
        sub t difference                      # right
        sub {left} difference swap{number}    # right - left
        sub zero zero next{number}
        swap{number}: sub t t
        sub difference t                      # left - right
        sub difference {right}
        sub t {left}
        next{number}: sub t t
    """
