"""What goes over the wire. Offsets are bytes of the UTF-8 source of the request, as tree-sitter counts them.

Trees travel as parallel arrays in preorder, the shape they have in memory (`languages/tree.py`), since one object
a node would be ten times the bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_BEAM = 20
MAX_PATHS = 10

Kind = Literal["name", "keyword", "string", "number", "comment", "identifier", "punctuation"]


class PredictRequest(BaseModel):
    """A piece of source code and what is asked of it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"source": "def f(items):\n    return sorted(items)[0]\n", "language": "python"}},
    )

    source: str = Field(description="source code: a file, or a part of one")
    language: str | None = Field(None, description="a name of /api/languages; detected when left out")
    filename: str | None = Field(None, max_length=1024, description="says the language by its extension")
    task: Literal["names", "summaries", "both"] = "both"
    beam: int = Field(5, ge=1, le=MAX_BEAM, description="how many suggestions to search for")
    paths: int = Field(10, ge=1, le=MAX_PATHS, description="how many attended paths to return for each word, at most")


class End(BaseModel):
    """One end of a path: a terminal of the tree."""

    text: str = Field(description="the terminal as the model read it, subtokens joined by |")
    start: int
    end: int


class AttendedPath(BaseModel):
    """A path between two terminals and the share of the attention that it had when the word was chosen."""

    weight: float = Field(ge=0, le=1)
    left: End
    right: End
    labels: list[str] = Field(description="from the left end up to the common ancestor and down to the right")
    nodes: list[int] = Field(description="the same nodes as indices into the function's tree; empty if it has them not")
    top: int = Field(description="which of `nodes` is the common ancestor, by position; -1 if empty")


class Suggested(BaseModel):
    """One suggestion of beam search."""

    text: str
    probability: float = Field(ge=0, le=1, description="that it is right, as calibrated, else of the whole sequence")
    words: list[str]
    attention: list[list[AttendedPath]] = Field(description="for each word its paths, heaviest first")


class Answer(BaseModel):
    """What one model says of one function."""

    model: str
    probability: float = Field(description="of the present name (or first sentence of documentation); 0 without one")
    flagged: bool = Field(description="the present name disagrees with the body")
    suggestions: list[Suggested] = Field(description="best first")


class TreeArrays(BaseModel):
    """Named nodes of a function's syntax tree without comments, in preorder; parent -1 is the root's."""

    kinds: list[str]
    kind: list[int] = Field(description="indices into `kinds`")
    parent: list[int]
    start: list[int]
    end: list[int]


class FunctionAnswer(BaseModel):
    """A function or method of the source."""

    name: str
    line: int = Field(description="1-based, of the name")
    end_line: int
    start: int
    end: int
    name_start: int
    name_end: int
    tree: TreeArrays
    names: Answer | None = None
    summaries: Answer | None = None


class Tokens(BaseModel):
    """Leaves of the whole source with what each is, for colouring; the rest is white space and punctuation."""

    start: list[int]
    end: list[int]
    kind: list[Kind]


class Message(BaseModel):
    """Something a person should know about the answer."""

    kind: Literal["empty", "no-function", "syntax-errors", "no-model", "too-many"]
    text: str


class PredictResponse(BaseModel):
    """The functions of the source and what the models say of each."""

    language: str
    detected: bool = Field(description="the language was found from the code")
    syntax_errors: int = Field(description="places that the grammar could not read")
    messages: list[Message]
    functions: list[FunctionAnswer]
    tokens: Tokens
    milliseconds: float


class LanguageInfo(BaseModel):
    """A language that can be parsed, and which tasks there is a model for."""

    name: str
    label: str
    extensions: list[str]
    names: bool
    summaries: bool


class ModelInfo(BaseModel):
    """A model that the server holds."""

    name: str
    task: str
    languages: list[str]


class ExampleCode(BaseModel):
    """A piece of code to start from."""

    title: str
    language: str
    filename: str
    source: str


class Problem(BaseModel):
    """Why there is no answer."""

    detail: Annotated[str, Field(description="one line")]
