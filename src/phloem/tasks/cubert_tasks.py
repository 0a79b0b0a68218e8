"""The benchmark of CuBERT, made anew from functions: five classifications, and localising and repairing a misuse.

Kanade et al., "Learning and Evaluating Contextual Embedding of Source Code" (2020, section 3). A classified example is
a function as it is (label 0) or with one bug (label 1); each function gives both. `exception` has no twin: one
handler's type is hidden, the label is which of twenty it was. Exact labels come from `tasks.bug_injection`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from phloem.corpora.duplicates import fingerprint
from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.represent.bug_slots import DOC, EXCEPTION, OPERANDS, OPERATOR, VARIABLE, slots_of
from phloem.represent.indent_pieces import function_words
from phloem.represent.indent_tokens import LAYOUT, NEWLINE, indent_tokens
from phloem.represent.slot_rules import EXCEPTIONS
from phloem.tasks.bug_injection import corrupted, exception_hole, inject, usable

TASKS = {"misuse": VARIABLE, "operator": OPERATOR, "operands": OPERANDS, "docstring": DOC, "exception": EXCEPTION}
CLASSES = {name: len(EXCEPTIONS) if name == "exception" else 2 for name in TASKS}


class Labelled(NamedTuple):
    """Tokens of a function, behind words of its documentation where the task is about that."""

    words: list[str]
    doc: list[str]
    label: int


class Misused(NamedTuple):
    """A function that may have one misused variable: `error` is the token, or -1; `candidates` are the tokens that are
    occurrences of its variables, `targets` those of the one that should stand there."""

    words: list[str]
    candidates: list[int]
    error: int
    targets: list[int]


def without_copies(examples: Iterable[Example], others: Iterable[Example]) -> list[Example]:
    """The examples whose normalised hash (tokens without comments and layout) none of `others` has."""
    examples, others = list(examples), list(others)
    known = np.unique(fingerprint(others).exact)
    own = fingerprint(examples).exact
    return [example for example, seen in zip(examples, np.isin(own, known).tolist(), strict=True) if not seen]


def labelled(task: str, examples: Sequence[Example], seed: int = 0) -> Iterator[Labelled]:
    """The examples of a task: of each function where it applies the original and its corrupted twin."""
    rng = np.random.default_rng((seed, list(TASKS).index(task)))
    docs = [example.doc for example in examples if example.doc]
    for example in examples:
        if task == "exception":
            yield from _hidden_types(example, rng)
            continue
        bug = inject(example, rng, kind=TASKS[task], docs=docs)
        if bug is None:
            continue
        changed = corrupted(example, bug)
        for each, label in ((example, 0), (changed, 1)):
            doc = first_sentence(each.doc).split() if task == "docstring" else []
            yield Labelled(function_words(each), doc, label)


def _hidden_types(example: Example, rng: np.random.Generator) -> Iterator[Labelled]:
    slots = [slot for slot in usable(example).slots if slot.kind == EXCEPTION]
    if slots:
        source, right = exception_hole(example, slots[int(rng.integers(len(slots)))])
        again = examples_of(source, by_name(example.language))
        if again:
            yield Labelled(function_words(again[0]), [], EXCEPTIONS.index(right))


def misused(examples: Iterable[Example], seed: int = 0) -> Iterator[Misused]:
    """Of each function with two variables the original and one with a misuse."""
    rng = np.random.default_rng((seed, 99))
    for example in examples:
        bug = inject(example, rng, kind=VARIABLE)
        if bug is None:
            continue
        yield _pointed(example, -1, "")
        yield _pointed(corrupted(example, bug), bug.start, bug.right)


def _pointed(example: Example, start: int, right: str) -> Misused:
    tokens = indent_tokens(example.tree, by_name(example.language), doc_span=example.doc_span)
    at = {int(first): i for i, (first, node) in enumerate(zip(tokens.start, tokens.node, strict=True)) if node >= 0}
    places = {}
    for node, name in slots_of(example.tree, example.language).variables:
        first = int(example.tree.start[node])
        if first in at:
            places[at[first]] = name
    error = at.get(start, -1)
    targets = [place for place, name in places.items() if name == right and place != error]
    return Misused(function_words(example), sorted(places), error, sorted(targets))


def line_pairs(
    words: Sequence[str], other: Sequence[str], rng: np.random.Generator
) -> tuple[list[str], list[str], bool]:
    """A function's lines in two parts, the second one another function's second part half of the time: its first one
    would be told by its `def`."""
    follows = bool(rng.random() < 0.5)
    second = words if follows else other
    return list(words[: _middle(words)]), list(second[_middle(second) :]), follows


def _middle(words: Sequence[str]) -> int:
    """The token that the second half of the lines begins with."""
    ends = [i + 1 for i, word in enumerate(words) if word == LAYOUT[NEWLINE]]
    return ends[len(ends) // 2 - 1] if len(ends) > 1 else len(words) // 2


def made_functions(count: int, seed: int) -> list[Example]:
    """Generated functions whose operators and variables follow from the names, so that a small model can learn them."""
    rng = np.random.default_rng(seed)
    nouns = ("row", "name", "page", "item", "user", "file", "word", "node", "path", "task")
    made: list[Example] = []
    while len(made) < count:
        one, other = rng.choice(nouns, size=2, replace=False).tolist()
        first, second = int(rng.integers(2, 90)), int(rng.integers(2, 90))
        lines = [
            f"{one}_size = len({one})",
            f"if {one}_size > {first}:",
            f"    {other}_last = {other}[{one}_size - {second}]",
            f"    return load_{other}({other}_last)",
            "try:",
            f"    return find_{one}({one}, {one}_size)",
            "except KeyError:" if one < other else "except ValueError:",
            f"    return {other}",
        ]
        source = f"def load_{one}_{first}({one}, {other}):\n    " + "\n    ".join(lines) + "\n"
        (example,) = examples_of(source.encode(), by_name("python"))
        made.append(example._replace(doc=f"Load the {one} of a {other}."))
    return made
