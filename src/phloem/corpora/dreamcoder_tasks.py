"""The tasks of DreamCoder: list functions as published, and text edits made as the paper says (Ellis et al. 2020).

The list tasks are 217 functions with 15 examples each, by name (`add-k with k=3`). The text tasks are not published as
data: a generator makes single edits (take what stands before a delimiter, replace one delimiter by another, drop
characters, wrap in brackets, …) of random words, each with a few examples. Ours makes all of them in a fixed order and
then shuffles by the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from phloem.corpora import datasets


class Record(NamedTuple):
    """A task; `inputs` and `output` name types (`list-of-int`, `text`), each example is (inputs, output)."""

    name: str
    inputs: tuple[str, ...]
    output: str
    examples: tuple[tuple[tuple[Any, ...], Any], ...]


def list_tasks(data: str | Path | None = None) -> Iterator[Record]:
    """The list tasks that are here, in the published order. Raises PhloemError when the set is not."""
    for row in datasets.load("dreamcoder", "list_tasks", data):
        examples = tuple(((_frozen(one["i"]),), _frozen(one["o"])) for one in row["examples"])
        yield Record(row["name"], (row["type"]["input"],), row["type"]["output"], examples)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


DELIMITERS = {"dot": ".", "comma": ",", "space": " ", "dash": "-", "colon": ":"}
MOST_DROPPED = 3

Edit = Callable[[str], str]


def _with_delimiter(name: str, one: str) -> Iterator[tuple[str, str, Edit]]:
    yield f"before the {name}", one, lambda text: text.split(one)[0]
    yield f"after the {name}", one, lambda text: text.split(one, 1)[1]
    yield f"without {name}", one, lambda text: text.replace(one, "")
    yield f"initials at {name}", one, lambda text: "".join(word[0] for word in text.split(one))
    yield f"append {name}", "", lambda text: text + one
    yield f"prepend {name}", "", lambda text: one + text
    yield f"first letter and {name}", "", lambda text: text[0] + one
    yield f"between {name}s", "", lambda text: one + text + one
    yield f"{name} after each character", "", lambda text: "".join(character + one for character in text)
    yield f"twice with {name}", "", lambda text: text + one + text


def _replaced(one: str, two: str) -> Edit:
    return lambda text: text.replace(one, two)


def _counted(count: int) -> Iterator[tuple[str, str, Edit]]:
    yield f"drop {count}", "", lambda text: text[count:]
    yield f"take {count}", "", lambda text: text[:count]
    yield f"drop last {count}", "", lambda text: text[:-count]


def _edits() -> Iterator[tuple[str, str, Edit]]:
    """(name, the delimiter that inputs have or "", the edit)."""
    for name, one in DELIMITERS.items():
        yield from _with_delimiter(name, one)
        for other, two in DELIMITERS.items():
            if one != two:
                yield f"{name} to {other}", one, _replaced(one, two)
    for count in range(1, MOST_DROPPED + 1):
        yield from _counted(count)
    yield "in brackets", "", lambda text: f"({text})"
    yield "twice", "", lambda text: text + text


def text_tasks(seed: int = 0, *, examples: int = 4) -> list[Record]:
    """All single edits, shuffled, each with examples on fresh random words."""
    rng = Random(seed)
    found = []
    for name, delimiter, edit in _edits():
        pairs = []
        for _ in range(examples):
            text = delimiter.join(_word(rng) for _ in range(rng.randint(2, 3) if delimiter else 1))
            pairs.append(((tuple(text),), tuple(edit(text))))
        found.append(Record(name, ("text",), "text", tuple(pairs)))
    rng.shuffle(found)
    return found


def _word(rng: Random) -> str:
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randint(4, 7)))
