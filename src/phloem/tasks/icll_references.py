"""What can be learned from a prompt alone: n-grams of it, and a hidden Markov model of it.

The two algorithms that Akyürek et al. (ICML 2024, section 5) compare in-context learners with.

    n-grams        counts of the prompt so far, with back-off:
                       p_n(x | c) = (N(c x) + D(c) p_{n-1}(x | c')) / (N(c) + D(c))
                   with D(c) the number of different symbols seen after c, and c' without its oldest symbol (Witten and
                   Bell 1991); p_0 is uniform. Contexts do not reach across separators.
    Baum-Welch     expectation maximisation of a hidden Markov model on the strings before the last one (Baum et al.
                   1970), and its filter along the last one
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from phloem.corpora.probabilistic_automata import SEPARATOR, SYMBOLS


def ngram_predictions(tokens: Sequence[int], order: int, symbols: int = SYMBOLS) -> Float[np.ndarray, "time symbols"]:
    """After each token the distribution of the next symbol, from contexts of up to `order` - 1 symbols."""
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    string: tuple[int, ...] = ()
    rows = np.zeros((len(tokens), symbols))
    for row, token in zip(rows, tokens, strict=True):
        if token == SEPARATOR:
            string = ()
        else:
            for size in range(min(order - 1, len(string)) + 1):
                counts[string[len(string) - size :]][token] += 1
            string = (*string, token)
        row[:] = 1 / symbols
        for size in range(min(order - 1, len(string)) + 1):
            seen = counts.get(string[len(string) - size :])
            if seen:
                row *= len(seen)
                for symbol, count in seen.items():
                    row[symbol] += count
                row /= len(seen) + seen.total()
    return rows


class HiddenMarkov:
    """Discrete, with start, transition and emission probabilities."""

    def __init__(self, rng: np.random.Generator, states: int, symbols: int = SYMBOLS) -> None:
        self.start = rng.dirichlet(np.ones(states))
        self.transition = rng.dirichlet(np.ones(states), size=states)
        self.emission = rng.dirichlet(np.ones(symbols), size=states)

    def filtered(self, string: Sequence[int]) -> tuple[Float[np.ndarray, "time states"], Float[np.ndarray, " time"]]:
        """The distribution of the state that emits each symbol given those up to it, and each symbol's probability."""
        rows, scale, ahead = [], [], self.start
        for symbol in string:
            joint = ahead * self.emission[:, symbol]
            scale.append(joint.sum())
            rows.append(joint / max(scale[-1], 1e-300))
            ahead = rows[-1] @ self.transition
        return np.array(rows), np.array(scale)

    def log_likelihood(self, strings: Sequence[Sequence[int]]) -> float:
        return float(sum(np.log(np.maximum(self.filtered(string)[1], 1e-300)).sum() for string in strings))

    def improve(self, strings: Sequence[Sequence[int]], smoothing: float = 1e-3) -> None:
        """One step of expectation maximisation; `smoothing` is added to every expected count."""
        start, transition, emission = (
            np.full_like(part, smoothing) for part in (self.start, self.transition, self.emission)
        )
        for string in strings:
            forward, scale = self.filtered(string)
            behind = np.ones(len(self.start))
            for place in range(len(string) - 1, -1, -1):
                posterior = forward[place] * behind
                emission[:, string[place]] += posterior
                if place == 0:
                    start += posterior
                    break
                ahead = self.emission[:, string[place]] * behind / max(scale[place], 1e-300)
                transition += forward[place - 1][:, None] * self.transition * ahead
                behind = self.transition @ ahead
        self.start = start / start.sum()
        self.transition = transition / transition.sum(axis=1, keepdims=True)
        self.emission = emission / emission.sum(axis=1, keepdims=True)

    def predictions(self, string: Sequence[int]) -> Float[np.ndarray, "time symbols"]:
        """Before each symbol of a string."""
        states = self.filtered(string)[0]
        ahead = np.concatenate([self.start[None], states[:-1] @ self.transition])
        return ahead @ self.emission


def baum_welch(
    strings: Sequence[Sequence[int]], rng: np.random.Generator, *, states: int = 12, iterations: int = 30
) -> HiddenMarkov:
    """A model of strings that are not empty."""
    model = HiddenMarkov(rng, states)
    for _ in range(iterations):
        model.improve(strings)
    return model
