"""Text with a cell between delimiters (RFC 4180 and what people make of it): CSV, TSV, semicolons, bars.

The fields are kept as they were written, so that a file with one column filled differs from the original in that column
alone: quotes, line ends and odd rows stay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from phloem.assist.synth.tables import Table, column_letters, encode
from phloem.errors import PhloemError

DELIMITERS = ",\t;|"
SAMPLE = 100  # records that are looked at to find the delimiter and the header

Record = tuple[list[str], str]  # the fields as written, and the line end


def read_delimited(text: str, encoding: str, name: str, *, header: bool | None = None) -> Table:
    """The table in a text. Raises PhloemError where there is none."""
    delimiter = "\t" if name.lower().endswith(".tsv") else sniff_delimiter(text)
    records = split(text, delimiter)
    filled = [i for i, (fields, _) in enumerate(records) if any(field.strip() for field in fields)]
    if not filled:
        raise PhloemError(f"{name}: the file is empty")
    starts = _line_numbers(records)
    cells = [[unquote(field) for field in records[i][0]] for i in filled]
    named = looks_like_header(cells[:SAMPLE]) if header is None else header
    if named:
        names = _distinct([cell.strip() or column_letters(i) for i, cell in enumerate(cells[0])])
        width = len(names)
    else:
        width = Counter(map(len, cells)).most_common(1)[0][0]
        names = tuple(column_letters(i) for i in range(width))
    where = filled[int(named) :]
    rows = [(row + [""] * (width - len(row)))[:width] for row in cells[int(named) :]]
    long = tuple(starts[i] for i, row in zip(where, cells[int(named) :], strict=True) if len(row) > width)
    source = _Delimited(records, where, filled[0] if named else None, delimiter, encoding, name, width)
    corner = (where[0] + 1 if where else 2, 1)
    return Table(names, rows, [starts[i] for i in where], named, source, long, corner)


def split(text: str, delimiter: str) -> list[Record]:
    """Records of fields as written. A quoted field may hold delimiters and line ends; a stray quote is a character.

    >>> split('a,"b, ""c"" d"\\r\\n,\\n', ",")
    [(['a', '"b, ""c"" d"'], '\\r\\n'), (['', ''], '\\n')]
    """
    d = re.escape(delimiter)
    field = re.compile(rf'("(?:[^"]|"")*+"(?=[{d}\r\n]|\Z)|[^{d}\r\n]*)({d}|\r\n|\r|\n|\Z)')
    records: list[Record] = []
    fields: list[str] = []
    at = 0
    while at < len(text) or fields:
        match = field.match(text, at)
        assert match is not None
        fields.append(match[1])
        at = match.end()
        if match[2] != delimiter:
            records.append((fields, match[2]))
            fields = []
    return records


def unquote(field: str) -> str:
    """What a field says.

    >>> unquote('"a ""b"" c"'), unquote('a "b"')
    ('a "b" c', 'a "b"')
    """
    quoted = len(field) >= 2 and field[0] == field[-1] == '"'
    return field[1:-1].replace('""', '"') if quoted else field


def quote(cell: str, delimiter: str, always: bool) -> str:
    """A cell as a field: in quotes where it must be, or where its column has them."""
    needed = always or any(each in cell for each in (delimiter, '"', "\r", "\n")) or cell != cell.strip()
    return '"' + cell.replace('"', '""') + '"' if needed else cell


def sniff_delimiter(text: str) -> str:
    """The delimiter that cuts most of the first records into the same number of fields, more than one; else a comma."""

    def score(delimiter: str) -> tuple[float, int]:
        records = [fields for fields, _ in split(beginning, delimiter) if any(fields)][:SAMPLE]
        width, count = Counter(map(len, records)).most_common(1)[0] if records else (1, 0)
        # A delimiter within quotes, taken for one, leaves halves of quoted fields.
        halves = sum(field.count('"') % 2 for fields in records for field in fields)
        return (count / len(records) - halves / max(len(records), 1), width) if width > 1 else (0.0, 1)

    lines = text.splitlines(keepends=True)[:SAMPLE]
    beginning = "".join(lines)[: 1 << 20]
    return max(DELIMITERS, key=score)


def looks_like_header(cells: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: short distinct words that do not look like what is below them."""
    first, below = [cell.strip() for cell in cells[0]], cells[1:]
    if not below or not all(first) or len(set(first)) < len(first):
        return False
    if any(len(cell) > 40 or re.fullmatch(r"[\d\W_]*\d[\d\W_]*|\S+@\S+|\w+://\S+", cell) for cell in first):
        return False
    votes = 0
    for i, name in enumerate(first):
        column = [row[i] for row in below if i < len(row) and row[i].strip()]
        for has in (r"\d", r" ", r"[^\w\s]", r"^[A-Z]", r"[A-Z]", r"^.{0,2}$"):
            share = sum(bool(re.search(has, cell)) for cell in column) / len(column) if column else 0.5
            if share in (0.0, 1.0) and len(column) > 1:
                votes += 1 if bool(re.search(has, name)) != bool(share) else 0
        votes += bool(re.fullmatch(r"[a-z][a-z0-9_]*", name))
    return votes > 0


def _distinct(names: list[str]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    kept = []
    for name in names:
        seen[name] += 1
        kept.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return tuple(kept)


def _line_numbers(records: list[Record]) -> list[int]:
    """The line on which each record starts, from 1."""
    starts, line = [], 1
    for fields, end in records:
        starts.append(line)
        line += sum(field.count("\n") for field in fields if '"' in field) + bool(end)
    return starts


class _Delimited:
    """The records as written; `where[i]` is the record of row i of the table."""

    def __init__(
        self,
        records: list[Record],
        where: list[int],
        header: int | None,
        delimiter: str,
        encoding: str,
        name: str,
        width: int,
    ) -> None:
        self.records, self.where, self.header, self.width = records, where, header, width
        self.delimiter, self.encoding, self.name = delimiter, encoding, name

    def filled(self, column: str, place: int | None, values: Sequence[str | None]) -> bytes:
        at = self.width if place is None else place
        written = [self.records[i][0][at] for i in self.where if at < len(self.records[i][0])]
        written = [field for field in written if field]
        # The cells of a column are quoted alike; a new column follows the column before it.
        like = written if place is not None and written else [self.records[i][0][0] for i in self.where[:SAMPLE]]
        always = bool(like) and all(field.startswith('"') for field in like)
        changed = {
            i: quote(value, self.delimiter, always)
            for i, value in zip(self.where, values, strict=True)
            if value is not None
        }
        if place is None:
            changed = {i: changed.get(i, "") for i in self.where}
            if self.header is not None:
                changed[self.header] = quote(column, self.delimiter, self.records[self.header][0][0].startswith('"'))
        out = []
        for i, (fields, end) in enumerate(self.records):
            if i in changed:
                fields = fields + [""] * (at - len(fields) + 1)
                fields[at] = changed[i]
            out.append(self.delimiter.join(fields) + end)
        return encode("".join(out), self.encoding, self.name)
