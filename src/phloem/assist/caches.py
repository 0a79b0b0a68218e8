"""Where phloem keeps what it can make again: the platform's cache folder, or PHLOEM_CACHE."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from phloem.errors import PhloemError

# What is kept: shards of source folders, datasets compiled from read-only shards, what recipes fetch, and indexes.
KINDS = ("mined", "views", "sources", "indexes")


def cache_folder() -> Path:
    """The cache folder; it may not exist yet."""
    given = os.environ.get("PHLOEM_CACHE")
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("phloem", appauthor=False)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder, 0 without it."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) if folder.is_dir() else 0


def clean() -> tuple[int, Path]:
    """Remove what phloem made in its cache folder: how many bytes, and where. Raises PhloemError where it cannot."""
    folder = cache_folder()
    size = 0
    for kind in KINDS:
        size += size_of(folder / kind)
        try:
            if (folder / kind).exists():
                shutil.rmtree(folder / kind)
        except OSError as error:
            raise PhloemError(f"{folder / kind}: {error.strerror}") from error
    return size, folder
