"""Regular expressions of pragmatic examples as trees: their parts, parsing and printing (pragmatic_regex.py)."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from phloem.errors import PhloemError

ALPHABET = "".join(map(chr, range(32, 127)))
SPECIAL = "()[]{}|?*+\\"
MOST = 12  # the greatest number of a repetition


class Characters(NamedTuple):
    """One character out of a set; `text` is how it is written."""

    text: str
    allowed: frozenset[str]


class Repeat(NamedTuple):
    """`part` at least `low` times and at most `high`; None: as often as one likes."""

    part: Regex
    low: int
    high: int | None


class Concatenation(NamedTuple):
    parts: tuple[Regex, ...]


class Union(NamedTuple):
    parts: tuple[Regex, ...]


Regex: TypeAlias = Characters | Repeat | Concatenation | Union


def parse(text: str) -> Regex:
    """Read an expression. Raises PhloemError with the place of what is not understood."""
    reader = _Reader(text)
    found = reader.union(0)
    if reader.at < len(text):
        raise reader.error(f"unexpected {text[reader.at]}")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def error(self, message: str) -> PhloemError:
        return PhloemError(f"regular expression, character {self.at + 1}: {message}")

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self, wanted: str = "") -> str:
        found = self.peek()
        if not found or (wanted and found != wanted):
            raise self.error(f"expected {wanted or 'a character'}, found {found or 'the end'}")
        self.at += 1
        return found

    def union(self, depth: int) -> Regex:
        if depth > 50:
            raise self.error("nested deeper than 50")
        parts = [self.concatenation(depth)]
        while self.peek() == "|":
            self.take()
            parts.append(self.concatenation(depth))
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def concatenation(self, depth: int) -> Regex:
        parts = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(depth))
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def repeated(self, depth: int) -> Regex:
        part = self.piece(depth)
        while self.peek() and self.peek() in "?*+{":
            low, high = self.bounds()
            part = Repeat(part, low, high)
        return part

    def bounds(self) -> tuple[int, int | None]:
        match self.take():
            case "?":
                return 0, 1
            case "*":
                return 0, None
            case "+":
                return 1, None
        low = self.number()
        high: int | None = low
        if self.peek() == ",":
            self.take()
            high = None if self.peek() == "}" else self.number()
        self.take("}")
        if max(low, high or 0) > MOST or (high is not None and high < low):
            raise self.error(f"repetitions go up to {MOST}, the second number is not the smaller one")
        return low, high

    def number(self) -> int:
        digits = ""
        while self.peek().isdigit():
            digits += self.take()
        if not digits:
            raise self.error("expected a number")
        return int(digits[:6])

    def piece(self, depth: int) -> Regex:
        if self.peek() == "(":
            self.take()
            inner = self.union(depth + 1)
            self.take(")")
            return inner
        if self.peek() == "[":
            return self.of_class()
        begin, found = self.at, self.take()
        if found == "\\":
            found = self.take()
        elif found in SPECIAL:
            self.at -= 1
            raise self.error(f"unexpected {found}")
        if found not in ALPHABET:
            raise self.error(f"{found!r} is not a printable character of ASCII")
        return Characters(self.text[begin : self.at], frozenset(found))

    def of_class(self) -> Regex:
        begin = self.at
        self.take("[")
        negated = self.peek() == "^"
        if negated:
            self.take()
        chosen: set[str] = set()
        while self.peek() != "]":
            first = self.take()
            last = first
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("", "]"):
                self.take()
                last = self.take()
            chosen |= set(map(chr, range(ord(first), ord(last) + 1)))
        self.take("]")
        allowed = frozenset(ALPHABET) - chosen if negated else frozenset(chosen & set(ALPHABET))
        return Characters(self.text[begin : self.at], allowed)


def print(regex: Regex) -> str:
    """The expression. A piece stands in parentheses where its repetition would mean something else."""
    match regex:
        case Characters(text):
            return text
        case Concatenation(parts):
            return "".join(f"({print(part)})" if isinstance(part, Union) else print(part) for part in parts)
        case Union(parts):
            return "|".join(f"({print(part)})" if isinstance(part, Union) else print(part) for part in parts)
        case Repeat(part, low, high):
            inner = print(part)
            inner = inner if isinstance(part, Characters) else f"({inner})"
            if (low, high) == (0, 1):
                return inner + "?"
            return inner + (f"{{{low}}}" if high == low else f"{{{low},{'' if high is None else high}}}")
    raise TypeError(f"{regex!r} is no regular expression")
