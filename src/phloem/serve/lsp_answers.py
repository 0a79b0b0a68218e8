"""Findings and definitions in the words of the Language Server Protocol."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types
from pygls import uris

from phloem.assist.reports import RULE, message
from phloem.serve.lsp_documents import SHOWN, Judged
from phloem.serve.positions import Lines
from phloem.serve.workspace import Symbol

KINDS = {
    "function": types.SymbolKind.Function,
    "method": types.SymbolKind.Method,
    "class": types.SymbolKind.Class,
    "module": types.SymbolKind.Module,
    "section": types.SymbolKind.String,
}


def has_letters(name: str, query: str) -> bool:
    """Whether a name has the letters of a query in their order.

    >>> has_letters("parse_date", "pDate"), has_letters("parse_date", "datep")
    (True, False)
    """
    letters = iter(name.lower())
    return all(letter in letters for letter in query.lower() if not letter.isspace())


def span(lines: Lines, start: int, end: int) -> types.Range:
    return types.Range(types.Position(*lines.position(start)), types.Position(*lines.position(end)))


def diagnostic(judged: Judged, lines: Lines) -> types.Diagnostic:
    """A hint at a name, with the suggestions as data."""
    function, said = judged
    return types.Diagnostic(
        range=span(lines, function.name_start, function.name_end),
        message=message(said),
        severity=types.DiagnosticSeverity.Hint,
        code=RULE,
        source="phloem",
        data=[each.text for each in said.suggestions[:SHOWN]],
    )


def symbol(found: Symbol, root: Path, query: str) -> types.WorkspaceSymbol:
    """The container ends in the query: some editors drop symbols in which it is not to be found letter by letter."""
    first = types.Position(found.line - 1, 0)
    uri = uris.from_fs_path(str(root / found.path)) or ""
    where = types.Location(uri, types.Range(first, first))
    spelled = has_letters(found.qualified_name, query)
    container = found.path if spelled else f"{found.path} – {query[:100]}"
    return types.WorkspaceSymbol(where, found.qualified_name, KINDS[found.kind], container_name=container)
