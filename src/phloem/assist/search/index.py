"""`phloem index`: the functions, classes and documents of a tree in a table that is searched, kept up to date by hash.

A file is looked at again when its size or time changed, and its definitions are written again when its content did.
Reading, parsing and, with a static embedder, embedding are done by worker processes; this one writes what they give in
batches, so that memory does not grow with the tree and a killed run loses its last batch only.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from phloem.assist.progress import Tell, silent
from phloem.assist.search.files import Found, walk
from phloem.assist.search.table import FORMAT, About, IndexTable, OtherFormat, folder_for, locked, read_about
from phloem.assist.sources import MAX_FILE_SIZE, Skipped
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.assist.search.embedding import Embedder, Speed
    from phloem.assist.search.rows import FileRecord, Rows, Work

MODEL = "code-search"
BYTES_A_TASK, FILES_A_TASK = 300_000, 250
ROWS_A_BATCH = 4096  # written at once: what a killed run loses
IN_PROCESS = 2_000_000  # bytes: less than this is done before worker processes would have started
WAIT = 600.0  # seconds for another run to finish


@dataclass
class Summary:
    """What a run of `index` did and what the index holds."""

    root: str
    folder: str
    model: str
    definitions: dict[str, int] = field(default_factory=dict)  # by kind
    files: int = 0  # with definitions or without, that were read and fit
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    left_out: dict[str, int] = field(default_factory=dict)  # files, by reason
    seconds: float = 0.0
    rebuilt: str = ""  # why everything was read anew

    @property
    def touched(self) -> bool:
        return bool(self.new or self.changed or self.removed or self.rebuilt)


@dataclass(frozen=True)
class Wish:
    """How an index is to be made. `embedder` wins over `model`; `speed` is "static" or "transformer"."""

    out: Path | None = None
    model: str | Path = MODEL
    speed: Speed = "static"
    embedder: Embedder | None = None
    exclude: tuple[str, ...] = ()
    max_file_size: int = MAX_FILE_SIZE
    rebuild: bool = False
    workers: int | None = None
    wait: float = WAIT


def index(
    path: str | Path = ".", wish: Wish | None = None, tell: Tell = silent, skipped: Skipped | None = None
) -> Summary:
    """Make the index of a folder, or bring it up to date.

    Raises PhloemError where there is no such folder, the index is damaged, or another run writes it for too long.
    """
    began = time.perf_counter()
    wish = wish or Wish()
    skipped = skipped if skipped is not None else Skipped()
    root = tree(path)
    folder = Path(wish.out).absolute() if wish.out else folder_for(root)
    with locked(folder, wish.wait, lambda: tell("waiting for another run of phloem that writes this index", 0)):
        table, rebuilt = _opened(folder, root, wish)
        try:
            summary = _brought_up_to_date(table, root, wish, tell, skipped)
        finally:
            table.close()
    summary.rebuilt = rebuilt
    summary.seconds = time.perf_counter() - began
    return summary


def tree(path: str | Path) -> Path:
    """The folder that is indexed, links resolved. Raises PhloemError."""
    root = Path(path)
    if not root.is_dir():
        raise PhloemError(f"{path}: " + ("not a folder" if root.exists() else "no such folder"))
    return root.resolve()


def _opened(folder: Path, root: Path, wish: Wish) -> tuple[IndexTable, str]:
    """The index to write to, and why it is a new one in an old one's place."""
    why = "as asked" if wish.rebuild else ""
    if (folder / "index.json").is_file() and not wish.rebuild:
        try:
            about = read_about(folder)
        except OtherFormat:
            why = "another version of phloem made it"
        else:
            if about.root != str(root):
                raise PhloemError(f"{folder} holds the index of {about.root}; choose another folder with --out")
            table = IndexTable.open(folder)
            identity = _identity(wish)
            if about.embedder == identity:
                return table, ""
            table.close()
            why = f"it was made with {about.embedder}"
    elif not wish.rebuild and any(folder.glob("*.lance")):
        why = "it was not finished"
    embedder = _embedder(wish)
    about = About(FORMAT, _version(), str(root), embedder.identity, str(wish.model), embedder.dimensions, wish.speed)
    existed = (folder / "index.json").is_file()
    return IndexTable.create(folder, about), why if existed else ""


def _version() -> str:
    from phloem import __version__

    return __version__


def _embedder(wish: Wish) -> Embedder:
    if wish.embedder is not None:
        return wish.embedder
    from phloem.assist.search.embedding import load_embedder

    return load_embedder(wish.model, speed=wish.speed)


def _identity(wish: Wish) -> str:
    return _embedder(wish).identity


def _brought_up_to_date(table: IndexTable, root: Path, wish: Wish, tell: Tell, skipped: Skipped) -> Summary:
    summary = Summary(str(root), str(table.folder), table.about.embedder)
    unfinished = table.unfinished()
    if unfinished:
        table.forget(unfinished)
    known = table.known()
    tell(f"looking through {root}", 0)
    todo: list[tuple[Found, str]] = []
    there: set[str] = set()
    for found in walk(root, wish.exclude, skipped):
        there.add(found.path)
        before = known.get(found.path)
        if before is None or (before.size, before.modified) != (found.size, found.modified):
            todo.append((found, before.digest if before else ""))
    gone = [path for path in known if path not in there]
    if gone:
        table.forget(gone)
    _write(table, todo, known, wish, tell, summary)
    summary.removed = len(gone)
    summary.unchanged = len(there) - summary.new - summary.changed
    table.settle(tell)
    _count(table, summary)
    return summary


def _count(table: IndexTable, summary: Summary) -> None:
    summary.definitions = table.counts()
    for problem, count in table.files.execute("SELECT problem, COUNT(*) FROM files GROUP BY problem"):
        if problem:
            summary.left_out[problem] = count
        else:
            summary.files = count


def _write(
    table: IndexTable,
    todo: list[tuple[Found, str]],
    known: dict[str, FileRecord],
    wish: Wish,
    tell: Tell,
    summary: Summary,
) -> None:
    """Read the files and write their rows."""
    total = sum(found.size for found, _ in todo) or 1
    sizes = {found.path: found.size for found, _ in todo}
    batches: list[Rows] = []
    done = rows = held = 0

    def flush() -> None:
        nonlocal held
        _store(table, batches, known, summary)
        batches.clear()
        held = 0

    if todo:
        tell(f"reading {len(todo):,} files", 0)
    for each in _rows(_tasks(todo, table.about.root, wish.max_file_size), wish, total):
        batches.append(each)
        held += each.batch.num_rows
        rows += each.batch.num_rows
        done += sum(sizes[record.path] for record in each.files)
        tell(f"reading {len(todo):,} files: {rows:,} definitions", min(0.999, done / total))
        if held >= ROWS_A_BATCH:
            flush()
    flush()


def _store(table: IndexTable, batches: Sequence[Rows], known: dict[str, FileRecord], summary: Summary) -> None:
    import pyarrow as pa

    if not batches:
        return
    records = [record for each in batches for record in each.files]
    changed = [record.path for record in records if record.rows >= 0 and record.path in known]
    stored = pa.Table.from_batches([each.batch for each in batches]).combine_chunks()
    replaced = [path for path in changed if known[path].rows]
    table.add(stored, records, replaced)
    summary.changed += len(changed)
    summary.new += sum(record.rows >= 0 for record in records) - len(changed)


def _tasks(todo: Iterable[tuple[Found, str]], root: str, max_file_size: int) -> Iterator[Work]:
    """Files in portions that take a worker about as long each."""
    from phloem.assist.search.rows import Work

    portion: list[tuple[Found, str]] = []
    size = 0
    for each in todo:
        portion.append(each)
        size += min(each[0].size, max_file_size)
        if size >= BYTES_A_TASK or len(portion) >= FILES_A_TASK:
            yield Work(root, tuple(portion), max_file_size)
            portion, size = [], 0
    if portion:
        yield Work(root, tuple(portion), max_file_size)


def _rows(tasks: Iterator[Work], wish: Wish, total: int) -> Iterator[Rows]:
    """The rows of the tasks, with vectors, in order."""
    from phloem.assist.search.rows import embedded, rows_of

    workers = wish.workers or os.cpu_count() or 1
    if total < IN_PROCESS or workers == 1:
        first = next(tasks, None)
        if first is not None:
            near = _embedder(wish)
            yield rows_of(first, near)
            for task in tasks:
                yield rows_of(task, near)
        return
    here = wish.embedder is not None or wish.speed != "static"
    there = None if here else (wish.model, wish.speed)
    embedder = _embedder(wish) if here else None
    for rows in _in_workers(tasks, workers, there):
        yield rows if embedder is None else embedded(rows, embedder)


_loaded: Embedder | None = None  # of a worker process


def _start(model: tuple[str | Path, Speed] | None) -> None:
    """What a worker does first: leave Ctrl-C to its parent, end when the parent is gone, load the embedder."""
    global _loaded
    gc.set_threshold(50_000, 20, 20)  # rows are many objects and hardly any garbage
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.join,), daemon=True).start()
    if model is not None:
        from phloem.assist.search.embedding import load_embedder

        _loaded = load_embedder(model[0], speed=model[1])


def _end_with(joined: Callable[[], None]) -> None:
    joined()
    os._exit(1)


def _work(task: Work) -> Rows:
    from phloem.assist.search.rows import rows_of

    return rows_of(task, _loaded)


def _pool(workers: int, model: tuple[str | Path, Speed] | None) -> ProcessPoolExecutor:
    """Started afresh (spawn), so that no thread's lock is inherited."""
    return ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start, initargs=(model,)
    )


def _in_workers(tasks: Iterator[Work], workers: int, model: tuple[str | Path, Speed] | None) -> Iterator[Rows]:
    """In order, a few tasks ahead. Where a worker dies over a file, the file is found, left out and named."""
    pool = _pool(workers, model)
    waiting: deque[tuple[Work, Future[Rows]]] = deque()
    try:
        while True:
            while len(waiting) < 2 * workers + 1 and (task := next(tasks, None)) is not None:
                try:
                    waiting.append((task, pool.submit(_work, task)))
                except BrokenProcessPool:
                    waiting.append((task, _broken()))
            if not waiting:
                return
            task, future = waiting.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                pool.shutdown(wait=False, cancel_futures=True)
                for suspect in (task, *(each for each, _ in waiting)):
                    yield from _carefully(suspect, model)
                waiting.clear()
                pool = _pool(workers, model)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _broken() -> Future[Rows]:
    future: Future[Rows] = Future()
    future.set_exception(BrokenProcessPool())
    return future


def _carefully(task: Work, model: tuple[str | Path, Speed] | None) -> Iterator[Rows]:
    """A task in a process of its own; if that dies too, file by file."""
    from phloem.assist.search.rows import FileRecord, rows_of

    try:
        with _pool(1, model) as pool:
            yield pool.submit(_work, task).result()
        return
    except BrokenProcessPool:
        if len(task.files) > 1:
            for each in task.files:
                yield from _carefully(task._replace(files=(each,)), model)
            return
    found = task.files[0][0]
    nothing = rows_of(task._replace(files=()), None)
    record = FileRecord(found.path, found.size, found.modified, "", "the parser crashed", 0)
    yield nothing._replace(files=[record])
