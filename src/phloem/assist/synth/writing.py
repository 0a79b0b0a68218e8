"""A program in the words of everyone who may use it: Python, Excel, SQL; each only where it is right.

The Python text is run in the sandbox on every example before it is shown. Excel and SQL count and change characters in
their own way, so they are offered only for text on which they agree with Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from unicodedata import normalize

from phloem.assist.synth.export.excel import calculates, to_excel
from phloem.assist.synth.export.expressions import Unwritable
from phloem.assist.synth.export.python import to_python
from phloem.assist.synth.export.sql import changes_case, to_sql
from phloem.assist.synth.graphemes import Folding
from phloem.errors import PhloemError
from phloem.execute.sandbox import Call, run
from phloem.synthesis.languages.cell_functions import number
from phloem.synthesis.program import Constant, Program, Value, nodes

NUMERIC = re.compile(r"[\s$€£¥%0-9.,:/eE+()-]*[0-9][\s$€£¥%0-9.,:/eE+()-]*")  # what Excel may take for a number
CHECKED = 20.0  # seconds that the Python text may take for all examples
Rows = Sequence[tuple[Value, ...]]


def attempt(write: Callable[[], str], what: str, without: dict[str, str]) -> str | None:
    """What `write` writes, or None and the reason under `what`."""
    try:
        return write()
    except Unwritable as reason:
        without[what] = str(reason)
        return None


def python_text(
    program: Program,
    language: str,
    rows: Rows,
    wanted: Sequence[Value | None],
    *,
    function: str,
    parameters: Sequence[str],
    folding: Folding | None = None,
) -> str:
    """The Python function, found to give the wanted values on the rows. Raises Unwritable where it does not."""
    try:
        text = to_python(program, language, function=function, parameters=parameters, folding=folding)
    except PhloemError as error:
        raise Unwritable(str(error)) from None
    name = re.findall(r"^def (\w+)\(", text, re.MULTILINE)[-1]
    for outcome, value in zip(run(text, [Call(name, row) for row in rows], seconds=CHECKED), wanted, strict=True):
        if outcome.status != "ok" or _composed(outcome.value) != _composed(value):
            raise Unwritable(f"the function gives {outcome.value!r} {outcome.error}, not {value!r}")
    return text


def excel_text(program: Program, language: str, cells: Sequence[str], texts: Sequence[str]) -> str:
    """The formula over the cells. Raises Unwritable, also where Excel counts the characters of `texts` otherwise."""
    texts = [*texts, *_constants(program)]
    if any(max(text, default="") > "\uffff" for text in texts if not text.isascii()):
        raise Unwritable("Excel counts some of the characters as two")
    if calculates(program) and any(NUMERIC.fullmatch(text) and number(text) is None for text in texts):
        raise Unwritable("Excel reads some of the texts as dates or other numbers")
    return to_excel(program, language, cells)


def sql_text(program: Program, language: str, columns: Sequence[str], texts: Sequence[str]) -> str:
    """The expression over the columns. Raises Unwritable, also where SQLite does not change the case of `texts`."""
    texts = [*texts, *_constants(program)]
    if changes_case(program) and not all(text.isascii() for text in texts):
        raise Unwritable("SQLite changes the case of ASCII letters only")
    if any("\0" in text for text in texts):
        raise Unwritable("SQLite ends a string at a zero character")
    return to_sql(program, language, columns)


def _constants(program: Program) -> list[str]:
    return [part.value for part in nodes(program) if isinstance(part, Constant) and isinstance(part.value, str)]


def _composed(value: Value | None) -> Value | None:
    return normalize("NFC", value) if isinstance(value, str) else value
