"""Rational speech acts over a table: which example tells most of what is meant?

Hypotheses d and utterances u, M[d, u] = 1 where u is true of d. A literal listener and a pragmatic speaker are

    L0(d | u) = M[d, u] / Σ_d' M[d', u]          S1(u | d) = L0(d | u) / Σ_u' L0(d | u')

(Frank, Goodman 2012; Cohn-Gordon et al. 2018 speak incrementally: the next utterance given those before.) As in
Vaduguru et al. (ICLR 2024, section 4), hypotheses and utterances are samples that are drawn anew for each utterance,
and the target stands in a last row of its own, all ones. So S1 of the target is greatest where fewest hypotheses are
left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from phloem.synthesis.languages.pragmatic_regex import Example, Specification, automaton, consistent

Table = Float[np.ndarray, "hypotheses utterances"]
Listener = Callable[[Specification], Sequence[str]]
"""Hypotheses given the examples so far."""
Speaker = Callable[[str, Specification], Sequence[Example]]
"""Examples of a target that might come next."""


def literal_listener(table: Table) -> Table:
    """L0: each column sums to 1; a column that is true of nothing stays 0."""
    sums = table.sum(0, keepdims=True)
    return np.divide(table, sums, out=np.zeros_like(table, dtype=float), where=sums > 0)


def pragmatic_speaker(table: Table) -> Table:
    """S1: each row sums to 1; that of a hypothesis of which nothing is true stays 0."""
    listener = literal_listener(table)
    sums = listener.sum(1, keepdims=True)
    return np.divide(listener, sums, out=np.zeros_like(listener), where=sums > 0)


def pragmatic_listener(table: Table) -> Table:
    """L1: who knows that the speaker is pragmatic; each column sums to 1."""
    speaker = pragmatic_speaker(table)
    sums = speaker.sum(0, keepdims=True)
    return np.divide(speaker, sums, out=np.zeros_like(speaker), where=sums > 0)


def truth(hypotheses: Sequence[str], examples: Sequence[Example]) -> Table:
    """M: whether each example has the label that each expression gives it."""
    return np.array(
        [[float(automaton(regex).matches(each.text) == each.positive) for each in examples] for regex in hypotheses]
    ).reshape(len(hypotheses), len(examples))


def most_informative(target: str, hypotheses: Sequence[str], examples: Sequence[Example]) -> Example:
    """The example with the greatest S1 of the target; of equals the first in the order of (string, label).

    `examples` are true of the target. Without hypotheses the first in this order."""
    ordered = sorted(set(examples))
    others = [each for each in dict.fromkeys(hypotheses) if each != target]
    if not others:
        return ordered[0]
    table = np.concatenate([truth(others, ordered), np.ones((1, len(ordered)))])
    row = pragmatic_speaker(table)[-1]
    return ordered[int(np.flatnonzero(row >= row.max() * (1 - 1e-12))[0])]


def informative_specification(
    target: str, listener: Listener, speaker: Speaker, length: int = 10, context: Specification = ()
) -> Specification:
    """One self-play: examples of the target, each the most informative one given those before.

    Hypotheses that disagree with the examples so far, and examples that are not true of the target or were given, are
    left out. Ends early where no example is left."""
    for _ in range(length - len(context)):
        hypotheses = [each for each in dict.fromkeys(listener(context)) if consistent(each, context)]
        true = (each for each in speaker(target, context) if consistent(target, [each]) and each not in context)
        candidates = list(dict.fromkeys(true))
        if not candidates:
            break
        context = (*context, most_informative(target, hypotheses, candidates))
    return context
