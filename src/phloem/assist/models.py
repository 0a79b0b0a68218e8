"""Saved models that answer: which there are, which one serves a language, and how a file's functions are predicted.

Functions of many files go through a model in one batch; the next batch is parsed and encoded by a thread while the
model works on the present one. Contexts are the fixed evaluation sample, so that the same code always gets the same
answer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from phloem.assist.attention import attended, context_spans
from phloem.assist.checks import Check, carry_on
from phloem.assist.conventions import is_override, is_protocol_name, is_stub, written
from phloem.assist.engines import Engine, NumPyEngine, TorchEngine
from phloem.assist.library import facts_of, folder_of, pretrained
from phloem.assist.predictions import Prediction, Suggestion, per_word
from phloem.assist.ranking import ranking_of
from phloem.assist.sources import MAX_FILE_SIZE, SourceFile, unfit
from phloem.corpora.examples import examples_of
from phloem.decode.base import Hypothesis
from phloem.errors import PhloemError
from phloem.languages import by_name, name_for_path
from phloem.languages.example import Example
from phloem.learn.prefetch import prefetch
from phloem.represent.base import PAD
from phloem.tasks.saved import read_about

if TYPE_CHECKING:
    from phloem.tasks.saved import Saved

BATCH = 128  # functions that go through a model at once
TASKS = ("names", "summaries")
Suggest = Literal["all", "flagged"]


def load(name_or_path: str | Path) -> Model:
    """A model of the package by name, or a saved folder by path. Raises PhloemError, also for models of other tasks."""
    folder = folder_of(name_or_path)
    about = read_about(folder)
    if (task := about["facts"].get("task")) not in TASKS:
        raise PhloemError(f"{name_or_path} is a model for {task}, not for {' or '.join(TASKS)}")
    return Model(folder, about)


class Model:
    """A trained model with its view. `task` is "names" or "summaries".

    The probability of a present name counts a word that the vocabulary lacks with the probability of the unknown word:
    that of all such words together, so that a rare name is not flagged for being rare.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        """`about` is the content of the folder's model.json."""
        self.folder = folder
        self.name = folder.resolve().name
        self.facts: dict[str, Any] = about["facts"]
        self.task: str = self.facts["task"]
        self.languages: tuple[str, ...] = tuple(self.facts["languages"])
        self.threshold: float = float(self.facts.get("threshold") or 0.0)
        self.ranking = ranking_of(self.facts)
        self.engine: Engine
        if about["recipe"] == "code2seq":
            self.engine = NumPyEngine(folder, about)
        else:
            self.engine = TorchEngine(self.net, self.saved.view)
        self.view: Any = self.engine.view
        self.length: int = self.view.config.target_words  # the most words that it writes

    def __repr__(self) -> str:
        return f"<Model {self.name}: {self.task} for {', '.join(self.languages)}>"

    @cached_property
    def saved(self) -> Saved:
        """The model as torch has it, loaded when it is first asked for."""
        from phloem.systems.recipes import RECIPES
        from phloem.tasks import saved

        return saved.load(self.folder, RECIPES)

    @property
    def net(self) -> Any:
        """The torch module, in evaluation mode."""
        return self.saved.model

    def predict(
        self,
        source: str | bytes,
        *,
        language: str | None = None,
        beam: int = 5,
        path: str = "",
        check: Check = carry_on,
    ) -> list[Prediction]:
        """Every function of a source text, in order, with suggestions and the paths that each word attended to.

        `language` is told by `path` where it is not given, and else is the model's own if it has only one. `check` is
        called before every step and may raise, so that an answer which nobody waits for takes no more time. Raises
        PhloemError for another language than the model's, a beam of nothing, and a source that is too large, binary or
        not UTF-8.
        """
        if beam < 1:
            raise PhloemError(f"beam is {beam}, it must be at least 1")
        content = source.encode("utf-8", "replace") if isinstance(source, str) else source
        problem = unfit(content, MAX_FILE_SIZE)
        if problem:
            raise PhloemError(f"{path or 'source'}: {problem}")
        known = self._language(language, path)
        file = SourceFile(path, known, content)
        return next(self.predict_files([file], beam=beam, attention=True, check=check))[1]

    def _language(self, language: str | None, path: str) -> str:
        known = by_name(language).name if language else name_for_path(path) if path else None
        if known is None and len(self.languages) == 1:
            known = self.languages[0]
        if known not in self.languages:
            asked = f"not for {known}" if known else "say which with language="
            raise PhloemError(f"{self.name} is for {', '.join(self.languages)}; {asked}")
        return known

    def predict_files(
        self,
        files: Iterable[SourceFile],
        *,
        beam: int = 5,
        threshold: float | None = None,
        suggest: Suggest = "all",
        attention: bool = False,
        check: Check = carry_on,
        wanted: Callable[[Example], bool] | None = None,
    ) -> Iterator[tuple[SourceFile, list[Prediction]]]:
        """Predictions of each file, in order. With `suggest="flagged"` only flagged functions get suggestions; with
        `wanted`, functions of which it does not hold are left out.
        """
        limit = self.threshold if threshold is None else threshold
        for group in prefetch(self._groups(files, wanted)):
            predictions: list[Prediction] = []
            for chunk in group.chunks:
                predictions += self._predict(chunk, beam, limit, suggest, attention, check)
            done = iter(predictions)
            for file, count in group.files:
                yield file, list(islice(done, count))

    def _groups(self, files: Iterable[SourceFile], wanted: Callable[[Example], bool] | None) -> Iterator[_Group]:
        """Files until they have BATCH functions, encoded in batches of that size."""
        waiting: list[tuple[SourceFile, int]] = []
        functions: list[_Waiting] = []
        for file in files:
            examples = examples_of(file.source, by_name(file.language), path=file.path)
            found = [_Waiting(file, example) for example in examples if wanted is None or wanted(example)]
            waiting.append((file, len(found)))
            functions += found
            if len(functions) >= BATCH:
                yield self._group(waiting, functions)
                waiting, functions = [], []
        if waiting:
            yield self._group(waiting, functions)

    def _group(self, files: list[tuple[SourceFile, int]], functions: list[_Waiting]) -> _Group:
        chunks = [functions[at : at + BATCH] for at in range(0, len(functions), BATCH)]
        return _Group(files, [(chunk, self.engine.batch([one.example for one in chunk])) for chunk in chunks])

    def _predict(
        self,
        chunk: tuple[list[_Waiting], Any],
        beam: int,
        threshold: float,
        suggest: Suggest,
        attention: bool,
        check: Check,
    ) -> list[Prediction]:
        waiting, batch = chunk
        check()
        read = self.engine.read(batch, check)
        scores = read.scores()
        words = (np.asarray(batch.target) != PAD).sum(axis=1).tolist()
        means = [per_word(score, count) for score, count in zip(scores, words, strict=True)]
        probabilities = [self.ranking.probability(score, count) for score, count in zip(scores, words, strict=True)]
        flagged = [self._is_flagged(one, mean, threshold) for one, mean in zip(waiting, means, strict=True)]
        rows = [row for row, flag in enumerate(flagged) if flag or suggest == "all"]
        hypotheses: dict[int, list[Hypothesis]] = {}
        if rows:
            found = read.search(rows, beam, self.length, self.ranking.no_repeat)
            hypotheses = dict(zip(rows, found, strict=True))
        predictions = []
        for row, one in enumerate(waiting):
            likeliest = hypotheses.get(row, [])
            ordered = self.ranking.ordered(likeliest)
            suggestions = self._suggestions(one.example, ordered, attention)
            flag = flagged[row] and not any(self._agrees(one.example, each) for each in (likeliest, ordered))
            predictions.append(self._prediction(one, probabilities[row], means[row], flag, suggestions))
        return predictions

    def _is_flagged(self, one: _Waiting, probability: float, threshold: float) -> bool:
        example = one.example
        if self.task != "names" or probability >= threshold or is_protocol_name(example.language, example.name):
            return False
        return not is_override(_heading(one.file.source, example)) and not is_stub(example)

    def _agrees(self, example: Example, hypotheses: list[Hypothesis]) -> bool:
        """Whether a name is the likeliest, or the first to be suggested: it is right, however improbable all are."""
        named = next((self.view.decode(np.array(each.value), example) for each in hypotheses if each.value), None)
        return named is not None and named == self.view.target(example)

    def _prediction(
        self, one: _Waiting, probability: float, mean: float, flagged: bool, suggestions: tuple[Suggestion, ...]
    ) -> Prediction:
        example = one.example
        if self.task != "names" and not example.doc:
            probability = 0.0
        end = example.start + len(example.tree.source)
        return Prediction(
            name=example.name,
            line=example.line,
            end_line=one.file.source.count(b"\n", 0, end) + 1,
            start=example.start,
            end=end,
            probability=probability,
            flagged=flagged,
            suggestions=suggestions,
            doc=example.doc,
            per_word=mean,
        )

    def _suggestions(self, example: Example, hypotheses: list[Hypothesis], attention: bool) -> tuple[Suggestion, ...]:
        """Those that say something, best first."""
        spans = context_spans(self.view, example) if attention else None
        suggestions = []
        for hypothesis in hypotheses:
            words = [self.view.decode([word], example) for word in hypothesis.value]
            steps = [step for step, parts in enumerate(words) for _ in parts]
            flat = tuple(part for parts in words for part in parts)
            if flat:
                reasons = () if spans is None else attended(hypothesis, spans, steps)
                probability = self.ranking.probability(hypothesis.score, len(hypothesis.value))
                suggestions.append(Suggestion(self._text(flat, example), probability, flat, reasons))
        # Words in a loop (`x_x_x`) are what a decoder ends in that has nothing to say; nobody writes them in a name.
        if self.task == "names":
            suggestions = [one for one in suggestions if not _stutters(one.words)] or suggestions[:1]
        # At most one name is the right one, so the probabilities of several can't be more than 1 together.
        total = max(1.0, sum(each.probability for each in suggestions)) if self.task == "names" else 1.0
        return tuple(each._replace(probability=each.probability / total) for each in suggestions)

    def _text(self, words: Sequence[str], example: Example) -> str:
        if self.task == "names":
            return written(words, example.language, example.name)
        sentence = " ".join(words)
        return sentence[:1].upper() + sentence[1:] + "."


def _stutters(words: Sequence[str]) -> bool:
    return any(word == after for word, after in pairwise(words))


class _Waiting(NamedTuple):
    file: SourceFile
    example: Example


class _Group(NamedTuple):
    """Files with how many functions each has, and these functions in encoded batches."""

    files: list[tuple[SourceFile, int]]
    chunks: list[tuple[list[_Waiting], Any]]


def _heading(source: bytes, example: Example) -> bytes:
    """The definition up to its name with the lines of decorators or attributes above it."""
    first = max(source.rfind(b"\n\n", 0, example.start), source.rfind(b"}", 0, example.start), 0)
    name = int(example.tree.start[example.name_node])
    return source[first : example.start] + example.tree.source[:name]


class Models:
    """The models that a job needs, loaded when a file first asks for one: the given one, or by language."""

    def __init__(self, task: str, given: str | None = None) -> None:
        self.task = task
        self.without: Counter[str] = Counter()  # files by language that has no model
        self.load_seconds = self.seconds = 0.0
        self.loaded: dict[str, Model] = {}
        self._given = self._load(given) if given else None
        if self._given is not None and self._given.task != task:
            raise PhloemError(f"{given} is a model for {self._given.task}, not for {task}")

    def for_language(self, language: str) -> Model | None:
        """The given model if it is for the language; else the first one of the package that is."""
        if self._given is not None:
            return self._given if language in self._given.languages else None
        for name in pretrained():
            facts = facts_of(name)
            if facts.get("task") == self.task and language in facts.get("languages", ()):
                return self._load(name)
        return None

    def _load(self, name: str) -> Model:
        if name not in self.loaded:
            began = time.perf_counter()
            self.loaded[name] = load(name)
            self.load_seconds += time.perf_counter() - began
        return self.loaded[name]

    def predict_files(
        self, files: Iterable[SourceFile], **options: Any
    ) -> Iterator[tuple[SourceFile, list[Prediction]]]:
        """`Model.predict_files` of each file's model. Files of a language without a model are counted in `without`."""
        for language, same in groupby(files, key=lambda file: file.language):
            model = self.for_language(language)
            if model is None:
                self.without[language] += sum(1 for _ in same)
                continue
            began = time.perf_counter()
            for answer in model.predict_files(same, **options):
                self.seconds += time.perf_counter() - began
                yield answer
                began = time.perf_counter()
