"""Programs from a few examples, for the page: a table whose last column is partly filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from phloem.assist.checks import Check
from phloem.errors import PhloemError
from phloem.serve.schema import Tokens
from phloem.serve.search_api import colours
from phloem.serve.worker import Worker

if TYPE_CHECKING:
    from phloem.assist.synth.questions import Question
    from phloem.assist.synth.synth import Answer

MOST_ROWS, MOST_COLUMNS, LONGEST_CELL = 500, 8, 1_000
LONGEST_PROGRAM = 20_000  # characters
OUTPUTS = 6  # between which a person is asked to choose

Cell = Annotated[str, Field(max_length=LONGEST_CELL)]


class SynthRequest(BaseModel):
    """A table: `inputs` by row, and the outputs that are known ("" or null: not yet)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"inputs": [["Ada Lovelace"], ["Alan Turing"], ["Kurt Gödel"]], "outputs": ["A.L.", "A.T.", ""]}
        },
    )

    inputs: list[Annotated[list[Cell], Field(min_length=1, max_length=MOST_COLUMNS)]] = Field(max_length=MOST_ROWS)
    outputs: list[Cell | None] = Field(max_length=MOST_ROWS)
    seconds: float = Field(4.0, gt=0, le=15, description="to search")
    noise: int = Field(0, ge=0, le=100, description="how many examples may be wrong")


class Code(BaseModel):
    """A program in a language, with its colours."""

    text: str
    tokens: Tokens


class Doubt(BaseModel):
    """Inputs on which programs that agree with the examples differ most, and what they give."""

    row: int | None = Field(description="the row of the table, from 0; null where the inputs were made up")
    inputs: list[str]
    outputs: list[str] = Field(description="the most frequent first")


class SynthResponse(BaseModel):
    """The program behind the examples, and the table filled by it."""

    solved: bool
    note: str = Field(description="what was found, in a line")
    program: str | None = None
    python: Code | None = None
    excel: str | None = None
    sql: str | None = None
    agreeing: int = Field(default=0, description="distinct programs found that agree with the examples")
    wrong: list[int] = Field(default=[], description="rows whose outputs the program does not give")
    filled: list[str | None] = Field(default=[], description="by row, the program's results where none was given")
    ask: Doubt | None = None
    seconds: float = 0.0


def add_synth(app: FastAPI, worker: Worker, problems: dict[int | str, dict[str, Any]]) -> None:
    """The route of programs from examples."""

    def answer(request: SynthRequest, check: Check) -> SynthResponse:
        check()
        return answered(request)

    @app.post("/api/synth", responses=problems, summary="The program behind examples")
    async def synth(request: SynthRequest) -> SynthResponse:
        """A program that gives the outputs of a table, in Python, Excel and SQL where it has such a form."""
        return await worker.run(lambda check: answer(request, check))


def answered(request: SynthRequest) -> SynthResponse:
    """The answer to a request. Raises PhloemError for ragged rows and for examples that contradict each other."""
    from phloem.assist.synth.synth import synth

    question, rows = question_of(request)
    if not question.outputs:
        return SynthResponse(solved=False, note="Fill in the result of a row or two.")
    found = synth(question, seconds=request.seconds, noise=request.noise)
    if found is None:
        return SynthResponse(solved=False, note=f"No program was found in {request.seconds:g} seconds.")
    given = [i for i in rows if request.outputs[i]]
    return SynthResponse(
        solved=found.solved,
        note=_note(found, len(given)),
        program=found.text[:LONGEST_PROGRAM],
        python=_python(found.python),
        excel=found.excel,
        sql=found.sql,
        agreeing=found.agreeing,
        wrong=[given[i] for i in found.wrong],
        filled=_filled(found, request, rows),
        ask=_doubt(found, request, rows),
        seconds=round(found.seconds, 3),
    )


def question_of(request: SynthRequest) -> tuple[Question, list[int]]:
    """The question that a table asks, and its rows that are not empty."""
    from phloem.assist.synth.questions import Question

    if len(request.inputs) != len(request.outputs):
        raise PhloemError(f"{len(request.inputs)} rows of inputs, {len(request.outputs)} outputs")
    if len({len(row) for row in request.inputs}) > 1:
        raise PhloemError("the rows have different numbers of inputs")
    rows = [i for i, row in enumerate(request.inputs) if any(row)]
    given = [i for i in rows if request.outputs[i]]
    examples = {tuple(request.inputs[i]) for i in given}
    waiting = dict.fromkeys(tuple(request.inputs[i]) for i in rows if tuple(request.inputs[i]) not in examples)
    width = len(request.inputs[0]) if request.inputs else 1
    question = Question(
        ("text",) if width == 1 else tuple(f"text{i}" for i in range(1, width + 1)),
        "result",
        tuple(tuple(request.inputs[i]) for i in given),
        tuple(request.outputs[i] or "" for i in given),
        tuple(f"row {i + 1}" for i in given),
        tuple(waiting),
    )
    return question, rows


def _note(found: Answer, examples: int) -> str:
    right = f"{examples - len(found.wrong)} of {examples}" if found.wrong else f"{examples}"
    plural = "s"[: examples != 1]
    if not found.solved:
        return f"No program gives all examples; the best gives {right}."
    others = found.agreeing - 1
    if not others:
        return f"Agrees with {right} example{plural}."
    which = "so does 1 other program" if others == 1 else f"so do {others} other programs"
    differ = ", with other results elsewhere" if found.ambiguous_on else ""
    return f"Agrees with {right} example{plural}; {which}{differ}."


def _python(text: str | None) -> Code | None:
    return None if text is None else Code(text=text, tokens=colours(text, "python"))


def _filled(found: Answer, request: SynthRequest, rows: Sequence[int]) -> list[str | None]:
    """Nothing by a program that does not give all examples."""
    filled: list[str | None] = [None] * len(request.inputs)
    if found.solved:
        waiting = [i for i in rows if not request.outputs[i]]
        values = found.apply([tuple(request.inputs[i]) for i in waiting])
        for i, value in zip(waiting, values, strict=True):
            filled[i] = None if value is None else str(value)
    return filled


def _doubt(found: Answer, request: SynthRequest, rows: Sequence[int]) -> Doubt | None:
    doubt = found.ambiguous_on
    if doubt is None:
        return None
    inputs = [str(each) for each in doubt.inputs]
    outputs = list(dict.fromkeys(str(value) for value, _ in doubt.outputs if value is not None and str(value)))
    place = next((i for i in rows if request.inputs[i] == inputs and not request.outputs[i]), None)
    return Doubt(row=place, inputs=inputs, outputs=outputs[:OUTPUTS]) if outputs else None
