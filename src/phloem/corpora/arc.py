"""Tasks of ARC: Chollet's Abstraction and Reasoning Corpus (2019), 1D-ARC (Xu et al. 2023), and published solutions.

The solutions of the 400 training tasks are programs of Hodel's language (2022, MIT licence), one function a task. They
are no part of this package: a copy of that file is looked for as `arc_solvers/solvers.py` in the data folder. It is
read as text and never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from phloem.corpora import datasets
from phloem.errors import PhloemError

Grid = tuple[tuple[int, ...], ...]
SOLUTIONS = "arc_solvers/solvers.py"
_SOLUTION = re.compile(r"^def solve_(\w+)\(I\):\n((?: +.*\n)+)", re.MULTILINE)


class ArcTask(NamedTuple):
    """Demonstrations and tests, pairs of input and output."""

    name: str
    train: tuple[tuple[Grid, Grid], ...]
    test: tuple[tuple[Grid, Grid], ...]

    @property
    def pairs(self) -> tuple[tuple[Grid, Grid], ...]:
        return (*self.train, *self.test)


def grid(rows: Any) -> Grid:
    return tuple(tuple(int(cell) for cell in row) for row in rows)


def tasks(split: str = "training", data: str | Path | None = None, name: str = "arc_agi_1") -> Iterator[ArcTask]:
    """The tasks of a split ("training" or "evaluation"; "tasks" of arc_1d). Raises PhloemError when they are not
    here."""
    for row in datasets.load(name, split, data):
        test = row["test"] if isinstance(row["test"], list) else [row["test"]]
        train, asked = (
            tuple((grid(one["input"]), grid(one["output"])) for one in part) for part in (row["train"], test)
        )
        yield ArcTask(row["id"], train, asked)


def solutions(data: str | Path | None = None) -> dict[str, str]:
    """The text of each published program, without its `def` and `return`. Raises PhloemError when they are not here."""
    folder = datasets.folder(data)
    file = None if folder is None else folder / SOLUTIONS
    if file is None or not file.is_file():
        where = "PHLOEM_DATA or --data names no folder" if folder is None else f"{folder} has no {SOLUTIONS}"
        raise PhloemError(
            f"the published ARC solutions are not here ({where}): copy solvers.py of michaelhodel/arc-dsl "
            f"to {SOLUTIONS} in the folder that --data names"
        )
    found = {}
    for match in _SOLUTION.finditer(file.read_text(encoding="utf-8")):
        lines = [line.strip() for line in match[2].splitlines()]
        found[match[1]] = "\n".join(line for line in lines if line and not line.startswith("return"))
    return found
