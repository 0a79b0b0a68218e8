"""What the tools of `phloem mcp` answer: typed results, and the same as short text, both bounded in size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from phloem.assist.reports import percent

if TYPE_CHECKING:
    from phloem.assist.explanation import Explanation
    from phloem.assist.findings import Finding
    from phloem.assist.search.clones import Group
    from phloem.assist.search.search import Match
    from phloem.assist.synth.synth import Answer

LONGEST = 24_000  # characters of code in one answer: what an assistant reads in one go
LONGEST_CODE = 6_000  # of one definition
LONGEST_LINE = 200
MEMBERS = 20  # of a group of clones

Probability = Annotated[float, Field(ge=0, le=1)]


class Found(BaseModel):
    """A definition of the folder."""

    file: str = Field(description="path from the folder that the server was started with")
    line: int = Field(description="first line, from 1")
    end_line: int
    name: str = Field(description="with its class: Client.fetch")
    kind: str = Field(description="function, method, class, module or section (of a document)")
    language: str
    score: float = Field(description="comparable within one answer only")
    why: str = Field(description="the words that matched, and the similarity of meaning")
    doc: str = Field(description="first sentence of its documentation")
    lines: list[int] = Field(description="the numbers of the lines of `code`; empty for the outline of a class")
    code: str = Field(description="the most telling lines, or the whole definition where `full` was asked")


class SearchAnswer(BaseModel):
    """Definitions, best first."""

    matches: list[Found]
    note: str = Field("", description="what was left out, and what to do about it")


class Clone(BaseModel):
    """A function that is like the first of its group."""

    file: str
    line: int
    end_line: int
    name: str
    similarity: float


class CloneGroup(BaseModel):
    """Functions that could be one."""

    kind: str = Field(description="exact, near (copied and changed) or semantic (the same in other words)")
    lines: int = Field(description="lines that could go")
    members: list[Clone]


class ClonesAnswer(BaseModel):
    """Groups of clones, those with the most lines to save first."""

    groups: list[CloneGroup]
    total: int = Field(description="how many groups there are")
    note: str = ""


class Suggested(BaseModel):
    """A name or a sentence, with the probability that the model gives it."""

    text: str
    probability: Probability


class Judged(BaseModel):
    """A function with what the model suggests."""

    name: str
    line: int
    end_line: int
    flagged: bool = Field(description="its name is improbable for its body; not in summaries")
    doc: str = Field("", description="its documentation as it is; in summaries")
    suggestions: list[Suggested]


class FunctionsAnswer(BaseModel):
    """Functions with suggestions."""

    file: str
    model: str
    functions: list[Judged]
    total: int = Field(description="functions that were asked about")
    note: str = ""


class Reason(BaseModel):
    """A path of the syntax tree that a word rests on, with its share of the attention."""

    weight: Probability
    left: str
    path: list[str]
    right: str


class Word(BaseModel):
    """A word of the best suggestion."""

    word: str
    because_of: list[Reason]


class ExplainAnswer(BaseModel):
    """Names for one function and what the best one rests on."""

    file: str
    name: str
    line: int
    model: str
    probability: Probability = Field(description="of the present name")
    flagged: bool
    suggestions: list[Suggested]
    words: list[Word]


class Doubt(BaseModel):
    """The row on which programs that agree with all examples differ most: ask the user which output is meant."""

    inputs: list[str]
    outputs: list[str | None]
    made_up: bool = Field(description="the row is none of `rows`")


class SynthAnswer(BaseModel):
    """The program behind the examples."""

    solved: bool = Field(description="false: out of time, and the program gives some of the examples only")
    program: str | None
    python: str | None = Field(description="a function that needs nothing else")
    excel: str | None = Field(description="a formula over A1, B1, …")
    sql: str | None
    agreeing: int = Field(description="distinct programs found that agree with the examples")
    wrong: list[int] = Field(description="examples, from 1, that the program does not give")
    ask: Doubt | None = Field(description="the next example to ask for; null where all programs agree")
    filled: list[str | None] = Field(description="the outputs for `rows`")
    seconds: float


def found(matches: Sequence[Match], full: bool) -> tuple[SearchAnswer, str]:
    """Matches as an answer and as text, cut to LONGEST characters of code."""
    kept: list[Found] = []
    left, cut = LONGEST, 0
    for match in matches:
        code = match.code[:LONGEST_CODE] if full else match.snippet
        lines = _lines(match, code, full)
        cut += full and len(match.code) > LONGEST_CODE
        if len(code) > left:
            break
        left -= len(code)
        kept.append(
            Found(
                file=match.path,
                line=match.line,
                end_line=match.end_line,
                name=match.qualified_name,
                kind=match.kind,
                language=match.language,
                score=match.score,
                why=match.why,
                doc=match.doc[: 2 * LONGEST_LINE],
                lines=lines,
                code=code,
            )
        )
    notes = []
    if len(kept) < len(matches):
        notes.append(f"{len(matches) - len(kept)} more matches would make the answer too long")
    if cut:
        notes.append(f"definitions are cut to {LONGEST_CODE} characters; read the rest in the file")
    answer = SearchAnswer(matches=kept, note="; ".join(notes))
    return answer, "\n\n".join([*map(_found_text, kept), *notes]) or "nothing found"


def _lines(match: Match, code: str, full: bool) -> list[int]:
    """What stands for a class is its head and its members' signatures, which lie apart."""
    if match.kind == "class":
        return []
    return [match.line + i for i in range(code.count("\n") + 1)] if full else list(match.snippet_lines)


def _found_text(each: Found) -> str:
    lines = [f"{each.file}:{each.line}-{each.end_line}  {each.name}  ({each.kind}, {each.language})"]
    if each.doc and each.kind != "module":
        lines.append(f"  {each.doc}")
    before = None
    for number, text in zip_longest(each.lines, each.code.split("\n")):
        if before is not None and number is not None and number > before + 1:
            lines.append("      ⋮")
        lines.append(f"{number or '':>6}  {text}".rstrip())
        before = number
    return "\n".join([*lines, f"  why: {each.why}"])


def cloned(groups: Sequence[Group], limit: int) -> tuple[ClonesAnswer, str]:
    """The first groups as an answer and as text."""
    shown = [
        CloneGroup(
            kind=group.kind,
            lines=group.lines,
            members=[
                Clone(
                    file=member.path,
                    line=member.line,
                    end_line=member.end_line,
                    name=member.qualified_name,
                    similarity=round(member.similarity, 3),
                )
                for member in group.members[:MEMBERS]
            ],
        )
        for group in groups[:limit]
    ]
    note = f"{len(groups) - limit} more groups: raise `limit` or narrow `path`" if len(groups) > limit else ""
    parts = [
        f"{group.kind}, {group.lines} lines could go\n"
        + "\n".join(f"  {m.similarity:.2f}  {m.file}:{m.line}-{m.end_line}  {m.name}" for m in group.members)
        for group in shown
    ]
    answer = ClonesAnswer(groups=shown, total=len(groups), note=note)
    return answer, "\n\n".join([*parts, *([note] if note else [])]) or "no clones"


def judged(
    file: str, model: str, findings: Sequence[Finding], limit: int, *, names: bool
) -> tuple[FunctionsAnswer, str]:
    """The first functions with their suggestions, as an answer and as text."""
    shown = []
    for finding in findings[:limit]:
        each = finding.prediction
        shown.append(
            Judged(
                name=each.name,
                line=each.line,
                end_line=each.end_line,
                flagged=each.flagged,
                doc="" if names else each.doc[: 2 * LONGEST_LINE],
                suggestions=[_suggested(one) for one in each.suggestions],
            )
        )
    note = f"{len(findings) - limit} more functions: say which with `function`, or raise `limit`"
    note = note if len(findings) > limit else ""
    answer = FunctionsAnswer(file=file, model=model, functions=shown, total=len(findings), note=note)
    lines = []
    for one in shown:
        lines.append(f"{file}:{one.line}  {one.name}" + ("  [improbable for its body]" if one.flagged else ""))
        lines += [f"  {percent(suggestion.probability):>6}  {suggestion.text}" for suggestion in one.suggestions]
    return answer, "\n".join([*lines, *([note] if note else [])]) or "no function with a body"


def explained(explanation: Explanation, reasons: int) -> tuple[ExplainAnswer, str]:
    """One function's suggestions with the heaviest paths of each word, as an answer and as text."""
    from phloem.assist.explanation import as_text

    each = explanation.prediction
    best = each.suggestions[:1]
    words = [
        Word(
            word=word,
            because_of=[
                Reason(
                    weight=min(1.0, round(context.weight, 4)),
                    left=context.left.replace("|", "_"),
                    path=list(context.path),
                    right=context.right.replace("|", "_"),
                )
                for context in contexts[:reasons]
            ],
        )
        for one in best
        for word, contexts in zip(one.words, one.attention, strict=False)
    ]
    answer = ExplainAnswer(
        file=explanation.file.path,
        name=each.name,
        line=each.line,
        model=explanation.model,
        probability=min(1.0, each.probability),
        flagged=each.flagged,
        suggestions=[_suggested(one) for one in each.suggestions],
        words=words,
    )
    return answer, as_text(explanation, reasons)


def synthesized(answer: Answer | None, rows: Sequence[tuple[str, ...]], seconds: float) -> SynthAnswer:
    """A program with its outputs for the rows."""
    if answer is None:
        nothing: dict[str, Any] = dict.fromkeys(("program", "python", "excel", "sql", "ask"))
        return SynthAnswer(solved=False, **nothing, agreeing=0, wrong=[], filled=[], seconds=round(seconds, 3))
    doubt = answer.ambiguous_on
    return SynthAnswer(
        solved=answer.solved,
        program=answer.text,
        python=answer.python,
        excel=answer.excel,
        sql=answer.sql,
        agreeing=answer.agreeing,
        wrong=[i + 1 for i in answer.wrong],
        ask=None
        if doubt is None
        else Doubt(
            inputs=[str(each) for each in doubt.inputs],
            outputs=[None if value is None else str(value) for value, _ in doubt.outputs[:9]],
            made_up=doubt.made_up,
        ),
        filled=[None if value is None else str(value) for value in answer.apply(rows)] if answer.solved else [],
        seconds=round(answer.seconds, 3),
    )


def _suggested(suggestion: Any) -> Suggested:
    return Suggested(text=suggestion.text, probability=float(f"{min(1.0, suggestion.probability):.3g}"))
