"""A person's code as shards: a mined folder as it is, anything else mined into the cache under a hash of it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

from phloem.assist.caches import cache_folder
from phloem.assist.progress import Tell, silent
from phloem.corpora.listing import MineSettings, list_sources, open_sources
from phloem.corpora.mine import mine
from phloem.errors import PhloemError
from phloem.locks import locked


def open_corpus(data: str, tell: Tell = silent) -> Path:
    """The folder of shards that `data` is, or that it is mined into. Raises PhloemError where there is no code."""
    if (Path(data) / "corpus.json").is_file():
        return Path(data).resolve()
    if data.endswith(".c2s") and Path(data).is_file():
        raise PhloemError(
            f"{data} is path contexts, not code: a script trains on them, see The .c2s format in the docs"
        )
    settings = MineSettings()
    opened = open_sources([data], cache_folder() / "mined" / "packages", settings)
    digest = list_sources(opened, settings, lambda _: None).digest
    about = [digest, _newest(Path(data)), asdict(settings)]
    folder = cache_folder() / "mined" / hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    with locked(folder.with_suffix(".lock"), f"waiting for another run that mines {data}", lambda said: tell(said, 0)):
        if (folder / "corpus.json").is_file():
            return folder
        tell(f"mining {data}", 0)
        mine(
            [data],
            folder,
            settings=settings,
            progress=lambda done: tell(f"mining {data}", done.done / max(1, done.total)),
        )
    return folder


def _newest(path: Path) -> int:
    """When the latest change of a folder's or file's content was, in nanoseconds; 0 for what is no path."""
    if not path.exists():
        return 0
    files = (os.path.join(here, name) for here, _, names in os.walk(path) for name in names)
    return max((os.lstat(file).st_mtime_ns for file in (str(path), *files)), default=0)
