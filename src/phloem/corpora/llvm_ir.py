"""C to LLVM IR without a compiler of the system: clang as the package `ziglang` brings it, read back by llvmlite.

The front end optimises nothing, but marks functions as optimisable (clang -O1 -Xclang -disable-llvm-passes; -O0
would write `optnone` and no pass would touch them), without debug metadata and without zig's own checks for undefined
behaviour. Processor and system are fixed (x86-64-v3, Linux with musl, whose headers come along), so that the same C
gives the same IR on every machine. LLVM 22 on both sides; its parser still reads the typed pointers of older ones.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from phloem.errors import MissingExtra, PhloemError

FLAGS = (
    *("-target", "x86_64-linux-musl", "-mcpu=x86_64_v3", "-std=gnu11"),
    *("-O1", "-Xclang", "-disable-llvm-passes", "-fno-sanitize=undefined", "-fno-stack-protector", "-g0", "-w"),
)
# Old C calls functions that nothing declares; a fragment of a file does so too.
FRAGMENT = ("-Wno-error=implicit-function-declaration", "-Wno-error=int-conversion", "-ferror-limit=0")
_ERROR = re.compile(r"^([^:\n]+\.c):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$", re.MULTILINE)
SECONDS = 60.0


class Complaint(NamedTuple):
    """An error of the compiler."""

    line: int
    text: str


def llvm() -> Any:
    """The module llvmlite.binding. Raises MissingExtra."""
    try:
        import llvmlite.binding as binding
    except ImportError:
        raise MissingExtra("symbolic", "llvmlite") from None
    return binding


def _zig() -> ModuleType:
    try:
        import ziglang
    except ImportError:
        raise MissingExtra("symbolic", "ziglang") from None
    return ziglang


def compile_c(source: str, flags: Sequence[str] = ()) -> str:
    """The unoptimised IR of a C file, as text. Raises PhloemError with the compiler's first complaint."""
    ir, complaints = try_compile(source, flags)
    if ir is None:
        first = complaints[0] if complaints else Complaint(0, "the compiler gave nothing")
        raise PhloemError(f"C that does not compile, line {first.line}: {first.text}")
    return ir


def try_compile(source: str, flags: Sequence[str] = ()) -> tuple[str | None, list[Complaint]]:
    """The IR of a C file, or None and what the compiler said against it."""
    _zig()
    with tempfile.TemporaryDirectory(prefix="phloem-") as folder:
        place = Path(folder)
        (place / "unit.c").write_text(source, encoding="utf-8", errors="replace")
        command = [sys.executable, "-m", "ziglang", "cc", "-S", "-emit-llvm", *FLAGS, *flags, "-o", "unit.ll", "unit.c"]
        try:
            done = subprocess.run(command, cwd=place, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return None, [Complaint(0, f"the compiler took more than {SECONDS:g} seconds")]
        if done.returncode == 0:
            return (place / "unit.ll").read_text(encoding="utf-8"), []
        told = done.stderr.decode("utf-8", "replace")
    found = [Complaint(int(line), text) for file, line, text in _ERROR.findall(told) if file == "unit.c"]
    return None, found or [Complaint(0, told.strip().splitlines()[-1] if told.strip() else "no message")]


def parse_ir(ir: str) -> Any:
    """A verified llvmlite module of textual IR. Raises PhloemError with LLVM's message.

    In a context of its own: one that modules share renames the types of later ones whose names are taken.
    """
    binding = llvm()
    try:
        module = binding.parse_assembly(ir, binding.create_context())
        module.verify()
    except RuntimeError as error:
        told = [line for line in str(error).splitlines() if "error:" in line] or [str(error)]
        raise PhloemError(f"LLVM {version()} does not read this IR: {told[0].strip()}") from None
    return module


def version() -> str:
    """LLVM's version in llvmlite."""
    return ".".join(map(str, llvm().llvm_version_info))


def instruction_count(module: Any) -> int:
    """The instructions of all functions of an llvmlite module; debug records are no instructions."""
    return sum(1 for function in module.functions for block in function.blocks for _ in block.instructions)
