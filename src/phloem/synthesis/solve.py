"""One question, the whole portfolio: `solve` tries what fits the language, best first, under one deadline.

For a task with a grammar: a loop of counterexample-guided synthesis (Solar-Lezama 2006). A few different examples are
chosen; `search.py` finds the lightest program for them; an example that it gets wrong joins them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from phloem.errors import PhloemError
from phloem.synthesis import grammars
from phloem.synthesis.base import Budget, Candidate, Language, Spec, agrees, contradictions, same, wrong
from phloem.synthesis.languages.robustfill import RobustFill
from phloem.synthesis.program import Program, Value, run, size
from phloem.synthesis.search import Search
from phloem.synthesis.version_space import VersionSpace

RESERVE = 0.03  # of the time, kept for what follows the search
FORM = 300  # characters of a value that make its form
LOOKED_AT = 1_000  # examples whose form is looked at
CHOSEN = 8  # examples that a search begins with


def solve(spec: Spec, language: Language, budget: Budget, *, noise: int = 0, most: int = 1) -> Iterator[Candidate]:
    """Distinct programs that agree with all but `noise` of the examples, smaller before larger; at most `most`.

    When the budget ends without one, the best partial answer is yielded once (its `wrong` has more than `noise`
    examples), where there is one. Raises PhloemError without examples, and for contradicting ones when `noise` is 0."""
    if not spec.inputs:
        raise PhloemError("no examples, so any program would do")
    clash = contradictions(spec)
    if len(clash) > noise:
        first, second = clash[0]
        raise PhloemError(f"examples {first + 1} and {second + 1} have the same inputs and different outputs")
    robustfill = getattr(language, "language", language)
    if isinstance(robustfill, RobustFill):
        yield from _refined(
            spec, budget, noise, most, lambda few, end: VersionSpace(few, robustfill, end, noise=noise, most=most)
        )
        return
    grammar = grammars.merged(grammars.productive(language.grammar(spec)))
    yield from _refined(
        spec,
        budget,
        noise,
        most,
        lambda few, end: Search(
            few, grammar, budget, end, lambda program: agrees(program, spec, noise), noise=noise, most=most
        ),
    )


class _Search(Protocol):
    """Looks for programs for the examples that it was made with; `solved` is whether it found one."""

    solved: bool

    @property
    def tried(self) -> int: ...

    def run(self) -> list[Program]: ...
    def out(self) -> bool: ...


def _refined(
    spec: Spec, budget: Budget, noise: int, most: int, make: Callable[[Spec, float], _Search]
) -> Iterator[Candidate]:
    began = time.perf_counter()
    deadline = began + budget.seconds * (1 - RESERVE)
    chosen = diverse(spec, CHOSEN)
    tried = 0
    partial: Program | None = None
    while True:
        search = make(spec.only(chosen), deadline)
        programs = search.run()
        tried += search.tried
        right = [program for program in programs if agrees(program, spec, noise)]
        if right:
            found = [_candidate(program, spec, tried, began) for program in right]
            yield from sorted(found, key=lambda each: (len(each.wrong), each.size))[:most]
            return
        partial = programs[0] if programs else partial
        missed = _first_wrong(programs[0], spec, chosen) if programs and search.solved else None
        if missed is None or search.out():
            break
        chosen.append(missed)
    if partial is not None:
        yield _candidate(partial, spec, tried, began)


def _candidate(program: Program, spec: Spec, tried: int, began: float) -> Candidate:
    spent = time.perf_counter() - began
    return Candidate(program, size(program), tried, spent, wrong(program, spec))


def _first_wrong(program: Program, spec: Spec, chosen: list[int]) -> int | None:
    """The first example that is not among the chosen and that the program gets wrong."""
    rows = enumerate(zip(spec.inputs, spec.outputs, strict=True))
    return next((i for i, (row, output) in rows if not same(run(program, row), output) and i not in chosen), None)


def diverse(spec: Spec, most: int) -> list[int]:
    """Examples that differ in form: one of each pattern of characters first, most frequent patterns first, then others.

    A pattern has letters, digits and spaces collapsed; what else there is stays."""
    count = len(spec.inputs)
    if count <= most:
        return list(range(count))
    groups: dict[tuple[str, ...], list[int]] = {}
    for i in range(0, count, -(-count // LOOKED_AT)):
        groups.setdefault(tuple(map(_pattern, (*spec.inputs[i], spec.outputs[i]))), []).append(i)
    waiting = sorted(groups.values(), key=lambda group: (-len(group), group[0]))
    chosen: list[int] = []
    while len(chosen) < most and waiting:
        chosen.extend(group.pop(0) for group in waiting[: most - len(chosen)])
        waiting = [group for group in waiting if group]
    return sorted(chosen)


def _pattern(value: Value) -> str:
    text = re.sub(r"[a-z]+", "a", str(value)[:FORM])
    return re.sub(r"\s+", " ", re.sub(r"[0-9]+", "0", re.sub(r"[A-Z]+", "A", text)))
