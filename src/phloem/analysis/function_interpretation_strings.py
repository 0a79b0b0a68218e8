"""Explaining a string function that can only be called: bottom-up synthesis over its answers.

The string interpreter for FIND (Schwettmann et al., NeurIPS 2023): the operators of a spreadsheet (`BUSTLE`) and some
that edit the whole text, searched by `synthesis.solve` for the smallest program that gives all answers; the first few
calls choose the questions, the rest hold the program to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from phloem.synthesis import grammars
from phloem.synthesis.base import Budget, Spec
from phloem.synthesis.languages import spreadsheet
from phloem.synthesis.program import INTEGER, STRING, Operator, Program
from phloem.synthesis.solve import solve

VOWELS = "aeiouAEIOU"


def _turned(text: str, by: int) -> str | None:
    """Letters moved along the alphabet."""
    if not 0 < by < 26:
        return None
    moved = []
    for one in text:
        start = ord("a") if one.islower() else ord("A")
        moved.append(chr((ord(one) - start + by) % 26 + start) if one.isascii() and one.isalpha() else one)
    return "".join(moved)


EDITS: tuple[Operator, ...] = (
    Operator("REVERSE", (STRING,), STRING, lambda text: text[::-1]),
    Operator("SWAPCASE", (STRING,), STRING, str.swapcase),
    Operator("ROTATE", (STRING, INTEGER), STRING, _turned),
    Operator("CONSONANTS", (STRING,), STRING, lambda text: "".join(one for one in text if one not in VOWELS)),
    Operator("HALF", (INTEGER,), INTEGER, lambda number: number // 2),
)


def explained(
    function: Callable[[str], str], questions: Sequence[str], *, seconds: float = 1.0, candidates: int | None = None
) -> Program | None:
    """A program that gives the answers to all questions; None if none is found in time."""
    rows, answers = tuple((text,) for text in questions), tuple(map(function, questions))
    spec = Spec(("text",), (STRING,), rows, answers, STRING)
    spec = spec._replace(grammar=grammars.typed(spec, (*spreadsheet.operators, *EDITS)))
    found = next(solve(spec, spreadsheet, Budget(seconds=seconds, candidates=candidates)), None)
    return found.program if found is not None and found.solved else None
