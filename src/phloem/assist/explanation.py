"""Why a word was suggested: the paths it attended to, as text and as one self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from phloem.assist.models import Model
from phloem.assist.predictions import Prediction, Suggestion
from phloem.assist.reports import percent
from phloem.assist.sources import SourceFile
from phloem.errors import PhloemError

SHOWN = 5  # contexts of each word in the terminal


class Place(NamedTuple):
    """A function that a person named: FILE:NAME or FILE:NAME:LINE."""

    file: Path
    name: str
    line: int | None


class Explanation(NamedTuple):
    """A function's own source with what the model says of it."""

    file: SourceFile
    prediction: Prediction
    model: str
    task: str

    @property
    def source(self) -> bytes:
        return self.file.source[self.prediction.start : self.prediction.end]


def place(text: str) -> Place:
    """
    >>> place("src/lib.py:read:12")
    Place(file=PosixPath('src/lib.py'), name='read', line=12)
    """
    head, _, last = text.rpartition(":")
    line = None
    if head and last.isdigit():
        line = int(last)
        head, _, last = head.rpartition(":")
    if not head or not last:
        raise PhloemError(f"{text}: say which function as FILE:NAME or FILE:NAME:LINE")
    return Place(Path(head), last, line)


def explain(model: Model, file: SourceFile, name: str, line: int | None = None, beam: int = 5) -> Explanation:
    """The prediction for one function of a file, with attention. PhloemError where no or more than one is meant."""
    predictions = next(model.predict_files([file], beam=beam, attention=True))[1]
    named = [each for each in predictions if each.name == name]
    wanted = [each for each in named if line is None or each.line == line]
    if not named:
        there = ", ".join(dict.fromkeys(each.name for each in predictions)) or "none"
        raise PhloemError(f"{file.path} has no function {name}; it has {_shortened(there)}")
    if len(wanted) != 1:
        lines = ", ".join(str(each.line) for each in named)
        raise PhloemError(f"{file.path} has {name} on line {lines}: say which as {file.path}:{name}:LINE")
    return Explanation(file, wanted[0], model.name, model.task)


def _shortened(text: str, width: int = 300) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def as_text(explanation: Explanation, shown: int = SHOWN) -> str:
    """The suggestions, then for each word of the best one the contexts with the most weight."""
    each = explanation.prediction
    lines = [f"{explanation.file.path}:{each.line}  {each.name}  ({explanation.model})", ""]
    lines += [f"{percent(one.probability):>6}  {one.text}" for one in each.suggestions] or ["nothing to suggest"]
    for one in each.suggestions[:1]:
        for word, contexts in zip(one.words, one.attention, strict=False):
            lines += ["", f"{word}  because of"]
            lines += [
                f"{percent(context.weight):>6}  {_end(context.left)} ‹{' '.join(context.path)}› {_end(context.right)}"
                for context in contexts[:shown]
            ]
    return "\n".join(lines)


def _end(value: str) -> str:
    return value.replace("|", "_")


def as_html(explanation: Explanation) -> str:
    """A page that needs nothing else: the code, a button a word, arcs between the ends of the attended paths."""
    each = explanation.prediction
    data = [_suggestion(one) for one in each.suggestions]
    template = files("phloem.assist").joinpath("explanation.html").read_text("utf-8")
    parts = {
        "title": escape(f"{each.name} · {explanation.file.path}"),
        "place": escape(f"{explanation.file.path}, line {each.line}"),
        "name": escape(each.name),
        "model": escape(explanation.model),
        "code": _code(explanation.source, each.suggestions),
        "data": json.dumps(data, ensure_ascii=True).replace("<", "\\u003c").replace("&", "\\u0026"),
    }
    for key, value in parts.items():
        template = template.replace("{{" + key + "}}", value, 1)
    return template


def _suggestion(one: Suggestion) -> dict[str, object]:
    return {
        "text": one.text,
        "probability": percent(one.probability),
        "words": [
            {
                "word": word,
                "contexts": [
                    {
                        "weight": round(context.weight, 4),
                        "shown": percent(context.weight),
                        "left": _end(context.left),
                        "path": list(context.path),
                        "right": _end(context.right),
                        "ends": [f"t{context.left_span[0]}", f"t{context.right_span[0]}"],
                    }
                    for context in contexts
                ],
            }
            for word, contexts in zip(one.words, one.attention, strict=False)
        ],
    }


def _code(source: bytes, suggestions: Sequence[Suggestion]) -> str:
    """The source with an element around every terminal that an attended path ends at; terminals do not overlap."""
    spans = {
        span
        for one in suggestions
        for contexts in one.attention
        for context in contexts
        for span in (context.left_span, context.right_span)
    }
    parts, done = [], 0
    for start, end in sorted(spans):
        if start < done:
            continue
        text = source[start:end].decode("utf-8", "replace")
        parts += [
            escape(source[done:start].decode("utf-8", "replace")),
            f'<span class="end" id="t{start}">{escape(text)}</span>',
        ]
        done = end
    return "".join(parts) + escape(source[done:].decode("utf-8", "replace"))
