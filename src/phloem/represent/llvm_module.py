"""A module of LLVM IR as plain tuples: what its instructions are, which values they read, and where control goes.

llvmlite hands out handles of LLVM's own objects; here they are numbered once, so that everything that follows (program
graphs, counts, analyses) works on numbers and never touches LLVM. Values are one of

    instruction   by its number in its function (an SSA value if its type is not void)
    argument      by its number in its function
    constant      by its number in the module; LLVM keeps equal constants once, so that users share them
    function      by its number in the module
    block         by its number in its function
    other         metadata and inline assembler: named, not numbered

Successors of a terminator are in LLVM's order (getSuccessor): for a conditional branch the block taken when true comes
first, which in memory stands last.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any, Literal, NamedTuple

from phloem.corpora.llvm_ir import parse_ir
from phloem.errors import PhloemError

ValueKind = Literal["instruction", "argument", "constant", "function", "block", "other"]
_LINE = re.compile(r"  [^\s\]]")
_CALLS = frozenset({"call", "invoke", "callbr"})


class Operand(NamedTuple):
    kind: ValueKind
    number: int  # -1 for "other"
    type: str


class Instruction(NamedTuple):
    opcode: str
    text: str  # the statement as LLVM prints it (of a switch its first line)
    type: str  # of the value that it defines; "void" where it defines none
    operands: tuple[Operand, ...]
    successors: tuple[int, ...]  # blocks
    callee: int = -1  # the function that a direct call names


class Function(NamedTuple):
    name: str
    arguments: tuple[str, ...]  # their types
    blocks: tuple[int, ...]  # the first instruction of each block, and the number of instructions at the end
    instructions: tuple[Instruction, ...]

    @property
    def is_declaration(self) -> bool:
        return not self.instructions

    @property
    def successors(self) -> list[tuple[int, ...]]:
        """For every instruction those that can follow it, in order."""
        ends = {stop - 1 for stop in self.blocks[1:]}
        return [
            tuple(self.blocks[block] for block in each.successors) if number in ends else (number + 1,)
            for number, each in enumerate(self.instructions)
        ]


class Constant(NamedTuple):
    type: str
    text: str


class Module(NamedTuple):
    functions: tuple[Function, ...]
    constants: tuple[Constant, ...]


def read_module(ir: str) -> Module:
    """The tuples of textual IR. Raises PhloemError where LLVM does not read it."""
    return from_llvmlite(parse_ir(ir))


def from_llvmlite(module: Any) -> Module:
    """The tuples of an llvmlite module."""
    return _Reader(module).read()


def _address(value: Any) -> int:
    return ctypes.addressof(value._ptr.contents)  # the identity of LLVM's object, which llvmlite has no name for


class _Reader:
    """Numbers for one module's values."""

    def __init__(self, module: Any) -> None:
        self.functions = list(module.functions)
        self.function_numbers = {_address(function): number for number, function in enumerate(self.functions)}
        self.constant_numbers: dict[int, int] = {}
        self.constants: list[Constant] = []
        self.types: dict[int, str] = {}

    def read(self) -> Module:
        functions = tuple(self.function(function) for function in self.functions)
        return Module(functions, tuple(self.constants))

    def function(self, function: Any) -> Function:
        arguments = list(function.arguments)
        types = tuple(self.type(argument) for argument in arguments)
        if function.is_declaration:
            return Function(function.name, types, (0,), ())
        blocks = list(function.blocks)
        bodies = [list(block.instructions) for block in blocks]
        own: dict[int, tuple[ValueKind, int]] = {_address(one): ("argument", n) for n, one in enumerate(arguments)}
        own |= {_address(block): ("block", number) for number, block in enumerate(blocks)}
        flat = [each for body in bodies for each in body]
        own |= {_address(each): ("instruction", number) for number, each in enumerate(flat)}
        texts = [line.strip() for line in str(function).splitlines() if _LINE.match(line)]
        if len(texts) != len(flat):
            raise PhloemError(f"{function.name}: {len(flat)} instructions, but {len(texts)} lines")
        starts, total = [0], 0
        for body in bodies:
            total += len(body)
            starts.append(total)
        made = tuple(self.instruction(each, text, own) for each, text in zip(flat, texts, strict=True))
        return Function(function.name, types, tuple(starts), made)

    def instruction(self, instruction: Any, text: str, own: dict[int, tuple[ValueKind, int]]) -> Instruction:
        operands = tuple(self.operand(value, own) for value in instruction.operands)
        opcode = instruction.opcode
        blocks = [operand.number for operand in operands if operand.kind == "block"]
        if opcode == "br" and len(blocks) == 2:
            blocks.reverse()
        callee = operands[-1].number if opcode in _CALLS and operands[-1].kind == "function" else -1
        return Instruction(opcode, text, self.type(instruction), operands, tuple(blocks), callee)

    def operand(self, value: Any, own: dict[int, tuple[ValueKind, int]]) -> Operand:
        address = _address(value)
        if address in own:
            return Operand(*own[address], self.type(value))
        if address in self.function_numbers:
            return Operand("function", self.function_numbers[address], "ptr")
        kind = value.value_kind.name
        if kind in ("metadata_as_value", "inline_asm"):
            return Operand("other", -1, kind)
        if address not in self.constant_numbers:
            self.constant_numbers[address] = len(self.constants)
            self.constants.append(Constant(self.type(value), value.name or str(value).strip()))
        return Operand("constant", self.constant_numbers[address], self.type(value))

    def type(self, value: Any) -> str:
        """LLVM's name of a value's type; types too are kept once each."""
        kind = value.type
        address = ctypes.addressof(kind._ptr.contents)
        if address not in self.types:
            self.types[address] = str(kind)
        return self.types[address]
