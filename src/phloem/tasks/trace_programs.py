"""Small Python programs with their traces: what a model that reads code as an interpreter would is asked for.

After Liu et al., "Code Execution with Pre-trained Language Models" (2023, section 3.1), generated and run here: single
statements on given variables, short programs with loops and conditions, and mutants of those. Numbers have at most two
digits where they are given, lists at most four items, programs at most six lines. Programs of the test come from
templates that training never sees.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from phloem.corpora.python_mutators import mutants
from phloem.execute.python_tracer import Step, traces
from phloem.represent.execution_trace import Printed, Ran, Segment

Kind = Literal["<singleline>", "<tutorial>", "<codenet>"]
NAMES = ("a", "b", "c", "d", "n", "x")
_STATEMENTS = (
    "{0} = {1}",
    "{0} = {1} + {2}",
    "{0} = {1} - {2}",
    "{0} += {1}",
    "{0} = {1} * 2",
    "{0} = max({1}, {2})",
    "{0} = {1} % 10",
    "{0} = [{1}, {2}]",
    "{0} = {1} > {2}",
    "{0} = str({1})",
)
_TRAINED = (
    "{0} = {n}\n{1} = {0} + {m}\nprint({1})",
    "{0} = {n}\nfor {1} in range({k}):\n    {0} = {0} + {1}\nprint({0})",
    "{0} = {n}\nif {0} > {m}:\n    {0} = {0} - {m}\nelse:\n    {0} = {m}",
    "{0} = [{n}, {m}]\n{1} = {0}[0] + {0}[1]\nprint({1})",
    "{0} = {n}\nwhile {0} > {m} // 2:\n    {0} = {0} // 2\nprint({0})",
    "{0} = []\nfor {1} in range({k}):\n    {0}.append({1} * {d})\nprint({0})",
    "{0} = {n}\n{1} = {m}\n{0}, {1} = {1}, {0}\nprint({0})",
)
_HELD = (
    "{0} = {n}\n{1} = {m}\nif {0} < {1}:\n    {0} = {1}\nprint({0})",
    "{0} = {n}\nfor {1} in range({k}):\n    {0} = {0} - {1}\n    print({0})",
    "{0} = [{n}, {m}, {d}]\n{1} = {0}[1]\n{0}.append({1})\nprint({0})",
)


class Traced(NamedTuple):
    """A program, which set it is of, its trace, and for single lines the state alone at the end."""

    program: str
    kind: Kind
    segments: tuple[Segment, ...]


def single_lines(count: int, rng: np.random.Generator, below: int = 100) -> list[str]:
    """Two or three given variables, numbers `below` a bound, and one statement about them."""
    made = []
    for _ in range(count):
        names = rng.permutation(len(NAMES))[: int(rng.integers(2, 4))].tolist()
        given = [f"{NAMES[name]} = {int(rng.integers(0, below))}" for name in names]
        chosen = [NAMES[int(name)] for name in rng.choice(names, 3)]
        statement = _STATEMENTS[int(rng.integers(len(_STATEMENTS)))].format(*chosen)
        made.append("\n".join([*given, statement]))
    return made


def programs(count: int, rng: np.random.Generator, *, held: bool = False) -> list[str]:
    """Short programs of the templates for training, or of those held out."""
    templates = _HELD if held else _TRAINED
    made = []
    for _ in range(count):
        one, two = (NAMES[int(name)] for name in rng.permutation(len(NAMES))[:2])
        numbers = {name: int(rng.integers(0, 100)) for name in "nm"}
        small = {"k": int(rng.integers(1, 4)), "d": int(rng.integers(0, 10))}
        made.append(templates[int(rng.integers(len(templates)))].format(one, two, **numbers, **small))
    return made


def traced(sources: list[str], kind: Kind, *, steps: int = 30) -> list[Traced]:
    """The programs that end within `steps` lines, with their traces; each different program once."""
    known = list(dict.fromkeys(sources))
    found = []
    for source, told in zip(known, traces(known, steps=steps), strict=True):
        if told:
            segments = segments_of_steps(told)
            found.append(Traced(source, kind, segments[-1:] if kind == "<singleline>" else segments))
    return found


def mutated(sources: list[str], rng: np.random.Generator, each: int = 2) -> list[str]:
    """Mutants of programs, `each` of every one."""
    return [mutant for source in sources for mutant in mutants(source, rng, each)]


def segments_of_steps(steps: list[Step]) -> tuple[Segment, ...]:
    """A trace as segments: what a line printed comes before the line."""
    found: list[Segment] = []
    for step in steps:
        if step.printed is not None:
            found.append(Printed(step.printed))
        found.append(Ran(step.line, step.state))
    return tuple(found)


def training_sets(count: int, seed: int, below: int = 100) -> tuple[list[Traced], list[Traced], list[Traced]]:
    """Single lines of numbers `below` a bound, short programs and mutants, about `count` of each."""
    rng = np.random.default_rng(seed)
    short = programs(count, rng)
    return (
        traced(single_lines(count, rng, below), "<singleline>"),
        traced(short, "<tutorial>"),
        traced(mutated(short[: count // 2], rng), "<codenet>"),
    )


def held_out_sets(count: int, seed: int, below: int = 100) -> tuple[list[Traced], list[Traced]]:
    """Single lines, and programs of templates never seen with their mutants."""
    rng = np.random.default_rng((seed, 1))
    held = programs(count // 2, rng, held=True)
    return traced(single_lines(count, rng, below), "<singleline>"), traced(held + mutated(held, rng, 1), "<codenet>")[
        :count
    ]
