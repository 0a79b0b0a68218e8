"""Regular expressions of pragmatic examples: parsed, compared as languages, sampled, described by strings.

    [A-Z]{2,3}(k|7)?[0-9]{1,}

Characters are the printable ones of ASCII. An expression is a union of concatenations of repeated pieces; a piece is a
character, a class ([0-9], [^A-Z], …) or a group. Repetitions are ?, *, +, {n}, {n,} and {n,m}. A specification is a
list of strings, each of which the expression matches as a whole (+) or not (-).

Matching and comparison use the states of the expression's automaton as the bits of an integer, so no string makes them
slow. Two expressions are equivalent if no reachable pair of their sets of states disagrees (Hopcroft,
Karp 1971); the first pair that does gives a shortest string on which they differ.

Source: Vaduguru, Fried, Pu: Generating Pragmatic Examples to Train Neural Program Synthesizers (ICLR 2024), sections 3
and 5; the expressions are those of StructuredRegex (Ye et al. 2020).
"""

from __future__ import annotations

import string
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple, TypeAlias

from phloem.errors import PhloemError
from phloem.synthesis.languages.pragmatic_regex_syntax import (
    ALPHABET,
    Characters,
    Concatenation,
    Regex,
    Repeat,
    Union,
    parse,
    print,
)

CLASSES = ("[0-9]", "[a-z]", "[A-Z]", "[A-Za-z]", "[^0-9]", "[^a-z]", "[^A-Z]", "[^A-Za-z]")
STATES = 4_000  # of an automaton
name = "pragmatic-regex"
__all__ = [
    "ALPHABET",
    "Example",
    "Specification",
    "automaton",
    "consistent",
    "difference",
    "equivalent",
    "matches",
    "parse",
    "print",
    "sample",
    "sample_example",
    "sample_specification",
    "sample_text",
]


class Example(NamedTuple):
    """A string, and whether the expression matches it."""

    text: str
    positive: bool


Specification: TypeAlias = tuple[Example, ...]


# Automata


class Automaton(NamedTuple):
    """A state for each character of the expression, and one to begin with; sets of states are bits (Glushkov 1961).

    What may follow a state does not depend on the character that is read: only of these, who reads it does."""

    start: int
    accepting: int
    follow: tuple[int, ...]
    reading: dict[str, int]

    def after(self, states: int, character: str) -> int:
        """The states after one more character."""
        readers = self.reading.get(character, 0)
        found = 0
        while states and readers:
            lowest = states & -states
            found |= self.follow[lowest.bit_length() - 1]
            states ^= lowest
        return found & readers

    def matches(self, text: str) -> bool:
        """Whether the whole text is in the language. Time |text| times the number of states."""
        states = self.start
        for character in text:
            states = self.after(states, character)
            if not states:
                return False
        return bool(states & self.accepting)


@lru_cache(maxsize=20_000)
def automaton(text: str) -> Automaton:
    """The automaton of an expression's text, without empty moves. Raises PhloemError for one that is too large."""
    positions: list[frozenset[str]] = []
    follow: list[int] = []

    def add(allowed: frozenset[str]) -> int:
        if len(positions) >= STATES:
            raise PhloemError(f"an expression with more than {STATES} positions: {text}")
        positions.append(allowed)
        follow.append(0)
        return 1 << (len(positions) - 1)

    def joined(last: int, first: int) -> None:
        for place in _bits(last):
            follow[place] |= first

    def build(regex: Regex) -> tuple[int, int, bool]:
        """(first positions, last positions, whether the empty string is in it)."""
        match regex:
            case Characters(_, allowed):
                place = add(allowed)
                return place, place, False
            case Union(parts):
                built = [build(part) for part in parts]
                first = last = 0
                for one in built:
                    first, last = first | one[0], last | one[1]
                return first, last, any(one[2] for one in built)
            case Concatenation(parts):
                return chained(list(parts))
            case Repeat(part, low, high):
                optional = Repeat(part, 0, 1)
                if (low, high) == (0, 1):
                    first, last, _ = build(part)
                    return first, last, True
                if high is None:
                    first, last, empty = build(part)
                    joined(last, first)
                    looped = first, last, empty or low <= 1
                    return chained([part] * (low - 1), looped) if low > 1 else (first, last, empty or low == 0)
                return chained([part] * low + [optional] * (high - low))
        raise TypeError(f"{regex!r} is no regular expression")

    def chained(parts: list[Regex], tail: tuple[int, int, bool] | None = None) -> tuple[int, int, bool]:
        first, last, empty = 0, 0, True
        for one in [*map(build, parts), *([tail] if tail else [])]:
            joined(last, one[0])
            first |= one[0] if empty else 0
            last = one[1] | (last if one[2] else 0)
            empty = empty and one[2]
        return first, last, empty

    first, last, empty = build(parse(text))
    begin = 1 << len(positions)
    reading: dict[str, int] = {}
    for place, allowed in enumerate(positions):
        for character in allowed:
            reading[character] = reading.get(character, 0) | 1 << place
    return Automaton(begin, last | (begin if empty else 0), (*follow, first), reading)


def _bits(states: int) -> list[int]:
    found = []
    while states:
        lowest = states & -states
        found.append(lowest.bit_length() - 1)
        states ^= lowest
    return found


def matches(regex: str, text: str) -> bool:
    """Whether the expression matches the whole text."""
    return automaton(regex).matches(text)


def consistent(regex: str, specification: Sequence[Example]) -> bool:
    """Whether every example has the label that the expression gives it."""
    found = automaton(regex)
    return all(found.matches(each.text) == each.positive for each in specification)


def difference(left: str, right: str) -> str | None:
    """A shortest string that one of two expressions matches and the other does not; None where they are equivalent."""
    one, other = automaton(left), automaton(right)
    letters = _letters(one, other)
    begin = (one.start, other.start)
    seen, waiting = {begin}, deque([(begin, "")])
    while waiting:
        (a, b), text = waiting.popleft()
        if bool(a & one.accepting) != bool(b & other.accepting):
            return text
        for character in letters:
            after = one.after(a, character), other.after(b, character)
            if after != (0, 0) and after not in seen:
                seen.add(after)
                waiting.append((after, text + character))
    return None


def equivalent(left: str, right: str) -> bool:
    """Whether two expressions have the same language."""
    return difference(left, right) is None


def _letters(one: Automaton, other: Automaton) -> list[str]:
    """One character of each kind that neither automaton tells apart."""
    kinds: dict[tuple[int, int], str] = {}
    for character in ALPHABET:
        kinds.setdefault((one.reading.get(character, 0), other.reading.get(character, 0)), character)
    return list(kinds.values())


# Sampling


def sample(rng: Random, longest: int = 30) -> str:
    """A random expression of one to five pieces, at most `longest` characters."""
    while True:
        text = "".join(_piece(rng) for _ in range(rng.randint(1, 5)))
        if len(text) <= longest:
            return text


def _piece(rng: Random) -> str:
    letter = rng.choice(string.ascii_letters + string.digits)
    atom = letter if rng.random() < 0.35 else rng.choice(CLASSES[: 8 if rng.random() < 0.2 else 4])
    if rng.random() < 0.15:
        atom = f"({atom}|{rng.choice((*CLASSES[:3], rng.choice(string.ascii_letters)))})"
    low = rng.randint(1, 4)
    repeated = rng.choice(("", f"{{{low}}}", f"{{{low},}}", f"{{{low},{min(low + rng.randint(1, 2), 5)}}}"))
    piece = atom + repeated
    if rng.random() < 0.2:
        piece = f"({piece})?" if repeated else f"{atom}?"
    return piece


def sample_text(rng: Random, regex: Regex, more: float = 0.5) -> str:
    """A random string of the language; open repetitions go on with probability `more`."""
    match regex:
        case Characters(_, allowed):
            return rng.choice(_ordered(allowed))
        case Concatenation(parts):
            return "".join(sample_text(rng, part, more) for part in parts)
        case Union(parts):
            return sample_text(rng, rng.choice(parts), more)
        case Repeat(part, low, high):
            times = low
            if high is not None:
                times = rng.randint(low, high)
            else:
                while rng.random() < more and times < low + 6:
                    times += 1
            return "".join(sample_text(rng, part, more) for _ in range(times))
    raise TypeError(f"{regex!r} is no regular expression")


@lru_cache(maxsize=1_000)
def _ordered(allowed: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(allowed))


_parsed = lru_cache(maxsize=20_000)(parse)


def sample_example(rng: Random, regex: str) -> Example:
    """A random example with its true label: a string of the language, one that was changed a little, or any."""
    text = sample_text(rng, _parsed(regex))
    kind = rng.random()
    if kind > 0.9:
        text = "".join(rng.choices(ALPHABET, k=rng.randint(0, 8)))
    elif kind > 0.5:
        at = rng.randrange(len(text) + 1)
        new = rng.choice(("", rng.choice(string.ascii_letters + string.digits)))
        text = text[:at] + new + text[at + rng.randrange(2) :]
    return Example(text, matches(regex, text))


def sample_specification(rng: Random, regex: str, size: int) -> Specification:
    """Distinct random examples; fewer where no more are found."""
    found: dict[Example, None] = {}
    for _ in range(20 * size):
        found.setdefault(sample_example(rng, regex))
        if len(found) == size:
            break
    return tuple(found)
