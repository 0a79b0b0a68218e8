"""Reviews in an editor: diagnostics when a document is opened or saved, and quick fixes for those that have one.

A review takes longer than a look at names, so typing does not start one. Its diagnostics go when the text changes,
for their places are no longer sure, and come back with the next save.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

from phloem.assist.reports import percent
from phloem.assist.review.findings import ReviewFinding
from phloem.assist.review.reports import suggestion
from phloem.serve.lsp_answers import span
from phloem.serve.positions import Lines

if TYPE_CHECKING:
    from phloem.serve.lsp import Server

MOST = 50  # diagnostics of a document


class Reviewed(NamedTuple):
    """What was found in a text."""

    text: str
    findings: list[ReviewFinding]


def review_diagnostic(finding: ReviewFinding, lines: Lines) -> types.Diagnostic:
    """A finding as information, which is more than a hint and less than a warning."""
    return types.Diagnostic(
        range=span(lines, finding.start, finding.end),
        message=f"{finding.reason} ({percent(finding.probability)})",
        severity=types.DiagnosticSeverity.Information,
        code=finding.check,
        source="phloem",
    )


def review_diagnostics(server: Server, uri: str, text: str) -> list[types.Diagnostic]:
    """Those of the last review, if it was of this text."""
    reviewed = server.reviewed.get(uri)
    if reviewed is None or reviewed.text != text:
        return []
    lines = server.lines(text)
    return [review_diagnostic(each, lines) for each in reviewed.findings]


async def review(server: Server, uri: str, wait: float = 0.0) -> None:
    """Review a document and publish what is found, unless it has changed meanwhile."""
    await asyncio.sleep(wait)
    document, text, version = server.current(uri)
    if document is None:
        return
    found = await server.work(
        lambda place, check: place.review(place.text(text, document.language, document.path), names=False, check=check),
        worker=server.reviewing,
    )
    now, _, latest = server.current(uri)
    if now is document and latest == version:
        server.reviewed[uri] = Reviewed(text, (found or [])[:MOST])
        if uri in server.marked:  # else names are yet to be looked at, and published with these
            server.publish(uri, server.marked[uri], version)


def review_actions(server: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    """The fixes of findings that the range touches."""
    uri = params.text_document.uri
    _, text, _ = server.current(uri)
    reviewed = server.reviewed.get(uri)
    if reviewed is None or reviewed.text != text:
        return []
    lines = server.lines(text)
    first = lines.offset(params.range.start.line, params.range.start.character)
    last = lines.offset(params.range.end.line, params.range.end.character)
    actions = []
    for each in reviewed.findings:
        if each.fix is None or not (each.start <= last and first <= each.end):
            continue
        edit = types.TextEdit(span(lines, each.fix.start, each.fix.end), each.fix.replacement)
        own = span(lines, each.start, each.end)
        same = [one for one in params.context.diagnostics if one.code == each.check and one.range == own]
        actions.append(
            types.CodeAction(
                title=suggestion(each),
                kind=types.CodeActionKind.QuickFix,
                diagnostics=same or None,
                edit=types.WorkspaceEdit(changes={uri: [edit]}),
            )
        )
    return actions
