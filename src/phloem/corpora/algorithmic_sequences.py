"""Strings for algorithmic tasks, with what each program should answer computed in plain Python.

The tasks of Weiss, Goldberg and Yahav, "Thinking Like Transformers" (2021, section 5): random strings of random length,
and at each place what the program says. The answers here are oracles that know nothing of RASP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MARK = "§"  # in front of an input where the program wants one

Oracle = Callable[[Sequence[str]], list[Any]]


def reverse(tokens: Sequence[str]) -> list[str]:
    return list(tokens)[::-1]


def hist(tokens: Sequence[str]) -> list[int]:
    """How often each token occurs."""
    counts = Counter(tokens)
    return [counts[token] for token in tokens]


def sort(tokens: Sequence[str]) -> list[str]:
    return sorted(tokens)


def double_hist(tokens: Sequence[str]) -> list[int]:
    """How many different tokens occur as often as each."""
    counts = Counter(tokens)
    alike = Counter(counts.values())
    return [alike[counts[token]] for token in tokens]


def most_frequent(tokens: Sequence[str]) -> list[str]:
    """Each token once, the most frequent first, of equally frequent ones the earliest; then marks."""
    counts = Counter(tokens)  # keeps the order of first occurrences, and sorting is stable
    ordered = sorted(counts, key=lambda token: -counts[token])
    return ordered + [MARK] * (len(tokens) - len(ordered))


def dyck(pairs: Sequence[str]) -> Oracle:
    """For each prefix T (balanced), P (can still become it) or F (cannot)."""
    closer = {pair[0]: pair[1] for pair in pairs}

    def prefixes(tokens: Sequence[str]) -> list[str]:
        stack, answers, failed = [], [], False
        for token in tokens:
            if token in closer:
                stack.append(closer[token])
            elif any(token == pair[1] for pair in pairs):
                failed |= not stack or stack.pop() != token
            answers.append("F" if failed else ("P" if stack else "T"))
        return answers

    return prefixes


dyck1, dyck2 = dyck(["()"]), dyck(["()", "{}"])


def unmarked(oracle: Oracle, of_mark: Any) -> Oracle:
    """The oracle for inputs that begin with a mark: `of_mark` there, and behind it the answers without it."""
    return lambda tokens: [of_mark, *oracle(tokens[1:])]


def random_string(
    rng: np.random.Generator, alphabet: Sequence[str], shortest: int, longest: int, *, marked: bool = False
) -> list[str]:
    """A length of `shortest` to `longest` and that many tokens, both uniform; behind a mark if `marked`."""
    length = int(rng.integers(shortest, longest + 1))
    return [MARK] * marked + [alphabet[number] for number in rng.integers(0, len(alphabet), length)]


def random_brackets(rng: np.random.Generator, pairs: Sequence[str], longest: int) -> list[str]:
    """Brackets that mostly close what is open, so that long balanced and failing prefixes both occur."""
    stack: list[str] = []
    tokens: list[str] = []
    for _ in range(int(rng.integers(1, longest + 1))):
        if stack and rng.random() < 0.45:
            tokens.append(stack.pop())
        elif rng.random() < 0.05:
            tokens.append(pairs[int(rng.integers(len(pairs)))][1])
        else:
            pair = pairs[int(rng.integers(len(pairs)))]
            stack.append(pair[1])
            tokens.append(pair[0])
    return tokens
