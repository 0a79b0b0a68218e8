"""Complexity of short strings that a machine can compute: Lempel and Ziv's phrases, and a toy language of programs.

Kolmogorov complexity is not computable; these bound it or stand in for it (Goldblum et al. 2024).

Lempel and Ziv, "On the Complexity of Finite Sequences" (1976): the exhaustive history of a string is its parsing into
phrases, each the shortest prefix of the rest that is no copy of something that begins earlier (copies may overlap what
they make); only the last phrase may be a copy. The number of phrases is the complexity.

The toy language has three kinds of programs for strings of n bits: the empty one (zeros), 0p (p over and over) and 1p
(p and its complement in turn). Every program means a string, so that of the 2^n strings at most 2^m - 1 have a program
shorter than m bits; every string has one of n + 1 bits.
"""

from __future__ import annotations

from itertools import product


def phrases(string: str) -> list[str]:
    """The exhaustive history; joined, it is the string."""
    found, start = [], 0
    while start < len(string):
        end = start + 1
        while end < len(string) and string[start:end] in string[: end - 1]:
            end += 1
        found.append(string[start:end])
        start = end
    return found


def lz76(string: str) -> int:
    """The number of phrases."""
    return len(phrases(string))


def decoded(program: str, n: int) -> str:
    """What a toy program means. Raises ValueError for one that is no string of 0 and 1."""
    if program.strip("01"):
        raise ValueError(f"{program!r} is no string of bits")
    pattern = program[1:]
    if not pattern:
        return "0" * n if program != "1" else "1" * n
    turned = pattern.translate(str.maketrans("01", "10")) if program[0] == "1" else pattern
    return ((pattern + turned) * n)[:n]


def encoded(string: str) -> str:
    """The shortest toy program of a string, of the equally short ones the first."""
    n = len(string)
    for length in range(n + 1):
        for candidate in _programs(string, length):
            if decoded(candidate, n) == string:
                return candidate
    return "0" + string


def _programs(string: str, length: int) -> list[str]:
    """Those of `length` bits that could mean the string: a pattern is its beginning."""
    if length == 0:
        return [""]
    return [mode + string[: length - 1] for mode in "01"]


def programs_shorter_than(m: int) -> list[str]:
    """All 2^m - 1 of them, the empty one first."""
    return ["".join(bits) for length in range(m) for bits in product("01", repeat=length)]
