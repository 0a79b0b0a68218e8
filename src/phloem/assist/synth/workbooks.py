"""Excel workbooks as tables: the first sheet that has values."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from phloem.assist.synth.delimited import looks_like_header
from phloem.assist.synth.tables import Table, column_letters
from phloem.errors import MissingExtra, PhloemError

LARGEST_UNPACKED = 1 << 30  # bytes; a workbook is a zip file, which may hold much more than it seems


def read_workbook(data: bytes, name: str, *, header: bool | None = None) -> Table:
    """The table that begins at the first cell with a value. Cells are read as they are shown: 5.0 as "5".

    Raises MissingExtra without openpyxl, PhloemError for what is no workbook or has no values.
    """
    try:
        openpyxl = import_module("openpyxl")
    except ImportError:
        raise MissingExtra("tables", "openpyxl") from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(each.file_size for each in archive.infolist()) > LARGEST_UNPACKED:
                raise PhloemError(f"{name}: unpacks to more than {LARGEST_UNPACKED >> 30} GB")
            parts = archive.namelist()
        macros = "xl/vbaProject.bin" in parts
        # One reading has what formulas gave when the file was last saved, the other the formulas, to be written back.
        shown = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
        kept = openpyxl.load_workbook(io.BytesIO(data), keep_vba=macros)
    except PhloemError:
        raise
    except Exception as error:  # openpyxl raises whatever the broken part of the file makes it raise
        raise PhloemError(f"{name}: not a workbook that can be read ({type(error).__name__})") from None
    sheet = next((each for each in shown.worksheets if _used(each)), None)
    if sheet is None:
        raise PhloemError(f"{name}: no values in it")
    lost = any(part.startswith(("xl/charts/", "xl/media/", "xl/pivot")) for part in parts)
    cells = [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    filled = [i for i, row in enumerate(cells) if any(each.strip() for each in row)]
    left = min(next(j for j, each in enumerate(cells[i]) if each.strip()) for i in filled)
    width = max(max(j for j, each in enumerate(cells[i]) if each.strip()) for i in filled) + 1 - left
    used = [cells[i][left : left + width] for i in filled]
    named = looks_like_header(used) if header is None else header
    source = _Workbook(kept, kept[sheet.title], [i + 1 for i in filled], left + 1, width, named, name, lost)
    letters = tuple(column_letters(left + j) for j in range(width))
    names = tuple(cell.strip() or letters[j] for j, cell in enumerate(used[0])) if named else letters
    if len(set(names)) < len(names):
        names = tuple(f"{each} {letters[j]}" if names.count(each) > 1 else each for j, each in enumerate(names))
    rows = used[int(named) :]
    lines = source.lines[int(named) :]
    corner = (lines[0] if lines else 2, left + 1)
    return Table(names, rows, lines, named, source, (), corner)


def _used(sheet: Any) -> bool:
    return any(_text(cell).strip() for row in sheet.iter_rows(values_only=True) for cell in row)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if hasattr(value, "isoformat"):
        text: str = value.isoformat(sep=" ") if hasattr(value, "hour") and hasattr(value, "year") else value.isoformat()
        return text.removesuffix(" 00:00:00")
    return str(value)


class _Workbook:
    """A workbook that openpyxl holds; `lines[i]` is the row of the sheet of record i, `left` its first column."""

    def __init__(
        self, book: Any, sheet: Any, lines: list[int], left: int, width: int, named: bool, name: str, lost: bool
    ) -> None:
        self.book, self.sheet, self.lines, self.left, self.width = book, sheet, lines, left, width
        self.named, self.name, self.lost = named, name, lost

    def filled(self, column: str, place: int | None, values: Sequence[str | None]) -> bytes:
        if self.lost:
            raise PhloemError(
                f"{self.name} has charts, pictures or pivot tables, which would be lost; write CSV instead"
            )
        at = self.left + (self.width if place is None else place)
        rows = self.lines[int(self.named) :]
        given = [self.sheet.cell(row, at).value for row in rows if self.sheet.cell(row, at).value is not None]
        numeric = bool(given) and all(isinstance(each, int | float) and not isinstance(each, bool) for each in given)
        if place is None and self.named:
            self._copy_style(self.lines[0], at)
            self.sheet.cell(self.lines[0], at).value = column
        for row, value in zip(rows, values, strict=True):
            if value is None:
                continue
            if place is None:
                self._copy_style(row, at)
            cell = self.sheet.cell(row, at)
            cell.value = _number(value) if numeric else value
            if isinstance(cell.value, str):
                cell.data_type = "s"  # text that begins with = is text
        out = io.BytesIO()
        self.book.save(out)
        return out.getvalue()

    def _copy_style(self, row: int, at: int) -> None:
        from copy import copy

        self.sheet.cell(row, at)._style = copy(self.sheet.cell(row, at - 1)._style)


def _number(text: str) -> Any:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text
