"""`phloem clones`: functions that were copied, and functions that do the same in other words, in ranked groups.

- Exact: the same tokens. Near: Jaccard similarity of the sets of 5 consecutive tokens of at least NEAR, estimated by
  MinHash (Broder 1997; `phloem.corpora.duplicates`) over the leaves of the functions' trees: as they are, or with
  the function's name left out and its variables numbered, so that a copy with other names is one still (Baker 1995,
  "On finding duplication and near-duplication in large software systems"). Names that are called, or looked up in
  something else, stay: `self.width` is not `self.height`.
- Semantic: cosine of the functions' vectors of at least a threshold. SEMANTIC is the least, in steps of 0.025, at
  which four of five pairs of functions of the validation splits of Python and Java (20,000 of each, no copies, without
  their documentation) have the same name or at least half of its words in common: 84% and 81% at 0.9. It finds 30% and
  34% of the pairs of other files with the same name and the same first sentence; one in 20,000 random pairs is above it
  (`benchmarks/search_calibration.py`). Vectors are compared in blocks of matrix
  products: all with all up to EXACT functions; above, each with the members of its nearest lists of a k-means
  clustering (Sivic & Zisserman 2003), so that the work grows with n^1.5.

Similarity does not carry over (a like b and b like c), so groups are stars (Aslam et al. 2004): the function with the
most clones that are in no group yet takes them, until none is left. Groups are ranked by the lines that could go.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt64

from phloem.assist.progress import Tell, silent
from phloem.assist.search.queries import Filters
from phloem.assist.search.search import OpenIndex
from phloem.corpora.duplicates import BANDS, SIMILARITY, Fingerprints, fingerprint, similarity
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.base import Language
from phloem.languages.example import Example
from phloem.languages.tree import Tree

NEAR = SIMILARITY
SEMANTIC = 0.9  # cosine
LEAST_LINES = 5
EXACT = 20_000  # functions that are compared all with all
BLOCK = 2_048
LISTS = 3  # nearest lists that a function is compared in
PORTION = 1_000  # functions that a worker parses at once
LARGEST_BUCKET = 200  # equal band hashes whose members are compared pairwise; of more, each with the first


class Clone(NamedTuple):
    """A function of a group; `similarity` is to the group's first."""

    path: str
    line: int
    end_line: int
    name: str
    qualified_name: str
    language: str
    similarity: float


class Group(NamedTuple):
    """Functions that are alike: the first is the one that the others are compared with."""

    kind: str  # "exact", "near" or "semantic": the weakest that joins a member to the first
    lines: int  # that could go: those of all members but the first
    members: tuple[Clone, ...]


class Pairs(NamedTuple):
    """Pairs of rows, first < second, each once."""

    first: Int64[np.ndarray, "pairs"]
    second: Int64[np.ndarray, "pairs"]
    similarity: Float32[np.ndarray, "pairs"]

    @classmethod
    def collected(cls, parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Pairs:
        if not parts:
            nothing = np.zeros(0, np.int64)
            return cls(nothing, nothing, np.zeros(0, np.float32))
        first, second, alike = (np.concatenate([part[i] for part in parts]) for i in range(3))
        low, high = np.minimum(first, second).astype(np.int64), np.maximum(first, second).astype(np.int64)
        _, kept = np.unique(low << 32 | high, return_index=True)
        kept = kept[low[kept] < high[kept]]
        return cls(low[kept], high[kept], alike[kept].astype(np.float32))


def clones(
    index: OpenIndex,
    *,
    kinds: Sequence[str] = ("near", "semantic"),
    threshold: float | None = None,
    least_lines: int = LEAST_LINES,
    filters: Filters | None = None,
    tell: Tell = silent,
) -> list[Group]:
    """The groups of clones among the functions of an index, those that could save most lines first.

    `threshold` is the least cosine of semantic clones. Raises PhloemError for a threshold outside 0 to 1.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise PhloemError(f"--threshold: {threshold} is not above 0 and at most 1")
    rows, vectors = index.functions(least_lines, filters)
    alike: list[tuple[str, Pairs]] = []
    exact = np.arange(len(rows), dtype=np.uint64)
    if "near" in kinds:
        prints, renamed = fingerprints([(row["code"], row["language"]) for row in rows], tell)
        exact = prints.exact
        alike += [("near", near_pairs(prints)), ("near", near_pairs(renamed))]
    if "semantic" in kinds:
        alike.append(("semantic", semantic_pairs(vectors, threshold if threshold is not None else SEMANTIC)))
    return _groups(rows, exact, alike, index.spelled)


def fingerprints(functions: Sequence[tuple[str, str]], tell: Tell = silent) -> tuple[Fingerprints, Fingerprints]:
    """The fingerprints of functions, given as (code, language), as they are and with their variables numbered: parsed
    again, where they are many by workers."""
    tell(f"comparing {len(functions):,} functions", 0)
    portions = [functions[start : start + PORTION] for start in range(0, len(functions), PORTION)]
    workers = os.cpu_count() or 1
    found: list[tuple[Fingerprints, Fingerprints]] = []
    if len(portions) <= 2 or workers == 1:
        found = [_fingerprint(portion) for portion in portions]
    else:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for done, prints in enumerate(pool.map(_fingerprint, portions), 1):
                found.append(prints)
                tell(f"comparing {len(functions):,} functions", 0.9 * done / len(portions))
    return _joined([each for each, _ in found]), _joined([each for _, each in found])


def _joined(parts: Sequence[Fingerprints]) -> Fingerprints:
    return Fingerprints(*(np.concatenate(column) for column in zip(fingerprint([]), *parts, strict=True)))


def _fingerprint(functions: Sequence[tuple[str, str]]) -> tuple[Fingerprints, Fingerprints]:
    examples, renamed = [], []
    for code, name in functions:
        language = by_name(name)
        tree = language.parse(code.encode())
        found = language.functions(tree)
        inside = next((each.doc_span for each in found if each.doc_span), None)
        examples.append(Example(name, "", "", "", "", tree, 0, inside))
        renamed.append(examples[-1]._replace(tree=numbered(tree, language, found[0].name if found else "")))
    return fingerprint(examples), fingerprint(renamed)


def numbered(tree: Tree, language: Language, name: str) -> Tree:
    """A tree whose variables' leaves are numbers in the order of their first use, and those of its own name alike.

    A variable is here a name in lower case that is neither called nor looked up in something else. The numbers stand
    behind the source, so that nothing else moves.
    """
    leaf = np.ones(len(tree.kind), bool)
    leaf[tree.parent[1:]] = False
    leaves = np.flatnonzero(leaf & (tree.end > tree.start))
    if not len(leaves):
        return tree
    source = np.frombuffer(tree.source, np.uint8)
    first, last = source[tree.start[leaves]], source[tree.end[leaves] - 1]
    long = tree.end[leaves] - tree.start[leaves] > 1
    looks_up = (last == ord(".")) | (long & (first == ord("-")) & (last == ord(">"))) | (long & (last == ord(":")))
    names = language.kind_mask(language.identifier_kinds)[tree.kind[leaves]]
    upper = (first >= ord("A")) & (first <= ord("Z"))
    free = names & ~upper & ~np.append(False, looks_up[:-1]) & ~np.append(first[1:] == ord("("), False)
    own = name.encode()
    places: dict[bytes, tuple[int, int]] = {}
    start, end, behind = tree.start.copy(), tree.end.copy(), bytearray()
    for node, is_free in zip(leaves[names].tolist(), free[names].tolist(), strict=True):
        text = tree.source[tree.start[node] : tree.end[node]]
        if not is_free and text != own:
            continue
        if text not in places:
            number = b"\0" if text == own else b"\0%d" % len(places)
            places[text] = len(tree.source) + len(behind), len(tree.source) + len(behind) + len(number)
            behind += number
        start[node], end[node] = places[text]
    return tree._replace(start=start, end=end, source=tree.source + bytes(behind))


def near_pairs(prints: Fingerprints) -> Pairs:
    """Pairs of functions that share a band of minima and whose estimated Jaccard similarity is at least NEAR."""
    parts = []
    for band in range(BANDS):
        keys = prints.bands[:, band]
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        for bucket in np.split(order, edges):
            if len(bucket) < 2:
                continue
            if len(bucket) <= LARGEST_BUCKET:
                first, second = (bucket[side] for side in np.triu_indices(len(bucket), 1))
            else:
                first, second = np.full(len(bucket) - 1, bucket[0]), bucket[1:]
            estimate = similarity(prints.minima[first], prints.minima[second])
            kept = estimate >= NEAR
            parts.append((first[kept], second[kept], np.minimum(estimate[kept], 1.0)))
    return Pairs.collected(parts)


def semantic_pairs(vectors: Float32[np.ndarray, "rows dimensions"], threshold: float) -> Pairs:
    """Pairs of rows whose cosine is at least `threshold`; above EXACT rows nearly all of them (see `lists`)."""
    if len(vectors) <= EXACT:
        everything = np.arange(len(vectors))
        return Pairs.collected(list(_products(vectors, everything, everything, threshold)))
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for members, asking in lists(vectors):
        parts += _products(vectors, asking, members, threshold)
    return Pairs.collected(parts)


def _products(
    vectors: np.ndarray, asking: np.ndarray, members: np.ndarray, threshold: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The pairs of two sets of rows above the threshold, a block of products at a time."""
    same = asking is members
    for start in range(0, len(asking), BLOCK):
        rows = asking[start : start + BLOCK]
        columns = members[start:] if same else members
        product = vectors[rows] @ vectors[columns].T
        first, second = np.nonzero(product >= threshold)
        yield rows[first], columns[second], product[first, second]


def lists(vectors: Float32[np.ndarray, "rows dimensions"], seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(members, those that ask there) of each list of a clustering: a row is in its nearest list and asks in LISTS."""
    rng = np.random.default_rng(seed)
    count = max(1, int(np.sqrt(len(vectors))))
    sample = vectors[rng.choice(len(vectors), min(len(vectors), 64 * count), replace=False)]
    centres = sample[:count].copy()
    for _ in range(8):
        nearest = np.concatenate([(part @ centres.T).argmax(1) for part in _blocks(sample)])
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, sample)
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(length > 0, sums / np.where(length > 0, length, 1), centres).astype(np.float32)
    wanted = min(LISTS, count)
    near = np.concatenate([_best(part @ centres.T, wanted) for part in _blocks(vectors)])
    order, asking = np.argsort(near[:, 0], kind="stable"), np.argsort(near.ravel(), kind="stable")
    owned = np.searchsorted(near[order, 0], np.arange(count + 1))
    asked = np.searchsorted(near.ravel()[asking], np.arange(count + 1))
    for i in range(count):
        yield order[owned[i] : owned[i + 1]], asking[asked[i] : asked[i + 1]] // wanted


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def _best(scores: np.ndarray, count: int) -> Int64[np.ndarray, "rows count"]:
    """The columns of the `count` largest scores of each row, the largest first."""
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    return np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable"), 1)


def _groups(
    rows: list[dict[str, Any]],
    exact: UInt64[np.ndarray, "rows"],
    alike: list[tuple[str, Pairs]],
    spelled: Callable[[str], str],
) -> list[Group]:
    best: dict[int, dict[int, tuple[str, float]]] = {}
    for kind, pairs in alike:
        keep = ~_inside(rows, pairs)
        for first, second, value in zip(*(column[keep].tolist() for column in pairs), strict=True):
            if second in best.setdefault(first, {}):
                continue  # near is known and says more than semantic
            label = "exact" if exact[first] == exact[second] else kind
            best[first][second] = best.setdefault(second, {})[first] = (label, 1.0 if label == "exact" else value)
    sizes = [row["end_line"] - row["line"] + 1 for row in rows]
    groups = [_group(centre, members, best[centre], rows, sizes, spelled) for centre, members in _stars(best, sizes)]
    return sorted(groups, key=lambda group: (-group.lines, group.members[0].path, group.members[0].line))


def _inside(rows: list[dict[str, Any]], pairs: Pairs) -> Bool[np.ndarray, "pairs"]:
    """Pairs of which one function lies in the other: they share code because it is the same code."""
    files: dict[str, int] = {}
    file = np.array([files.setdefault(row["path"], len(files)) for row in rows], np.int64)
    begin, end = (np.array([row[name] for row in rows], np.int64) for name in ("line", "end_line"))
    a, b = pairs.first, pairs.second
    return (file[a] == file[b]) & (begin[a] <= end[b]) & (begin[b] <= end[a])


def _stars(best: dict[int, dict[int, Any]], sizes: list[int]) -> Iterator[tuple[int, list[int]]]:
    """(centre, its clones): the row with the most free clones first, then the longest, then the first."""
    import heapq

    free = set(best)
    heap = [(-len(others), -sizes[row], row) for row, others in best.items()]
    heapq.heapify(heap)
    while heap:
        count, size, row = heapq.heappop(heap)
        if row not in free:
            continue
        members = [other for other in best[row] if other in free]
        if not members:
            continue
        if len(members) < -count:  # others took some since: it waits for its turn
            heapq.heappush(heap, (-len(members), size, row))
            continue
        free -= {row, *members}
        yield row, members


def _group(
    centre: int,
    members: list[int],
    to: dict[int, tuple[str, float]],
    rows: list[dict[str, Any]],
    sizes: list[int],
    spelled: Callable[[str], str],
) -> Group:
    def clone(row: int, value: float) -> Clone:
        each = rows[row]
        return Clone(
            spelled(each["path"]), each["line"], each["end_line"], each["name"], each["qualified_name"],
            each["language"], round(min(value, 1.0), 4),
        )  # fmt: skip

    members = sorted(members, key=lambda row: (-to[row][1], rows[row]["path"], rows[row]["line"]))
    kind = max((to[row][0] for row in members), key=("exact", "near", "semantic").index)
    listed = (clone(centre, 1.0), *(clone(row, to[row][1]) for row in members))
    return Group(kind, sum(sizes[row] for row in members), listed)
