"""The `.c2s` text format: what code2seq's extractors write, its trainers and astminer read (Alon et al., ICLR 2019).

One function a line: `target|subtokens context context …`, a context `left|value,node|labels,right|value`. The trainers
of the original pad lines with spaces to a fixed number of contexts; empty fields are therefore no error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from jaxtyping import Int32

from phloem.errors import PhloemError
from phloem.languages.subtokens import split
from phloem.represent.enumeration import distinct_rows
from phloem.represent.labels import Labels
from phloem.represent.paths import Contexts

LONGEST_LINE = 1 << 26  # bytes; a longer line is not one of this format
_RESERVED = re.compile(r"[\s,|]+")

TextContext = tuple[str, tuple[str, ...], str]  # left value, node labels, right value


class TextExample(NamedTuple):
    """A line: the target's subtokens and the contexts."""

    target: tuple[str, ...]
    contexts: list[TextContext]


@dataclass
class Malformed:
    """What `read` could not use: lines without a target or without one good context, and single contexts."""

    lines: int = 0
    contexts: int = 0
    line_numbers: list[int] = field(default_factory=list)  # of the first hundred lines with either, from 1

    def add(self, number: int, *, lines: int = 0, contexts: int = 0) -> None:
        self.lines += lines
        self.contexts += contexts
        if len(self.line_numbers) < 100 and (not self.line_numbers or self.line_numbers[-1] != number):
            self.line_numbers.append(number)


def target_of(name: str) -> str:
    """A function's name as a target: `getFileName` -> `get|file|name`."""
    parts = (_RESERVED.sub("_", part.strip()) for part in split(name))
    return "|".join(part for part in parts if part) or "_"


def lines(contexts: Contexts, targets: Sequence[str], labels: Labels) -> Iterator[str]:
    """A line for each function that has contexts; `targets` are subtokens joined by `|`."""
    left_values = np.array([" " + value for value in contexts.values], object)
    right_values = np.array(contexts.values, object)
    pieces = np.empty((len(contexts.left), 3), object)
    pieces[:, 0] = left_values[contexts.left]
    pieces[:, 1] = _written_paths(contexts.paths, labels.names)[contexts.path]
    pieces[:, 2] = right_values[contexts.right]
    offsets = contexts.offsets.tolist()
    for target, first, last in zip(targets, offsets, offsets[1:], strict=False):
        if last > first:
            yield f"{target}{''.join(pieces[first:last].ravel().tolist())}\n"


def _written_paths(paths: Int32[np.ndarray, "paths nodes"], names: list[str]) -> np.ndarray:
    """`,label|label|…,` of each path. Paths are made of few distinct halves: each of these is written once."""
    halves = []
    for half in (paths[:, : paths.shape[1] // 2], paths[:, paths.shape[1] // 2 :]):
        sample, kind = distinct_rows(half)
        written = ["".join(["|" + names[label] for label in row if label >= 0]) for row in half[sample].tolist()]
        halves.append(np.array(written, object)[kind])
    return np.array([f",{(first + last)[1:]}," for first, last in zip(*halves, strict=True)], object)


def write(contexts: Contexts, targets: Sequence[str], labels: Labels, file: TextIO) -> int:
    """Write the functions that have contexts; returns how many. `targets` are subtokens joined by `|`."""
    count = 0
    for count, line in enumerate(lines(contexts, targets, labels), start=1):  # noqa: B007
        file.write(line)
    return count


def read(path: Path, malformed: Malformed | None = None) -> Iterator[TextExample]:
    """The lines of a file one by one. What is malformed is left out and counted in `malformed`.

    Raises PhloemError if the file cannot be read.
    """
    malformed = Malformed() if malformed is None else malformed
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_bounded_lines(file.readline), start=1):
                example = None if line is None else parse(line.decode("utf-8", "replace"), number, malformed)
                if line is None:
                    malformed.add(number, lines=1)
                if example is not None:
                    yield example
    except OSError as error:
        raise PhloemError(f"cannot read {path}: {error.strerror}") from error


def _bounded_lines(readline: Callable[[int], bytes]) -> Iterator[bytes | None]:
    """Lines, None for one that is too long."""
    while line := readline(LONGEST_LINE):
        if line.endswith(b"\n") or len(line) < LONGEST_LINE:
            yield line
            continue
        while (rest := readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def parse(line: str, number: int, malformed: Malformed) -> TextExample | None:
    """One line; None if nothing of it can be used. Blank lines are no error."""
    if not line.strip():
        return None
    head, *fields = line.rstrip("\r\n").split(" ")
    target = tuple(part for part in head.split("|") if part)
    if not target:
        malformed.add(number, lines=1)
        return None
    contexts: list[TextContext] = []
    for text in fields:
        if not text:
            continue
        parts = text.split(",")
        if len(parts) == 3 and parts[1]:
            contexts.append((parts[0], tuple(parts[1].split("|")), parts[2]))
        else:
            malformed.add(number, contexts=1)
    if not contexts:
        malformed.add(number, lines=1)
        return None
    return TextExample(target, contexts)


def from_text(examples: Iterable[TextExample], labels: Labels) -> tuple[Contexts, list[str]]:
    """Lines as arrays, and their targets: the inverse of `lines`. Terminals have no place in a source: spans are -1."""
    values: dict[str, int] = {}
    paths: dict[tuple[str, ...], int] = {}
    rows: list[tuple[int, int, int]] = []
    offsets, targets = [0], []
    for example in examples:
        for left, path, right in example.contexts:
            left_id = values.setdefault(left, len(values))
            right_id = values.setdefault(right, len(values))
            rows.append((left_id, right_id, paths.setdefault(path, len(paths))))
        offsets.append(len(rows))
        targets.append("|".join(example.target))
    table = np.full((len(paths), max(map(len, paths), default=1)), -1, np.int32)
    for path, number in paths.items():
        table[number, : len(path)] = [labels.id(name) for name in path]
    columns = np.array(rows, np.int32).reshape(-1, 3)
    nowhere = np.full((len(rows), 2), -1, np.int32)
    left_ids, right_ids, path_ids = (np.ascontiguousarray(column) for column in columns.T)
    contexts = Contexts(
        list(values), left_ids, right_ids, path_ids, table, np.array(offsets, np.int64), nowhere, nowhere
    )
    return contexts, targets
