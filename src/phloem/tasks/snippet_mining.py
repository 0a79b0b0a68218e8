"""Which code blocks of an answer stand alone as a solution: hits, simple rules, and pairs mined with a classifier.

Yao et al., "StaQC" (WWW 2018). Of answers with one code block that block is taken as it is; of others those blocks that
a classifier accepts; blocks of questions that people labelled for testing stay out.

The generated blocks need both views: a block stands alone if the text before announces a solution and the code does
what the title asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Int64

from phloem.corpora.staqc import Block

ANNOUNCING, OTHER = (10, 11, 12), (13, 14, 15)  # words
VERBS, FILLERS = (20, 21, 22), tuple(range(30, 50))
CALLS, OUTPUT = {20: 60, 21: 61, 22: 62}, 69  # the token that does what a verb asks; what a session prints
GENERATED = {"train": 900, "valid": 150, "test": 300}


def counts(
    predicted: Bool[np.ndarray, " blocks"], labels: Bool[np.ndarray, " blocks"]
) -> Int64[np.ndarray, "blocks 3"]:
    """(true positive, false positive, false negative) of each block: the addends of F1."""
    predicted, labels = np.asarray(predicted, bool), np.asarray(labels, bool)
    return np.stack([predicted & labels, predicted & ~labels, ~predicted & labels], axis=1).astype(np.int64)


def labels_of(blocks: Sequence[Block]) -> Bool[np.ndarray, " blocks"]:
    """Which stand alone."""
    return np.array([block.label == 1 for block in blocks])


def select_first(blocks: Sequence[Block]) -> Bool[np.ndarray, " blocks"]:
    """The first block of an answer stands alone, no other."""
    return np.array([block.place == 0 for block in blocks])


def select_all(blocks: Sequence[Block]) -> Bool[np.ndarray, " blocks"]:
    """Every block stands alone."""
    return np.ones(len(blocks), bool)


def mined(
    answers: Iterable[Sequence[Block]],
    standalone: Callable[[Sequence[Block]], Bool[np.ndarray, " blocks"]],
    left_out: Collection[int] = (),
) -> list[tuple[int, int]]:
    """(question, place) of the blocks that answer their question.

    `answers` are the code blocks of one answer each, `standalone` the classifier, `left_out` the test questions."""
    found: list[tuple[int, int]] = []
    for answer in answers:
        if not answer or answer[0].question in left_out:
            continue
        takes = [True] if len(answer) == 1 else standalone(answer)
        found += [(block.question, block.place) for block, taken in zip(answer, takes, strict=True) if taken]
    return found


def generated(split: str) -> list[Block]:
    """Made blocks, a quarter of which stand alone."""
    which = sorted(GENERATED).index(split)
    rng = np.random.default_rng(which)

    def some(low: int, high: int) -> list[int]:
        return rng.choice(FILLERS, rng.integers(low, high)).tolist()

    made = []
    for number in range(GENERATED[split]):
        verb = int(rng.choice(VERBS))
        announced, does = rng.random(2) < 0.5
        before = [*some(1, 5), int(rng.choice(ANNOUNCING if announced else OTHER)), *some(0, 3)]
        after = tuple(some(1, 5)) if rng.random() < 0.7 else None
        code = [*some(2, 6), CALLS[verb] if does else OUTPUT, *some(2, 6)]
        title = (*some(1, 3), verb, *some(1, 3))
        made.append(
            Block(
                which * 1000 + number // 2,
                number % 2,
                tuple(before),
                after,
                tuple(code),
                title,
                int(announced and does),
            )
        )
    return made
