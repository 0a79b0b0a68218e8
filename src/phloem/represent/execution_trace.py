"""Programs and the traces of their runs as units, in the format of CodeExecutor.

Liu et al., "Code Execution with Pre-trained Language Models" (ACL Findings 2023, section 3.2, and the released code).
Source: the data set's mark, then each line behind its number, blocks as <indent> and <dedent>. Trace: for each line
that ran its number and ALL variables after it,

    <line> <1> <state> a : 2 <dictsep> b : 5 </state>

and what a line printed as a segment of its own, <output> text, BEFORE the segment of the line (a reader drops a last
segment without </state>). A sequence of the block's length 1,024 is

    <s> <encoder-decoder> </s> source <mask0> </s> <mask0> trace </s>       3 + 255 + 1 + 1 + 1 + 762 + 1
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from phloem.represent.byte_pairs import BytePairs

SETS = ("<singleline>", "<tutorial>", "<codenet>")
LINES = 200
FORMAT = ("<line>", "<state>", "</state>", "<dictsep>", "<output>", "<function>")
MARKS = (*FORMAT, *SETS, "<indent>", "<dedent>", *(f"<{number}>" for number in range(LINES)))
MODES = ("<encoder-only>", "<decoder-only>", "<encoder-decoder>")
MASK0 = "<mask0>"
EXTRA = (*MARKS, *MODES, MASK0)
BLOCK = 1024
AROUND = 6  # units of a block that are neither of the source nor of the target, whose own first one is <mask0>


class Ran(NamedTuple):
    """A segment: a line ran and left this state. `closed` is False where the state was cut off."""

    line: int
    state: dict[str, str]
    closed: bool = True


class Printed(NamedTuple):
    """A segment: what was printed."""

    text: str


Segment = Ran | Printed


def source_units(program: str, units: BytePairs, kind: str) -> Int32[np.ndarray, " units"]:
    """A program behind the mark of its data set, by lines."""
    ids = [units.mark(kind)]
    levels = [0]
    for number, line in enumerate(program.splitlines()[:LINES]):
        text = line.strip()
        if not text:
            continue
        depth = len(line) - len(line.lstrip())
        if depth > levels[-1]:
            levels.append(depth)
            ids.append(units.mark("<indent>"))
        while depth < levels[-1]:
            levels.pop()
            ids.append(units.mark("<dedent>"))
        ids += [units.mark(f"<{number}>"), *units.encode(text)]
    return np.array(ids, np.int32)


def trace_units(segments: Sequence[Segment], units: BytePairs) -> Int32[np.ndarray, " units"]:
    """Segments as units."""
    ids: list[int] = []
    for segment in segments:
        if isinstance(segment, Printed):
            ids += [units.mark("<output>"), *units.encode(segment.text)]
            continue
        ids += [units.mark("<line>"), units.mark(f"<{min(segment.line, LINES - 1)}>"), units.mark("<state>")]
        for place, (name, value) in enumerate(segment.state.items()):
            if place:
                ids.append(units.mark("<dictsep>"))
            ids += [*units.encode(name), *units.encode(":"), *units.encode(value)]
        if segment.closed:
            ids.append(units.mark("</state>"))
    return np.array(ids, np.int32)


def segments_of(ids: Sequence[int], units: BytePairs) -> list[Segment]:
    """What units say; what fits no format is read as far as it goes."""
    starts = [place for place, unit in enumerate(ids) if unit in (units.mark("<line>"), units.mark("<output>"))]
    found: list[Segment] = []
    for start, end in pairwise([*starts, len(ids)]):
        body = list(ids[start + 1 : end])
        if ids[start] == units.mark("<output>"):
            found.append(Printed(units.decode(body)))
        else:
            found.append(_ran(body, units))
    return found


def _ran(body: list[int], units: BytePairs) -> Ran:
    first = units.mark("<0>")
    line = body[0] - first if body and 0 <= body[0] - first < LINES else -1
    closing = units.mark("</state>")
    closed = closing in body
    inner = body[2 : body.index(closing)] if closed else body[2:]
    state: dict[str, str] = {}
    pair: list[int] = []
    for unit in [*inner, units.mark("<dictsep>")]:
        if unit == units.mark("<dictsep>"):
            name, colon, value = units.decode(pair).partition(":")
            if colon:
                state[name] = value
            pair = []
        else:
            pair.append(unit)
    return Ran(line, state, closed)


def fitted(source: int, trace: int, block: int = BLOCK) -> tuple[int, int]:
    """How many units of a source and of a trace are kept in training. Nothing is cut while both fit; else the trace
    from its end while it is above its own budget (3/4 of the block), then the source above its own (1/4)."""
    target = trace + 1  # with its <mask0>
    over = max(source + target - (block - AROUND), 0)
    cut = min(over, max(target - (3 * block // 4 - 5), 0))
    target, over = target - cut, over - cut
    return source - min(over, max(source - (block // 4 - 1), 0)), target - 1
