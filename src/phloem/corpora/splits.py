"""Which project belongs to train, validation or test.

By project, since files of one project share names and idioms that a model must not have seen (LeClair & McMillan 2019,
"Recommendations for Datasets for Source Code Summarization"). The assignment depends on the projects' names, sizes and
the seed only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

HELD_OUT = 0.1  # of the bytes, for validation and for test each


def _draw(name: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogateescape")).digest()[:8], "big")


def by_project(sizes: Mapping[str, int], seed: int) -> dict[str, str]:
    """Project → split for at least three projects; every split gets one.

    In the order of their hashes, a project goes to test while it fits into a tenth of the bytes, else to validation
    likewise, else to train: so that the held-out tenths are full, and a giant is trained on."""
    order = sorted(sizes, key=lambda name: (_draw(name, seed), name))
    room = {"test": HELD_OUT * sum(sizes.values()), "validation": HELD_OUT * sum(sizes.values())}
    split: dict[str, str] = {}
    for name in order:
        split[name] = next((held for held in room if sizes[name] <= room[held]), "train")
        if split[name] != "train":
            room[split[name]] -= sizes[name]
    smallest_first = sorted(order, key=lambda name: sizes[name])
    for needed in ("test", "validation", "train"):
        if needed not in split.values():
            counts = {held: list(split.values()).count(held) for held in ("train", "validation", "test")}
            split[next(name for name in smallest_first if counts[split[name]] > 1)] = needed
    return split


def by_file(path: str, seed: int) -> str:
    """The split of a file where there are too few projects to split by."""
    share = _draw(path, seed) / 2**64
    return "train" if share < 1 - 2 * HELD_OUT else "validation" if share < 1 - HELD_OUT else "test"
