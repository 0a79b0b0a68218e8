"""Findings of a review: what is kept of them after comments, the baseline and the changed lines, in which order."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from phloem.assist.changes import Lines, touches
from phloem.assist.findings import BASELINE_VERSION, Baseline, anchored, ignoring_lines, replace_file
from phloem.assist.reports import percent
from phloem.assist.sources import SourceFile

if TYPE_CHECKING:
    from phloem.assist.models import Model
    from phloem.assist.predictions import Prediction

DEFAULT_REVIEW_BASELINE = "phloem-review-baseline.json"
SHOWN = 3  # names a reason
NAME_RATE = 1 / 8  # of functions with a wrong name, as the other checks count bugs of one kind


class Fix(NamedTuple):
    """Bytes `start:end` of the file become `replacement`."""

    start: int
    end: int
    replacement: str


class ReviewFinding(NamedTuple):
    """A place that looks wrong. Lines and columns count from 1, columns in characters; offsets are the file's bytes."""

    path: str
    language: str
    line: int
    column: int
    check: str
    probability: float
    reason: str
    fix: Fix | None
    function: str
    start: int
    end: int
    function_start: int
    function_end: int
    end_line: int
    end_column: int


class TextLines:
    """Lines and columns of byte offsets."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._starts = [0, *accumulate(len(line) + 1 for line in source.split(b"\n"))]

    def position(self, offset: int) -> tuple[int, int]:
        """
        >>> TextLines("é = 1\\nb".encode()).position(7)
        (2, 1)
        """
        line = bisect_right(self._starts, offset)
        before = self.source[self._starts[line - 1] : offset].removeprefix(BOM_UTF8)  # no editor counts the mark
        return line, len(before.decode("utf-8", "replace")) + 1


def misleading(file: SourceFile, prediction: Prediction, model: Model, at: TextLines) -> ReviewFinding:
    """A flag of `phloem name` as a finding.

    Its probability is the precision of flags, which was measured where half of the names are wrong, at the rate that
    the other checks are calibrated for: there a bug of one kind is in about one function of eight.
    """
    from phloem.measure.localise_repair import precision_at_rate

    measured = float(((model.facts.get("figures") or {}).get("flags") or {}).get("precision") or 0.8)
    better = ", ".join(f"'{each.text}' ({percent(each.probability)})" for each in prediction.suggestions[:SHOWN])
    name = prediction.name.encode()
    start = max(prediction.start, file.source.find(name, prediction.start, prediction.end))
    end_line, end_column = at.position(start + len(name))
    return ReviewFinding(
        path=file.path,
        language=file.language,
        line=prediction.line,
        column=at.position(start)[1],
        check="misleading-name",
        probability=round(precision_at_rate(measured, 0.5, NAME_RATE), 4),
        reason=f"the name '{prediction.name}' does not follow from the body; try {better}",
        fix=None,  # a renaming reaches beyond the definition
        function=prediction.name,
        start=start,
        end=start + len(name),
        function_start=prediction.start,
        function_end=prediction.end,
        end_line=end_line,
        end_column=end_column,
    )


def heeded(
    file: SourceFile, findings: Iterable[ReviewFinding], changed: Mapping[str, Lines] | None
) -> list[ReviewFinding]:
    """The findings that no comment silences, with `changed` those of functions that a changed line touches.

    `phloem: ignore` in a comment silences what is found in its line, and in the function on whose definition's line or
    the line above it stands.
    """
    ignored = ignoring_lines(file.source)
    lines = None if changed is None else changed.get(os.path.realpath(file.path), [])
    kept = []
    for finding in findings:
        first = file.source.count(b"\n", 0, finding.function_start) + 1
        if ignored and not ignored.isdisjoint((finding.line, first, first - 1)):
            continue
        if lines is not None and not touches(lines, first, file.source.count(b"\n", 0, finding.function_end) + 1):
            continue
        kept.append(finding)
    return kept


def ranked(findings: Iterable[ReviewFinding]) -> list[ReviewFinding]:
    """The most probable first."""
    return sorted(findings, key=lambda each: (-each.probability, each.path, each.start))


def write_baseline(file: str | Path, findings: Sequence[ReviewFinding]) -> int:
    """Keep all findings, so that only new ones are reported; returns how many. One is known by file, function and
    check, not by its line."""
    known: dict[str, Counter[str]] = {}
    for finding in findings:
        known.setdefault(anchored(finding.path, file), Counter())[_key(finding)] += 1
    content = {path: dict(sorted(keys.items())) for path, keys in sorted(known.items())}
    text = json.dumps({"version": BASELINE_VERSION, "flagged": content}, indent=1) + "\n"
    replace_file(Path(file), text.encode())
    return len(findings)


def without_known(findings: Iterable[ReviewFinding], file: str | Path) -> list[ReviewFinding]:
    """The findings that a baseline does not list; each entry silences as many as it counted. Raises PhloemError."""
    left = Baseline.read(file).known.copy()
    kept = []
    for finding in findings:
        key = (anchored(finding.path, file), _key(finding))
        if left[key] > 0:
            left[key] -= 1
        else:
            kept.append(finding)
    return kept


def _key(finding: ReviewFinding) -> str:
    return f"{finding.function}: {finding.check}"
