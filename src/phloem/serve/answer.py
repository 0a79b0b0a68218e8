"""From source code to the response: parse, find the functions, ask the models, and find each attended path in the tree.

A model says which terminals a path joins, by their spans, and the labels on the way. The page draws on the tree, so the
path's nodes are found again: up from both terminals to their lowest common ancestor (Alon et al. 2019, section 2).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from phloem.assist.checks import Check, carry_on
from phloem.assist.predictions import Attended, Prediction
from phloem.errors import PhloemError
from phloem.languages import by_name, for_path
from phloem.languages.base import Function, Language
from phloem.languages.tree import NAMED, Tree
from phloem.serve.detect import detect, errors
from phloem.serve.schema import (
    Answer,
    AttendedPath,
    End,
    FunctionAnswer,
    Kind,
    Message,
    PredictRequest,
    PredictResponse,
    Suggested,
    Tokens,
    TreeArrays,
)

LABELS = {
    "c": "C", "cpp": "C++", "csharp": "C#", "go": "Go", "java": "Java", "javascript": "JavaScript", "php": "PHP",
    "python": "Python", "ruby": "Ruby", "rust": "Rust", "tsx": "TSX", "typescript": "TypeScript",
}  # fmt: skip
# Named nodes that read as keywords.
KEYWORDS = {"true", "false", "none", "null", "nil", "self", "this", "super", "modifier"}
KEYWORDS |= {"primitive_type", "predefined_type", "boolean_type", "integral_type", "floating_point_type"}
KEYWORDS |= {"void_type", "implicit_type"}
MAX_FUNCTIONS = 300  # of one request that models are asked about: seconds, not minutes
ERROR_KIND = 65535


class Predictor(Protocol):
    """A loaded model as `phloem.load` returns it."""

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> str: ...

    @property
    def languages(self) -> Sequence[str]: ...

    def predict(
        self, source: str | bytes, *, language: str | None, beam: int, path: str, check: Check
    ) -> list[Prediction]: ...


def answer(request: PredictRequest, models: Sequence[Predictor], check: Check = carry_on) -> PredictResponse:
    """The response to a request. Raises PhloemError for an unknown language, and what `check` raises."""
    began = time.perf_counter()
    source = well_formed(request.source)
    language, detected = _language(request, source)
    tree = language.parse(source)
    functions = language.functions(tree)
    places, _ = errors(tree)
    messages = _messages(source, functions, places, language)
    predictions: dict[str, tuple[str, dict[tuple[int, int], Prediction]]] = {}
    if functions and len(functions) <= MAX_FUNCTIONS:
        tasks = ("names", "summaries") if request.task == "both" else (request.task,)
        chosen = {task: _model_for(task, language, models) for task in tasks}
        without = " or ".join(task for task, model in chosen.items() if model is None)
        if without:
            text = f"There is no model for {without} of {LABELS[language.name]} functions here"
            shown = "." if any(chosen.values()) else "; the syntax tree is shown."
            messages.append(Message(kind="no-model", text=text + shown))
        for task, model in chosen.items():
            if model is None:
                continue
            path = request.filename or ""
            predicted = model.predict(source, language=language.name, beam=request.beam, path=path, check=check)
            predictions[task] = model.name, {(p.start, p.end): p for p in predicted}
    return PredictResponse(
        language=language.name,
        detected=detected,
        syntax_errors=places,
        messages=messages,
        functions=[_function(function, tree, language, predictions, request.paths) for function in functions],
        tokens=tokens_of(tree, language, functions),
        milliseconds=round(1000 * (time.perf_counter() - began), 1),
    )


def well_formed(text: str) -> bytes:
    """UTF-8 of `text`; a lone surrogate, which JSON can carry, becomes U+FFFD as in a browser's TextEncoder."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _language(request: PredictRequest, source: bytes) -> tuple[Language, bool]:
    if request.language:
        return by_name(request.language), False
    if request.filename:
        language = for_path(request.filename)
        if language is None:
            raise PhloemError(f"no language is known by the name of {request.filename!r}: say which `language` it is")
        return language, False
    return detect(source), True


def _messages(source: bytes, functions: list[Function], places: int, language: Language) -> list[Message]:
    label = LABELS[language.name]
    if not source.strip():
        return [Message(kind="empty", text="There is no code yet.")]
    messages = []
    if places:
        text = f"{places} syntax error{'s' * (places > 1)} in this {label}; what can be read is used."
        messages.append(Message(kind="syntax-errors", text=text))
    if not functions:
        messages.append(Message(kind="no-function", text=f"No function with a body was found in this {label}."))
    elif len(functions) > MAX_FUNCTIONS:
        text = f"{len(functions)} functions are more than {MAX_FUNCTIONS}, so none was named: send fewer at a time."
        messages.append(Message(kind="too-many", text=text))
    return messages


def _model_for(task: str, language: Language, models: Sequence[Predictor]) -> Predictor | None:
    return next((model for model in models if model.task == task and language.name in model.languages), None)


def _function(
    function: Function,
    tree: Tree,
    language: Language,
    predictions: dict[str, tuple[str, dict[tuple[int, int], Prediction]]],
    paths: int,
) -> FunctionAnswer:
    start, end = int(tree.start[function.node]), int(tree.end[function.node])
    arrays = tree_arrays(tree, function.node, function.stop, language)
    finder = PathFinder(arrays, start)
    answers: dict[str, Answer] = {}
    for task, (model, predicted) in predictions.items():
        prediction = predicted.get((start, end))
        if prediction is not None:
            answers[task] = _answer(model, prediction, finder, paths)
    return FunctionAnswer(
        name=function.name,
        line=function.line,
        end_line=function.end_line,
        start=start,
        end=end,
        name_start=int(tree.start[function.name_node]),
        name_end=int(tree.end[function.name_node]),
        tree=arrays,
        names=answers.get("names"),
        summaries=answers.get("summaries"),
    )


def _answer(model: str, prediction: Prediction, finder: PathFinder, paths: int) -> Answer:
    suggestions = [
        Suggested(
            text=suggestion.text,
            probability=suggestion.probability,
            words=list(suggestion.words),
            attention=[[finder.attended(context) for context in word[:paths]] for word in suggestion.attention],
        )
        for suggestion in prediction.suggestions
    ]
    return Answer(model=model, probability=prediction.probability, flagged=prediction.flagged, suggestions=suggestions)


def tree_arrays(tree: Tree, node: int, stop: int, language: Language) -> TreeArrays:
    """The named nodes of the subtree `node:stop` without comments; offsets stay those of the file."""
    comments = [i for i, kind in enumerate(_token_kinds(language.name)) if kind == "comment"]
    kept = (tree.flags[node:stop] & NAMED > 0) & ~np.isin(tree.kind[node:stop], comments)
    kept[0] = True
    parent = np.maximum(tree.parent[node:stop] - node, 0)
    while not kept[parent].all():  # what hangs under a node left out goes to the nearest one kept
        parent = np.where(kept[parent], parent, parent[parent])
    index = np.cumsum(kept) - 1
    above = index[parent[kept]]
    above[0] = -1
    ids, kind = np.unique(tree.kind[node:stop][kept], return_inverse=True)
    return TreeArrays(
        kinds=["ERROR" if i == ERROR_KIND else language.kinds[i] for i in ids.tolist()],
        kind=kind.tolist(),
        parent=above.tolist(),
        start=tree.start[node:stop][kept].tolist(),
        end=tree.end[node:stop][kept].tolist(),
    )


class PathFinder:
    """Finds the nodes of attended paths in one function's tree, whose source begins at byte `origin` of the file."""

    def __init__(self, tree: TreeArrays, origin: int) -> None:
        self.parent = tree.parent
        self.origin = origin
        # Of nodes with one span (a chain of only children) the deepest comes last, and that is the terminal.
        self.at = {span: node for node, span in enumerate(zip(tree.start, tree.end, strict=True))}

    def attended(self, context: Attended) -> AttendedPath:
        """The context with its ends as offsets of the file and its nodes as indices into the tree."""
        ends = [
            End(text=text, start=self.origin + span[0], end=self.origin + span[1])
            for text, span in ((context.left, context.left_span), (context.right, context.right_span))
        ]
        left, right = (self.at.get((end.start, end.end)) for end in ends)
        nodes, top = ([], -1) if left is None or right is None else self.between(left, right)
        return AttendedPath(
            weight=context.weight, left=ends[0], right=ends[1], labels=list(context.path), nodes=nodes, top=top
        )

    def between(self, left: int, right: int) -> tuple[list[int], int]:
        """Nodes from `left` up to the lowest common ancestor and down to `right`, and the ancestor's position."""
        up, down = [left], [right]
        while up[-1] != down[-1]:  # in preorder an ancestor comes before its descendants: lift the later one
            if up[-1] > down[-1]:
                up.append(self.parent[up[-1]])
            else:
                down.append(self.parent[down[-1]])
        return up + down[-2::-1], len(up) - 1


def tokens_of(tree: Tree, language: Language, functions: list[Function]) -> Tokens:
    """Leaves worth a colour. A string or a comment counts whole, whatever the grammar puts inside."""
    names = {function.name_node for function in functions}
    kinds = _token_kinds(language.name)
    leaf = np.ones(len(tree.kind), bool)
    leaf[tree.parent[1:]] = False
    tokens = Tokens(start=[], end=[], kind=[])
    beyond = 0
    for node, (kind_id, start, end, is_leaf) in enumerate(
        zip(tree.kind.tolist(), tree.start.tolist(), tree.end.tolist(), leaf.tolist(), strict=True)
    ):
        if start < beyond or start == end or kind_id == ERROR_KIND:
            continue
        kind = kinds[kind_id]
        whole = kind in ("string", "comment")
        if not (is_leaf or whole) or kind == "punctuation":
            continue
        beyond = end if whole else beyond
        tokens.start.append(start)
        tokens.end.append(end)
        tokens.kind.append("name" if node in names else kind)
    return tokens


@functools.cache
def _token_kinds(name: str) -> list[Kind]:
    """What each of a grammar's kinds is for colouring, by id."""
    language = by_name(name)
    return [_kind_of(i, kind, language) for i, kind in enumerate(language.kinds)]


def _kind_of(kind_id: int, kind: str, language: Language) -> Kind:
    grammar = language.tree_sitter
    if kind in language.comment_kinds:
        return "comment"
    if kind in language.string_kinds or "string" in kind.split("_") or "char" in kind.split("_"):
        return "string"
    if not grammar.node_kind_is_named(kind_id):
        return "keyword" if kind[:1].isalpha() else "punctuation"
    if any(part in kind for part in ("integer", "number", "float", "int_literal")):
        return "number"
    if kind in KEYWORDS:
        return "keyword"
    return "identifier"
