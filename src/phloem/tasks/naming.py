"""Method naming: the subtokens of a function's name from its body (Alon et al. 2019, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from phloem.decode.base import Search
from phloem.languages.example import Example
from phloem.languages.subtokens import split
from phloem.measure import bootstrap, subtoken_f1
from phloem.measure.exact_match import matches
from phloem.represent.base import View
from phloem.tasks.answers import Referenced, answers, report

LENGTH = 6  # subtokens of a name that are predicted


def evaluate(
    model: Any,
    view: View,
    dataset: Referenced,
    search: Search,
    batch_size: int = 256,
    *,
    length: int = LENGTH,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """f1, precision, recall (micro, over subtokens) and exact_match, each with NAME_interval, and `examples`.

    References are whole: subtokens beyond `length` or outside the vocabulary count as missed. `resamples=0` leaves the
    intervals out (during training).
    """
    found = answers(model, view, dataset, search, length=length, batch_size=batch_size)
    return figures(found.references, found.predictions, resamples=resamples, seed=seed)


def figures(
    references: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """`evaluate` of names that are already predicted."""
    counts = subtoken_f1.count_all(references, predictions)
    whole = bootstrap.with_count(matches(references, predictions))
    addends = {
        "f1": (counts, subtoken_f1.f1),
        "precision": (counts, subtoken_f1.precision),
        "recall": (counts, subtoken_f1.recall),
        "exact_match": (whole, bootstrap.mean),
    }
    return report(addends, resamples=resamples, seed=seed)


class Swapped(NamedTuple):
    """A name for each example, and whether it is another function's."""

    names: list[str]
    wrong: Bool[np.ndarray, " examples"]


def swapped_names(examples: Sequence[Example], seed: int = 0) -> Swapped:
    """Half of the examples get the name of another function of their project, drawn at random among its functions.

    The other function's name differs by more than case and underscores. Examples of projects with one name only keep
    theirs; others stand in for them, as long as there are any, so that half of all names are wrong.
    """
    rng = np.random.default_rng(seed)
    projects: dict[str, list[int]] = {}
    for number, example in enumerate(examples):
        projects.setdefault(example.project, []).append(number)
    subtokens = [tuple(split(example.name)) for example in examples]
    distinct = {project: len({subtokens[number] for number in members}) for project, members in projects.items()}
    names, wrong = [example.name for example in examples], np.zeros(len(examples), dtype=bool)
    swappable = [number for number, example in enumerate(examples) if distinct[example.project] > 1]
    for number in rng.permutation(swappable)[: len(examples) // 2].tolist():
        others = projects[examples[number].project]
        while subtokens[other := others[rng.integers(len(others))]] == subtokens[number]:
            continue
        names[number], wrong[number] = examples[other].name, True
    return Swapped(names, wrong)
