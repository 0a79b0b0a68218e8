"""Search over an index for the page and for programs: questions as they are typed, answers with colours."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from phloem.assist.checks import Check
from phloem.languages import LANGUAGES, by_name
from phloem.serve.answer import LABELS, tokens_of, well_formed
from phloem.serve.schema import Problem, Tokens
from phloem.serve.workspace import Workspace

if TYPE_CHECKING:
    from phloem.assist.search.search import Match
    from phloem.serve.worker import Worker

LONGEST_QUERY = 20_000  # characters
LONGEST_CODE = 8_000  # of one match
BEFORE = {"php": "<?php\n"}  # without which a piece of the language is plain text

Kind = Literal["function", "method", "class", "module", "section"]


class SearchRequest(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"query": "retry with backoff"}})

    query: str = Field(max_length=LONGEST_QUERY, description="what the code does, code, or FILE:NAME[:LINE]")
    language: str | None = Field(None, max_length=40, description="only this language: a name of /api/index")
    path: str | None = Field(None, max_length=1000, description="only files that match this glob")
    kind: Kind | None = Field(None, description="only definitions of this kind")
    limit: int = Field(20, ge=1, le=50)


class Hit(BaseModel):
    """A definition that answers."""

    file: str = Field(description="from the folder that is indexed")
    line: int
    end_line: int
    name: str
    qualified_name: str
    kind: str
    language: str
    label: str = Field(description="the language as people write it")
    score: float
    why: str
    doc: str
    snippet: list[int] = Field(description="its most telling lines")
    code: str = Field(description="the definition from its first line; of a class its outline")
    outline: bool = Field(description="`code` is an outline, whose lines are not the file's")
    cut: bool = Field(description="`code` goes on in the file")
    tokens: Tokens = Field(description="of `code`, for colouring")


class SearchResponse(BaseModel):
    """Definitions, best first."""

    matches: list[Hit]
    note: str
    milliseconds: float


class IndexedLanguage(BaseModel):
    """A language of the index."""

    name: str
    label: str
    definitions: int


class IndexInfo(BaseModel):
    """What is indexed."""

    folder: str
    definitions: int
    languages: list[IndexedLanguage] = Field(description="those with the most definitions first")


class Pages(BaseModel):
    """Which jobs this server has a page for."""

    search: bool


def add_search(app: FastAPI, worker: Worker, workspace: Workspace, problems: dict[int | str, dict[str, Any]]) -> None:
    """The routes of search over a workspace whose index is there."""
    refreshing: set[asyncio.Task[None]] = set()

    async def refresh() -> None:
        with contextlib.suppress(Exception):  # what is wrong with the index the next question tells
            await worker.run(lambda check: _refresh(workspace))

    def answer(request: SearchRequest, check: Check) -> SearchResponse:
        check()
        return search(request, workspace)

    @app.post("/api/search", responses=problems, summary="Definitions that answer a question")
    async def found(request: SearchRequest) -> SearchResponse:
        """Functions, classes and documents of the indexed folder by words and by meaning, best first."""
        response = await worker.run(lambda check: answer(request, check))
        if not refreshing:  # files that changed are found by the next question
            task = asyncio.create_task(refresh())
            refreshing.add(task)
            task.add_done_callback(refreshing.discard)
        return response

    @app.get("/api/index", responses={422: {"model": Problem}}, summary="What is indexed")
    async def info() -> IndexInfo:
        return await worker.run(lambda check: index_info(workspace))


def search(request: SearchRequest, workspace: Workspace) -> SearchResponse:
    """The answer to a request; nothing for an empty query. Raises PhloemError."""
    began = time.perf_counter()
    matches: list[Match] = []
    note = ""
    if request.query.strip():
        matches = workspace.search(
            request.query,
            limit=request.limit,
            language=request.language,
            path=request.path,
            kind=request.kind,
            refresh=False,
        )
        note = "" if matches else "Nothing was found."
    hits = [hit(match) for match in matches]
    return SearchResponse(matches=hits, note=note, milliseconds=round(1000 * (time.perf_counter() - began), 1))


def hit(match: Match) -> Hit:
    """A match with the colours of its code."""
    code = match.code[:LONGEST_CODE]
    return Hit(
        file=match.path,
        line=match.line,
        end_line=match.end_line,
        name=match.name,
        qualified_name=match.qualified_name,
        kind=match.kind,
        language=match.language,
        label="Markdown" if match.language == "markdown" else LABELS[match.language],
        score=match.score,
        why=match.why,
        doc=match.doc[:300],
        snippet=list(match.snippet_lines),
        code=code,
        outline=match.kind == "class",
        cut=len(match.code) > LONGEST_CODE,
        tokens=colours(code, match.language if match.kind != "module" else ""),
    )


def colours(code: str, language: str) -> Tokens:
    """The tokens of a piece of code; none of prose."""
    if language not in LANGUAGES:
        return Tokens(start=[], end=[], kind=[])
    known, before = by_name(language), BEFORE.get(language, "").encode()
    tree = known.parse(before + well_formed(code))
    tokens = tokens_of(tree, known, known.functions(tree))
    kept = [i for i, start in enumerate(tokens.start) if start >= len(before)]
    return Tokens(
        start=[tokens.start[i] - len(before) for i in kept],
        end=[tokens.end[i] - len(before) for i in kept],
        kind=[tokens.kind[i] for i in kept],
    )


def index_info(workspace: Workspace) -> IndexInfo:
    """What the index holds, as it was when it was last looked after."""
    counts = Counter(workspace.languages())
    labels = {**LABELS, "markdown": "Markdown"}
    languages = [IndexedLanguage(name=name, label=labels[name], definitions=n) for name, n in counts.most_common()]
    return IndexInfo(folder=workspace.root.name, definitions=counts.total(), languages=languages)


def _refresh(workspace: Workspace) -> None:
    workspace.index()
