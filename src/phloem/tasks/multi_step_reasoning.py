"""Search where it matters what is done to what: generated pairs, weak labels of phrases, and queries with swapped
arguments.

Arakelyan et al., "NS3" (NeurIPS 2022): which units of a code a phrase speaks of is learned from weak labels, a unit
counting if its word is one of the phrase or a usual name of the type that the phrase speaks of. A query whose two
arguments change places says something else with the same words; a code should fit the query better than the swapped one
(built from the layout).

The generated pairs have a verb, a thing and a place: for `copy file to archive` the archive writes what the file reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from phloem.represent.query_parse import Action
from phloem.represent.subwords import words

# How programs name what texts speak of.
NAMES: dict[str, tuple[str, ...]] = {
    "string": ("str", "text"),
    "text": ("str", "string"),
    "integer": ("int",),
    "number": ("int", "float", "num"),
    "float": ("float",),
    "boolean": ("bool", "true", "false"),
    "dictionary": ("dict",),
    "mapping": ("dict", "map"),
    "list": ("list", "append"),
    "directory": ("dir", "folder", "path"),
    "folder": ("dir", "directory", "path"),
    "file": ("path", "fp"),
    "message": ("msg",),
    "argument": ("arg", "args"),
    "parameter": ("param", "params"),
    "exception": ("error", "raise"),
    "image": ("img",),
    "index": ("idx",),
}
# fmt: off
UNSAID = frozenset((
    "a", "an", "the", "all", "any", "some", "each", "every", "this", "that", "these", "those", "given", "its", "it",
    "of", "and", "or", "new", "one",
))
# fmt: on
NOUNS = (
    "file",
    "archive",
    "table",
    "queue",
    "buffer",
    "stream",
    "record",
    "cache",
    "report",
    "batch",
    "folder",
    "page",
)
SHAPES = {
    "copy": ("to", "def f({0}, {1}):\n    {1}.write({0}.read())\n"),
    "load": ("from", "def f({0}, {1}):\n    {0} = {1}.load()\n    return {0}\n"),
    "add": ("to", "def f({1}, {0}):\n    {1}.append({0})\n"),
    "remove": ("from", "def f({0}, {1}):\n    {1}.pop({0})\n"),
}


class QueryCode(NamedTuple):
    """A sentence and the code that does what it says."""

    query: str
    code: str


def said(phrase: str) -> frozenset[str]:
    """The words that a phrase may be told by: its own, without a plural's s, and the names of types."""
    own = {word for word in words(phrase) if word not in UNSAID}
    own |= {word[:-1] for word in own if word.endswith("s") and len(word) > 3}
    return frozenset(own | {name for word in own for name in NAMES.get(word, ())})


def relevant(phrase: str, tokens: Sequence[str]) -> list[bool]:
    """The weak label of each word of a code."""
    told = said(phrase)
    return [token in told or (token.endswith("s") and token[:-1] in told) for token in tokens]


def swapped(layout: tuple[Action, ...]) -> tuple[Action, ...] | None:
    """The layout with the noun phrases of the first action of two such arguments exchanged; None without one.

    Equal phrases are none that could be exchanged."""
    for place, action in enumerate(layout):
        plain = [number for number, each in enumerate(action.arguments) if isinstance(each.value, str)]
        if len(plain) == 2 and action.arguments[plain[0]].value != action.arguments[plain[1]].value:
            one, two = plain
            arguments = list(action.arguments)
            arguments[one] = arguments[one]._replace(value=action.arguments[two].value)
            arguments[two] = arguments[two]._replace(value=action.arguments[one].value)
            return (*layout[:place], action._replace(arguments=tuple(arguments)), *layout[place + 1 :])
    return None


def spoken(layout: tuple[Action, ...]) -> str:
    """A layout as a sentence."""
    return " and ".join(_spoken(action) for action in layout)


def _spoken(action: Action) -> str:
    parts = [action.verb]
    for preposition, value in action.arguments:
        parts += [preposition, value if isinstance(value, str) else _spoken(value)]
    return " ".join(part for part in parts if part)


def generated(split: str, seed: int = 0) -> list[QueryCode]:
    """Pairs of "train", "validation" or "test"; a combination of a verb with two nouns is in one split only, together
    with the one whose nouns are exchanged."""
    share = {"train": (0.0, 0.7), "validation": (0.7, 0.8), "test": (0.8, 1.0)}[split]
    made = [(verb, one, two) for verb in SHAPES for one, two in permutations(NOUNS, 2) if one < two]
    order = np.random.default_rng(seed).permutation(len(made))
    low, high = (round(part * len(order)) for part in share)
    pairs = []
    for place in order[low:high].tolist():
        verb, one, two = made[place]
        preposition, code = SHAPES[verb]
        pairs += [QueryCode(f"{verb} {a} {preposition} {b}", code.format(a, b)) for a, b in ((one, two), (two, one))]
    return pairs
