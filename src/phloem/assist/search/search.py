"""`phloem search`: which definitions of a tree answer a question, a piece of code, or are like a function.

Two lists are made, by words (BM25, Robertson & Zaragoza 2009, over subtokens) and by vectors (cosine), and every
definition on either is scored by a convex combination of both and of how much of its name the question says (Bruch et
al. 2023, "An Analysis of Fusion Functions for Hybrid Retrieval", find it better than reciprocal ranks, with BM25
divided by the best of the question):

    score = WORDS · bm25 / best + VECTORS · (cosine - lowest) / (best - lowest) + NAME · overlap

The weights are from the plateau of a grid (MRR at 10, first sentences of documentation that look for their functions
among 20,000, the validation splits of Python and of Java; `benchmarks/search_calibration.py`). With the shipped model:
words alone 0.37 and 0.35, vectors 0.40 and 0.44, reciprocal ranks 0.44 and 0.50, this 0.47 and 0.55.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from phloem.assist.progress import Tell, silent
from phloem.assist.search.index import Wish, index, tree
from phloem.assist.search.lexical import SILENT, query_terms, shared, words
from phloem.assist.search.queries import Filters, Question, names_a_place, spelled_names, understand
from phloem.assist.search.snippets import snippet_of, why
from phloem.assist.search.table import Busy, IndexTable, OtherFormat, folder_for, nearest, read_about
from phloem.errors import PhloemError

if TYPE_CHECKING:
    import pyarrow as pa

    from phloem.assist.search.embedding import Embedder

POOL = 100  # definitions from each list that are scored
REFRESH_WAIT = 5.0  # seconds for another run that brings the index up to date
RERANKED = 30
WORDS, VECTORS, NAME = 0.4, 0.6, 0.2  # best on validation: see the docstring
SPELLED = 4.0  # the overlap of a name that the question spells: above all that only sound like it


class Match(NamedTuple):
    """A definition that answers. `path` is spelled as the asked path leads to it; lines are 1-based."""

    path: str
    line: int
    end_line: int
    name: str
    qualified_name: str
    kind: str
    language: str
    score: float
    similarity: float  # cosine of the vectors of question and definition
    why: str
    snippet: str  # some lines of the file
    snippet_lines: tuple[int, ...]  # their numbers
    signature: str
    doc: str  # the first sentence
    code: str


def fuse(
    bm25: Float32[np.ndarray, "rows"], cosine: Float32[np.ndarray, "rows"], overlap: Float32[np.ndarray, "rows"]
) -> Float32[np.ndarray, "rows"]:
    """The scores of definitions from their BM25 (0: not on that list), cosine and overlap of names."""
    best = float(bm25.max(initial=0.0))
    by_words = bm25 / best if best > 0 else bm25
    low, high = (float(cosine.min()), float(cosine.max())) if len(cosine) else (0.0, 0.0)
    by_vectors = (cosine - low) / (high - low) if high > low else np.ones_like(cosine)
    return (WORDS * by_words + VECTORS * by_vectors + NAME * overlap).astype(np.float32)


def name_overlap(asked: Sequence[str], spelled: frozenset[str], name: str) -> float:
    """How much of a name the question says: SPELLED where it spells it, else the share of the name's words in it."""
    if name in spelled:
        return SPELLED
    own = words(name)
    return sum(word in asked for word in own) / len(own) if own else 0.0


class OpenIndex:
    """An index to ask again and again; for one thread at a time."""

    def __init__(self, table: IndexTable, embedder: Embedder, shown: str = "", below: str = "") -> None:
        """`below` is a folder that matches lie in, a slash behind it; `shown` is how the person leads there.
        Without `shown` paths are from the root."""
        self.table, self.embedder, self.shown, self.below = table, embedder, shown, below
        self._reranker: Embedder | None = None

    @property
    def root(self) -> Path:
        return Path(self.table.about.root)

    def __len__(self) -> int:
        return int(self.table.rows())

    def spelled(self, path: str) -> str:
        """A path of the index as it leads to the file from where the person is."""
        return (self.shown + path.removeprefix(self.below)).removeprefix("./") if self.shown else path

    def close(self) -> None:
        self.table.close()

    def refresh(self, wish: Wish | None = None, tell: Tell = silent) -> None:
        """Bring the index up to date, and ask its newest state from now on: for those who hold an index for long.

        `wish` is that of `open_index`. Raises PhloemError as `phloem.assist.search.index.index` does.
        """
        folder = self.table.folder
        _refresh(self.root, folder, replace(wish or Wish(), out=folder), tell)
        self.table.close()
        self.table = IndexTable.open(folder)

    def search(
        self, query: str, *, limit: int = 10, filters: Filters | None = None, rerank: bool = False
    ) -> list[Match]:
        """The best matches first. Raises PhloemError for an empty query, wrong filters and a damaged index."""
        if names_a_place(query):
            return self.similar(query, limit=limit, filters=filters)
        question = understand(query)
        embed = self.embedder.codes if question.is_code else self.embedder.queries
        vector = embed([question.text])[0]
        terms = query_terms(question.text)
        return self.nearest(vector, terms, question, limit=limit, filters=filters, rerank=rerank)

    def similar(self, text: str, *, limit: int = 10, filters: Filters | None = None) -> list[Match]:
        """The definitions nearest to FILE:NAME, itself left out, by cosine alone."""
        from phloem.assist.search.similar import read_definition

        source = read_definition(text)
        vector = self.embedder.codes([source.code])[0]
        terms = query_terms(source.code)
        condition = self._filters(filters).condition()
        rows = self.table.nearest(vector, condition, limit + 5, ["path", "line"])
        here = source.path_below(self.root)
        kept = [
            i
            for i, (path, line) in enumerate(zip(rows["path"].to_pylist(), rows["line"].to_pylist(), strict=True))
            if (path, line) != (here, source.line)
        ][:limit]
        cosine = 1.0 - rows["_distance"].to_numpy()[kept]
        found = self.table.take(rows["_rowid"].to_numpy()[kept])
        return [self._match(row, terms, float(c), float(c)) for row, c in zip(found, cosine, strict=True)]

    def functions(
        self, least_lines: int = 1, filters: Filters | None = None
    ) -> tuple[list[dict[str, Any]], Float32[np.ndarray, "functions dimensions"]]:
        """The functions and methods with their code, and their vectors, in the order of the files."""
        parts = [f"end_line - line >= {least_lines - 1}", "kind IN ('function', 'method')"]
        condition = self._filters(filters).condition()
        wanted = " AND ".join(parts if condition is None else [*parts, f"({condition})"])
        columns = ["path", "line", "end_line", "name", "qualified_name", "language", "code"]
        found = self.table.where(wanted, [*columns, "vector"]).sort_by([("path", "ascending"), ("line", "ascending")])
        vectors = _matrix(found["vector"], self.table.about.dimensions)
        return found.select(columns).to_pylist(), vectors

    def _filters(self, filters: Filters | None) -> Filters:
        filters = filters or Filters()
        return replace(filters, below=self.below) if self.below and not filters.below else filters

    def nearest(
        self,
        vector: Float32[np.ndarray, "dimensions"],
        terms: list[str],
        question: Question,
        *,
        limit: int,
        filters: Filters | None = None,
        rerank: bool = False,
    ) -> list[Match]:
        """The matches of a vector and words."""
        filters = self._filters(filters)
        pool = max(POOL, 2 * limit)
        if not len(self):
            return []
        light = ["name", "vector"]
        by_words, by_vector = self.table.candidates(" ".join(terms), vector, filters.condition(), pool, light)
        rows = Candidates.of(by_words, by_vector, vector)
        spelled = spelled_names(question.text)
        overlap = np.array([name_overlap(terms, spelled, name) for name in rows.names], np.float32)
        scores = fuse(rows.bm25, rows.cosine, overlap)
        order = np.argsort(-scores, kind="stable")[: max(limit, RERANKED) if rerank else limit]
        found = self.table.take(rows.ids[order])
        cosine, scores = rows.cosine[order], scores[order]
        if rerank:
            order, scores, cosine = self._reranked(question, found, scores)
            found = [found[i] for i in order]
        return [
            self._match(row, terms, float(score), float(alike))
            for row, score, alike in zip(found[:limit], scores, cosine, strict=False)
        ]

    def _reranked(
        self, question: Question, found: list[dict[str, Any]], scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By the transformer's cosine in place of the table's; the first list's score settles the rest."""
        if self._reranker is None:
            from phloem.assist.search.embedding import load_embedder

            self._reranker = load_embedder(self.table.about.model, speed="transformer")
        reranker = self._reranker
        vector = (reranker.codes if question.is_code else reranker.queries)([question.text])[0]
        from phloem.assist.search.rows import EMBEDDED

        cosine = reranker.codes([row["code"][:EMBEDDED] for row in found]) @ vector
        low, high = float(cosine.min()), float(cosine.max())
        alike = (cosine - low) / (high - low) if high > low else np.ones_like(cosine)
        mixed = (0.5 * scores + 0.5 * alike).astype(np.float32)
        order = np.argsort(-mixed, kind="stable")
        return order, mixed[order], cosine[order]

    def _match(self, row: dict[str, Any], terms: list[str], score: float, cosine: float) -> Match:
        lines, snippet = snippet_of(row["code"], row["line"], row["kind"], terms)
        telling = [term for term in terms if term not in SILENT]
        in_name = shared(telling, row["qualified_name"])
        in_rest = [each for each in shared(telling, row["doc"], row["code"]) if each not in in_name]
        return Match(
            path=self.spelled(row["path"]),
            line=row["line"],
            end_line=row["end_line"],
            name=row["name"],
            qualified_name=row["qualified_name"],
            kind=row["kind"],
            language=row["language"],
            score=round(score, 4),
            similarity=round(cosine, 4),
            why=why(in_name, in_rest, cosine),
            snippet=snippet,
            snippet_lines=lines,
            signature=row["signature"],
            doc=row["doc"],
            code=row["code"],
        )


class Candidates(NamedTuple):
    """The definitions on either list."""

    ids: np.ndarray
    names: list[str]
    bm25: Float32[np.ndarray, "rows"]
    cosine: Float32[np.ndarray, "rows"]

    @classmethod
    def of(cls, by_words: pa.Table, by_vector: pa.Table, vector: np.ndarray) -> Candidates:
        ids = np.concatenate([table["_rowid"].to_numpy() for table in (by_words, by_vector)])
        unique, first = np.unique(ids, return_index=True)
        names = by_words["name"].to_pylist() + by_vector["name"].to_pylist()
        bm25 = np.zeros(len(ids), np.float32)
        bm25[: by_words.num_rows] = by_words["_score"].to_numpy()
        vectors = [_matrix(table["vector"], len(vector)) for table in (by_words, by_vector)]
        cosine = np.concatenate(vectors) @ vector
        # a definition on both lists comes first in that by words, which has its BM25
        return cls(unique, [names[i] for i in first], bm25[first], cosine[first].astype(np.float32))


def _matrix(column: pa.ChunkedArray, width: int) -> Float32[np.ndarray, "rows width"]:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(-1, width)


def open_index(
    path: str | Path = ".",
    *,
    out: Path | None = None,
    refresh: bool = True,
    wish: Wish | None = None,
    tell: Tell = silent,
) -> OpenIndex:
    """The index that covers a folder, made where there is none and brought up to date, unless `refresh` is off.

    Raises PhloemError where there is nothing to open, with the command that makes it.
    """
    wish = wish or Wish(out=out)
    here = tree(path)
    folder = Path(wish.out).absolute() if wish.out else nearest(here)
    if not refresh and (folder is None or not (folder / "index.json").is_file()):
        raise PhloemError(f"there is no index of {path}; make one with: phloem index {path}")
    root = here
    if folder is not None and (folder / "index.json").is_file():
        try:
            root = Path(read_about(folder).root)
        except OtherFormat as error:
            if not refresh or not error.root:
                raise
            root = Path(error.root)  # it is made anew
    if refresh:
        _refresh(root, folder, wish, tell)
    table = IndexTable.open(folder or folder_for(root))
    if wish.embedder is None:
        from phloem.assist.search.embedding import load_embedder

        embedder = load_embedder(table.about.model, speed="static")
    else:
        embedder = wish.embedder
    if embedder.identity != table.about.embedder:
        table.close()
        raise PhloemError(f"the index of {root} was made with another model; rebuild it with: phloem index {root}")
    below = here.relative_to(root).as_posix() + "/" if here != root and here.is_relative_to(root) else ""
    given = os.path.normpath(os.fspath(path))
    return OpenIndex(table, embedder, given.rstrip("/") + "/", below)


def _refresh(root: Path, folder: Path | None, wish: Wish, tell: Tell) -> None:
    """Bring the index up to date; where another run does so for long, what is there is searched."""
    exists = folder is not None and (folder / "index.json").is_file()
    try:
        index(root, replace(wish, wait=REFRESH_WAIT) if exists else wish, tell)
    except Busy:
        if not exists:
            raise
        tell("another run of phloem writes this index: what it has so far is searched", 0)
