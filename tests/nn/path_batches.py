"""Random batches of path contexts."""

from __future__ import annotations

import numpy as np

from phloem.represent.path_batch import PathBatch, Table, path_batch


def random_batch(
    seed: int,
    counts: list[int],
    *,
    values: int = 20,
    subtokens: int = 15,
    labels: int = 7,
    words: int = 11,
    time: int = 5,
) -> PathBatch:
    """`counts` contexts an example; few labels, so that paths share prefixes and suffixes."""
    rng = np.random.default_rng(seed)
    total = sum(counts)

    def table(rows: int, longest: int, ids: int) -> Table:
        lengths = rng.integers(1, longest + 1, rows)
        return Table(rng.integers(1, ids, lengths.sum()), np.concatenate([[0], np.cumsum(lengths)]))

    target = np.zeros((len(counts), time), np.int64)
    for row in target:
        size = rng.integers(0, time)
        row[:size] = rng.integers(3, words, size)
    return path_batch(
        np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        rng.integers(0, values, total),
        rng.integers(0, values, total),
        rng.integers(0, 30, total),
        table(values, 5, subtokens),
        table(30, 9, labels),
        target,
    )
