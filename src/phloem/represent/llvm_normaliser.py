"""LLVM IR as a language model should read it: what it does, in as few units as possible.

Cummins et al., "Large Language Models for Compiler Optimization" (2023, section 3.1): comments, metadata (debug
information with it) and attributes go, white space is made uniform, names are as LLVM's printer gives them. Attributes
steer passes, and so do the target's lines, which go too: whatever is counted must be counted on the normalised module.

What belongs to the meaning of a call stays (byval, sret, inalloca, swifterror …), as do the flags of instructions (nsw,
inbounds, fast …) and their alignment.
"""

from __future__ import annotations

import re

from phloem.corpora.llvm_ir import parse_ir
from phloem.errors import PhloemError

_ATTRIBUTES = (
    *(
        "noundef",
        "nonnull",
        "noalias",
        "nocapture",
        "nofree",
        "readonly",
        "readnone",
        "writeonly",
        "immarg",
        "returned",
    ),
    *("signext", "zeroext", "inreg", "allocptr", "allocalign", "dead_on_unwind", "dead_on_return", "writable", "noext"),
    *("dso_local", "local_unnamed_addr", "unnamed_addr", "nest"),
)
_WITH_VALUE = ("dereferenceable", "dereferenceable_or_null", "captures", "range", "nofpclass", "initializes")
_STRING = re.compile(r'c?"(?:[^"])*"')
_PATTERNS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r";.*$", ""),
        (r",?\s*!(?:[\w.]+) !(?:\d+|\{\})", ""),
        (r"\s#\d+\b", ""),
        (rf"\b(?:{'|'.join(_WITH_VALUE)})\((?:[^()]|\([^()]*\))*\)\s?", ""),
        (rf"(?<![%@$\w.-])(?:{'|'.join(_ATTRIBUTES)})(?![\w.(-])\s?", ""),
        (r"(?<=[\w*])\salign \d+(?= [%@\w),])|(?<=ptr) align \d+(?=[,)])", ""),
        (r"\s+", " "),
        (r"\( ", "("),
        (r" (?=[,)])", ""),
    )
)
_DROPPED = ("!", "attributes #", "target ", "source_filename", "; ")


def normalise(ir: str) -> str:
    """The normalised text of a module of textual IR. Raises PhloemError where LLVM does not read it."""
    text = _clean(str(parse_ir(_without_debug(ir))))
    return _clean(str(parse_ir(text)))  # the printer numbers anew what lost its neighbours


def _without_debug(ir: str) -> str:
    """Without records and calls of debug information: they are never counted."""
    kept = [line for line in ir.splitlines() if not re.match(r"\s*(?:#dbg_|(?:tail )?call void @llvm\.dbg\.)", line)]
    return "\n".join(line for line in kept if not line.startswith("declare void @llvm.dbg.")) + "\n"


def _clean(printed: str) -> str:
    lines = (_clean_line(line) for line in printed.splitlines() if not line.startswith(_DROPPED))
    return "".join(f"{line}\n" for line in lines if line)


def _clean_line(line: str) -> str:
    """One line; the text between quotation marks is kept as it is."""
    kept: list[str] = []

    def hide(found: re.Match[str]) -> str:
        kept.append(found.group())
        return f"\x00{len(kept) - 1}\x00"

    line = _STRING.sub(hide, line)
    if "metadata " in line:
        raise PhloemError("an instruction that takes metadata as an operand cannot be normalised")
    for pattern, new in _PATTERNS:
        line = pattern.sub(new, line)
    return re.sub(r"\x00(\d+)\x00", lambda found: kept[int(found.group(1))], line).strip()
