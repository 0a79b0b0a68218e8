"""Locks between processes, on files.

SQLite takes the operating system's own lock on its database file, on every system alike. The system lets go of it when
the process ends, however it ends, so a lock is never stale. The database stays empty: only its lock is of use.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from phloem.errors import PhloemError

PAUSE = 0.2  # seconds between two attempts


@contextmanager
def locked(file: Path, busy: str, wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock `file`, which is made, with its folders, and removed again.

    Where another process holds it: with `wait`, which is told `busy` once, wait for it; without, PhloemError(busy) is
    raised. It is also raised where the file can't be made.
    """
    told = False
    while not (held := _attempt(file)):
        if wait is None:
            raise PhloemError(busy)
        if not told:
            wait(busy)
            told = True
        time.sleep(PAUSE)
    with closing(held):
        try:
            yield
        finally:
            with suppress(OSError):  # a system that keeps open files, or a folder that is in use
                file.unlink()
                file.parent.rmdir()


def _attempt(file: Path) -> sqlite3.Connection | None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise PhloemError(f"cannot write into {file.parent}: {error}") from error
    try:
        connection.execute("PRAGMA journal_mode = OFF")  # no second file beside this one
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return None
        raise PhloemError(f"cannot write into {file.parent}: {error}") from error
    return connection
