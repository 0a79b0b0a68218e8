"""In which order suggestions come, and what their probabilities say.

A sequence's log probability falls with every word, so the most probable name is mostly a short one. Suggestions are
ordered by log probability / (words + 1) ** length_penalty (the end mark counts as a word; Wu et al., "Google's Neural
Machine Translation System", 2016, section 7, in its simpler form), and the probability that is told is a logistic
function of the same number (Platt, "Probabilistic Outputs for Support Vector Machines", 1999), fitted on the validation
split to how often suggestions with it are right: the order and the figures agree. For a name, right is the function's
own name; for a sentence, it is the share of its words that the documentation has. The penalty is chosen there too.

A saved model keeps its ranking in its facts. One without it is ordered by probability, and tells the sequence's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from phloem.decode.base import Hypothesis


class Ranking(NamedTuple):
    """How a model's suggestions are searched, ordered and believed in. Of flags it decides only that the name which is
    suggested first has none."""

    length_penalty: float = 0.0
    no_repeat: int = 0  # words in a row that are not written twice; 0: anything may be
    slope: float | None = None  # of the logistic function; without it the probability is the sequence's
    offset: float = 0.0
    least: float = 0.0  # sentences under this probability are not suggested unless one asks for them

    def value(self, score: float, words: int) -> float:
        """By what suggestions are ordered, of a log probability with its end and a number of words."""
        return score / (words + 1) ** self.length_penalty

    def probability(self, score: float, words: int) -> float:
        """That a suggestion is right."""
        if self.slope is None:
            return math.exp(score)
        return 0.5 * (1 + math.tanh((self.slope * self.value(score, words) + self.offset) / 2))

    def ordered(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """Best first, equals in their order; those that say nothing last."""
        return sorted(hypotheses, key=lambda each: (not each.value, -self.value(each.score, len(each.value))))


BY_PROBABILITY = Ranking()


def ranking_of(facts: Mapping[str, Any]) -> Ranking:
    """The ranking of a saved model."""
    kept = facts.get("ranking", {})
    return Ranking(**{name: kept[name] for name in Ranking._fields if name in kept})
