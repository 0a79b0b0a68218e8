"""`phloem mcp`: the index, the names and the programs of a folder as tools for coding assistants.

The Model Context Protocol (modelcontextprotocol.io, 2025) lets an assistant list tools with JSON schemas and call
them; over stdio the assistant starts the server itself. Code is found by what it does, in one call, where grepping
takes many.

One thread does the work, for parsers are not to be shared; what that thread tells goes as progress to every call that
waits. Tools read only, and only below the folder that the server was started with.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from phloem import __version__
from phloem.errors import MissingExtra, PhloemError

try:
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.types import CallToolResult, TextContent, ToolAnnotations
    from pydantic import BaseModel, Field
except ImportError as missing:
    raise MissingExtra("mcp", missing.name or "mcp") from missing

from phloem.assist.sources import SourceFile
from phloem.serve import mcp_answers as answers
from phloem.serve import mcp_review
from phloem.serve.mcp_errors import one_line
from phloem.serve.mcp_jobs import Jobs
from phloem.serve.workspace import FRESH, Workspace, deadline

INSTRUCTIONS = """\
Finds code in this folder by what it does. Use `search` before grepping or listing files, whenever you do not know \
the exact spelling of what you look for: it answers questions in plain words with the definitions, their lines and \
the telling code, in one call. Use `similar` before writing a function that may exist already, `clones` to find what \
to unify, `review` for what looks wrong in Python and Java functions, `name` and `summarize` for their names and \
documentation, `explain` for why, and `synth` for the program behind examples of inputs and outputs. Everything is \
computed on this machine; the index follows the files."""

LONGEST_TEXT = 100_000  # characters of a query or of code
MOST_ROWS, LONGEST_CELL = 1_000, 2_000  # of synth

File = Annotated[str, Field(max_length=4096, description="Path of a source file, from the served folder.")]
MaybeFile = Annotated[str | None, Field(max_length=4096, description="A source file, from the served folder.")]
Glob = Annotated[
    str | None,
    Field(max_length=1000, description="Only files that match this glob, as `tests/*` or `src/**/*.py`, or a folder."),
]
Language = Annotated[
    str | None,
    Field(
        max_length=40,
        description="Only this language: c, cpp, csharp, go, java, javascript, php, python, ruby, rust, tsx, "
        "typescript or markdown.",
    ),
]
Limit = Annotated[int, Field(ge=1, le=50, description="How many matches at most.")]
Full = Annotated[bool, Field(description="Give whole definitions in place of their most telling lines.")]
Line = Annotated[int | None, Field(ge=1, description="A line of the definition, where a file has several of a name.")]
Code = Annotated[str | None, Field(max_length=LONGEST_TEXT, description="Code in place of a file.")]
CodeLanguage = Annotated[str | None, Field(max_length=40, description="The language of `code`, as `python`.")]
FunctionName = Annotated[str | None, Field(max_length=500, description="Only the function of this name.")]
Functions = Annotated[int, Field(ge=1, le=100, description="How many functions at most.")]


class Example(BaseModel):
    """One example: inputs, as many as the others have, and the output that they should give."""

    inputs: list[Annotated[str, Field(max_length=LONGEST_CELL)]] = Field(min_length=1, max_length=20)
    output: str = Field(max_length=LONGEST_CELL)


class Tools:
    """The tools of one folder."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.jobs = Jobs()

    def begin(self) -> None:
        """Make the index, or bring it up to date, while nobody waits yet. What fails is told by the first call."""

        def prepare() -> None:
            with contextlib.suppress(Exception):
                self.workspace.index(self.jobs.tell)

        self.jobs.thread.submit(prepare)

    async def search(
        self,
        context: Context,
        query: Annotated[
            str,
            Field(
                min_length=1,
                max_length=LONGEST_TEXT,
                description="What the code does, in words (`retry a request with backoff`), or a piece of code, or "
                "FILE:NAME for what is like it.",
            ),
        ],
        path: Glob = None,
        language: Language = None,
        kind: Annotated[
            Literal["function", "method", "class", "module", "section"] | None,
            Field(description="Only definitions of this kind; section: of a Markdown document."),
        ] = None,
        limit: Limit = 10,
        full: Full = False,
    ) -> Annotated[CallToolResult, answers.SearchAnswer]:
        """Find functions, classes and documents of this code base by what they do.

        Use this before grep, when you do not know how the thing is called: words of names, documentation and bodies
        count, and the meaning does, so other words find it too. Answers with file, lines, name, the telling lines of
        code, and why each matched, best first. Changed files are read again first.
        """

        def job() -> tuple[answers.SearchAnswer, str]:
            found = self.workspace.search(
                query, limit=limit, language=language, path=path, kind=kind, tell=self.jobs.tell
            )
            return answers.found(found, full)

        return _result(await self.jobs.run(context, job))

    async def similar(
        self,
        context: Context,
        file: File,
        name: Annotated[str, Field(max_length=500, description="The function, class or Class.method in that file.")],
        line: Line = None,
        path: Glob = None,
        language: Language = None,
        limit: Limit = 10,
        full: Full = False,
    ) -> Annotated[CallToolResult, answers.SearchAnswer]:
        """Find what is most like a function or class of this code base, in other languages too.

        For: is this written twice, where is it done the same way, which tests or siblings change with it.
        """

        def job() -> tuple[answers.SearchAnswer, str]:
            found = self.workspace.similar(
                file, name, line=line, limit=limit, language=language, path=path, tell=self.jobs.tell
            )
            return answers.found(found, full)

        return _result(await self.jobs.run(context, job))

    async def clones(
        self,
        context: Context,
        path: Glob = None,
        language: Language = None,
        kind: Annotated[
            Literal["near", "semantic"] | None,
            Field(description="near: copied and changed; semantic: the same in other words. Default: both."),
        ] = None,
        least_lines: Annotated[int, Field(ge=1, le=10_000, description="Leave out shorter functions.")] = 5,
        limit: Annotated[int, Field(ge=1, le=50, description="How many groups at most.")] = 10,
    ) -> Annotated[CallToolResult, answers.ClonesAnswer]:
        """Groups of functions that were copied, or that do the same in other words, the most lines to save first."""

        def job() -> tuple[answers.ClonesAnswer, str]:
            kinds = ("near", "semantic") if kind is None else (kind,)
            groups = self.workspace.clones(
                kinds=kinds, least_lines=least_lines, path=path, language=language, tell=self.jobs.tell
            )
            return answers.cloned(groups, limit)

        return _result(await self.jobs.run(context, job))

    async def explain(
        self,
        context: Context,
        file: File,
        name: Annotated[str, Field(max_length=500, description="The function in that file.")],
        line: Line = None,
        reasons: Annotated[int, Field(ge=1, le=10, description="How many paths a word.")] = 3,
    ) -> Annotated[CallToolResult, answers.ExplainAnswer]:
        """What a function should be called going by its body alone, and the parts of its syntax tree that say so."""

        def job() -> tuple[answers.ExplainAnswer, str]:
            return answers.explained(self.workspace.explain(self.workspace.read(file), name, line), reasons)

        return _result(await self.jobs.run(context, job))

    async def name(
        self,
        context: Context,
        file: Annotated[
            str | None, Field(max_length=4096, description="A source file, from the served folder.")
        ] = None,
        code: Code = None,
        language: CodeLanguage = None,
        function: FunctionName = None,
        flagged_only: Annotated[bool, Field(description="Only names that are improbable for their bodies.")] = False,
        limit: Functions = 30,
    ) -> Annotated[CallToolResult, answers.FunctionsAnswer]:
        """Names for the functions of a file, or of code that you give, and which present names look misleading.

        Going by the bodies alone: a flag says that a name is improbable for what the function does.
        """

        def job() -> tuple[answers.FunctionsAnswer, str]:
            return self._judge("names", file, code, language, function, flagged_only, limit)

        return _result(await self.jobs.run(context, job))

    async def summarize(
        self,
        context: Context,
        file: Annotated[
            str | None, Field(max_length=4096, description="A source file, from the served folder.")
        ] = None,
        code: Code = None,
        language: CodeLanguage = None,
        function: FunctionName = None,
        limit: Functions = 30,
    ) -> Annotated[CallToolResult, answers.FunctionsAnswer]:
        """A sentence of documentation for the functions of a file, or of code that you give, from their bodies.

        From a small model: a hint at what a function is about, to be read before it is kept.
        """

        def job() -> tuple[answers.FunctionsAnswer, str]:
            return self._judge("summaries", file, code, language, function, False, limit)

        return _result(await self.jobs.run(context, job))

    async def synth(
        self,
        context: Context,
        examples: Annotated[
            list[Example], Field(min_length=1, max_length=200, description="Two or three are mostly enough.")
        ],
        rows: Annotated[
            list[list[Annotated[str, Field(max_length=LONGEST_CELL)]]],
            Field(max_length=MOST_ROWS, description="Inputs to give outputs for."),
        ] = [],  # noqa: B006
        seconds: Annotated[float, Field(gt=0, le=60, description="To search.")] = 10.0,
        noise: Annotated[int, Field(ge=0, le=100, description="How many examples may be wrong.")] = 0,
    ) -> Annotated[CallToolResult, answers.SynthAnswer]:
        """Find the program behind examples of text in and text out, checked on all of them: Python, Excel and SQL.

        For transforming columns, formats, names, dates, identifiers. Gives the outputs for further rows, and, where
        several programs agree with the examples, the input to ask the user about.
        """

        def job() -> tuple[answers.SynthAnswer, str]:
            return _synthesize(examples, rows, seconds, noise)

        return _result(await self.jobs.run(context, job))

    async def review(
        self,
        context: Context,
        file: MaybeFile = None,
        code: Code = None,
        language: CodeLanguage = None,
        checks: Annotated[
            list[Annotated[str, Field(max_length=40)]],
            Field(
                max_length=10,
                description="Some of variable-misuse, wrong-operator, swapped-operands, swapped-arguments, "
                "exception-type, doc-mismatch, misleading-name. Default: those that are precise enough.",
            ),
        ] = [],  # noqa: B006
        limit: Functions = 30,
    ) -> Annotated[CallToolResult, mcp_review.ReviewAnswer]:
        """What looks wrong in Python or Java functions of a file, or of code that you give, with fixes; learned checks.

        Use it on code that you have just written or changed. Ranked places to look at, not verdicts: a small model,
        whose probabilities hold where every other function has a bug.
        """

        def job() -> tuple[mcp_review.ReviewAnswer, str]:
            source = self._source(file, code, language)
            found = self.workspace.review(source, checks=checks, check=deadline())
            return mcp_review.reviewed(source.path, found, limit)

        return _result(await self.jobs.run(context, job))

    def _source(self, file: str | None, code: str | None, language: str | None) -> SourceFile:
        """The file, or the code, that a call is about. Raises PhloemError."""
        if (file is None) == (code is None):
            raise PhloemError("give either `file` or `code`")
        if code is not None and not language:
            raise PhloemError("say which `language` the code is in, as `python`")
        return self.workspace.read(file) if file is not None else self.workspace.text(code or "", language or "")

    def _judge(
        self,
        task: str,
        file: str | None,
        code: str | None,
        language: str | None,
        function: str | None,
        flagged_only: bool,
        limit: int,
    ) -> tuple[answers.FunctionsAnswer, str]:
        source = self._source(file, code, language)
        findings = self.workspace.findings(source, task, check=deadline())
        if function is not None:
            there = ", ".join(dict.fromkeys(each.prediction.name for each in findings))[:300]
            findings = [each for each in findings if each.prediction.name == function]
            if not findings:
                raise PhloemError(f"{source.path} has no function {function}; it has {there or 'none'}")
        if flagged_only:
            findings = [each for each in findings if each.prediction.flagged]
        model = self.workspace.model(task, source.language).name
        return answers.judged(source.path, model, findings, limit, names=task == "names")


def _synthesize(
    examples: list[Example], rows: list[list[str]], seconds: float, noise: int
) -> tuple[answers.SynthAnswer, str]:
    from phloem.assist.synth.questions import Question
    from phloem.assist.synth.reports import as_text
    from phloem.assist.synth.synth import synth

    began = time.monotonic()
    width = len(examples[0].inputs)
    for what, lists in (("example", [each.inputs for each in examples]), ("row", rows)):
        for i, each in enumerate(lists, 1):
            if len(each) != width:
                raise PhloemError(f"{what} {i} has {len(each)} inputs, example 1 has {width}")
    given = tuple(map(tuple, rows))
    question = Question(
        ("text",) if width == 1 else tuple(f"text{i}" for i in range(1, width + 1)),
        "output",
        tuple(tuple(each.inputs) for each in examples),
        tuple(each.output for each in examples),
        tuple(f"example {i}" for i in range(1, len(examples) + 1)),
        tuple(dict.fromkeys(given)),
    )
    found = synth(question, noise=noise, seconds=seconds)
    answer = answers.synthesized(found, given, time.monotonic() - began)
    if found is None:
        return answer, f"no program found in {seconds:g} s: give more `seconds`, or simpler examples"
    filled = "\n".join(f"{row} -> {output!r}" for row, output in zip(rows, answer.filled, strict=False))
    text = as_text(found, question, None, None)
    return answer, (f"{text}\n\nOutputs\n{filled}" if filled else text)[: answers.LONGEST]


def _result(answer: tuple[BaseModel, str]) -> CallToolResult:
    structured, text = answer
    content = structured.model_dump(mode="json")
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=content)


def create_server(root: str | Path, *, prepare: bool = True, fresh: float = FRESH) -> MCPServer[Any]:
    """The server over a folder; with `prepare` it looks after the index as soon as it runs.

    `fresh` is for how many seconds files are taken to be what they were. Raises PhloemError where there is no such
    folder.
    """
    tools = Tools(Workspace(root, fresh=fresh))

    @contextlib.asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncIterator[None]:
        if prepare:
            tools.begin()
        yield

    server: MCPServer[Any] = MCPServer(
        "phloem",
        title="phloem",
        description=f"Search by meaning, names and programs for {tools.workspace.root.name}, offline",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="ERROR",
        lifespan=lifespan,
        middleware=[one_line],
    )
    hints = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    for title, tool in (
        ("Search code by meaning", tools.search),
        ("Find similar code", tools.similar),
        ("Find clones", tools.clones),
        ("Suggest function names", tools.name),
        ("Explain a function's name", tools.explain),
        ("Summarize functions", tools.summarize),
        ("Review functions", tools.review),
        ("Program from examples", tools.synth),
    ):
        server.add_tool(tool, title=title, description=_description(tool), annotations=hints)
    return server


def _description(tool: Callable[..., Any]) -> str:
    """The docstring with each paragraph on a line."""
    return "\n".join(" ".join(part.split()) for part in (tool.__doc__ or "").split("\n\n")).strip()


def run(root: str | Path) -> None:
    """Serve over stdin and stdout until the client closes them. Raises PhloemError."""
    create_server(root).run("stdio")
