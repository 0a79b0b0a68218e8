"""GenCodeSearchNet's items, its matching task and its ranking task (Diera et al., "GenCodeSearchNet", 2023).

An item is one text, `comment [CODESPLIT] code`. Matching asks whether a comment and a code belong together: each item
is a positive pair, and gives a negative one, its comment with the code of another item whose text differs. The released
writers of five of the matching sets format negatives in another way than positives (a blank between all characters),
so that the format tells the label; here both come through the same function.

Ranking asks for the right code among 99 others of the set. The released script draws them with one generator for all
sets, so that a set's figures depend on those before it; here each set has its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from jaxtyping import Float, Int, Int64

from phloem.corpora import datasets
from phloem.errors import PhloemError
from phloem.measure import ranking
from phloem.tasks import retrieval
from phloem.tasks.retrieval import DISTRACTORS

MARK = "[CODESPLIT]"
_PARTED = f" {MARK} "
ORIGIN = "drndr/gencodesearchnet at commit 70db22a16e11"


class Item(NamedTuple):
    """A comment and its code."""

    comment: str
    code: str


class Pair(NamedTuple):
    """A comment and a code, which belong together (`label` 1) or don't (0)."""

    comment: str
    code: str
    label: int


class Items(NamedTuple):
    """What a file holds, and how many lines were left out: with several marks, or with a tokenizer's own symbol."""

    items: list[Item]
    skipped: int


def text_of(item: Item) -> str:
    """The released format, a blank on both sides of the mark."""
    return f"{item.comment}{_PARTED}{item.code}"


def read(texts: Iterable[str], special: Sequence[str] = ()) -> Items:
    """The items of texts; `special` are the symbols of the tokenizer that will read them.

    >>> read(["sum [CODESPLIT] a + b", "x [CODESPLIT] y [CODESPLIT] z"])
    Items(items=[Item(comment='sum', code='a + b')], skipped=1)
    """
    items, skipped = [], 0
    for text in texts:
        parts = text.split(_PARTED)
        if len(parts) != 2 or text.count(MARK) != 1 or any(symbol in text for symbol in special):
            skipped += 1
        else:
            items.append(Item(*parts))
    return Items(items, skipped)


def matching(name: str, items: Sequence[Item], seed: int = 42) -> list[Pair]:
    """Each item as a positive pair, and with the code of another; half of the pairs are positive.

    The draw depends on the seed and on the set's name alone. Raises ValueError where all items have the same code.
    """
    if len({item.code for item in items}) < 2:
        raise ValueError(f"{name}: no two items differ in their code, so there is no negative pair")
    rng = np.random.default_rng([seed, crc32(name.encode())])
    pairs = []
    for item in items:
        other = items[int(rng.integers(len(items)))]
        while other.code == item.code:
            other = items[int(rng.integers(len(items)))]
        pairs += [Pair(*item, 1), Pair(item.comment, other.code, 0)]
    return pairs


def published(name: str, special: Sequence[str] = (), data: str | Path | None = None) -> Items:
    """A released ranking set, "statcodesearch" or "cosqa", from gecs/test_NAME_mrr.jsonl in the data folder.

    (The file of CoSQA pairs docstrings with code, not web queries.) Where the file is not there, StatCodeSearch is
    taken from the data set of that name, which has a part of it. Raises PhloemError where neither is there."""
    place = datasets.folder(data)
    path = None if place is None else place / "gecs" / f"test_{name}_mrr.jsonl"
    if path is not None and path.is_file():
        try:
            with path.open(encoding="utf-8") as lines:
                return read((json.loads(line)["input"] for line in lines), special)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PhloemError(f"{path} is no ranking set of GenCodeSearchNet: {error!r}") from error
    if name == "statcodesearch":
        rows = datasets.load(name, "test", data)
        return read((text_of(Item(row["Comment"], row["Code"])) for row in rows), special)
    raise PhloemError(
        f"{ORIGIN} has data/mrr/{name}/test_{name}_mrr.jsonl, which belongs into gecs/ of the data folder"
    )


def ranks(
    name: str,
    count: int,
    score: Callable[[int, Int64[np.ndarray, " candidates"]], Float[np.ndarray, " candidates"]],
    *,
    queries: int | None = None,
    distractors: int = DISTRACTORS,
    seed: int = 42,
) -> Int[np.ndarray, " queries"]:
    """The rank of the right code, 1 + the others that score at least as much, for the first `queries` comments.

    `score(query, candidates)` scores places, the right one first; the others are drawn from the other places of the
    set, of which one may hold the same code. The draw depends on the seed and on the set's name alone."""
    found = []
    for query, others in enumerate(retrieval.distractors(name, count, most=distractors, seed=seed)[:queries]):
        scores = np.asarray(score(query, np.concatenate([[query], others])))
        found.append(int(ranking.ranks(scores[None], np.zeros(1, np.int64))[0]))
    return np.array(found)
