"""What a model answers for one function: suggestions with probabilities and the paths that each word attended to."""

from __future__ import annotations

import math
from typing import NamedTuple


class Attended(NamedTuple):
    """A path context and how much of a step's attention it had. Spans are bytes in the function's own source."""

    weight: float
    left: str
    path: tuple[str, ...]  # node labels, from the left end up to the common ancestor and down to the right end
    right: str
    left_span: tuple[int, int]
    right_span: tuple[int, int]


class Suggestion(NamedTuple):
    """One output of beam search. `probability` is that it is right (`assist.ranking`): of a name that it is the
    function's, of a sentence the share of its words that documentation would have. Of a model without a ranking it is
    that of the whole sequence, end included."""

    text: str  # in the language's convention: get_name, getName
    probability: float
    words: tuple[str, ...]
    attention: tuple[tuple[Attended, ...], ...] = ()  # per word the contexts with the most weight, heaviest first


def per_word(score: float, words: int) -> float:
    """The probability a word of a sequence with this log probability: the geometric mean over its words and its end.

    The probability of a whole name falls with every word, so that one threshold for it would flag names for being long.
    """
    return math.exp(score / (words + 1))


class Prediction(NamedTuple):
    """A function of a file and what the model says of it. Offsets are bytes in the file."""

    name: str
    line: int  # 1-based, of the name
    end_line: int
    start: int
    end: int
    probability: float  # that the present name or first sentence is right, as of suggestions; 0 without one
    flagged: bool  # the present name disagrees with the body
    suggestions: tuple[Suggestion, ...]  # best first
    doc: str = ""  # its documentation as it is
    per_word: float = 0.0  # the probability of the present one a word (`per_word`), which flags are decided by
