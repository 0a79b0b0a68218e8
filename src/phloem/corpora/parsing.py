"""What a worker does: a unit of source files to rows of shards and their fingerprints.

Imports only what parsing needs, since every worker process does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from phloem.corpora import shards
from phloem.corpora.duplicates import Fingerprints, fingerprint
from phloem.corpora.examples import examples_of
from phloem.languages import for_path
from phloem.languages.example import Example
from phloem.languages.tree import ERROR, MISSING

LONGEST_LINE = 10_000  # bytes
LONGEST_MEAN_LINE = 250
HEADER = 1_500  # bytes in which a generated file says so
_NEAR = rb"[^\n]*(?:\n[^\n]*){0,3}?"  # on the same line or one of the next three
_GENERATED = re.compile(
    rb"@generated\b|generated" + _NEAR + rb"do not (?:edit|modify)|do not (?:edit|modify)" + _NEAR + rb"generated", re.I
)


class SourceFile(NamedTuple):
    path: str
    project: str
    licence: str
    content: bytes


@dataclass(frozen=True)
class Unit:
    """Consecutive files of a corpus; `chunk` is the group of units that is written together."""

    chunk: int
    files: tuple[SourceFile, ...]
    unread: tuple[tuple[str, str], ...] = ()  # (reason, path) of files that could not be read
    position: int = 0  # bytes of source up to its end, for progress


@dataclass
class Parsed:
    """A unit's functions. `batch` is an Arrow IPC stream, which travels between processes without copies of rows."""

    batch: bytes = b""
    fingerprints: Fingerprints | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (reason, path)
    files: int = 0
    broken: int = 0  # files with a syntax error in a function; what parses is used


def parse(unit: Unit) -> Parsed:
    """Parse a unit's files. A file that cannot be used is skipped and named."""
    result = Parsed(skipped=list(unit.unread))
    examples: list[Example] = []
    licences: list[str] = []
    for file in unit.files:
        try:
            content, reason = readable(file.content)
            if reason:
                result.skipped.append((reason, file.path))
                continue
            language = for_path(file.path)
            assert language is not None
            found = examples_of(content, language, file.path, file.project)
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            result.skipped.append((f"cannot be parsed ({type(error).__name__})", file.path))
            continue
        result.files += 1
        result.broken += any((example.tree.flags & (ERROR | MISSING)).any() for example in found)
        examples += found
        licences += [file.licence] * len(found)
    if examples:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, shards.SCHEMA) as stream:
            stream.write_batch(shards.to_batch(examples, licences))
        result.batch = sink.getvalue().to_pybytes()
        result.fingerprints = fingerprint(examples)
    return result


def readable(content: bytes) -> tuple[bytes, str]:
    """(UTF-8 source, "") or (b"", why the content is not used).

    UTF-16 is recognised by its byte order mark; what is not UTF-8 is read as Latin-1, in which every byte is a
    character, so that the code around a stray accent is used."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", "replace").encode("utf-8", "replace")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        return b"", "empty"
    if b"\0" in content:
        return b"", "binary"
    lines = content.split(b"\n")
    if max(map(len, lines)) > LONGEST_LINE or len(content) / len(lines) > LONGEST_MEAN_LINE:
        return b"", "minified"
    if _GENERATED.search(content, 0, HEADER):
        return b"", "generated"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        content = content.decode("latin-1").encode("utf-8")
    return content, ""
