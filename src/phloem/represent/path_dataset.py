"""Path contexts on disk: memory-mapped arrays, distinct values and paths once, batches without a loop over examples.

    left, right, path   int32, one number a context, example after example   → rows of the tables
    offsets             int64, examples + 1                                  → where an example's contexts begin
    values, paths       int32 ids, ragged, with their own offsets            the tables of distinct values and paths
    targets             int32, examples by time                              ids of the target's words, PAD behind
    references          UTF-8 and offsets                                    the target's words as text, all of them
    projects            int32, one number an example                         → names in dataset.json

Contexts are written as they come; vocabularies only concern the tables and targets, so that one pass over the
examples serves both for counting words and for writing. The contexts of an example that has more than the evaluation
sample are in random order, so that the first ones are a fixed random sample.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from jaxtyping import Int, Int32, Int64

from phloem.errors import PhloemError
from phloem.represent.base import PAD, UNK
from phloem.represent.copying import Copying
from phloem.represent.path_batch import PathBatch, Table, draw, path_batch, ragged_positions

FORMAT = 1
BLOCK = 1 << 16  # rows of a table that are handled at once
CONTEXT_ARRAYS = ("left", "right", "path")
RELEASE_EVERY = 16  # batches; random access would else make every page of the contexts resident


class PathDataset:
    """Compiled examples (a `Dataset`); opening it reads nothing but its size."""

    def __init__(
        self, folder: Path | str, *, contexts: int = 200, copying: Copying | None = None, whole_names: bool = False
    ) -> None:
        """`contexts` is how many a batch draws of each example; with `copying` it has copies; `whole_names` says that a
        target is one word, the name's subtokens with bars between them.

        Raises PhloemError where the folder holds no dataset.
        """
        self.folder = Path(folder)
        self.contexts = contexts
        self.copying = copying
        self.whole_names = whole_names
        self._mappings: list[mmap.mmap] = []
        self._batches = 0
        try:
            about = json.loads((self.folder / "dataset.json").read_text())
        except (OSError, ValueError) as error:
            raise PhloemError(f"{self.folder} is not a compiled dataset of paths: {error}") from None
        if about.get("format") != FORMAT:
            raise PhloemError(f"{self.folder} has dataset format {about.get('format')}; this version reads {FORMAT}")
        self.projects: list[str] = about["projects"]
        self.skipped: int = about["skipped"]
        self.offsets = self._array("offsets", np.int64)
        self.left, self.right, self.path = (self._array(name, np.int32) for name in CONTEXT_ARRAYS)
        self.values = Table(self._array("values", np.int32), self._array("values.offsets", np.int64))
        self.paths = Table(self._array("paths", np.int32), self._array("paths.offsets", np.int64))
        targets = self._array("targets", np.int32)
        self.targets = targets.reshape(len(self), -1 if len(self) else 0)
        self.project = self._array("project", np.int32)
        self._references = self._array("references", np.uint8), self._array("references.offsets", np.int64)

    def _array(self, name: str, kind: type[np.generic]) -> np.ndarray:
        try:
            with (self.folder / f"{name}.bin").open("rb") as file:
                if file.seek(0, os.SEEK_END) == 0:
                    return np.empty(0, kind)
                mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if name in CONTEXT_ARRAYS:
                self._mappings.append(mapping)
            return np.frombuffer(mapping, kind)
        except (OSError, ValueError) as error:
            raise PhloemError(f"{self.folder} is damaged, compile it again: {error}") from None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Int64[np.ndarray, " examples"]:
        """Contexts of each example that a batch holds."""
        return np.minimum(np.diff(self.offsets), self.contexts)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> PathBatch:
        """The batch of these examples: `contexts` drawn afresh with `rng`, the fixed sample without."""
        index = np.asarray(index, np.int64)
        self._batches += 1
        if self._batches % RELEASE_EVERY == 0:
            self._release()
        starts = self.offsets[index]
        within, offsets = draw(self.offsets[index + 1] - starts, self.contexts, rng)
        at = np.repeat(starts, np.diff(offsets)) + within
        left, right, path, target = self.left[at], self.right[at], self.path[at], self.targets[index]
        spelled = None if self.copying is None else self._spelled(self.copying, index, target)
        return path_batch(offsets, left, right, path, self.values, self.paths, target, self.copying, spelled)

    def _spelled(
        self, copying: Copying, index: Int[np.ndarray, " batch"], target: Int[np.ndarray, "batch time"]
    ) -> Int64[np.ndarray, "batch time"]:
        """The words of targets as subtokens, read where a word is unknown."""
        unknown = np.flatnonzero((target == UNK).any(axis=1))
        spelled = np.full(target.shape, UNK, np.int64)
        spelled[unknown] = copying.spelled(self.references(index[unknown]), target.shape[1])
        return spelled

    def _release(self) -> None:
        """Give the pages of contexts that were read back to the page cache, where the platform can."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for mapping in self._mappings:
                mapping.madvise(mmap.MADV_DONTNEED)

    def references(self, index: Iterable[int]) -> list[list[str]]:
        """The words of these examples' targets as they were, unknown words too; whole names as their subtokens."""
        text, offsets = self._references
        parted = "|" if self.whole_names else " "
        return [text[offsets[i] : offsets[i + 1]].tobytes().decode().split(parted) for i in index]


class RawContexts(NamedTuple):
    """Contexts of some examples in terms of a writer's tables, already sampled and in the order to be stored."""

    offsets: Int64[np.ndarray, examples + 1]
    left: Int32[np.ndarray, " contexts"]
    right: Int32[np.ndarray, " contexts"]
    path: Int32[np.ndarray, " contexts"]


def stored_order(
    counts: Sequence[int] | Int[np.ndarray, " examples"], seeds: Sequence[int], keep: int, fixed: int
) -> tuple[Int64[np.ndarray, " stored"], Int64[np.ndarray, examples + 1]]:
    """Which contexts to store, as positions into all: every one up to `fixed`, else at most `keep` in random order."""
    counts = np.asarray(counts, np.int64)
    starts = np.cumsum(counts) - counts
    order, offsets = ragged_positions(starts, np.minimum(counts, keep))
    for row in np.flatnonzero(counts > fixed).tolist():
        shuffled = np.random.default_rng(seeds[row]).permutation(counts[row])[:keep]
        order[offsets[row] : offsets[row + 1]] = starts[row] + shuffled
    return order, offsets


class PathWriter:
    """Writes a dataset beside its folder and renames it when done; without a folder it only counts.

    Values and paths are interned here: `value_ids` and `path_ids` give their rows of the tables. Counts are
    occurrences in contexts (`value_counts`, `path_counts`) and in targets (`word_counts`).
    """

    def __init__(self, folder: Path | str | None) -> None:
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None and self.folder.exists():
            raise PhloemError(f"{self.folder} exists already")
        self.values: dict[str, int] = {}
        self.paths: dict[bytes, int] = {}  # int32 label numbers of a path
        self.value_counts = np.zeros(1024, np.int64)
        self.path_counts = np.zeros(1024, np.int64)
        self.word_counts: Counter[str] = Counter()
        self.projects: dict[str, int] = {}
        self.examples = self.skipped = 0
        self._contexts = 0
        self._files: dict[str, BinaryIO] = {}

    def __enter__(self) -> Self:
        if self.folder is not None:
            self._partial = self.folder.with_name(self.folder.name + ".partial")
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
            for name in (*CONTEXT_ARRAYS, "offsets", "project", "references", "references.offsets"):
                self._files[name] = (self._partial / f"{name}.bin").open("wb")
            for name in ("offsets", "references.offsets"):
                self._files[name].write(np.zeros(1, np.int64).tobytes())
            self._text = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        if kind is not None and self.folder is not None:
            shutil.rmtree(self._partial, ignore_errors=True)

    def value_ids(self, values: Iterable[str]) -> Int32[np.ndarray, " values"]:
        table = self.values
        return np.array([table.setdefault(value, len(table)) for value in values], np.int32)

    def path_ids(self, rows: Int32[np.ndarray, "paths nodes"]) -> Int32[np.ndarray, " paths"]:
        """Rows of label numbers, -1 behind."""
        table = self.paths
        flat = np.ascontiguousarray(rows, np.int32).tobytes()
        width = rows.shape[1] * 4
        ends = (np.arange(len(rows)) * width + (rows >= 0).sum(axis=1) * 4).tolist()
        keys = [flat[i * width : end] for i, end in enumerate(ends)]
        return np.array([table.setdefault(key, len(table)) for key in keys], np.int32)

    def add(self, raw: RawContexts, references: list[list[str]], projects: list[str]) -> None:
        """Examples with their target's words."""
        self.value_counts = _count(self.value_counts, len(self.values), raw.left, raw.right)
        self.path_counts = _count(self.path_counts, len(self.paths), raw.path)
        for words in references:
            self.word_counts.update(words)
        self.examples += len(references)
        if self.folder is None:
            return
        for name in CONTEXT_ARRAYS:
            self._write(name, getattr(raw, name))
        self._write("offsets", raw.offsets[1:] + self._contexts)
        self._contexts += int(raw.offsets[-1])
        known = self.projects
        self._write("project", np.array([known.setdefault(name, len(known)) for name in projects], np.int32))
        texts = [" ".join(words).encode() for words in references]
        self._files["references"].write(b"".join(texts))
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64) + self._text
        self._write("references.offsets", ends)
        self._text = int(ends[-1]) if len(ends) else self._text

    def _write(self, name: str, array: np.ndarray) -> None:
        self._files[name].write(np.ascontiguousarray(array).tobytes())

    def path_labels(self) -> Iterator[Table]:
        """The label numbers of all distinct paths, in blocks."""
        keys = iter(self.paths)
        while block := list(islice(keys, BLOCK)):
            offsets = np.zeros(len(block) + 1, np.int64)
            np.cumsum([len(key) // 4 for key in block], out=offsets[1:])
            yield Table(np.frombuffer(b"".join(block), np.int32), offsets)

    def finish(
        self,
        value_ids: Callable[[Iterable[str]], Table],
        path_ids: Callable[[Table], Table],
        word_ids: Callable[[list[str]], list[int]],
        time: int,
    ) -> None:
        """Write the tables and targets in terms of vocabularies, then rename the folder.

        `path_ids` gets label numbers; `time` is the length of a target's row, its end mark included.
        """
        assert self.folder is not None, "a writer without a folder has nothing to finish"
        values = iter(self.values)
        self._write_table("values", (value_ids(block) for block in iter(lambda: list(islice(values, BLOCK)), [])))
        self._write_table("paths", map(path_ids, self.path_labels()))
        for file in self._files.values():
            file.flush()
        text, offsets = ((self._partial / f"{name}.bin") for name in ("references", "references.offsets"))
        ends = np.fromfile(offsets, np.int64)
        with text.open("rb") as words, (self._partial / "targets.bin").open("wb") as targets:
            for start in range(0, self.examples, 4096):
                stops = ends[start + 1 : start + 4097]
                rows = np.full((len(stops), time), PAD, np.int32)
                for row, size in zip(rows, np.diff(ends[start : start + 4097]), strict=True):
                    ids = word_ids(words.read(size).decode().split(" "))[: time - 1]
                    row[: len(ids)] = ids
                targets.write(rows.tobytes())
        about: dict[str, Any] = {"format": FORMAT, "examples": self.examples, "contexts": self._contexts}
        about |= {"skipped": self.skipped, "projects": list(self.projects)}
        (self._partial / "dataset.json").write_text(json.dumps(about))
        self._partial.rename(self.folder)

    def _write_table(self, name: str, blocks: Iterable[Table]) -> None:
        written = 0
        with (
            (self._partial / f"{name}.bin").open("wb") as ids,
            (self._partial / f"{name}.offsets.bin").open("wb") as offsets,
        ):
            offsets.write(np.zeros(1, np.int64).tobytes())
            for block in blocks:
                ids.write(block.ids.astype(np.int32).tobytes())
                offsets.write((block.offsets[1:] + written).tobytes())
                written += int(block.offsets[-1])


def _count(counts: np.ndarray, size: int, *ids: Int32[np.ndarray, " contexts"]) -> Int64[np.ndarray, " rows"]:
    if size > len(counts):
        counts = np.concatenate([counts, np.zeros(max(size, 2 * len(counts)) - len(counts), np.int64)])
    for part in ids:
        if len(part):
            found = np.bincount(part)
            counts[: len(found)] += found
    return counts
