"""Where an index lies: a folder with a lancedb table of definitions and an SQLite table of files.

    DIR/index.json         format, phloem's version, the tree, the embedder
    DIR/definitions.lance  a row a definition (index_rows.COLUMNS and its vector), with a full-text and a vector index
    DIR/files.sqlite       a row a file: size, time, digest, and why it has no rows; which files are being written
    DIR/lock               held by the run that writes

Rows are written before their files are recorded, and files are named as being written before their rows are: after a
kill, the next run removes the rows of those files and reads them again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from phloem.assist.caches import cache_folder
from phloem.assist.progress import Tell, silent
from phloem.assist.search.outline import KINDS
from phloem.errors import MissingExtra, PhloemError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import AsyncTable

    from phloem.assist.search.rows import FileRecord

FORMAT = 2
TABLE = "definitions"
KIND = "indexes"  # of the cache folder
PATHS_A_STATEMENT = 500
PROBES = 32  # lists of the vector index that a query looks through
SMALL = 20_000  # rows: under this many every vector is compared, which takes about 10 ms
EVERY = 1 << 31  # more rows than there are: lancedb's own limit is ten
KEPT = timedelta(minutes=15)  # older versions of the table stay so long for those who read them
_FILES = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, digest TEXT, problem TEXT,
    rows INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS writing (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (kind TEXT PRIMARY KEY, rows INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unsettled (since INTEGER PRIMARY KEY);
"""


class Busy(PhloemError):
    """Another run writes the index."""


class OtherFormat(PhloemError):
    """An index that another version made; `root` is the tree that it is of, "" where it does not say."""

    def __init__(self, text: str, root: str) -> None:
        super().__init__(text)
        self.root = root


class About(NamedTuple):
    """What an index says of itself."""

    format: int
    phloem: str
    root: str
    embedder: str  # the identity of the embedder whose vectors it has
    model: str  # the name or folder to load it by
    dimensions: int
    speed: str  # of the embedder: "static" or "transformer"


def import_lancedb() -> Any:
    """The package, or MissingExtra. Its warnings are for those who develop it."""
    os.environ.setdefault("LANCEDB_LOG", "error")
    try:
        import lancedb
    except ImportError as error:
        raise MissingExtra("search", "lancedb") from error
    return lancedb


def folder_for(root: Path) -> Path:
    """Where the index of a tree lies in the cache folder."""
    key = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    return cache_folder() / KIND / f"{root.name or 'root'}-{key}"


def nearest(path: Path) -> Path | None:
    """The folder of the index that covers a path: of the path itself or of the nearest folder above that has one."""
    for place in (path, *path.parents):
        folder = folder_for(place)
        if (folder / "index.json").is_file():
            return folder
    return None


def read_about(folder: Path) -> About:
    """Raises PhloemError with the command to run, where there is no index or one of another format."""
    file = folder / "index.json"
    if not file.is_file():
        raise PhloemError(f"{folder} has no index; make one with: phloem index PATH --out {folder}")
    try:
        facts = json.loads(file.read_text("utf-8"))
        about = About(**{name: facts.get(name, "") for name in About._fields})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise damaged(folder, error) from error
    if about.format != FORMAT:
        raise OtherFormat(
            f"the index of {about.root or folder} was made by phloem {about.phloem or '?'} in another format; "
            f"rebuild it with: phloem index --rebuild {about.root or 'PATH'}",
            str(about.root),
        )
    return about


def damaged(folder: Path, error: BaseException, root: str = "") -> PhloemError:
    """One line for an index that can't be read."""
    if "No space left" in str(error):
        return PhloemError(f"{folder}: no space left on the disk; what is written so far is kept")
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    where = f" {root}" if root else " PATH"
    return PhloemError(f"the index in {folder} is damaged ({first}); rebuild it with: phloem index --rebuild{where}")


@contextmanager
def locked(folder: Path, wait: float, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Only one run writes an index; the second waits up to `wait` seconds. Raises PhloemError when that was too short.

    `waiting` is called once when there is something to wait for. The lock ends with its process, however that ends.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if waiting is not None:
                waiting()
            lock.acquire(timeout=wait)
    except Timeout:
        raise Busy(f"another run of phloem writes the index in {folder}; try again when it is done") from None
    try:
        yield
    finally:
        lock.release()


class IndexTable:
    """The rows and files of an index. Reading needs no lock; writing is for whoever holds it."""

    def __init__(self, folder: Path, about: About, files: sqlite3.Connection) -> None:
        self.folder, self.about, self.files = folder, about, files

    @cached_property
    def table(self) -> Any:
        """The lancedb table, opened when it is first needed: a run that finds nothing new never does."""
        lancedb = import_lancedb()
        with self._reading():
            return lancedb.connect(self.folder).open_table(TABLE)

    @cached_property
    def _asked(self) -> AsyncTable:
        """The same for questions: two searches of one question run side by side, which lancedb's own calls can't."""
        lancedb = import_lancedb()

        async def opened() -> AsyncTable:
            return await (await lancedb.connect_async(self.folder)).open_table(TABLE)

        with self._reading():
            return _run(opened())

    @classmethod
    def create(cls, folder: Path, about: About) -> IndexTable:
        """An empty index; what was in its place is removed."""
        from phloem.assist.search.rows import schema

        lancedb = import_lancedb()
        folder.mkdir(parents=True, exist_ok=True)
        cls.remove(folder)
        try:
            lancedb.connect(folder).create_table(TABLE, schema=schema(about.dimensions))
        except (OSError, RuntimeError, ValueError) as error:
            raise PhloemError(f"{folder}: cannot write an index ({error})") from error
        files = _open_files(folder)
        fresh = folder / "index.json.fresh"
        fresh.write_text(json.dumps(about._asdict(), indent=1), encoding="utf-8")
        os.replace(fresh, folder / "index.json")
        return cls(folder, about, files)

    @staticmethod
    def remove(folder: Path) -> None:
        """What an index consists of, index.json first, so that a half-removed index is none."""
        (folder / "index.json").unlink(missing_ok=True)
        shutil.rmtree(folder / f"{TABLE}.lance", ignore_errors=True)
        for name in ("files.sqlite", "files.sqlite-wal", "files.sqlite-shm", "files.sqlite-journal"):
            (folder / name).unlink(missing_ok=True)

    @classmethod
    def open(cls, folder: Path) -> IndexTable:
        """Raises PhloemError, with the command that mends it, for what is none, another format's or damaged."""
        about = read_about(folder)
        if not (folder / f"{TABLE}.lance").is_dir():
            raise damaged(folder, FileNotFoundError(f"no {TABLE}.lance"), about.root)
        try:
            return cls(folder, about, _open_files(folder))
        except (OSError, sqlite3.Error) as error:
            raise damaged(folder, error, about.root) from error

    def close(self) -> None:
        self.files.close()

    def known(self) -> dict[str, FileRecord]:
        """The files of the index by path."""
        from phloem.assist.search.rows import FileRecord

        with self._reading():
            return {row[0]: FileRecord(*row) for row in self.files.execute("SELECT * FROM files")}

    def unfinished(self) -> list[str]:
        """The files that a killed run was writing."""
        return [path for (path,) in self.files.execute("SELECT path FROM writing")]

    def forget(self, paths: Sequence[str]) -> None:
        """Remove files and their rows."""
        self._begin(paths)
        self._delete_rows(paths)
        self._finish((), paths)

    def add(self, batch: pa.RecordBatch, records: Sequence[FileRecord], replaced: Sequence[str]) -> None:
        """Rows of whole files; `replaced` are those of them that may have rows already."""
        changed = [record.path for record in records if record.rows >= 0]
        self._begin(changed)
        self._delete_rows(replaced)
        if batch.num_rows:
            with self._reading():
                self.table.add(batch)
        self._finish(records, ())

    def _begin(self, paths: Iterable[str]) -> None:
        with self.files:
            self.files.executemany("INSERT OR IGNORE INTO writing VALUES (?)", ((path,) for path in paths))
            self.files.execute("INSERT OR IGNORE INTO unsettled VALUES (1)")

    def _finish(self, records: Sequence[FileRecord], gone: Sequence[str]) -> None:
        with self.files:
            self.files.executemany("DELETE FROM files WHERE path = ?", ((path,) for path in gone))
            self.files.executemany(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET size = excluded.size, "
                "modified = excluded.modified, digest = excluded.digest, problem = excluded.problem, "
                "rows = CASE WHEN excluded.rows < 0 THEN rows ELSE excluded.rows END",
                records,
            )
            self.files.execute("DELETE FROM writing")

    def _delete_rows(self, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), PATHS_A_STATEMENT):
            with self._reading():
                self.table.delete(f"path IN ({', '.join(map(literal, paths[start : start + PATHS_A_STATEMENT]))})")

    def settle(self, tell: Tell = silent) -> None:
        """Bring the full-text and the vector index up to date with what was written, and merge small files.

        A killed run may leave this to the next one. Nothing is done where nothing was written.
        """
        if not self.files.execute("SELECT COUNT(*) FROM unsettled").fetchone()[0]:
            return
        from lancedb.index import FTS, IvfFlat

        tell("building the search indexes", 0)
        with self._reading():
            rows = self.table.count_rows()
            there = {index.name for index in self.table.list_indices()}
            self.table.optimize(cleanup_older_than=KEPT)
            if "lexical_idx" not in there and rows:
                words = FTS(
                    base_tokenizer="whitespace",
                    stem=False,
                    lower_case=False,
                    remove_stop_words=False,
                    ascii_folding=False,
                )
                self.table.create_index("lexical", config=words)
            if "vector_idx" not in there and rows >= SMALL:
                self.table.create_index("vector", config=IvfFlat(distance_type="dot"))
            counted = [(kind, self.table.count_rows(f"kind = {literal(kind)}")) for kind in KINDS]
        with self.files:
            self.files.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?)", counted)
            self.files.execute("DELETE FROM unsettled")

    def rows(self) -> int:
        """How many definitions there are."""
        return sum(self.counts().values())

    def counts(self) -> dict[str, int]:
        """How many definitions there are of each kind, as of the last `settle`."""
        return dict(self.files.execute("SELECT kind, rows FROM counts WHERE rows > 0"))

    def candidates(
        self, text: str, vector: np.ndarray, condition: str | None, limit: int, columns: list[str]
    ) -> tuple[pa.Table, pa.Table]:
        """The best rows by words (with `_score`) and by vector, each with `_rowid`. Raises PhloemError: damaged.

        The text is words parted by blanks; their stems are looked up."""
        from phloem.assist.search.lexical import stems

        with self._reading():
            return _run(_candidates(self._asked, stems(text), vector, condition, limit, columns))

    def nearest(self, vector: np.ndarray, condition: str | None, limit: int, columns: list[str]) -> pa.Table:
        """The rows whose vectors have the largest products with `vector`: `_distance` is 1 less the product."""
        with self._reading():
            return _run(_nearest(self._asked, vector, condition, limit, columns))

    def where(self, condition: str, columns: list[str]) -> pa.Table:
        """All rows of which a condition holds. Raises PhloemError: damaged."""
        with self._reading():
            return self.table.search().where(condition).select(columns).limit(EVERY).to_arrow()

    def take(self, ids: np.ndarray) -> list[dict[str, Any]]:
        """Rows by their `_rowid`s, in that order, without vectors. Raises PhloemError: damaged."""
        if not len(ids):
            return []
        from phloem.assist.search.rows import SHOWN

        with self._reading():
            found = _run(self._asked.take_row_ids(ids.tolist()).select(list(SHOWN)).with_row_id().to_arrow())
        place = {row: i for i, row in enumerate(found["_rowid"].to_pylist())}
        rows = found.to_pylist()
        return [rows[place[row]] for row in ids.tolist() if row in place]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What the table raises, lancedb's panics too, as one line with the command that mends it."""
        try:
            yield
        except (OSError, RuntimeError, ValueError, sqlite3.Error) as error:
            raise damaged(self.folder, error, self.about.root) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise damaged(self.folder, error, self.about.root) from error


async def _candidates(
    table: AsyncTable, text: str, vector: np.ndarray, condition: str | None, limit: int, columns: list[str]
) -> tuple[pa.Table, pa.Table]:
    from lancedb.query import MatchQuery

    asked = MatchQuery(text, "lexical")  # type: ignore[call-arg]  # mypy does not see pydantic's defaults
    query = table.query().nearest_to_text(asked).select([*columns, "_score"])
    if condition:
        query = query.where(condition)
    by_words = query.with_row_id().limit(limit).to_arrow()
    return await asyncio.gather(by_words, _nearest(table, vector, condition, limit, columns))


async def _nearest(
    table: AsyncTable, vector: np.ndarray, condition: str | None, limit: int, columns: list[str]
) -> pa.Table:
    query = table.query().nearest_to(vector).column("vector").distance_type("dot").nprobes(PROBES)
    if condition:
        query = query.where(condition)
    return await query.select([*columns, "_distance"]).with_row_id().limit(limit).to_arrow()


def _run(coroutine: Awaitable[Any]) -> Any:
    """Await in lancedb's own thread: the caller's may have a loop that runs, as a server's has."""
    from lancedb.background_loop import LOOP

    return LOOP.run(coroutine)


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _open_files(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "files.sqlite", timeout=60, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_FILES)
    return connection
