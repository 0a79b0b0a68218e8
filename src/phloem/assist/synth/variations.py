"""Programs that differ in one expression from a given one and agree with it on all examples.

A version space holds far more programs than it returns. Around the best one, every expression is replaced by each
other expression that gives the same texts on the examples: readings of the examples that a person may have meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from phloem.assist.synth.columns import run_column
from phloem.synthesis.base import Spec
from phloem.synthesis.languages.robustfill import RobustFill, expressions, joined
from phloem.synthesis.program import STRING, Constant, Input, Program
from phloem.synthesis.text_sources import Source

CONSTANT = 8  # weight of taking a text as it is where an expression gives it
KEPT = 25  # replacements of an expression


def variations(program: Program, spec: Spec, language: RobustFill, most: int) -> list[tuple[int, Program]]:
    """At most `most` programs with how much more they weigh than the given one, the plainest first; all differ."""
    parts = expressions(program)
    found: dict[Program, int] = {}
    for i, part in enumerate(parts):
        texts = run_column(part, spec.inputs)
        if any(not isinstance(text, str) or not text for text in texts):
            continue
        others = sorted(_same(spec, language, [str(text) for text in texts]), key=lambda each: each[0])
        own = next((weight for weight, each in others if each == part), others[0][0] if others else 0)
        kept = 0
        for weight, other in others:
            if other == part or kept == KEPT:
                continue
            kept += 1
            varied = (*parts[:i], other, *parts[i + 1 :])
            found.setdefault(varied[0] if len(varied) == 1 else joined(varied), max(weight - own, 0))
    ordered = sorted(found.items(), key=lambda each: each[1])
    return [(weight, each) for each, weight in ordered if each != program][:most]


def _same(spec: Spec, language: RobustFill, wanted: list[str]) -> Iterator[tuple[int, Program]]:
    """Expressions over the inputs that give the wanted texts, with their weights."""
    if len(set(wanted)) == 1:
        yield CONSTANT, Constant(wanted[0], STRING)
    for index, (name, type) in enumerate(zip(spec.names, spec.types, strict=True)):
        texts = [str(row[index]) for row in spec.inputs]
        if type != STRING or not all(texts):
            continue
        waiting = [str(row[index]) for row in spec.waiting]
        for fragment in Source(language, Input(name, index, type), texts, wanted, 0, waiting).fragments():
            if list(fragment.texts) == wanted:
                yield fragment.weight, fragment.make()
