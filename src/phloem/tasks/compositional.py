"""Compositional generalisation: pairs of token sequences in splits that ask for new combinations of known parts.

SCAN, PCFG SET, COGS, GeoQuery and text2sql-data as one kind of task: source words, target words, exact match. SCAN's
grammar makes its splits, so that they need no data; the others come from PHLOEM_DATA. Validation pairs are drawn from
the training part, test pairs from the test part, the same for all who are asked. What only a few pairs show (SCAN's
"jump", the words that COGS shows in one role) always stays in training: without it the test asks for the unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phloem.corpora import cogs, geoquery, pcfg_set, scan, text2sql
from phloem.errors import PhloemError
from phloem.represent.text_pairs import Pair

VALIDATION, TEST = 100, 400  # pairs
AT_ONCE = 64


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


class Parts(NamedTuple):
    """Lines of training and test, and the pairs that training may not lose."""

    train: list[Pair]
    test: list[Pair]
    needed: frozenset[Pair] = frozenset()


def _scan(split: str, _: Path | None) -> Parts:
    train, test = ([(c.words, " ".join(c.actions)) for c in scan.split(split, part)] for part in ("train", "test"))
    return Parts(train, test, frozenset(pair for pair in train if pair[0] == split))


def _pcfg(part: str, data: Path | None) -> Parts:
    asked = (pcfg_set.training(part, data), pcfg_set.split(part, data))
    train, test = ([(each.words, " ".join(each.value)) for each in lines] for lines in asked)
    return Parts(train, test)


def _cogs(part: str, data: Path | None) -> Parts:
    def pairs(sentences: Iterable[cogs.Sentence]) -> list[Pair]:
        return [(each.words, " ".join(each.form)) for each in sentences]

    train = list(cogs.split("train", data=data))
    needed = pairs(each for each in train if each.case != cogs.IN_DISTRIBUTION)
    return Parts(pairs(train), pairs(cogs.split(part, data=data)), frozenset(needed))


def _geoquery(split: str, data: Path | None) -> Parts:
    marked = ([geoquery.marked(q) for q in geoquery.split(split, part, data)] for part in geoquery.PARTS)
    train, test = ([(words, " ".join(query)) for words, query in part] for part in marked)
    return Parts(train, test)


def _text2sql(name: str, data: Path | None) -> Parts:
    database, by = name.split()
    kind: text2sql.Split = "query" if by == "query" else "question"
    train, test = ([(q.words, q.sql) for q in text2sql.split(database, kind, part, data)] for part in ("train", "test"))
    return Parts(train, test)


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
    parts = _MAKERS[family](split, data)
    rng = np.random.default_rng(0)
    training = [parts.train[i] for i in rng.permutation(len(parts.train))]
    if most is not None and most + VALIDATION < len(training):
        training = _drawn(training, most + VALIDATION, parts.needed)
    known = set(training)
    held = held_out(training, min(VALIDATION, len(known) // 10), parts.needed)
    fresh = [pair for pair in dict.fromkeys(parts.test) if pair not in known]
    chosen = [fresh[i] for i in rng.permutation(len(fresh))[:test]]
    return Problem(name, [pair for pair in training if pair not in held], sorted(held), chosen)


def _drawn(shuffled: list[Pair], count: int, needed: frozenset[Pair]) -> list[Pair]:
    """The first `count` lines; the last that can be spared make room for needed pairs that are not among them."""
    chosen = shuffled[:count]
    lost = sorted(needed - set(chosen))
    spare = [place for place, pair in enumerate(chosen) if pair not in needed]
    for place, pair in zip(reversed(spare), lost, strict=False):
        chosen[place] = pair
    return chosen


def held_out(training: Sequence[Pair], count: int, needed: Collection[Pair]) -> set[Pair]:
    """The first `count` distinct pairs that can be spared from training, for validation."""
    return set([pair for pair in dict.fromkeys(training) if pair not in needed][:count])


def sides(pairs: list[Pair]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Pairs of texts as pairs of tuples of tokens."""
    return [(tuple(source.split()), tuple(target.split())) for source, target in pairs]
