"""Shards: functions and their trees as Parquet files, split into train, validation and test.

    DIR/corpus.json                         languages with grammar versions, projects, counts, settings
    DIR/{train,validation,test}/part-*.parquet

A row is a function; the columns of SCHEMA hold where it came from, its own source, and its tree as a struct of arrays
(`languages.tree.Tree`). Offsets are bytes into the function's own source. A part is written beside its place and
renamed, so that a part that is there is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.languages.tree import Tree

FORMAT_VERSION = 1
SHARD_SPLITS = ("train", "validation", "test")
ROWS_A_GROUP = 2048  # what a reader holds at once
IN_TURN = 256  # rows of each part, where all are read side by side

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("language", "path", "project", "name", "doc", "licence")),
        ("line", pa.int32()),
        ("name_node", pa.int32()),
        ("doc_start", pa.int32()),
        ("doc_end", pa.int32()),
        ("source", pa.binary()),
        ("kind", pa.list_(pa.uint16())),
        ("field", pa.list_(pa.uint16())),
        ("parent", pa.list_(pa.int32())),
        ("start", pa.list_(pa.int32())),
        ("end", pa.list_(pa.int32())),
        ("flags", pa.list_(pa.uint8())),
    ]
)
_TEXTS = ("language", "path", "project", "name", "doc")
_ARRAYS = dict(zip(Tree._fields[:6], (np.uint16, np.uint16, np.int32, np.int32, np.int32, np.uint8), strict=True))
_REPEATED = ["language", "path", "project", "licence", "name"]


def to_batch(examples: list[Example], licences: list[str] | None = None) -> pa.RecordBatch:
    """Examples, with the licence of each, as one Arrow batch of SCHEMA; node arrays are concatenated once."""
    columns: dict[str, pa.Array] = {name: _strings([getattr(e, name) for e in examples]) for name in _TEXTS}
    columns["licence"] = _strings(licences or [""] * len(examples))
    spans = [example.doc_span or (-1, -1) for example in examples]
    numbers = {
        "line": [example.line for example in examples],
        "name_node": [example.name_node for example in examples],
        "doc_start": [span[0] for span in spans],
        "doc_end": [span[1] for span in spans],
    }
    columns |= {name: pa.array(values, pa.int32()) for name, values in numbers.items()}
    columns["source"] = pa.array([example.tree.source for example in examples], pa.binary())
    offsets = np.zeros(len(examples) + 1, np.int32)
    np.cumsum([len(example.tree.kind) for example in examples], out=offsets[1:])
    for name, dtype in _ARRAYS.items():
        flat = np.concatenate([getattr(e.tree, name) for e in examples]) if examples else np.zeros(0, dtype)
        columns[name] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat.astype(dtype, copy=False)))
    return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _strings(values: list[str]) -> pa.Array:
    """UTF-8 strings; lone surrogates (from file names that are not UTF-8) are replaced."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([value.encode("utf-8", "replace").decode() for value in values], pa.string())


def from_batch(batch: pa.RecordBatch) -> Iterator[Example]:
    """The examples of a batch; node arrays are views of the batch's memory and cannot be written to."""
    texts = [batch.column(name).to_pylist() for name in _TEXTS]
    lines, name_nodes, doc_starts, doc_ends, sources = (
        batch.column(name).to_pylist() for name in ("line", "name_node", "doc_start", "doc_end", "source")
    )
    offsets = batch.column("kind").offsets.to_numpy()
    kind, field, parent, begin, end, flags = (batch.column(name).values.to_numpy() for name in _ARRAYS)
    for row, (first, stop) in enumerate(pairwise(offsets.tolist())):
        nodes = slice(first, stop)
        language, path, project, name, doc = (column[row] for column in texts)
        yield Example(
            language=language,
            path=path,
            project=project,
            name=name,
            doc=doc,
            tree=Tree(kind[nodes], field[nodes], parent[nodes], begin[nodes], end[nodes], flags[nodes], sources[row]),
            name_node=name_nodes[row],
            doc_span=(doc_starts[row], doc_ends[row]) if doc_starts[row] >= 0 else None,
            line=lines[row],
        )


def write_part(folder: Path, split: str, number: int, table: pa.Table) -> Path:
    """Write one part of a split; it appears under its name only when it is whole."""
    target = folder / split / f"part-{number:05d}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".fresh")
    try:
        pq.write_table(
            table, fresh, compression="zstd", compression_level=3, row_group_size=ROWS_A_GROUP, use_dictionary=_REPEATED
        )
        os.replace(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)
    return target


def write_json(file: Path, facts: dict[str, Any]) -> None:
    """Write a JSON file that is either the old one or the new one, whole."""
    fresh = file.with_name(f".{file.name}.fresh")
    try:
        fresh.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)


def info(folder: str | Path) -> dict[str, Any]:
    """What `corpus.json` says of a corpus. Raises PhloemError when the folder is none, or of another format."""
    file = Path(folder) / "corpus.json"
    if not file.is_file():
        raise PhloemError(f"{folder} is not a corpus (it has no corpus.json): make one with phloem mine SRC --out DIR")
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        version = facts["format"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise PhloemError(f"{file} is not readable as the description of a corpus: {error}") from error
    if version != FORMAT_VERSION:
        raise PhloemError(f"{folder} has corpus format {version}, this phloem reads {FORMAT_VERSION}: mine it again")
    return facts


def read(folder: str | Path, split: str, languages: Iterable[str] | None = None) -> Iterator[Example]:
    """The examples of a split in the order of mining, streamed: memory holds one row group, however large the corpus.

    `languages` keeps these languages only. Raises PhloemError for a folder that is no corpus, an unknown split or a
    damaged part."""
    info(folder)
    if split not in SHARD_SPLITS:
        raise PhloemError(f"no split {split!r}: there are {', '.join(SHARD_SPLITS)}")
    wanted = None if languages is None else set(languages)
    for part in sorted((Path(folder) / split).glob("part-*.parquet")):
        yield from _read_part(part, wanted)


def spread(folder: str | Path, split: str, languages: Iterable[str] | None = None) -> Iterator[Example]:
    """The examples of a split, a few of every part in turn: the first thousands are of many projects, where `read` is
    long in the first one. Raises as `read` does."""
    info(folder)
    if split not in SHARD_SPLITS:
        raise PhloemError(f"no split {split!r}: there are {', '.join(SHARD_SPLITS)}")
    wanted = None if languages is None else set(languages)
    parts = sorted((Path(folder) / split).glob("part-*.parquet"))
    turn = 0
    while parts:
        left = []
        group, within = divmod(turn, ROWS_A_GROUP // IN_TURN)
        for part in parts:
            for batch in islice(_batches(part, wanted, IN_TURN, group), within, within + 1):
                left.append(part)
                yield from from_batch(batch)
        parts, turn = left, turn + 1


def _read_part(part: Path, wanted: set[str] | None) -> Iterator[Example]:
    for batch in _batches(part, wanted, ROWS_A_GROUP // 4):
        yield from from_batch(batch)


def _batches(part: Path, wanted: set[str] | None, rows: int, first_group: int = 0) -> Iterator[pa.RecordBatch]:
    """So many rows at a time, from a row group on."""
    try:
        with pq.ParquetFile(part) as file:
            groups = range(first_group, file.num_row_groups)
            for batch in file.iter_batches(rows, row_groups=groups, columns=SCHEMA.names, use_threads=False):
                if wanted is not None:
                    keep = [language in wanted for language in batch.column("language").to_pylist()]
                    batch = batch.filter(pa.array(keep, pa.bool_()))
                yield batch
    except (pa.ArrowException, OSError) as error:
        raise PhloemError(f"{part} cannot be read: {error}") from error
