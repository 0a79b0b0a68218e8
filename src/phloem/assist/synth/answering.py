"""`phloem.synth`: any kind of examples to an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from phloem.assist.synth.questions import Question, question_of_pairs, question_of_table
from phloem.assist.synth.synth import Answer, synth, synth_problem
from phloem.assist.synth.tables import read_table
from phloem.errors import PhloemError
from phloem.synthesis import sygus


def answer_to(
    examples: Iterable[tuple[str | Sequence[str], str]] | str | Path, *, noise: int, seconds: float
) -> Answer:
    """The best answer. Raises PhloemError where there is none."""
    if isinstance(examples, str | Path) and str(examples).lower().endswith(".sl"):
        answer = synth_problem(sygus.load(examples), noise=noise, seconds=seconds)
    elif isinstance(examples, str | Path):
        table = read_table(examples)
        question, columns = question_of_table(table)
        answer = synth(question, noise=noise, seconds=seconds, cells=table.references(columns.inputs))
    else:
        answer = synth(_question(examples), noise=noise, seconds=seconds)
    if answer is None:
        raise PhloemError(f"no program in {seconds:g} s that gives any of the examples")
    return answer


def _question(examples: Iterable[tuple[str | Sequence[str], str]]) -> Question:
    pairs = []
    for given, output in examples:
        row = [given] if isinstance(given, str) else list(given)
        if not all(isinstance(cell, str) for cell in (*row, output)):
            raise PhloemError(f"inputs and outputs are strings: {given!r} → {output!r}")
        pairs.append((tuple(row), output))
    return question_of_pairs(pairs)
