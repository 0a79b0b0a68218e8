"""Five ways in which test programs are composed as no training program was (Shi et al., ExeDec, ICLR 2024, section 2).

    length_generalization        test programs have more parts than those of training
    compose_different_concepts   training programs use operations of one concept, test programs of both
    switch_concept_order         training: first half of one concept, second half of the other; test: the reverse
    compose_new_op               one operation is seen alone in training, in test programs with others
    add_op_functionality         one operation is seen with some of its arguments in training, with others in tests

A part is a line of a list program, or an expression of a string program. Concepts of lists are the operations of higher
order without Map, and those of first order with Map; of strings, substrings, and modifications with constants. The new
operation is Scanl1, or the composition of two expressions; in the last split Scanl1 takes (-) and (min) in training,
and a composition is over modifications alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from phloem.errors import PhloemError
from phloem.synthesis.languages import deepcoder, robustfill
from phloem.synthesis.languages.deepcoder import (
    HIGHER_ORDER,
    OPERATIONS,
    Bounds,
    Line,
    ListProgram,
    ListValue,
    State,
    type_of,
)
from phloem.synthesis.program import Call, Program

SPLITS = (
    "none",
    "length_generalization",
    "compose_different_concepts",
    "switch_concept_order",
    "compose_new_op",
    "add_op_functionality",
)
NEW = "Scanl1"
SEEN, UNSEEN = ("(-)", "(min)"), ("(+)", "(*)", "(max)")
HIGHER = tuple(each for each in HIGHER_ORDER if each != "Map")
OTHERS = tuple(each for each in OPERATIONS if each not in HIGHER)
FIRST, SECOND = "first", "second"
"""The concepts in the order in which training programs of `switch_concept_order` have them."""
ALONE = 0.25  # of the training tasks of compose_new_op: the new operation by itself

Split = str
Shape = Sequence[tuple[str, bool, bool]]
"""Of each part: its concept, whether it is or has the new operation, and that in its new functionality."""


def shape_of_lists(program: ListProgram) -> Shape:
    return [
        (
            FIRST if line.operation in HIGHER else SECOND,
            line.operation == NEW,
            line.operation == NEW and line.arguments[0] in UNSEEN,
        )
        for line in program.lines
    ]


def shape_of_strings(program: Program) -> Shape:
    return [_part(each) for each in robustfill.expressions(program)]


def _part(expression: Program) -> tuple[str, bool, bool]:
    if not isinstance(expression, Call):
        return SECOND, False, False
    inner = expression.arguments[0]
    composed = isinstance(inner, Call)
    over_substring = isinstance(inner, Call) and inner.operator.name in robustfill.SUBSTRINGS
    return FIRST if expression.operator.name in robustfill.SUBSTRINGS else SECOND, composed, over_substring


def _switched(shape: Shape, first: str) -> bool:
    """Whether the first half is of the concept and the second of the other."""
    concepts, half = [part[0] for part in shape], len(shape) // 2
    return set(concepts[:half]) == {first} and first not in concepts[half:]


def is_test(split: Split, shape: Shape, *, trained: int) -> bool:
    """Whether a program is one that only tests have; `trained` is the greatest length of training programs (in
    "length_generalization"). Raises PhloemError for an unknown split."""
    concepts = {part[0] for part in shape}
    match split:
        case "none":
            return False
        case "length_generalization":
            return len(shape) > trained
        case "compose_different_concepts":
            return len(concepts) == 2
        case "switch_concept_order":
            return len(shape) > 1 and _switched(shape, SECOND)
        case "compose_new_op":
            return len(shape) > 1 and any(part[1] for part in shape)
        case "add_op_functionality":
            return any(part[2] for part in shape)
    raise PhloemError(f"no split {split!r}: there are {', '.join(SPLITS)}")


def is_training(split: Split, shape: Shape, *, trained: int) -> bool:
    """Whether a program is one that training may have."""
    if split == "switch_concept_order":
        return len(shape) > 1 and _switched(shape, FIRST)
    return not is_test(split, shape, trained=trained)


def lengths(split: Split, *, test: bool, trained: int) -> tuple[int, int]:
    """The least and the greatest length of programs."""
    if split == "length_generalization":
        return (trained + 1, trained + 1) if test else (1, trained)
    if split in ("compose_different_concepts", "switch_concept_order"):
        return 2, trained
    if split == "compose_new_op":
        return 2 if test else 1, trained
    return 1, trained + (split == "none")


def plan(rng: Random, split: Split, length: int, *, test: bool) -> list[tuple[str, ...]]:
    """The operations from which each line of a list program is drawn, so that few are drawn in vain."""
    every = tuple(OPERATIONS)
    if split == "compose_different_concepts" and not test:
        return [rng.choice((HIGHER, OTHERS))] * length
    if split == "switch_concept_order":
        halves = (OTHERS, HIGHER) if test else (HIGHER, OTHERS)
        return [halves[i >= length // 2] for i in range(length)]
    if split == "compose_new_op" and not test:
        if length == 1 and rng.random() < ALONE * 3:
            return [(NEW,)]
        return [tuple(each for each in every if each != NEW)] * length
    planned = [every] * length
    if test and split in ("compose_new_op", "add_op_functionality"):
        planned[rng.randrange(length)] = (NEW,)
    return planned


def draw(rng: Random, rows: Sequence[State], planned: Sequence[tuple[str, ...]], bounds: Bounds) -> ListProgram | None:
    """A list program with a line of each set of operations that runs on all rows, without dead or repeated values; None
    where a random choice led nowhere."""
    states, program = [tuple(row) for row in rows], ListProgram(len(rows[0]), ())
    unused: set[int] = set()  # variables that were made and not read yet
    for remaining in range(len(planned) - 1, -1, -1):
        possible = [
            line
            for line in deepcoder.lines([type_of(value) for value in states[0]], planned[-1 - remaining])
            if len(unused.difference(line.arguments)) <= remaining  # a later line can read one more than it makes
        ]
        for line in _shuffled(rng, possible):
            values = _values(line, states, bounds)
            if values is not None and values not in zip(*states, strict=True):
                break
        else:
            return None
        unused = unused.difference(line.arguments) | {len(states[0])}
        states = [(*state, value) for state, value in zip(states, values, strict=True)]
        program = program._replace(lines=(*program.lines, line))
    return None if len({state[-1] for state in states}) == 1 else program


def _values(line: Line, states: Sequence[State], bounds: Bounds) -> tuple[ListValue, ...] | None:
    found = []
    for state in states:
        value = deepcoder.step(line, state, bounds)
        if value is None:
            return None
        found.append(value)
    return tuple(found)


def _shuffled(rng: Random, lines: Sequence[Line]) -> list[Line]:
    """The lines in random order; each operation comes first as often, however many lines it has.

    A line of weight w has the key u^(1/w), u uniform (Efraimidis, Spirakis 2006)."""
    counts = Counter(line.operation for line in lines)
    keys = [rng.random() ** counts[line.operation] for line in lines]
    return [lines[i] for i in sorted(range(len(lines)), key=keys.__getitem__, reverse=True)]
