"""Tables as people keep them: CSV and its kin, JSON, JSON lines, Excel workbooks; read, and written back as they were.

A table is names over rows of text. What a cell was in its file (a number, a formula, a quoted field) is the business of
the file's own reader, which also writes the file again with one column filled and everything else as it was.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from phloem.errors import PhloemError

LARGEST = 256 << 20  # bytes of a file


class Source(Protocol):
    """Where a table came from: writes the same file again with a column filled."""

    def filled(self, column: str, place: int | None, values: Sequence[str | None]) -> bytes:
        """The file with `values[i]` in row i of the column number `place` (None: a new last column named `column`).

        A value of None leaves the cell of that row as it is.
        """


class Table(NamedTuple):
    """`rows[i][j]` is the text in row i under `names[j]`, "" where there is nothing. `lines[i]` is where the row stands
    in its file, as a person counts (1-based). `header`: whether the file has the names. `ragged`: lines with more cells
    than names. `corner`: row and column (from 1) of the first cell of `rows` in a spreadsheet."""

    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    header: bool
    source: Source
    ragged: tuple[int, ...] = ()
    corner: tuple[int, int] = (2, 1)

    def references(self, columns: Sequence[int]) -> list[str]:
        """The first row's cells in these columns as a formula refers to them."""
        row, left = self.corner
        return [f"{column_letters(left - 1 + j)}{row}" for j in columns]


def read_table(path: str | Path, *, header: bool | None = None) -> Table:
    """The table in a file; `-` is standard input. header=None finds out whether the first row has names.

    Raises PhloemError for a file that is missing, unreadable, empty, binary, too large, or not what its name says.
    """
    return table_of(read_bytes(path), str(path), header=header)


def read_bytes(path: str | Path) -> bytes:
    """What is in the file; `-` is standard input. Raises PhloemError."""
    if str(path) == "-":
        return sys.stdin.buffer.read(LARGEST)
    try:
        if os.path.isdir(path):
            raise PhloemError(f"{path}: a folder, not a table")
        size = os.path.getsize(path)
        if size > LARGEST:
            raise PhloemError(f"{path}: {size >> 20} MB; tables up to {LARGEST >> 20} MB are read")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PhloemError(f"{path}: no such file") from None
    except OSError as error:
        raise PhloemError(f"{path}: {error.strerror or error}") from None


def table_of(data: bytes, name: str, *, header: bool | None = None) -> Table:
    """The table in the bytes of a file of this name."""
    if not data.strip():
        raise PhloemError(f"{name}: the file is empty")
    ending = os.path.splitext(name)[1].lower()
    if data.startswith(b"PK\x03\x04"):
        from phloem.assist.synth.workbooks import read_workbook

        return read_workbook(data, name, header=header)
    if ending in (".xlsx", ".xlsm"):
        raise PhloemError(f"{name}: not an Excel workbook")
    text, encoding = decode(data, name)
    if ending in (".json", ".jsonl", ".ndjson") or text.lstrip()[:1] in ("[", "{"):
        return _json_table(text, encoding, name, header=header)
    from phloem.assist.synth.delimited import read_delimited

    return read_delimited(text, encoding, name, header=header)


def decode(data: bytes, name: str) -> tuple[str, str]:
    """Text and the name of its encoding: UTF-8 or UTF-16 with or without a mark, else Windows-1252 or Latin-1.

    Raises PhloemError for bytes that are no text.
    """
    encodings = ["utf-8"]
    if data.startswith(b"\xef\xbb\xbf"):
        encodings = ["utf-8-sig"]
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif 0 in data[:4096]:
        # Latin text in UTF-16 has a zero in every other byte.
        little, big = data[1:4096:2].count(0), data[0:4096:2].count(0)
        encodings = ["utf-16-le" if little > big else "utf-16-be"] if max(little, big) > len(data[:4096]) // 5 else []
    else:
        encodings += ["cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        controls = sum(each < " " and each not in "\t\n\r\f\v\x1b" for each in text[:4096])
        if controls * 50 <= len(text[:4096]):
            if encoding == "utf-16":
                encoding = "utf-16-le" if data.startswith(b"\xff\xfe") else "utf-16-be"
                encoding += "-sig"  # written by `encode` with its mark
            return text, encoding
    raise PhloemError(f"{name}: a binary file, not a table")


def encode(text: str, encoding: str, name: str) -> bytes:
    """The inverse of `decode`. Raises PhloemError where the encoding lacks a character."""
    mark = ""
    if encoding.startswith("utf-16") and encoding.endswith("-sig"):
        encoding, mark = encoding.removesuffix("-sig"), "\ufeff"
    try:
        return (mark + text).encode(encoding)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise PhloemError(f"{name} is in {encoding}, which has no {character!r}; save it as UTF-8 first") from None


class _Json:
    """A JSON array of objects or arrays, or one of them a line."""

    def __init__(self, records: list[Any], names: tuple[str, ...], encoding: str, name: str, style: Any) -> None:
        self.records, self.names, self.encoding, self.name, self.style = records, names, encoding, name, style

    def filled(self, column: str, place: int | None, values: Sequence[str | None]) -> bytes:
        numeric = self._numeric(place)
        for record, value in zip(self.records, values, strict=True):
            if value is None:
                continue
            cell = _number(value) if numeric else value
            if isinstance(record, dict):
                record[column] = cell
            else:
                at = len(self.names) if place is None else place
                record.extend([None] * (at + 1 - len(record)))
                record[at] = cell
        lines, indent = self.style
        if lines:
            text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in self.records)
        else:
            text = json.dumps(self.records, ensure_ascii=False, indent=indent) + "\n"
        return encode(text, self.encoding, self.name)

    def _numeric(self, place: int | None) -> bool:
        """Whether the column holds numbers, so that what is filled in is numbers too."""
        if place is None:
            return False
        name = self.names[place]
        cells = [each.get(name) if isinstance(each, dict) else each[place : place + 1] for each in self.records]
        given = [each[0] if isinstance(each, list) and each else each for each in cells]
        given = [each for each in given if each not in (None, "", [])]
        return bool(given) and all(isinstance(each, int | float) and not isinstance(each, bool) for each in given)


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def _json_table(text: str, encoding: str, name: str, *, header: bool | None) -> Table:
    records, lines, style = _json_records(text, name)
    if not records:
        raise PhloemError(f"{name}: no rows")
    if all(isinstance(record, dict) for record in records):
        names = tuple(dict.fromkeys(str(key) for record in records for key in record))
        rows = [[_text(record.get(each), name) for each in names] for record in records]
        return Table(names, rows, lines, True, _Json(records, names, encoding, name, style))
    if not all(isinstance(record, list) for record in records):
        raise PhloemError(f"{name}: rows must be all objects or all arrays")
    width = max(map(len, records))
    names = tuple(column_letters(i) for i in range(width))
    rows = [[_text(cell, name) for cell in record] + [""] * (width - len(record)) for record in records]
    source = _Json(records, names, encoding, name, style)
    if header:
        raise PhloemError(f"{name}: rows that are arrays have no header; use objects")
    return Table(names, rows, lines, False, source)


def _json_records(text: str, name: str) -> tuple[list[Any], list[int], tuple[bool, int | None]]:
    """Records, their lines (or numbers, in an array) and the style: one a line?, indentation."""
    try:
        whole = json.loads(text)
        if isinstance(whole, list):
            indent = 2 if "\n" in text.strip() else None
            return whole, list(range(1, len(whole) + 1)), (False, indent)
        if "\n" in text.strip():
            raise PhloemError(f"{name}: one object; a table is an array of objects, or an object a line")
        return [whole], [1], (True, None)
    except RecursionError:
        raise PhloemError(f"{name}: nested too deep") from None
    except ValueError:
        pass
    records, lines = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", "nested too deep")
                raise PhloemError(f"{name}:{number}: not JSON: {reason}") from None
            lines.append(number)
    return records, lines, (True, None)


def _text(cell: Any, name: str) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, dict | list):
        raise PhloemError(f"{name}: a cell holds {'an object' if isinstance(cell, dict) else 'an array'}, not a value")
    return json.dumps(cell)


def column_letters(index: int) -> str:
    """The name of a column of a spreadsheet.

    >>> column_letters(0), column_letters(25), column_letters(26), column_letters(701), column_letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def write_file(path: str | Path, data: bytes) -> None:
    """Write beside and rename, so that nobody sees half a file. Raises PhloemError."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, beside = tempfile.mkstemp(dir=folder, prefix=".phloem-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o666 & ~_umask()
            os.chmod(beside, mode)
            os.replace(beside, os.path.realpath(path))
        except BaseException:
            if os.path.exists(beside):
                os.unlink(beside)
            raise
    except OSError as error:
        raise PhloemError(f"{path}: {error.strerror or error}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
