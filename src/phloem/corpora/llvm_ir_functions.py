"""Single functions as modules of LLVM IR: split from a file's IR, and compiled from mined C functions without headers.

A function from the middle of a project lacks its types and macros. Those that need none of them still compile: behind
a preamble of standard headers, with functions that nothing declares allowed as in old C. Many are compiled at once; the
compiler names the lines that it rejects, their functions are left out, and the rest is tried again. Among the C
functions of free projects one in seventeen is such a one.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phloem.corpora.llvm_ir import FRAGMENT, try_compile
from phloem.languages.c import LANGUAGE
from phloem.languages.example import Example

PREAMBLE = "".join(
    f"#include <{name}.h>\n"
    for name in (
        *("stddef", "stdint", "stdbool", "stdarg", "limits", "float", "ctype", "errno", "math", "string", "stdlib"),
        *("stdio", "time", "wchar", "unistd", "sys/types", "assert"),
    )
) + (
    "typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;\n"
    "typedef int8_t s8; typedef int16_t s16; typedef int32_t s32; typedef int64_t s64;\n"
    "typedef unsigned char uchar; typedef unsigned char BYTE;\n"
)
LONGEST = 4000  # bytes of a function's source
TOGETHER = 120  # functions that are compiled at once
ROUNDS = 6
_HIDDEN = re.compile(rb"^\s*(?:static\s+|inline\s+|extern\s+|__inline\s+|__inline__\s+)+")
_KNOWN = re.compile(
    r"u?int(?:_fast|_least)?(?:8|16|32|64|max|ptr)_t|[us](?:8|16|32|64)|uchar|BYTE|bool|s?size_t|ptrdiff_t|FILE|time_t"
    r"|va_list|wchar_t|off_t|uint|ushort|ulong|u_char|u_int|pid_t|mode_t"
)
_TOP_NAME = re.compile(r'@(?:"[^"]*"|[\w.$-]+)')
_LINKAGE = re.compile(
    r"^define (?:(?:private|internal|available_externally|linkonce|weak|common|appending|linkonce_odr|weak_odr|external"
    r"|dso_local|hidden|protected|default|unnamed_addr|local_unnamed_addr)\s+)*"
)


class IrFunction(NamedTuple):
    """A function alone in its module."""

    name: str
    project: str
    ir: str


def split_functions(ir: str) -> dict[str, str]:
    """Each defined function of a module in a module of its own, with what it names declared.

    Attributes of functions go, metadata and global variables that it reads stay.
    """
    head, variables, declared, bodies, metadata = [], {}, {}, {}, []
    lines = iter(ir.splitlines())
    for line in lines:
        if line.startswith("define "):
            body = [_without_group(line), *_until_brace(lines)]
            name = _top_name(line)
            bodies[name] = body
            declared[name] = _LINKAGE.sub("declare ", body[0]).removesuffix("{").rstrip()
        elif line.startswith("declare "):
            declared[_top_name(line)] = _without_group(line)
        elif line.startswith("@"):
            variables[_top_name(line)] = line
        elif line.startswith("!"):
            metadata.append(line)
        elif line.startswith(("target ", "%")):
            head.append(line)
    made = {}
    for name, body in bodies.items():
        text = [re.sub(r" #\d+(?=$|,| \[|\s*to\b)", "", line) for line in body]
        needed = _needed(text, name, variables)
        own = [variables[each] if each in variables else declared.get(each, "") for each in sorted(needed)]
        made[name.strip('@"')] = "\n".join([*head, *own, *text, *metadata]) + "\n"
    return made


def _until_brace(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if line == "}":
            return


def _without_group(line: str) -> str:
    return re.sub(r" #\d+", "", line)


def _top_name(line: str) -> str:
    found = _TOP_NAME.search(line)
    assert found is not None
    return found.group()


def _needed(text: Iterable[str], own: str, variables: dict[str, str]) -> set[str]:
    """The names at the top level that a body reads, and those that its variables read."""
    found: set[str] = set()
    new = {name for line in text for name in _TOP_NAME.findall(line)} - {own}
    while new:
        found |= new
        new = {name for known in new if known in variables for name in _TOP_NAME.findall(variables[known])} - found
    return found - {own}


def fragments(examples: Iterable[Example]) -> Iterator[tuple[Example, str]]:
    """C functions that are worth trying, made visible from outside: short, and of types that the preamble knows."""
    kind = LANGUAGE.kinds.index("type_identifier")
    for example in examples:
        tree = example.tree
        source = bytes(tree.source)
        if example.language != "c" or not example.name.isidentifier() or len(source) > LONGEST or b"\n#" in source:
            continue
        types = {source[tree.start[node] : tree.end[node]].decode("utf-8", "replace") for node in _all(tree.kind, kind)}
        if all(_KNOWN.fullmatch(name) for name in types):
            yield example, _HIDDEN.sub(b"", source).decode("utf-8", "replace")


def _all(kinds: np.ndarray, kind: int) -> list[int]:
    return np.flatnonzero(kinds == kind).tolist()


def compile_fragments(examples: Iterable[Example]) -> Iterator[IrFunction]:
    """The functions that compile alone, each in a module of its own, in order; see the module's docstring."""
    stream = fragments(examples)
    while chunk := list(islice(stream, TOGETHER)):
        by_name = {example.name: (example, source) for example, source in reversed(chunk)}
        kept = list(reversed(by_name.values()))
        for _ in range(ROUNDS):
            starts, text = [], PREAMBLE
            for _, source in kept:
                starts.append(text.count("\n") + 1)
                text += source + "\n"
            ir, complaints = try_compile(text, FRAGMENT)
            if ir is not None or not kept:
                break
            bad = {bisect_right(starts, complaint.line) - 1 for complaint in complaints}
            kept = [each for number, each in enumerate(kept) if number not in bad] if max(bad) >= 0 else []
        if ir is None:
            continue
        modules = split_functions(ir)
        for example, _ in kept:
            if example.name in modules:
                yield IrFunction(example.name, example.project, modules[example.name])


def first(functions: Iterable[IrFunction], count: int, progress: Callable[[float], None]) -> Iterator[IrFunction]:
    """The first `count` functions; each tells how much of them is done, as compiling takes a second for a few."""
    for number, function in enumerate(islice(functions, count), 1):
        progress(number / count)
        yield function


def write_functions(functions: Iterable[IrFunction], path: Path) -> None:
    """One JSON object a line, compressed; whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with gzip.open(beside, "wt", encoding="utf-8") as file:
        for function in functions:
            file.write(json.dumps(function._asdict()) + "\n")
    os.replace(beside, path)


def read_functions(path: Path) -> list[IrFunction]:
    """What `write_functions` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [IrFunction(**json.loads(line)) for line in file]
