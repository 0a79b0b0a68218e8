"""Running functions of LLVM IR in a process of their own, to see that passes left their meaning alone.

Only functions that call nothing but LLVM's intrinsics are run: without libc, system calls and inline assembler, machine
code can compute and write to memory, and no more. Time and memory of the process are limited. Functions take unsigned
numbers and, last, a memory of unsigned numbers, and give a number (the form of corpora/llvm_ir_generated).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from phloem.errors import PhloemError

CHILD = Path(__file__).with_name("llvm_child.py")
_CALLED = re.compile(r"^declare .*?@([\w.$]+)\(", re.MULTILINE)
_ASSEMBLER = re.compile(r"\basm\b")


class Call(NamedTuple):
    numbers: tuple[int, ...]
    memory: tuple[int, ...]


class Answer(NamedTuple):
    value: int
    memory: tuple[int, ...]


def is_closed(ir: str) -> bool:
    """Whether a module calls nothing but LLVM's intrinsics."""
    return all(name.startswith("llvm.") for name in _CALLED.findall(ir)) and not _ASSEMBLER.search(ir)


def run_functions(
    functions: Sequence[tuple[str, str, Sequence[Call]]], *, seconds: int = 20, memory: int = 4 << 30
) -> list[list[Answer]]:
    """The answers of each (module, function's name, calls).

    seconds: of the processor for all together. memory: bytes of address space.

    Raises:
        PhloemError: a module that calls something, or a process that ended early.
    """
    for ir, name, _ in functions:
        if not is_closed(ir):
            raise PhloemError(f"{name} calls other functions: only those that call nothing are run")
    job = {
        "seconds": seconds,
        "memory": memory,
        "functions": [[ir, name, [[*call.numbers, call.memory] for call in calls]] for ir, name, calls in functions],
    }
    done = subprocess.run(
        [sys.executable, "-I", str(CHILD)], input=json.dumps(job), capture_output=True, text=True, env={}, check=False
    )
    lines = done.stdout.splitlines()
    if len(lines) != len(functions):
        raise PhloemError(f"compiled code ended its process after {len(lines)} of {len(functions)} functions")
    return [[Answer(value, tuple(cells)) for value, cells in json.loads(line)] for line in lines]
