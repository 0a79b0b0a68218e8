"""Reviews by the tools of `phloem mcp` and in an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

WRONG = '''def load_row_7(row, page):
    """Load the row of a page."""
    row_size = len(row)
    if row_size <= 12:
        page_last = page[row_size - 30]
        return load_page(page_last)
    try:
        return find_row(row, row_size)
    except ValueError:
        return page
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, review_model: Path) -> Path:
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "project"
    root.mkdir()
    (root / "phloem.toml").write_text(f'review-model = "{review_model}"\nchecks = ["wrong-operator"]\n')
    (root / "a.py").write_text(WRONG)
    return root


def test_the_tool_of_assistants(project: Path) -> None:
    pytest.importorskip("mcp")
    pytest.importorskip("lancedb")
    import jsonschema
    from test_mcp import ask, text_of

    from phloem.serve.mcp import create_server

    async def scenario(client: Any, call: Any) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        answer = await call("review", file="a.py")
        jsonschema.validate(answer.structured_content, tools["review"].output_schema)
        (found,) = answer.structured_content["findings"]
        assert (found["line"], found["check"], found["fix"]["replacement"]) == (4, "wrong-operator", ">")
        assert "a.py:4:17" in text_of(answer)
        answer = await call("review", code=WRONG.replace("<=", ">"), language="python")
        assert text_of(answer) == "nothing looks wrong"
        answer = await call("review", code=WRONG, language="python", checks=["swapped-operands"], limit=1)
        assert answer.structured_content["total"] == 0
        for wrong in ({}, {"file": "a.py", "code": "x"}, {"code": "x"}, {"file": "../a.py"}, {"file": "none.py"}):
            assert (await call("review", **wrong)).is_error
        answer = await call("review", file="a.py", checks=["typo"])
        assert answer.is_error
        assert "unknown check" in text_of(answer)

    ask(create_server(project, prepare=False), scenario)


def test_diagnostics_and_fixes_in_an_editor(project: Path) -> None:
    pytest.importorskip("pygls")
    import asyncio

    from lsprotocol import types
    from test_lsp import edit

    async def reviewed(editor: Any, uri: str) -> list[Any]:
        for _ in range(1200):
            for each in reversed(editor.published):
                found = [one for one in each.diagnostics if one.code == "wrong-operator"]
                if each.uri == uri and found:
                    return found
            await asyncio.sleep(0.05)
        raise AssertionError(editor.published)

    async def scenario(editor: Any) -> None:
        uri = editor.open(project / "a.py")
        (found,) = await reviewed(editor, uri)
        assert found.range == types.Range(types.Position(3, 16), types.Position(3, 18))
        assert found.severity == types.DiagnosticSeverity.Information
        context = types.CodeActionContext([found])
        asked = types.CodeActionParams(types.TextDocumentIdentifier(uri), found.range, context)
        actions = await editor.text_document_code_action_async(asked)
        fix = next(each for each in actions if each.title == "Replace by '>'")
        assert {key: list(edits) for key, edits in fix.edit.changes.items()} == {
            uri: [types.TextEdit(found.range, ">")]
        }
        assert list(fix.diagnostics) == [found]
        editor.published.clear()
        editor.change(uri, 2, WRONG.replace("<=", ">"))  # its place is no longer sure
        first = await editor.diagnostics(uri, 2)
        assert [each for each in first if each.code == "wrong-operator"] == []
        editor.published.clear()
        editor.change(uri, 3, "\n" + WRONG)
        editor.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))
        (found,) = await reviewed(editor, uri)
        assert found.range.start.line == 4

    edit(project, scenario)
