"""From source files to a `.c2s` file: parse, find functions, extract path contexts, write, on all cores.

Files are handled in batches of about half a megabyte, each by one process; texts come back in the order of the files,
so that the result does not depend on the number of workers. Memory is bounded by the batches under way.
"""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from threading import active_count
from typing import NamedTuple

import numpy as np

from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import for_path
from phloem.languages.example import Example
from phloem.represent import c2s
from phloem.represent.labels import Labels
from phloem.represent.paths import extract
from phloem.represent.preset import PathPreset, reads

BATCH_BYTES = 1 << 19
MOST_CONTEXTS = 1000  # kept of a function (Alon et al. 2019)
RARE_COLLECTION = (200_000, 20, 100)  # in workers: millions of short-lived lists and strings, hardly a cycle
LARGEST_FILE = 2_000_000  # bytes; a long line costs the parser a hundred times its size


@dataclass
class Counts:
    """What an export read and wrote. `skipped` names files that were left out, with the reason."""

    files: int = 0
    functions: int = 0  # found
    written: int = 0  # functions with at least one context
    contexts: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        self.files += other.files
        self.functions += other.functions
        self.written += other.written
        self.contexts += other.contexts
        self.skipped += other.skipped


class _Batch(NamedTuple):
    number: int
    files: list[Path]
    preset: PathPreset
    limit: int | None
    seed: int


def export(
    files: Iterable[Path],
    out: Path,
    preset: PathPreset,
    *,
    workers: int | None = None,
    limit: int | None = MOST_CONTEXTS,
    seed: int = 0,
    progress: Callable[[Counts], None] | None = None,
) -> Counts:
    """Write the path contexts of all functions in `files` to `out`, at most `limit` of a function, drawn at random.

    `out` appears when all is written. `progress` is called after each batch with the counts so far. Raises PhloemError
    if `out` cannot be written.
    """
    workers = workers or os.cpu_count() or 1
    total = Counts()
    beside = out.with_name(out.name + ".part")
    batches = (_Batch(n, group, preset, limit, seed) for n, group in enumerate(_groups(files)))
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            for text, counts in _mapped(batches, workers):
                file.write(text)
                total.add(counts)
                if progress is not None:
                    progress(total)
        beside.replace(out)
    except OSError as error:
        raise PhloemError(f"cannot write {out}: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
    return total


def _groups(files: Iterable[Path]) -> Iterator[list[Path]]:
    """Runs of files of about BATCH_BYTES."""
    group: list[Path] = []
    size = 0
    for file in files:
        group.append(file)
        try:
            size += file.stat().st_size
        except OSError:
            size += 1  # counted as skipped by the worker
        if size >= BATCH_BYTES or len(group) >= 1000:
            yield group
            group, size = [], 0
    if group:
        yield group


def _mapped(batches: Iterable[_Batch], workers: int) -> Iterator[tuple[str, Counts]]:
    """Results in order, with a bounded number of batches under way."""
    if workers == 1:
        yield from map(_run, batches)
        return
    # Forking is fast but unsafe in a process with threads.
    method = "fork" if "fork" in get_all_start_methods() and active_count() == 1 else "spawn"
    context = get_context(method)
    with ProcessPoolExecutor(workers, context, initializer=gc.set_threshold, initargs=RARE_COLLECTION) as pool:
        under_way: deque[Future[tuple[str, Counts]]] = deque()
        for batch in batches:
            under_way.append(pool.submit(_run, batch))
            if len(under_way) > 2 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _run(batch: _Batch, labels: dict[str, Labels] = {}) -> tuple[str, Counts]:  # noqa: B006 - of this process
    counts = Counts()
    examples: list[Example] = []
    for file in batch.files:
        reason = _read(file, batch.preset, examples)
        if reason:
            counts.skipped.append((str(file), reason))
        else:
            counts.files += 1
    known = labels.setdefault(batch.preset.name, Labels())
    rng = np.random.default_rng((batch.seed, batch.number))
    contexts = extract(examples, batch.preset, known, limit=batch.limit, rng=rng)
    written = list(c2s.lines(contexts, [c2s.target_of(example.name) for example in examples], known))
    counts.functions = len(examples)
    counts.written = len(written)
    counts.contexts = len(contexts.left)
    return "".join(written), counts


def _read(file: Path, preset: PathPreset, examples: list[Example]) -> str:
    """Add the functions of a file; returns why it was skipped, or ""."""
    language = for_path(file)
    if language is None:
        return "unknown language"
    if not reads(preset, language.name):
        return f"preset {preset.name} does not read {language.name}"
    try:
        if file.stat().st_size > LARGEST_FILE:
            return f"larger than {LARGEST_FILE} bytes"
        source = file.read_bytes()
    except OSError as error:
        return error.strerror or "unreadable"
    examples += examples_of(source, language, str(file))
    return ""
