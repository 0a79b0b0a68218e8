"""From files to rows of an index, in worker processes: read, parse, outline, words, vectors.

A worker gets paths, not bytes, and gives one Arrow batch: what travels between processes is what is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from phloem.assist.search.files import Found, Read, read
from phloem.assist.search.lexical import document
from phloem.assist.search.outline import HOLDERS, Definition, outline, sections
from phloem.assist.search.skeleton import skeleton
from phloem.languages import by_name, for_source
from phloem.languages.documentation import first_sentence

if TYPE_CHECKING:
    from phloem.assist.search.embedding import Embedder

LONGEST_TEXT = 12_000  # characters of a definition that are kept
EMBEDDED = 2_000  # characters of a definition that an embedder is given
LONGEST_DOC = 1_000  # characters of documentation that stands outside the code
MEMBERS = 40  # signatures that stand for a class
PROSE = frozenset({"module", "section"})  # kinds whose text is no code

COLUMNS = (
    *(("path", pa.string()), ("language", pa.string()), ("kind", pa.string()), ("name", pa.string())),
    *(("qualified_name", pa.string()), ("line", pa.int32()), ("end_line", pa.int32()), ("doc", pa.string())),
    *(("signature", pa.string()), ("code", pa.string()), ("digest", pa.string()), ("lexical", pa.string())),
)
# of a row that is shown; the rest is for finding it
SHOWN = tuple(name for name, _ in COLUMNS if name not in ("lexical",))


def schema(dimensions: int) -> pa.Schema:
    """The columns of an index: a row is a definition; its vector has length 1, or 0 where it has no words."""
    return pa.schema([*COLUMNS, ("vector", pa.list_(pa.float32(), dimensions))])


class FileRecord(NamedTuple):
    """What is known of a file when its rows are in the table. `problem`: why it has none."""

    path: str
    size: int
    modified: int
    digest: str
    problem: str
    rows: int  # -1: the file's content is what it was


class Rows(NamedTuple):
    """The rows of some files; where no embedder was at hand without vectors, but with the texts to embed."""

    batch: pa.RecordBatch
    files: list[FileRecord]
    texts: list[str]


class Work(NamedTuple):
    """What a worker is asked: files, each with the digest that the index knows ("": none)."""

    root: str
    files: tuple[tuple[Found, str], ...]
    max_file_size: int


def rows_of(work: Work, embedder: Embedder | None) -> Rows:
    """Read and outline the files. A file whose digest is the known one gives no rows."""
    columns: dict[str, list[Any]] = {name: [] for name, _ in COLUMNS}
    texts: list[str] = []
    records: list[FileRecord] = []
    for found, known in work.files:
        content = read(work.root, found.path, work.max_file_size)
        if known and content.digest == known:
            records.append(_record(found, content, -1))
            continue
        before = len(texts)
        if not content.problem:
            texts += _add_file(columns, content, found)
        records.append(_record(found, content, len(texts) - before))
    arrays = [pa.array(columns[name], kind) for name, kind in COLUMNS]
    rows = Rows(pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in COLUMNS]), records, texts)
    return rows if embedder is None else embedded(rows, embedder)


def embedded(rows: Rows, embedder: Embedder) -> Rows:
    """With the vectors of the definitions: code as code, prose as questions are."""
    prose = np.array([kind in PROSE for kind in rows.batch.column("kind").to_pylist()], np.bool_)
    vectors = np.zeros((len(rows.texts), embedder.dimensions), np.float32)
    for chosen, embed in ((prose, embedder.queries), (~prose, embedder.codes)):
        if chosen.any():
            vectors[chosen] = embed([rows.texts[i] for i in np.flatnonzero(chosen)])
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), embedder.dimensions)
    batch = pa.RecordBatch.from_arrays([*rows.batch.columns, column], schema=schema(embedder.dimensions))
    return Rows(batch, rows.files, [])


def _record(found: Found, content: Read, rows: int) -> FileRecord:
    return FileRecord(found.path, content.size, content.modified, content.digest, content.problem, rows)


def _add_file(columns: dict[str, list[Any]], content: Read, found: Found) -> list[str]:
    """Add the definitions of a file; the texts to embed."""
    source, name = content.source, found.language
    if name == "markdown":
        definitions, inside = sections(source, found.path), True
    else:
        language = (for_source(found.path, source) if name == "c" else None) or by_name(name)
        name = language.name
        definitions = outline(skeleton(source, language, HOLDERS[name]), language, found.path)
        inside = name == "python"  # whose documentation is part of the code
    texts: list[str] = []
    for each in definitions:
        code = _code(source, each)
        sentence = first_sentence(each.doc) if each.kind != "section" else ""
        doc = "" if inside or each.kind == "module" else each.doc[:LONGEST_DOC]
        text = _members(each, definitions) if each.kind == "class" else code[:EMBEDDED]
        head, newline, rest = text.partition("\n")
        texts.append(f"{head}\n{doc}{newline}{rest}" if doc and each.kind != "class" else text)
        digest = hashlib.blake2b(code.encode(), digest_size=8).hexdigest()
        lexical = document(each.qualified, sentence, f"{text if each.kind == 'class' else code}\n{doc}", found.path)
        values = (
            found.path, name, each.kind, each.name, each.qualified, each.line, each.end_line, sentence,
            each.signature, code, digest, lexical,
        )  # fmt: skip
        for (column, _), value in zip(COLUMNS, values, strict=True):
            columns[column].append(value)
    return texts


def _members(each: Definition, of_file: Sequence[Definition]) -> str:
    """What a class says of itself: its head, documentation and the signatures of its members."""
    prefix = each.qualified + "."
    inside = (other for other in of_file if each.start < other.start < each.end)
    members = [f"    {other.signature}" for other in inside if other.qualified.startswith(prefix)]
    doc = [each.doc[:LONGEST_DOC]] if each.doc else []
    return "\n".join([each.signature, *doc, *members[:MEMBERS]])[:EMBEDDED]


def _code(source: bytes, each: Definition) -> str:
    """A definition's own source, moved to the margin; of what is prose the prose."""
    if each.kind in PROSE:
        return each.doc[:LONGEST_TEXT]
    code = source[each.start : min(each.end, each.start + LONGEST_TEXT)].decode("utf-8", "replace")
    margin = source[source.rfind(b"\n", 0, each.start) + 1 : each.start]
    return code.replace("\n" + margin.decode(), "\n") if margin and margin.isspace() else code
