"""Functions of a corpus as texts, with their documentation: what models of code search are trained on.

Trees are not read: of a shard's columns only those of text are, which is ten times faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from phloem.corpora import shards
from phloem.errors import PhloemError

_COLUMNS = ["language", "project", "path", "name", "doc", "doc_start", "doc_end", "line", "source"]


class DocumentedCode(NamedTuple):
    """A function as text. `doc` is "" where there is none; `doc_span` are its bytes where it lies in `source`."""

    language: str
    project: str
    path: str
    name: str
    doc: str
    source: bytes
    doc_span: tuple[int, int] | None
    line: int


def read(folder: str | Path, split: str, languages: Iterable[str] | None = None) -> Iterator[DocumentedCode]:
    """The functions of a split, documented or not, streamed in the order of mining.

    Raises PhloemError for a folder that is no corpus, an unknown split or a damaged part."""
    shards.info(folder)
    if split not in shards.SHARD_SPLITS:
        raise PhloemError(f"no split {split!r}: there are {', '.join(shards.SHARD_SPLITS)}")
    wanted = None if languages is None else set(languages)
    for part in sorted((Path(folder) / split).glob("part-*.parquet")):
        try:
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(batch_size=shards.ROWS_A_GROUP, columns=_COLUMNS, use_threads=False):
                    yield from _rows(batch, wanted)
        except (pa.ArrowException, OSError) as error:
            raise PhloemError(f"{part} cannot be read: {error}") from error


def _rows(batch: pa.RecordBatch, wanted: set[str] | None) -> Iterator[DocumentedCode]:
    columns = [batch.column(name).to_pylist() for name in _COLUMNS]
    for language, project, path, name, doc, first, last, line, source in zip(*columns, strict=True):
        if wanted is None or language in wanted:
            span = (first, last) if first >= 0 else None
            yield DocumentedCode(language, project, path, name, doc, source, span, line)
