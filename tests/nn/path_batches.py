"""Random batches of path contexts."""

from __future__ import annotations

from typing import Any

import numpy as np

from phloem.represent.base import UNK
from phloem.represent.copying import Copies, Copying
from phloem.represent.path_batch import PathBatch, Table, Trie, path_batch
from phloem.represent.vocabulary import INPUTS, OUTPUTS, Vocabulary

NAMES = "abcdefghijklm"  # as subtokens; of these the output's vocabulary has the last eight
COPYING = Copying(Vocabulary((*INPUTS, *NAMES)), Vocabulary((*OUTPUTS, *NAMES[5:])))


def random_batch(
    seed: int,
    counts: list[int],
    *,
    values: int = 20,
    subtokens: int = 15,
    labels: int = 7,
    words: int = 11,
    time: int = 5,
    copying: bool = False,
) -> PathBatch:
    """`counts` contexts an example; few labels, so that paths share prefixes and suffixes.

    With `copying` there are copies (`COPYING`), and some of the targets' words are such ones.
    """
    rng = np.random.default_rng(seed)
    total = sum(counts)

    def table(rows: int, longest: int, ids: int) -> Table:
        lengths = rng.integers(1, longest + 1, rows)
        return Table(rng.integers(1, ids, lengths.sum()), np.concatenate([[0], np.cumsum(lengths)]))

    target = np.zeros((len(counts), time), np.int64)
    for row in target:
        size = rng.integers(0, time)
        row[:size] = rng.integers(3, words, size)
        if copying:
            row[:size][rng.random(size) < 0.5] = UNK
    spelled = rng.integers(1, subtokens, target.shape)
    return path_batch(
        np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        rng.integers(0, values, total),
        rng.integers(0, values, total),
        rng.integers(0, 30, total),
        table(values, 5, subtokens),
        table(30, 9, labels),
        target,
        COPYING if copying else None,
        spelled,
    )


def arrays(batch: PathBatch) -> Any:
    """The batch's tensors as arrays."""

    def array(part: Any) -> Any:
        if isinstance(part, Trie):
            return Trie(part.label.numpy(), part.parent.numpy(), part.levels, part.ends.numpy())  # type: ignore[arg-type]
        if isinstance(part, Copies):
            return Copies._make(map(array, part))
        return None if part is None else part.numpy()

    return PathBatch(*map(array, batch))
