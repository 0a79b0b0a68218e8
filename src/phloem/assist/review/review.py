"""Reviews functions: every place in them that could be wrong is judged in one pass, and what is improbable is reported.

Six checks are a network's (`nn.models.bug_detector`); `misleading-name` are the flags of `phloem name`. Findings come
with a probability, which is calibrated on code where every other function has an injected bug: it ranks findings well,
but where bugs are rare, the share of right ones is lower (`docs/review.md` has the measured figures).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phloem.assist.checks import Check, carry_on
from phloem.assist.library import facts_of, folder_of, pretrained
from phloem.assist.review.findings import Fix, ReviewFinding, TextLines, heeded, ranked
from phloem.assist.review.plausible import possible
from phloem.assist.sources import SourceFile, read_sources
from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.bug_slots import CHECKS, DOC, EXCEPTION, OPERATOR, VARIABLE
from phloem.tasks.saved import read_about

if TYPE_CHECKING:
    from phloem.represent.bug_arrays import ReviewBatch
    from phloem.represent.review_view import EncodedFunction, Places, ReviewView

TASK = "review"
TOGETHER = 512  # functions that are sorted by length together
BATCH = 32
"""Functions in one pass of the network."""
NAMES = "misleading-name"
ALL_CHECKS = (*CHECKS, NAMES)
"""Checks that there are; which ones are on by default a model says."""


class _Waiting(NamedTuple):
    file: int  # of the group
    example: Example
    encoded: EncodedFunction
    places: Places


class Reviewer:
    """A trained detector. `checks` has for each check its threshold, its curve and whether it is on by default."""

    def __init__(self, name_or_path: str | Path = "code-review") -> None:
        """A model of the package or a saved folder. Raises PhloemError, also for models of other tasks."""
        from phloem.systems.recipes import RECIPES
        from phloem.tasks import saved

        folder = folder_of(name_or_path)
        facts = read_about(folder)["facts"]
        if facts.get("task") != TASK:
            raise PhloemError(f"{name_or_path} is a model for {facts.get('task')}, not for {TASK}")
        self.name = folder.resolve().name
        self.facts: dict[str, Any] = facts
        self.languages: tuple[str, ...] = tuple(facts["languages"])
        self.checks: dict[str, dict[str, Any]] = facts["checks"]
        loaded = saved.load(folder, RECIPES)
        self.net: Any = loaded.model
        self.view: ReviewView = loaded.view

    def default_checks(self) -> tuple[str, ...]:
        """The checks that are precise enough to be on."""
        return tuple(name for name in CHECKS if self.checks[name]["on"])

    def review_files(
        self,
        files: Iterable[SourceFile],
        *,
        checks: Sequence[str] | None = None,
        threshold: float | None = None,
        wanted: Callable[[SourceFile, Example], bool] | None = None,
        check: Check = carry_on,
    ) -> Iterator[tuple[SourceFile, list[ReviewFinding], int]]:
        """Findings of each file, in order of lines, and how many functions it has.

        `checks` are some of CHECKS (default: those that are on); `threshold` takes the place of each check's own;
        functions of which `wanted` does not hold are left out.
        """
        kinds = [CHECKS.index(name) for name in (self.default_checks() if checks is None else checks) if name != NAMES]
        limits = np.full(len(CHECKS), 2.0)
        for kind in kinds:
            limits[kind] = self.checks[CHECKS[kind]]["threshold"] if threshold is None else threshold
        group: list[tuple[SourceFile, int]] = []
        waiting: list[_Waiting] = []
        for file in files:
            examples = examples_of(file.source, by_name(file.language), path=file.path)
            chosen = [each for each in examples if wanted is None or wanted(file, each)]
            for example in chosen if kinds else []:
                found = self.view.encode_places(example)
                if found is not None:
                    waiting.append(_Waiting(len(group), example, *found))
            group.append((file, len(chosen)))
            if len(waiting) >= TOGETHER:
                yield from self._reviewed(group, waiting, limits, check)
                group, waiting = [], []
        if group:
            yield from self._reviewed(group, waiting, limits, check)

    def _reviewed(
        self, group: list[tuple[SourceFile, int]], waiting: list[_Waiting], limits: np.ndarray, check: Check
    ) -> Iterator[tuple[SourceFile, list[ReviewFinding], int]]:
        findings: list[dict[tuple[str, int], ReviewFinding]] = [{} for _ in group]
        columns: dict[int, TextLines] = {}
        waiting = sorted(waiting, key=lambda each: len(each.encoded.pieces))
        for start in range(0, len(waiting), BATCH):
            check()
            part = waiting[start : start + BATCH]
            for one, slot, p, word in self._judged(part, limits):
                if not possible(one.example, int(one.encoded.slots[slot, 0]), one.places.spans[slot].tolist(), word[0]):
                    continue
                at = columns.setdefault(one.file, TextLines(group[one.file][0].source))
                found = _finding(group[one.file][0], one, slot, p, word, at)
                key = (found.check, found.start)  # a function within another one is read with both
                known = findings[one.file].get(key)
                if known is None or known.probability < found.probability:
                    findings[one.file][key] = found
        for (file, functions), own in zip(group, findings, strict=True):
            yield file, sorted(own.values(), key=lambda each: (each.start, each.check)), functions

    def _judged(
        self, part: list[_Waiting], limits: np.ndarray
    ) -> Iterator[tuple[_Waiting, int, float, tuple[str, float]]]:
        """Slots above their limits: the function, the slot, its probability, and what should stand there."""
        import torch

        from phloem.assist.review.calibration import best_variables, probability
        from phloem.nn.models.bug_detector import location_log_probabilities
        from phloem.represent.bug_arrays import Injected, collate, live_slots

        drawn, kept = [], []
        for one in part:
            alive = live_slots(one.encoded, self.view.closed)
            kept.append(np.flatnonzero(alive))
            function = one.encoded._replace(slots=one.encoded.slots[alive])
            drawn.append(Injected(function, np.zeros(int(alive.sum()), bool), np.full(int(alive.sum()), -1)))
        batch: ReviewBatch = collate(drawn)
        with torch.inference_mode():
            states = self.net.encode(batch)
            vectors = self.net.slots(batch, states)
            none = torch.zeros(0, dtype=torch.long)
            location = self.net.judge(batch, states, vectors, none).location
            table = location_log_probabilities(location, batch.row, batch.place, len(part))
            logit = torch.logit(table[batch.row, batch.place + 1].exp().clamp(1e-9, 1 - 1e-6)).numpy()
            kind = batch.kind.numpy()
            p = np.zeros(len(kind))
            for number, name in enumerate(CHECKS):
                own, curve = kind == number, self.checks[name]
                p[own] = probability(logit[own], curve["slope"], curve["offset"])
            asked = torch.from_numpy(np.flatnonzero(p >= limits[kind]))
            verdicts = self.net.judge(batch, states, vectors, asked)
            words = verdicts.words.softmax(dim=-1).nan_to_num(0.0)
            variable, share = best_variables(verdicts.variables, batch.number[batch.row[asked]])
        for i, slot in enumerate(asked.tolist()):
            row, place = int(batch.row[slot]), int(batch.place[slot])
            word = "", 0.0
            if kind[slot] == VARIABLE:
                word = part[row].places.names[int(variable[i])], float(share[i])
            elif kind[slot] in (OPERATOR, EXCEPTION):
                best = int(words[i].argmax())
                word = self.view.closed.words[best], float(words[i, best])
            yield part[row], int(kept[row][place]), float(p[slot]), word


def _finding(
    file: SourceFile, one: _Waiting, slot: int, p: float, word: tuple[str, float], at: TextLines
) -> ReviewFinding:
    """A slot as a person reads it."""
    source, example = file.source, one.example
    kind = int(one.encoded.slots[slot, 0])
    span = [int(each) + example.start for each in one.places.spans[slot]]
    start, end = span[:2]
    fix: Fix | None = None
    if kind == DOC:
        reason = f"the documentation does not seem to describe what '{example.name}' does"
        if example.doc_span is None:
            start, end = example.start, example.start
    elif kind in (VARIABLE, OPERATOR, EXCEPTION):
        here = source[start:end].decode("utf-8", "replace")
        does = {VARIABLE: "is used", OPERATOR: "stands", EXCEPTION: "is caught"}[kind]
        reason = f"'{here}' {does} where '{word[0]}' seems meant ({100 * word[1]:.0f}% of what could stand here)"
        fix = Fix(start, end, word[0])
    else:
        left, right = (source[a:b].decode("utf-8", "replace") for a, b in (span[2:4], span[4:6]))
        between = source[span[3] : span[4]].decode("utf-8", "replace")
        fix = Fix(span[2], span[5], right + between + left)
        what = f"operands of '{between.strip()}'" if kind != CHECKS.index("swapped-arguments") else "arguments"
        reason = f"the {what}, '{_short(left)}' and '{_short(right)}', seem swapped"
        start, end = span[2], span[5]
    (line, column), (end_line, end_column) = at.position(start), at.position(end)
    return ReviewFinding(
        path=file.path,
        language=file.language,
        line=line,
        column=column,
        check=CHECKS[kind],
        probability=p,
        reason=reason,
        fix=fix,
        function=example.name,
        start=start,
        end=end,
        function_start=example.start,
        function_end=example.start + len(example.tree.source),
        end_line=end_line,
        end_column=end_column,
    )


def _short(text: str, most: int = 40) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


class Reviewers:
    """The detectors and the naming models that a review needs, loaded when a file first asks for one."""

    def __init__(
        self, given: str | None = None, *, checks: Sequence[str] | None = None, naming: str | None = None
    ) -> None:
        """`given` is a detector's name or folder, `naming` that of a model which names functions."""
        if unknown := sorted(set(checks or ()) - set(ALL_CHECKS)):
            raise PhloemError(f"unknown check {unknown[0]!r}; there are {', '.join(ALL_CHECKS)}")
        self.checks = checks
        self.naming = naming
        self.without: dict[str, int] = {}  # files by language that has no detector
        self.task = TASK
        self.functions = 0
        self.load_seconds = self.seconds = 0.0
        self._loaded: dict[str, Reviewer] = {}
        self._by_language: dict[str, Reviewer | None] = {}
        self._names: Any = None
        self._given = self._load(given) if given else None

    def for_language(self, language: str) -> Reviewer | None:
        """The given detector if it is for the language, else the first of the package that is."""
        if self._given is not None:
            return self._given if language in self._given.languages else None
        if language not in self._by_language:
            every = ((name, facts_of(name)) for name in pretrained())
            own = [name for name, facts in every if facts.get("task") == TASK and language in facts["languages"]]
            self._by_language[language] = self._load(own[0]) if own else None
        return self._by_language[language]

    def _load(self, name: str) -> Reviewer:
        if name not in self._loaded:
            began = time.perf_counter()
            self._loaded[name] = Reviewer(name)
            self.load_seconds += time.perf_counter() - began
        return self._loaded[name]

    def review_files(
        self, files: Iterable[SourceFile], *, names: bool = True, **options: Any
    ) -> Iterator[list[ReviewFinding]]:
        """Findings of each file, misleading names among them where `names` says so; options as
        `Reviewer.review_files` has them."""
        names = names and (self.checks is None or NAMES in self.checks)
        learned = None if self.checks is None else [name for name in self.checks if name != NAMES]
        for language, same in groupby(files, key=lambda file: file.language):
            reviewer = self.for_language(language)
            group: Iterable[tuple[SourceFile, list[ReviewFinding], int]]
            if reviewer is None or learned == []:
                group = ((file, [], -1) for file in same)
            else:
                group = reviewer.review_files(same, checks=learned, **options)
            began = time.perf_counter()
            for file, findings, functions in group:
                named, count = self._named(file, options) if names else ([], 0)
                if functions < 0 and reviewer is None:
                    self.without[language] = self.without.get(language, 0) + 1
                self.functions += max(functions, count)
                self.seconds += time.perf_counter() - began
                yield [*findings, *named]
                began = time.perf_counter()

    def _named(self, file: SourceFile, options: dict[str, Any]) -> tuple[list[ReviewFinding], int]:
        """The flags of `phloem name`, and how many functions were asked about."""
        from phloem.assist.models import Models
        from phloem.assist.review.findings import misleading

        if self._names is None:
            self._names = Models("names", self.naming)
        model = self._names.for_language(file.language)
        if model is None:
            return [], 0
        wanted = options.get("wanted")
        chosen = None if wanted is None else lambda example: wanted(file, example)
        check = options.get("check", carry_on)
        predictions = next(model.predict_files([file], beam=3, suggest="flagged", wanted=chosen, check=check))[1]
        at = TextLines(file.source)
        flagged = [misleading(file, each, model, at) for each in predictions if each.flagged]
        limit = options.get("threshold")
        return [each for each in flagged if limit is None or each.probability >= limit], len(predictions)


def review(paths: Sequence[str | Path], *, checks: Sequence[str] = (), model: str | None = None) -> list[ReviewFinding]:
    """What looks wrong in the files under some paths, the most probable first. Raises PhloemError."""
    reviewers = Reviewers(model, checks=checks or None)
    sources: dict[str, SourceFile] = {}

    def remembered() -> Iterator[SourceFile]:
        for file in read_sources(paths):
            sources[file.path] = file
            yield file

    found: list[ReviewFinding] = []
    for findings in reviewers.review_files(remembered()):
        if findings:
            found += heeded(sources[findings[0].path], findings, None)
    return ranked(found)
