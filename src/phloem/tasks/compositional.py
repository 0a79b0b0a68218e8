"""Compositional generalisation: pairs of token sequences in splits that ask for new combinations of known parts.

SCAN, PCFG SET, COGS, GeoQuery and text2sql-data as one kind of task: source words, target words, exact match. SCAN's
grammar makes its splits, so that they need no data; the others come from PHLOEM_DATA. Validation pairs are drawn from
the training part, test pairs from the test part, the same for all who are asked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phloem.corpora import cogs, geoquery, pcfg_set, scan, text2sql
from phloem.errors import PhloemError
from phloem.represent.text_pairs import Pair

VALIDATION, TEST = 100, 400  # pairs
AT_ONCE = 64
UNITS = 8000  # more than any of the languages has words: every word is one unit


class Problem(NamedTuple):
    """Pairs of texts, tokens parted by blanks. No pair is in two parts, and none is asked twice: of GeoQuery's test
    that leaves fewer than others count, since questions with marked places repeat."""

    name: str
    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]

    @property
    def longest(self) -> int:
        """How many words an answer may have: twice as many as any target of training, and ten."""
        return 2 * max(len(target.split()) for _, target in self.train) + 10


Parts = tuple[list[Pair], list[Pair]]


def _scan(split: str, _: Path | None) -> Parts:
    train, test = ([(c.words, " ".join(c.actions)) for c in scan.split(split, part)] for part in ("train", "test"))
    return train, test


def _pcfg(part: str, data: Path | None) -> Parts:
    train, test = pcfg_set.training(part, data), pcfg_set.split(part, data)
    return [(e.words, " ".join(e.value)) for e in train], [(e.words, " ".join(e.value)) for e in test]


def _cogs(part: str, data: Path | None) -> Parts:
    train, test = ([(s.words, " ".join(s.form)) for s in cogs.split(each, data=data)] for each in ("train", part))
    return train, test


def _geoquery(split: str, data: Path | None) -> Parts:
    train, test = ([geoquery.marked(q) for q in geoquery.split(split, part, data)] for part in geoquery.PARTS)
    return [(words, " ".join(query)) for words, query in train], [(words, " ".join(query)) for words, query in test]


def _text2sql(name: str, data: Path | None) -> Parts:
    database, by = name.split()
    kind: text2sql.Split = "query" if by == "query" else "question"
    train, test = ([(q.words, q.sql) for q in text2sql.split(database, kind, part, data)] for part in ("train", "test"))
    return train, test


_MAKERS: dict[str, Callable[[str, Path | None], Parts]] = {
    "scan": _scan,
    "pcfg": _pcfg,
    "cogs": _cogs,
    "geoquery": _geoquery,
    "text2sql": _text2sql,
}
PROBLEMS = (
    *(f"scan {split}" for split in scan.SPLITS),
    *(f"pcfg {part}" for part in ("test", "systematicity", "productivity")),
    *(f"cogs {part}" for part in ("test", "gen")),
    *(f"geoquery {split}" for split in geoquery.SPLITS),
    *(f"text2sql geography {by}" for by in text2sql.SPLITS),
)


def problem(name: str, data: Path | None = None, *, most: int | None = None, test: int = TEST) -> Problem:
    """One of PROBLEMS (or another split, in the same manner of names); `most` training pairs are drawn where it is
    given. Raises PhloemError for an unknown one, and where its data is not here."""
    family, _, split = name.partition(" ")
    if family not in _MAKERS:
        raise PhloemError(f"no problem {name!r}: there are {', '.join(PROBLEMS)}")
    training, asked = _MAKERS[family](split, data)
    rng = np.random.default_rng(0)
    training = [training[i] for i in rng.permutation(len(training))][: None if most is None else most + VALIDATION]
    unique = list(dict.fromkeys(training))
    held = set(unique[: min(VALIDATION, len(unique) // 10)])
    known = set(unique)
    fresh = [pair for pair in dict.fromkeys(asked) if pair not in known]
    chosen = [fresh[i] for i in rng.permutation(len(fresh))[:test]]
    return Problem(name, [pair for pair in training if pair not in held], sorted(held), chosen)


def sides(pairs: list[Pair]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Pairs of texts as pairs of tuples of tokens."""
    return [(tuple(source.split()), tuple(target.split())) for source, target in pairs]
