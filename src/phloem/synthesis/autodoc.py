"""Names and descriptions for learned functions, without a language model (after LILO's AutoDoc, Grand et al. 2024).

LILO asks a large language model for a readable name. Here the descriptions of the tasks whose programs call a function
are asked: a word or pair of words names it if it occurs with the function more than with other functions, measured by
pointwise mutual information over tasks,

    pmi(n-gram, f) = log P(n-gram, f) / (P(n-gram) P(f)),

weighed by how many of the uses have it, so that a word of a single use does not win. What no description explains is
named after its type. Names are unique identifiers. An external model can be given in place of the rule (`Writer`).
"""

from __future__ import annotations

import keyword
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

MOST_USAGES = 10
MOST_WORDS = 3
STOP = frozenset(["a", "an", "the", "of", "to", "in", "is", "it", "and", "that", "with", "every", "each"])


class Usage(NamedTuple):
    """A task whose program calls a function."""

    description: str
    program: str


class Documented(NamedTuple):
    name: str
    description: str


Writer = Callable[[str, str, Sequence[Usage], Sequence[Documented]], Documented | None]
"""(anonymous name, type, up to MOST_USAGES usages, functions named so far) -> name and description, or None."""


def ngrams(text: str) -> set[str]:
    """Words of more than one letter and pairs of neighbouring words, stop words left out."""
    words = [word for word in re.findall(r"[a-z]+", text.lower()) if word not in STOP and len(word) > 1]
    return {*words, *(f"{left}_{right}" for left, right in pairwise(words))}


def document(
    functions: Mapping[str, str], usages: Mapping[str, Sequence[Usage]], writer: Writer | None = None
) -> dict[str, Documented]:
    """A unique name and a description for each function, in the order given.

    `functions` has the type of each; where the writer has no answer, the rule has one."""
    documented: dict[str, Documented] = {}
    taken: set[str] = set(functions)
    scores = association(usages)
    for name, type in functions.items():
        asked = writer(name, type, usages.get(name, ())[:MOST_USAGES], list(documented.values())) if writer else None
        found = asked or _by_rule(type, usages.get(name, ()), scores.get(name, {}))
        unique = _unique(found.name, taken)
        taken.add(unique)
        documented[name] = Documented(unique, found.description)
    return documented


def association(usages: Mapping[str, Sequence[Usage]]) -> dict[str, dict[str, float]]:
    """For each function the n-grams of its uses, each with PMI times the share of the uses that have it."""
    having = {name: [ngrams(one.description) for one in many] for name, many in usages.items()}
    everywhere = Counter(gram for many in having.values() for grams in many for gram in grams)
    total = sum(map(len, having.values()))
    found: dict[str, dict[str, float]] = {}
    for name, many in having.items():
        here = Counter(gram for grams in many for gram in grams)
        found[name] = {
            gram: math.log(times * total / (everywhere[gram] * len(many))) * times / len(many)
            for gram, times in here.items()
        }
    return found


def _by_rule(type: str, usages: Sequence[Usage], scores: Mapping[str, float]) -> Documented:
    ranked = sorted((gram for gram in scores if scores[gram] > 0), key=lambda gram: (-scores[gram], gram))
    words: list[str] = []
    for gram in ranked:
        for word in gram.split("_"):
            if word not in words and len(words) < MOST_WORDS:
                words.append(word)
    if not words:
        return Documented("_".join(re.findall(r"[a-z]+", type.lower())[-2:]) or "function", f"Of type {type}.")
    best = Counter(one.description for one in usages).most_common(1)[0][0]
    return Documented("_".join(words), f"Of type {type}; used to {best}.")


def _unique(name: str, taken: set[str]) -> str:
    name = re.sub(r"\W+", "_", name).strip("_").lower() or "function"
    if not name.isidentifier() or keyword.iskeyword(name):
        name = f"f_{name}"
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def retrieval(documented: Mapping[str, Documented], usages: Mapping[str, Sequence[Usage]]) -> float:
    """How well names fit: the share of uses whose description is nearest to the name of the function that they call.

    Nearness: the n-grams of the name that the description has, over those of the name. Ties count as misses in the
    proportion of the wrong names among the nearest."""
    words = {name: set(one.name.split("_")) for name, one in documented.items()}
    right, total = 0.0, 0
    for name, many in usages.items():
        for usage in many:
            grams = ngrams(usage.description)
            near = {other: len(grams & names) / len(names) for other, names in words.items()}
            best = [other for other, value in near.items() if value == max(near.values())]
            right += (name in best) / len(best)
            total += 1
    return right / max(total, 1)
