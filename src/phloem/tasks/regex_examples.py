"""Expressions from examples: what listeners and speakers read and write, and a simulated user who means something.

A listener reads a specification and writes an expression; a speaker reads an expression with the examples so far and
writes the next one. An example's label stands behind its string for the listener, before it for the speaker (Vaduguru
et al., ICLR 2024, section 5). Success: the expression means the same as the hidden one, by their automata.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int

from phloem.represent.base import PAD
from phloem.represent.token_view import TokenBatch
from phloem.synthesis import rsa
from phloem.synthesis.languages import pragmatic_regex
from phloem.synthesis.languages.pragmatic_regex import ALPHABET, Example, Specification, consistent

POSITIVE, NEGATIVE, NEXT = range(3, 6)
FIRST = 6
VOCABULARY = FIRST + len(ALPHABET)
Role = Literal["listener", "speaker"]


class Pair(NamedTuple):
    """An expression and a specification of it."""

    regex: str
    examples: Specification


def characters(text: str) -> list[int]:
    """A string's tokens; characters outside the alphabet are left out."""
    return [FIRST + ord(each) - 32 for each in text if each in ALPHABET]


def text_of(tokens: Sequence[int]) -> str:
    return "".join(chr(32 + token - FIRST) for token in tokens if token >= FIRST)


def listener_source(examples: Specification) -> list[int]:
    tokens = [NEXT]
    for each in examples:
        tokens += [*characters(each.text), POSITIVE if each.positive else NEGATIVE]
    return tokens


def speaker_source(regex: str, examples: Specification) -> list[int]:
    tokens = [*characters(regex), NEXT]
    for each in examples:
        tokens += [POSITIVE if each.positive else NEGATIVE, *characters(each.text)]
    return tokens


def example_of(tokens: Sequence[int]) -> Example | None:
    """The example that a speaker wrote; None where it wrote none."""
    if not tokens or tokens[0] not in (POSITIVE, NEGATIVE) or any(token < FIRST for token in tokens[1:]):
        return None
    return Example(text_of(tokens[1:]), tokens[0] == POSITIVE)


def batch_of(rows: Sequence[tuple[list[int], list[int]]]) -> TokenBatch:
    """Sources and targets as one batch."""
    time, steps = max(len(row) for row, _ in rows), max(len(target) for _, target in rows) + 1
    return TokenBatch(
        torch.tensor([row + [PAD] * (time - len(row)) for row, _ in rows]),
        torch.tensor([len(row) for row, _ in rows]),
        torch.tensor([target + [PAD] * (steps - len(target)) for _, target in rows]),
    )


def spoken(pair: Pair, role: Role, length: int) -> tuple[list[int], list[int]]:
    """What a role reads and writes of a pair of which `length` examples are given."""
    given = pair.examples[:length]
    if role == "listener":
        return listener_source(given), characters(pair.regex)
    following = pair.examples[length]
    label = POSITIVE if following.positive else NEGATIVE
    return speaker_source(pair.regex, given), [label, *characters(following.text)]


class RegexPairs:
    """Training pairs of a role as a `Dataset`: of given pairs all prefixes, or fresh random ones."""

    def __init__(
        self,
        role: Role,
        *,
        pairs: Sequence[Pair] = (),
        epoch: int = 0,
        seed: int = 0,
        regexes: Sequence[str] = (),
        most: int = 4,
    ) -> None:
        """With `pairs` their prefixes; else `epoch` random ones, of `regexes` or any, of up to `most` examples."""
        self.role, self.pairs, self.epoch, self.seed, self.regexes, self.most = role, pairs, epoch, seed, regexes, most
        speaks = role == "speaker"
        self.prefixes = [
            (pair, length) for pair in pairs for length in range(not speaks, len(pair.examples) + (not speaks))
        ]

    def __len__(self) -> int:
        return len(self.prefixes) or self.epoch

    @property
    def sizes(self) -> Int[np.ndarray, "examples"]:
        return np.ones(len(self), np.int64)

    def batch(self, index: Int[np.ndarray, "batch"], rng: np.random.Generator | None) -> TokenBatch:
        """These prefixes, or as many random pairs (from `rng`; without it always the same)."""
        if self.prefixes:
            return batch_of([spoken(self.prefixes[i][0], self.role, self.prefixes[i][1]) for i in index.tolist()])
        random = Random(self.seed if rng is None else int(rng.integers(1 << 62)))
        rows = []
        for _ in index:
            regex = random.choice(self.regexes) if self.regexes else pragmatic_regex.sample(random)
            length = random.randint(1, self.most)
            pair = Pair(regex, pragmatic_regex.sample_specification(random, regex, length))
            at = len(pair.examples) if self.role == "listener" else random.randrange(len(pair.examples))
            rows.append(spoken(pair, self.role, at))
        return batch_of(rows)


def simulated_user(target: str, space: Sequence[str], rng: Random, length: int, offered: int = 20) -> Specification:
    """Examples by someone who expects a pragmatic listener: level two of rational speech acts over a finite space.

    Each example is the one with the greatest S2 of the target, among random true ones, given those before."""
    spec: Specification = ()
    for _ in range(length):
        left = [each for each in space if consistent(each, spec) and each != target]
        fresh = pragmatic_regex.sample_specification(rng, target, offered)
        candidates = sorted(each for each in fresh if each not in spec)
        if not candidates:
            break
        table = np.concatenate([rsa.truth(left, candidates), np.ones((1, len(candidates)))])
        speaker = rsa.literal_listener(rsa.pragmatic_listener(table).T).T[-1]  # rows normalised: S2
        spec = (*spec, candidates[int(speaker.argmax())])
    return spec


def space(count: int, seed: int, longest: int = 16) -> list[str]:
    """Distinct random expressions, no two equivalent."""
    rng, languages = Random(seed), set()
    found: list[str] = []
    words = [pragmatic_regex.sample_text(rng, pragmatic_regex.parse(pragmatic_regex.sample(rng))) for _ in range(300)]
    while len(found) < count:
        regex = pragmatic_regex.sample(rng, longest)
        sign = tuple(pragmatic_regex.matches(regex, word) for word in words)
        if sign not in languages or not any(pragmatic_regex.equivalent(regex, each) for each in found):
            languages.add(sign)
            found.append(regex)
    return found
