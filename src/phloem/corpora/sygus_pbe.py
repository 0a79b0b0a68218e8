"""The programming-by-example tasks of SyGuS-Comp 2019: PBE_SLIA (strings) and PBE_BV (64-bit vectors), as .sl texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phloem.corpora import datasets
from phloem.errors import PhloemError

SETS = {"strings": "sygus_pbe_strings", "bits": "sygus_pbe_bv"}


def tasks(kind: str = "strings", data: str | Path | None = None) -> Iterator[dict[str, Any]]:
    """The tasks of a set: `name`, `sl` (the text of the file), and for strings `family`, `in_bustle89` and more.

    Raises PhloemError for another kind and when the set is not here."""
    if kind not in SETS:
        raise PhloemError(f"no kind of tasks {kind!r}: there are {', '.join(SETS)}")
    yield from datasets.load(SETS[kind], "tasks", data)
