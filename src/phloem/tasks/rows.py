"""Reads the data sets of PHLOEM_DATA: a folder a set, gzipped JSON lines a split."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

from phloem.errors import PhloemError


def rows(name: str, split: str, folder: Path | None = None) -> list[dict[str, Any]]:
    """The objects of FOLDER/NAME/SPLIT.jsonl.gz; `folder` is PHLOEM_DATA where none is given. Raises PhloemError."""
    root = folder or (Path(os.environ["PHLOEM_DATA"]) if os.environ.get("PHLOEM_DATA") else None)
    if root is None:
        raise PhloemError(f"the data set {name} is needed: name the folder with the data sets in PHLOEM_DATA or --data")
    file = root / name / f"{split}.jsonl.gz"
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    except (OSError, EOFError, ValueError) as error:
        raise PhloemError(f"cannot read the data set {name}: {file}: {error}") from None
