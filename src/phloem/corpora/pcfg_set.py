"""PCFG SET: nested string-edit functions over made-up letters, and the string that they evaluate to.

Hupkes, Dankers, Mul and Bruni, "Compositionality Decomposed: How do Neural Networks Generalise?" (JAIR 2020, sections 3
and 4). An input is an expression in prefix notation, the output its value:

    append swap_first_last F G H , repeat I J   ->   H G F I J I J

What the released tests ask: new pairs of functions ("systematicity"), longer expressions than in training
("productivity"), a function by another name ("substitutivity"), exceptions to the rule ("overgeneralisation"), and
parts evaluated alone ("localism"). The meaning is in `phloem.synthesis.languages.pcfg`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets
from phloem.errors import PhloemError

NAME = "pcfg_set"
SPLITS = ("train", "dev", "test", "productivity", "systematicity", "localism_length")
TWINS = ("substitutivity_equally_distributed", "substitutivity_primitive")
EXCEPTIONS = "overgeneralisation"
HELD_PAIRS = (  # functions that follow each other in the test of systematicity and not in its training
    ("swap_first_last", "repeat"),
    ("append", "remove_second"),
    ("repeat", "remove_second"),
    ("append", "swap_first_last"),
)
MOST_TRAINED = 8  # functions of an expression in the training of productivity


class Expression(NamedTuple):
    """Words parted by blanks, and the letters of the value."""

    words: str
    value: tuple[str, ...]


class Twins(NamedTuple):
    """The same expression twice; in the second a function is called by its other name, which ends with `_twin`."""

    one: Expression
    other: Expression


class Exceptional(NamedTuple):
    """An expression with its value by the rule, and by the exception to it; `ratio` of the training data followed the
    exception."""

    ratio: float
    words: str
    regular: tuple[str, ...]
    exception: tuple[str, ...]


def split(name: str, data: str | Path | None = None) -> Iterator[Expression]:
    """The expressions of one of SPLITS. Raises PhloemError for an unknown one and where the set is not here."""
    _one_of(name, SPLITS)
    for row in datasets.load(NAME, name, data):
        yield Expression(row["in"], tuple(row["out"].split()))


def training(name: str, data: str | Path | None = None) -> list[Expression]:
    """What a model may learn from before the test part `name`: the random split's training, without what it asks."""
    _one_of(name, SPLITS)
    lines = list(split("train", data))
    if name == "productivity":
        return [each for each in lines if sum(map(_function, each.words.split())) <= MOST_TRAINED]
    if name == "systematicity":
        return [each for each in lines if not set(pairs(each.words)) & set(HELD_PAIRS)]
    return lines


def pairs(words: str) -> list[tuple[str, str]]:
    """Functions whose names follow each other directly."""
    tokens = words.split()
    return [(one, two) for one, two in pairwise(tokens) if _function(one) and _function(two)]


def _function(word: str) -> bool:
    return word[:1].islower()


def twins(name: str, data: str | Path | None = None) -> Iterator[Twins]:
    """The pairs of one of TWINS. Raises PhloemError for an unknown one and where the set is not here."""
    _one_of(name, TWINS)
    for row in datasets.load(NAME, name, data):
        one, other = Expression(row["in"], tuple(row["out"].split())), tuple(row["twin_out"].split())
        yield Twins(one, Expression(row["twin_in"], other))


def exceptions(data: str | Path | None = None) -> Iterator[Exceptional]:
    """The overgeneralisation test. Raises PhloemError where the set is not here."""
    for row in datasets.load(NAME, EXCEPTIONS, data):
        regular, exception = (tuple(row[f"out_{kind}"].split()) for kind in ("original", "exception"))
        yield Exceptional(float(row["ratio"]), row["in"], regular, exception)


def _one_of(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise PhloemError(f"PCFG SET has no such split {name!r}: there are {', '.join(known)}")
