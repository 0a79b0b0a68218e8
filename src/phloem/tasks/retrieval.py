"""Code search as a task: for a text, the function that it describes among others.

Protocols, all with pessimistic ranks (`phloem.measure.ranking`):

- blocks: pairs are shuffled and cut into blocks of 1,000, an incomplete one at the end is dropped; each query is
  ranked against the codes of its block (Husain et al. 2019; Feng et al., "CodeBERT", 2020).
- distractors: each query against its own code and 99 others, drawn without replacement from the other places of the
  set (Diera et al., "GenCodeSearchNet", 2023). The draw depends on the seed and the set's name only.
- pool: each query against everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from zlib import crc32

import numpy as np
from jaxtyping import Float32, Int, Int64

from phloem.corpora import datasets
from phloem.measure import ranking
from phloem.represent.search_view import SearchDataset, keys

BLOCK = 1000
DISTRACTORS = 99
AT_ONCE = 256  # queries that are scored together


class SearchSet(NamedTuple):
    """Queries, the codes that are searched, and which code is the right one for each query."""

    name: str
    queries: list[str]
    codes: list[str]
    gold: Int64[np.ndarray, " queries"]


class Embedder(Protocol):
    """Texts to unit vectors of one space."""

    def queries(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]: ...

    def codes(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]: ...


def cosqa(split: str, data: str | Path | None = None) -> SearchSet:
    """CoSQA's retrieval queries ("dev" or "test"; Huang et al. 2021) over its whole code base.

    Raises PhloemError where the data set is not here."""
    base = list(datasets.load("cosqa", "codebase", data))
    place = {row["code_idx"]: number for number, row in enumerate(base)}
    rows = list(datasets.load("cosqa", f"retrieval_{split}", data))
    gold = np.array([place[row["retrieval_idx"]] for row in rows])
    return SearchSet(f"cosqa-{split}", [row["query"] for row in rows], [row["code"] for row in base], gold)


def statcodesearch(data: str | Path | None = None) -> SearchSet:
    """StatCodeSearch (Diera et al. 2023): comments of statistical R code, and the code that follows each.

    Raises PhloemError where the data set is not here."""
    rows = list(datasets.load("statcodesearch", "test", data))
    return SearchSet(
        "statcodesearch", [row["Comment"] for row in rows], [row["Code"] for row in rows], np.arange(len(rows))
    )


def blocks(count: int, *, size: int = BLOCK, seed: int = 0) -> Int64[np.ndarray, "blocks size"]:
    """The pairs of each whole block, shuffled by the seed."""
    order = np.random.default_rng(seed).permutation(count)
    return order[: count // size * size].reshape(-1, size)


def distractors(
    name: str, count: int, *, most: int = DISTRACTORS, seed: int = 42
) -> Int64[np.ndarray, "queries distractors"]:
    """For each place of a set called `name`, so many other places, drawn without replacement.

    Raises ValueError where there are not so many others."""
    if count <= most:
        raise ValueError(f"{most} distractors are drawn from {count - 1} others")
    rng = np.random.default_rng((seed, crc32(name.encode())))
    drawn = np.stack([rng.choice(count - 1, most, replace=False) for _ in range(count)])
    return drawn + (drawn >= np.arange(count)[:, None])  # past the place itself


def block_ranks(
    queries: Float32[np.ndarray, "pairs width"],
    codes: Float32[np.ndarray, "pairs width"],
    *,
    size: int = BLOCK,
    seed: int = 0,
) -> Int[np.ndarray, " ranked"]:
    """Ranks of the queries of whole blocks."""
    own = np.arange(size)
    found = [
        ranking.ranks(queries[block] @ codes[block].T, own) for block in blocks(len(queries), size=size, seed=seed)
    ]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def distractor_ranks(
    name: str,
    queries: Float32[np.ndarray, "pairs width"],
    codes: Float32[np.ndarray, "pairs width"],
    *,
    most: int = DISTRACTORS,
    seed: int = 42,
) -> Int[np.ndarray, " pairs"]:
    """The rank of each query's code among its distractors."""
    candidates = np.concatenate(
        [np.arange(len(queries))[:, None], distractors(name, len(queries), most=most, seed=seed)], axis=1
    )
    scores = np.stack([codes[row] @ query for row, query in zip(candidates, queries, strict=True)])
    return ranking.ranks(scores, np.zeros(len(queries), np.int64))


def pool_ranks(
    queries: Float32[np.ndarray, "queries width"],
    codes: Float32[np.ndarray, "codes width"],
    gold: Int[np.ndarray, " queries"],
) -> Int[np.ndarray, " queries"]:
    """The rank of each query's code among all codes."""
    found = [
        ranking.ranks(queries[at : at + AT_ONCE] @ codes.T, gold[at : at + AT_ONCE])
        for at in range(0, len(queries), AT_ONCE)
    ]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


class Sample(NamedTuple):
    """Functions of a compiled split: the first `queries` of `pool` are searched by their documentation."""

    queries: int
    pool: Int64[np.ndarray, " functions"]


def sample(
    dataset: SearchDataset,
    language: str,
    *,
    queries: int = 1000,
    pool: int = 10_000,
    a_project: int = 400,
    shortest: int = 4,
    seed: int = 0,
) -> Sample:
    """Documented functions of a language to search for, among a pool of the language's functions.

    At most `a_project` queries come from one project. First sentences of fewer than `shortest` units, and ones that two
    of the functions share, say too little to find by.
    """
    rng = np.random.default_rng(seed)
    if language not in dataset.languages:
        return Sample(0, np.zeros(0, np.int64))
    own = dataset.language == dataset.languages.index(language)
    documented = rng.permutation(np.intersect1d(dataset.documented(), np.flatnonzero(own)))
    seen: dict[Any, int] = {}
    fit = []
    sentences = dataset.column("sentence", documented)
    _, first, count = np.unique(keys(sentences), return_index=True, return_counts=True)
    alone = set(first[count == 1].tolist())
    for place, function in enumerate(documented.tolist()):
        project = int(dataset.project[function])
        if place not in alone or sentences.offsets[place + 1] - sentences.offsets[place] < shortest:
            continue
        if seen.get(project, 0) < a_project:
            seen[project] = seen.get(project, 0) + 1
            fit.append(function)
    asked = np.array(sorted(fit, key=lambda function: crc32(f"{seed} {function}".encode()))[:queries], np.int64)
    others = rng.permutation(np.setdiff1d(np.flatnonzero(own), asked))
    return Sample(len(asked), np.concatenate([asked, others[: max(0, pool - len(asked))]]))
