"""Do two programs solve the same problem? Pairs of programs, half of them clones.

The Java pairs of Cui et al., "Zero-Shot Code Representation Learning via Prompt Tuning" (2024), as their repository
(ChrisCN97/zecoler, method/finetune/dataset/clone_detection/Java/500) holds them: `data.jsonl` with an object
{"idx", "func"} a line, and `train.txt`, `valid.txt` and `test.txt` with "idx idx label" a line. 357 of the 1,469 test
programs also occur in training pairs: `unseen` marks the test pairs without any.

`generated` needs no data: two programs of a pair compute the same or not, with other names and other statements around.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example

SPLITS = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}


class ClonePair(NamedTuple):
    one: Example
    other: Example
    clones: bool
    unseen: bool = True  # neither program is in a training pair


def program(source: str, language: str, path: str = "") -> Example:
    """A whole program as one example."""
    return Example(language, path, "", "", "", by_name(language).parse(source.encode()), name_node=-1)


def java_pairs(folder: str | Path | None, split: str) -> list[ClonePair]:
    """The pairs of FOLDER/zecoler_java. Raises PhloemError where they are not there."""
    if folder is None:
        raise PhloemError("clone pairs are needed: name the folder that holds zecoler_java/ with --data")
    root = Path(folder) / "zecoler_java"
    try:
        with open(root / "data.jsonl", encoding="utf-8") as lines:
            texts = {row["idx"]: row["func"] for row in map(json.loads, lines)}
        listed = {
            name: [line.split() for line in (root / file).read_text().splitlines()] for name, file in SPLITS.items()
        }
        trained = {program for one, other, _ in listed["train"] for program in (one, other)}
        found = [
            ClonePair(
                program(texts[one], "java", one),
                program(texts[other], "java", other),
                label == "1",
                not trained & {one, other},
            )
            for one, other, label in listed[split]
        ]
    except (OSError, ValueError, KeyError) as error:
        raise PhloemError(f"cannot read the clone pairs of {root}: {error}") from None
    return found


def balanced(pairs: list[ClonePair], count: int) -> list[ClonePair]:
    """The first `count` pairs, as many clones as others: smaller subsets lie within larger ones."""
    halves = [[pair for pair in pairs if pair.clones == clones][: count // 2] for clones in (True, False)]
    return [pair for both in zip(*halves, strict=False) for pair in both]


_BODIES = (
    "for {x} in {a}:\n        {s} = {s} + {x}\n",
    "for {x} in {a}:\n        if {x} > {s}:\n            {s} = {x}\n",
    "while {a}:\n        {s} = {s} * {a}.pop()\n",
)
_FILLERS = ("{y} = len({a})\n", "print({a})\n", "{y} = [{a}]\n")
_NAMES = ("item", "total", "values", "other", "count", "best", "left", "data", "key", "node")


def generated(count: int, seed: int) -> list[ClonePair]:
    """Pairs of small Python functions; clones are of one of three loops, and all names are drawn anew."""
    rng = np.random.default_rng(seed)

    def one(kind: int) -> Example:
        x, s, a, y, f = rng.choice(_NAMES, 5, replace=False)
        lines = ("{s} = " + f"{int(rng.integers(0, 9))}\n", str(rng.choice(_FILLERS)), _BODIES[kind], "return {s}\n")
        text = "def {f}({a}):\n" + "".join("    " + line for line in lines)
        return program(text.format(x=x, s=s, a=a, y=y, f=f), "python")

    pairs = []
    for number in range(count):
        kind = int(rng.integers(len(_BODIES)))
        other = kind if number % 2 else (kind + int(rng.integers(1, len(_BODIES)))) % len(_BODIES)
        pairs.append(ClonePair(one(kind), one(other), bool(number % 2)))
    return pairs
