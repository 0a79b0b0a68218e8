"""What the systems of code search are trained and measured on: a function's first sentence, and its code.

At the smoke scale these are generated methods (`phloem.tasks.accessors`) with sentences that describe them in other
words; at the others the documented functions of mined shards, drawn evenly, training and test from different projects.
Names are left out of the code unless asked for, since a documentation often repeats them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from jaxtyping import Float, Int64

from phloem.corpora import doc_code_pairs
from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.errors import PhloemError
from phloem.languages.documentation import first_sentence
from phloem.measure import bootstrap, ranking
from phloem.nn.models.cross_encoder import UnitPairs
from phloem.represent.code_text import around_name, without_documentation
from phloem.represent.subwords import Subwords, words
from phloem.systems.claims import Scale
from phloem.tasks import retrieval
from phloem.tasks.accessors import accessors
from phloem.tasks.bm25 import BM25

SENTENCES = {
    "get": "Return the {}.",
    "set": "Store another {}.",
    "has": "Say whether there is any {}.",
    "clear": "Forget the {} again.",
    "count": "Tell how many the {} holds.",
    "add": "Put one more into the {}.",
}
FEWEST_WORDS = 4  # of a sentence: fewer say too little to find by
FEWEST_CODE, MOST_CODE = 40, 4000  # bytes


def functions(scale: Scale, split: str, count: int) -> list[DocumentedCode]:
    """`count` documented functions of a split, or as many as there are; no two share their first sentence.

    Raises PhloemError where the scale needs `--data` and has none, or one without such functions."""
    if scale.smoke:
        return generated(split)[:count]
    if scale.data is None:
        raise PhloemError(f"the {scale.name} scale needs --data: mined Python shards (`phloem mine`)")
    if not (found := _mined(scale.data, split, count)):
        raise PhloemError(f"{scale.data} has no documented Python functions in its split {split}")
    return list(found)


def generated(split: str) -> list[DocumentedCode]:
    """The methods of a split of `accessors`, described."""
    found = []
    for example in accessors(split):
        action, _, rest = example.name.partition("_")
        doc = SENTENCES[action].format(rest.replace("_", " "))
        source = example.tree.source
        found.append(DocumentedCode("python", split, example.path, example.name, doc, source, None, example.line))
    return found


@cache
def _mined(folder: Path, split: str, count: int) -> tuple[DocumentedCode, ...]:
    """A sample without bias: those whose place hashes lowest."""
    kept: dict[str, tuple[int, DocumentedCode]] = {}
    for one in doc_code_pairs.read(folder, split, languages=("python",)):
        if not one.doc or not FEWEST_CODE <= len(one.source) <= MOST_CODE:
            continue
        place = crc32(f"{one.project}/{one.path}:{one.line}".encode("utf-8", "replace"))
        if place % 8 and split == "train":  # an eighth is plenty, and its sentences are quick to read
            continue
        said = sentence(one)
        if len(words(said)) >= FEWEST_WORDS and (said not in kept or place < kept[said][0]):
            kept[said] = place, one
    return tuple(one for _, one in sorted(kept.values(), key=lambda pair: pair[0])[:count])


def undocumented(scale: Scale, split: str, count: int) -> list[DocumentedCode]:
    """`count` functions without documentation; at the smoke scale those that have one, without it."""
    if scale.smoke:
        return [one._replace(doc="") for one in generated(split)[:count]]
    if scale.data is None:
        raise PhloemError(f"the {scale.name} scale needs --data: mined Python shards (`phloem mine`)")
    return list(_bare(scale.data, split, count))


@cache
def _bare(folder: Path, split: str, count: int) -> tuple[DocumentedCode, ...]:
    kept = []
    for one in doc_code_pairs.read(folder, split, languages=("python",)):
        place = crc32(f"{one.project}/{one.path}:{one.line}".encode("utf-8", "replace"))
        if not one.doc and FEWEST_CODE <= len(one.source) <= MOST_CODE and place % 8 == 0:
            kept.append((place, one))
    return tuple(one for _, one in sorted(kept, key=lambda pair: pair[0])[:count])


def sentence(one: DocumentedCode) -> str:
    """What it is searched by."""
    return first_sentence(one.doc)


def code(one: DocumentedCode, *, named: bool = False) -> str:
    """Its code without documentation, and without its name unless `named`."""
    text = without_documentation(one.source, one.doc_span)
    return text if named else "".join(around_name(text, one.name))


def vocabulary(train: Sequence[DocumentedCode], size: int) -> Subwords:
    """Units learned from texts and codes."""
    return Subwords.fit((f"{sentence(one)}\n{code(one, named=True)}" for one in train), size)


class PairUnits:
    """Pairs as units (a `Dataset`); a batch is `make` of the chosen pairs."""

    def __init__(
        self,
        texts: list[list[int]],
        codes: list[list[int]],
        make: Callable[[UnitPairs], Any] = lambda batch: batch,
    ) -> None:
        self.texts, self.codes, self.make = texts, codes, make
        self.keys = tuple(
            np.array([crc32(np.array(row, np.int64).tobytes()) for row in rows]) for rows in (texts, codes)
        )

    @classmethod
    def of(cls, units: Subwords, some: Iterable[DocumentedCode], most: int, most_text: int) -> PairUnits:
        """The units of functions."""
        listed = list(some)
        return cls(
            [units.units(sentence(one), most_text) for one in listed], [units.units(code(one), most) for one in listed]
        )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def sizes(self) -> Int64[np.ndarray, " pairs"]:
        return np.array([len(text) + len(body) for text, body in zip(self.texts, self.codes, strict=True)])

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Any:
        chosen = [int(place) for place in index]
        texts, codes = [self.texts[place] for place in chosen], [self.codes[place] for place in chosen]
        return self.make(UnitPairs(texts, codes, self.keys[0][chosen], self.keys[1][chosen]))


def reciprocal_ranks(
    score: Callable[[int, np.ndarray], np.ndarray], count: int, *, queries: int, distractors: int, seed: int = 42
) -> Float[np.ndarray, "queries 2"]:
    """Of each query among its own code and so many others of `count`: one over the rank, and 1 for the mean's divisor.

    `score(query, candidates)` gives the candidates' scores."""
    others = retrieval.distractors("pairs", count, most=distractors, seed=seed)[:queries]
    found = []
    for query, rest in enumerate(others):
        scores = np.asarray(score(query, np.concatenate([[query], rest])))
        found.append(int(ranking.ranks(scores[None], np.zeros(1, np.int64))[0]))
    return bootstrap.with_count(ranking.reciprocal(np.array(found)))


def bm25_ranks(
    test: Sequence[DocumentedCode], *, queries: int, distractors: int, named: bool = False
) -> Float[np.ndarray, "queries 2"]:
    """BM25's, over the words of the codes."""
    texts, codes = [sentence(one) for one in test], [code(one, named=named) for one in test]
    return bm25_text_ranks(texts, codes, queries=queries, distractors=distractors)


def bm25_text_ranks(
    texts: Sequence[str], codes: Sequence[str], *, queries: int, distractors: int
) -> Float[np.ndarray, "queries 2"]:
    """BM25's, code r being the right one for text r."""
    index = BM25([words(each) for each in codes])
    return reciprocal_ranks(
        lambda query, candidates: index.scores(words(texts[query]))[candidates],
        len(codes),
        queries=queries,
        distractors=distractors,
    )


def tf_idf_ranks(
    texts: Sequence[str], codes: Sequence[str], *, queries: int, distractors: int
) -> Float[np.ndarray, "queries 2"]:
    """Those of the cosine between bags of words, each word's count times the log of how rare it is among the codes."""
    counts = [Counter(words(each)) for each in codes]
    having = Counter(chain.from_iterable(counts))
    rarity = {word: math.log(len(codes) / number) for word, number in having.items()}

    def weighted(bag: Counter[str]) -> dict[str, float]:
        values = {word: count * rarity[word] for word, count in bag.items() if word in rarity}
        norm = math.sqrt(sum(value * value for value in values.values())) or 1.0
        return {word: value / norm for word, value in values.items()}

    vectors = [weighted(bag) for bag in counts]

    def score(query: int, candidates: np.ndarray) -> np.ndarray:
        asked = weighted(Counter(words(texts[query])))
        return np.array(
            [sum(weight * vectors[place].get(word, 0.0) for word, weight in asked.items()) for place in candidates]
        )

    return reciprocal_ranks(score, len(codes), queries=queries, distractors=distractors)
