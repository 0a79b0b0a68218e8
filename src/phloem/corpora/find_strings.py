"""String black boxes of FIND: single edits, and two in a row.

Schwettmann et al. (NeurIPS 2023): 30% of the functions are one edit and 70% a composition of two, under random
parameters. The published set has about 65 edits whose bodies are not published; these are those that its descriptions
name most often. Inputs are words and short phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from string import ascii_letters, ascii_lowercase, ascii_uppercase
from typing import NamedTuple

import numpy as np

Edit = Callable[[str], str]
SINGLE = 0.3
VOWELS = "aeiouAEIOU"
NUMBERS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
)
WORDS = [
    "apple",
    "banana",
    "python",
    "Function",
    "World",
    "hello",
    "testing",
    "Example",
    "code",
    "Data",
    "river",
    "Mountain",
    "sky",
    "blue",
    "GREEN",
    "Sunday",
    "orange",
    "question",
    "Paper",
    "light",
    "zebra",
    "Xylophone",
    "quick",
    "jumps",
    "over",
    "lazy",
    "dog",
    "Paris",
    "London",
    "123",
    "R2D2",
    "user42",
    "Chapter7",
    "mix3d",
]


class StringFunction(NamedTuple):
    name: str
    apply: Edit
    edits: int


def _shifted(text: str, by: int) -> str:
    table = {
        old: letters[(place + by) % 26]
        for letters in (ascii_lowercase, ascii_uppercase)
        for place, old in enumerate(letters)
    }
    return "".join(table.get(one, one) for one in text)


def _word(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def _letters(rng: np.random.Generator, count: int) -> str:
    return "".join(rng.choice(list(ascii_letters), count))


PLAIN: dict[str, Edit] = {
    "reverse": lambda text: text[::-1],
    "upper": str.upper,
    "lower": str.lower,
    "swap case": str.swapcase,
    "capitalise": lambda text: text[:1].upper() + text[1:],
    "title": str.title,
    "remove vowels": lambda text: "".join(one for one in text if one not in VOWELS),
    "only vowels": lambda text: "".join(one for one in text if one in VOWELS),
    "remove digits": lambda text: "".join(one for one in text if not one.isdigit()),
    "remove spaces": lambda text: text.replace(" ", ""),
    "length in words": lambda text: _word(len(text)),
    "length": lambda text: str(len(text)),
    "vowels counted": lambda text: str(sum(one in VOWELS for one in text)),
    "words counted": lambda text: str(len(text.split())),
    "first character": lambda text: text[:1],
    "last character": lambda text: text[-1:],
    "without the first": lambda text: text[1:],
    "without the last": lambda text: text[:-1],
    "first half": lambda text: text[: len(text) // 2],
    "second half": lambda text: text[len(text) // 2 :],
    "doubled": lambda text: text + text,
    "mirrored": lambda text: text + text[::-1],
    "every second": lambda text: text[::2],
    "first word": lambda text: text.split(" ")[0],
    "last word": lambda text: text.split(" ")[-1],
    "reversed words": lambda text: " ".join(text.split(" ")[::-1]),
    "initials": lambda text: "".join(word[:1] for word in text.split()),
    "sorted": lambda text: "".join(sorted(text)),
    "first to the end": lambda text: text[1:] + text[:1],
    "without repetitions": lambda text: "".join(dict.fromkeys(text)),
}
WITH_PARAMETERS: dict[str, Callable[[np.random.Generator], tuple[object, Edit]]] = {}


def _parametrised(name: str) -> Callable[[Callable[..., tuple[object, Edit]]], Callable[..., tuple[object, Edit]]]:
    def keep(make: Callable[..., tuple[object, Edit]]) -> Callable[..., tuple[object, Edit]]:
        WITH_PARAMETERS[name] = make
        return make

    return keep


@_parametrised("shift")
def _shift(rng: np.random.Generator) -> tuple[object, Edit]:
    by = int(rng.integers(1, 26))
    return by, lambda text: _shifted(text, by)


@_parametrised("append")
def _append(rng: np.random.Generator) -> tuple[object, Edit]:
    end = _letters(rng, int(rng.integers(1, 6)))
    return end, lambda text: text + end


@_parametrised("prepend")
def _prepend(rng: np.random.Generator) -> tuple[object, Edit]:
    start = _letters(rng, int(rng.integers(1, 6)))
    return start, lambda text: start + text


@_parametrised("replace a letter")
def _replace(rng: np.random.Generator) -> tuple[object, Edit]:
    old, new = rng.choice(list(ascii_lowercase), 2, replace=False).tolist()
    return (old, new), lambda text: text.replace(old, new)


@_parametrised("remove a letter")
def _remove(rng: np.random.Generator) -> tuple[object, Edit]:
    old = str(rng.choice(list("aeionrstl")))
    return old, lambda text: text.replace(old, "")


@_parametrised("first characters")
def _first(rng: np.random.Generator) -> tuple[object, Edit]:
    count = int(rng.integers(2, 5))
    return count, lambda text: text[:count]


@_parametrised("last characters")
def _last(rng: np.random.Generator) -> tuple[object, Edit]:
    count = int(rng.integers(2, 5))
    return count, lambda text: text[-count:]


@_parametrised("spaces become")
def _spaces(rng: np.random.Generator) -> tuple[object, Edit]:
    mark = str(rng.choice(list("-_.+")))
    return mark, lambda text: text.replace(" ", mark)


@_parametrised("repeat")
def _repeat(rng: np.random.Generator) -> tuple[object, Edit]:
    times = int(rng.integers(2, 4))
    return times, lambda text: text * times


def draw_edit(rng: np.random.Generator) -> tuple[str, Edit]:
    """Uniform over the edits."""
    names = [*PLAIN, *WITH_PARAMETERS]
    name = names[rng.integers(len(names))]
    if name in PLAIN:
        return name, PLAIN[name]
    parameter, edit = WITH_PARAMETERS[name](rng)
    return f"{name} {parameter!r}", edit


def _composed(first: Edit, second: Edit) -> Edit:
    return lambda text: second(first(text))


def draw(count: int, seed: int, *, single: float = SINGLE) -> Iterator[StringFunction]:
    rng = np.random.default_rng((seed, 16))
    for _ in range(count):
        name, edit = draw_edit(rng)
        if rng.random() < single:
            yield StringFunction(name, edit, 1)
            continue
        after, second = draw_edit(rng)
        yield StringFunction(f"{name}, then {after}", _composed(edit, second), 2)


def inputs(count: int, seed: int) -> list[str]:
    """Different texts of one to four words."""
    rng, made = np.random.default_rng((seed, 17)), dict[str, None]()
    while len(made) < count:
        made.setdefault(" ".join(rng.choice(WORDS, int(rng.integers(1, 5)))))
    return list(made)
