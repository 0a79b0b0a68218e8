"""The two calibrated numbers of search and clones, on the validation split of mined shards.

    python benchmarks/search_calibration.py weights SHARDS    # of the fusion in phloem.assist.search.search
    python benchmarks/search_calibration.py clones SHARDS     # of the cosine in phloem.assist.search.clones

weights: first sentences of documentation look for their functions among 20,000 without documentation; the mean
reciprocal rank at 10 over a grid of weights, of each part alone and of reciprocal ranks.
clones: over pairs of functions, documentation left out, for each threshold: pairs a function, the share with the same
name or at least half of its words in common, the share found of pairs with the same name and first sentence in other
files, and the share of random pairs above it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from phloem.assist.search import search
from phloem.assist.search.embedding import Embedder, load_embedder
from phloem.assist.search.lexical import document, query_terms
from phloem.assist.search.queries import spelled_names
from phloem.assist.search.rows import COLUMNS, EMBEDDED, schema
from phloem.assist.search.table import FORMAT, About, IndexTable
from phloem.corpora.duplicates import SIMILARITY, fingerprint, similarity
from phloem.corpora.shards import read
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.languages.subtokens import split
from phloem.represent.code_text import code_text

QUESTIONS, DEEPEST = 2_000, 10
THRESHOLDS = tuple(np.arange(0.7, 0.976, 0.025).round(3).tolist())
LEAST_LINES = 5


def functions(shards: str, count: int, least_lines: int) -> list[Example]:
    long_enough = (each for each in read(shards, "validation") if each.tree.source.count(b"\n") >= least_lines - 1)
    return list(itertools.islice(long_enough, count))


def embed(embedder: Embedder, codes: list[str]) -> np.ndarray:
    return np.concatenate([embedder.codes(codes[start : start + 512]) for start in range(0, len(codes), 512)])


class Asked(NamedTuple):
    """The candidates of a question: their parts of the score, their ranks in both lists, which one is right."""

    bm25: np.ndarray
    cosine: np.ndarray
    overlap: np.ndarray
    ranks: np.ndarray  # 2 × candidates
    right: np.ndarray


def weights(shards: str, count: int, embedder: Embedder) -> dict[str, object]:
    examples = functions(shards, count, 2)
    sentences = [first_sentence(each.doc) for each in examples]
    often = Counter(sentences)
    asking = [i for i, each in enumerate(sentences) if len(each.split()) >= 3 and often[each] == 1]
    rng = np.random.default_rng(1)
    asking = rng.choice(asking, min(QUESTIONS, len(asking)), replace=False).tolist()
    with tempfile.TemporaryDirectory() as folder:
        table = _table(Path(folder), examples, embedder)
        answers = [_asked(table, embedder, sentences[i], i) for i in asking]
        table.close()

    def mrr(words: float, vectors: float, name: float) -> float:
        search.WORDS, search.VECTORS, search.NAME = words, vectors, name
        return _mrr([search.fuse(each.bm25, each.cosine, each.overlap) for each in answers], answers)

    grid = {
        f"{1 - vectors:.1f} {vectors:.1f} {name:.2f}": mrr(1 - vectors, vectors, name)
        for vectors in (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
        for name in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
    }
    return {
        "words": _mrr([-each.ranks[0] for each in answers], answers),
        "vectors": _mrr([-each.ranks[1] for each in answers], answers),
        "reciprocal ranks": _mrr([(1 / (60 + each.ranks)).sum(0) for each in answers], answers),
        "words vectors name": dict(sorted(grid.items(), key=lambda item: -item[1])),
    }


def _table(folder: Path, examples: list[Example], embedder: Embedder) -> IndexTable:
    """An index of functions without their documentation; `line` is the function's number."""
    codes = [code_text(each) for each in examples]
    columns: dict[str, list[object]] = {name: [] for name, _ in COLUMNS}
    for number, (each, code) in enumerate(zip(examples, codes, strict=True)):
        lexical = document(each.name, "", code, each.path)
        values = (each.path, each.language, "function", each.name, each.name, number, number, "", "", code, "", lexical)
        for (name, _), value in zip(COLUMNS, values, strict=True):
            columns[name].append(value)
    vectors = embed(embedder, [code[:EMBEDDED] for code in codes])
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), embedder.dimensions)
    arrays = [pa.array(columns[name], kind) for name, kind in COLUMNS]
    about = About(FORMAT, "", "/", embedder.identity, "", embedder.dimensions, "static")
    table = IndexTable.create(folder / "index", about)
    table.add(pa.RecordBatch.from_arrays([*arrays, column], schema=schema(embedder.dimensions)), [], [])
    table.settle()
    return table


def _asked(table: IndexTable, embedder: Embedder, question: str, right: int) -> Asked:
    vector, terms = embedder.queries([question])[0], query_terms(question)
    both = table.candidates(" ".join(terms), vector, None, search.POOL, ["name", "line", "vector"])
    rows = search.Candidates.of(*both, vector)
    ids, numbers = ([row for each in both for row in each[column].to_pylist()] for column in ("_rowid", "line"))
    lines = dict(zip(ids, numbers, strict=True))
    ranks = np.full((2, len(rows.ids)), 1e9)
    for which, each in enumerate(both):
        place = {row: rank for rank, row in enumerate(each["_rowid"].to_pylist())}
        ranks[which] = [place.get(row, 1e9) for row in rows.ids.tolist()]
    spelled = spelled_names(question)
    overlap = np.array([search.name_overlap(terms, spelled, name) for name in rows.names], np.float32)
    is_right = np.array([lines[row] == right for row in rows.ids.tolist()])
    return Asked(rows.bm25, rows.cosine, overlap, ranks, is_right)


def _mrr(scores: list[np.ndarray], answers: list[Asked]) -> float:
    ranks = [
        int((score > score[each.right][0]).sum()) + 1 if each.right.any() else DEEPEST + 1
        for score, each in zip(scores, answers, strict=True)
    ]
    return float(np.mean([1 / rank if rank <= DEEPEST else 0.0 for rank in ranks]))


def clones(shards: str, count: int, embedder: Embedder) -> dict[str, object]:
    examples = functions(shards, count, LEAST_LINES)
    minima = np.concatenate([fingerprint(examples[i : i + 1000]).minima for i in range(0, len(examples), 1000)])
    vectors = embed(embedder, [code_text(each)[:EMBEDDED] for each in examples])
    found = [np.nonzero(np.triu(vectors[i : i + 1024] @ vectors.T, i + 1) >= THRESHOLDS[0]) for i in _starts(vectors)]
    first = np.concatenate([rows + start for (rows, _), start in zip(found, _starts(vectors), strict=True)])
    second = np.concatenate([columns for _, columns in found])
    fresh = similarity(minima[first], minima[second]) < SIMILARITY
    first, second = first[fresh], second[fresh]
    cosine = (vectors[first] * vectors[second]).sum(1)
    names = [frozenset(split(each.name)) for each in examples]
    alike = np.array(
        [len(names[a] & names[b]) >= 0.5 * len(names[a] | names[b]) for a, b in zip(first, second, strict=True)]
    )
    same = _same_documentation(examples, minima)
    positive = (vectors[same[:, 0]] * vectors[same[:, 1]]).sum(1)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(vectors), (2, 2_000_000))
    drawn = drawn[:, drawn[0] != drawn[1]]
    random = np.concatenate([(vectors[a] * vectors[b]).sum(1) for a, b in np.array_split(drawn, 40, axis=1)])
    return {
        str(threshold): {
            "pairs a function": float((cosine >= threshold).sum() / len(vectors)),
            "alike in name": float(alike[cosine >= threshold].mean()),
            "found of same name and sentence": float((positive >= threshold).mean()),
            "random": float((random >= threshold).mean()),
        }
        for threshold in THRESHOLDS
    }


def _starts(vectors: np.ndarray) -> range:
    return range(0, len(vectors), 1024)


def _same_documentation(examples: list[Example], minima: np.ndarray) -> np.ndarray:
    """Pairs with the same name and first sentence in different files that are no copies, at most ten a group."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, each in enumerate(examples):
        sentence = first_sentence(each.doc)
        if len(sentence.split()) >= 3:
            groups[each.name, sentence].append(number)
    pairs = [pair for group in groups.values() for pair in itertools.islice(itertools.combinations(group, 2), 10)]
    other = [(a, b) for a, b in pairs if (examples[a].project, examples[a].path) != _file(examples[b])]
    kept = np.array(other)
    return kept[similarity(minima[kept[:, 0]], minima[kept[:, 1]]) < SIMILARITY]


def _file(example: Example) -> tuple[str, str]:
    return example.project, example.path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("weights", "clones"))
    parser.add_argument("shards")
    parser.add_argument("--functions", type=int, default=20_000)
    parser.add_argument("--model", default="code-search")
    options = parser.parse_args()
    measure = {"weights": weights, "clones": clones}[options.what]
    print(json.dumps(measure(options.shards, options.functions, load_embedder(options.model)), indent=1))


if __name__ == "__main__":
    main()
