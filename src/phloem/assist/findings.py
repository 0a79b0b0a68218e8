"""What is left of a model's flags once comments, the baseline, protocol names and the changed lines are heeded."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from phloem.assist.changes import Lines, touches
from phloem.assist.predictions import Prediction
from phloem.assist.sources import SourceFile
from phloem.errors import PhloemError

BASELINE_VERSION = 1
DEFAULT_BASELINE = "phloem-baseline.json"
_IGNORE = re.compile(rb"(?:#|//|/\*|\*)\s*phloem:\s*ignore\b")


class Finding(NamedTuple):
    """A function of a file with what the model says of it."""

    path: str
    language: str
    prediction: Prediction


def findings_of(file: SourceFile, predictions: Iterable[Prediction], changed: dict[str, Lines] | None) -> list[Finding]:
    """The file's functions; with `changed`, those that a changed line touches. Flags that a comment silences are off.

    `phloem: ignore` in a comment silences the function on whose name's line, in whose heading (its decorators or
    attributes, its first line), or on the line above which it stands.
    """
    lines = None if changed is None else changed.get(os.path.realpath(file.path), [])
    ignored = ignoring_lines(file.source)
    text = file.source.split(b"\n") if ignored else []
    kept = []
    for prediction in predictions:
        first = file.source.count(b"\n", 0, prediction.start) + 1 if lines is not None or ignored else 1
        if lines is not None and not touches(lines, first, prediction.end_line):
            continue
        if ignored and not ignored.isdisjoint(range(_heading(text, first) - 1, max(first, prediction.line) + 1)):
            prediction = prediction._replace(flagged=False)
        kept.append(Finding(file.path, file.language, prediction))
    return kept


def _heading(text: Sequence[bytes], first: int) -> int:
    """The line, from 1, on which the decorators or attributes above a definition begin; `first` without any."""
    indent = _indentation(text[first - 1])
    heading = line = first
    while line > 1 and (above := text[line - 2]).strip():
        line -= 1
        if _indentation(above) > indent or above.lstrip().startswith((b")", b"]", b"}")):
            continue  # a decorator goes on, if one begins above
        if _indentation(above) < indent or not above.lstrip().startswith((b"@", b"#[", b"[")):
            break
        heading = line
    return heading


def _indentation(line: bytes) -> int:
    return len(line) - len(line.lstrip())


def ignoring_lines(source: bytes) -> frozenset[int]:
    """The lines, from 1, that have the comment which silences."""
    if b"phloem:" not in source:
        return frozenset()
    return frozenset(source.count(b"\n", 0, match.start()) + 1 for match in _IGNORE.finditer(source))


class Baseline:
    """Findings that were there before and may stay. A function is known by its file and name, not by its line."""

    def __init__(self, known: Counter[tuple[str, str]] | None = None) -> None:
        self.known = known if known is not None else Counter()

    @classmethod
    def read(cls, file: str | Path) -> Baseline:
        """Raises PhloemError where the file is missing or is not a baseline."""
        try:
            content = json.loads(Path(file).read_text("utf-8"))
            if content["version"] != BASELINE_VERSION:
                raise PhloemError(f"{file}: a baseline of version {content['version']}; write it anew")
            return cls(
                Counter(
                    {(path, name): int(n) for path, names in content["flagged"].items() for name, n in names.items()}
                )
            )
        except OSError as error:
            raise PhloemError(f"{file}: {error.strerror}; make it with --write-baseline") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PhloemError(f"{file}: not a baseline file") from error

    def write(self, file: str | Path, findings: Iterable[Finding]) -> int:
        """Keep all flagged findings; returns how many."""
        flagged: dict[str, Counter[str]] = {}
        for finding in findings:
            if finding.prediction.flagged:
                flagged.setdefault(anchored(finding.path, file), Counter())[finding.prediction.name] += 1
        content = {path: dict(sorted(names.items())) for path, names in sorted(flagged.items())}
        replace_file(
            Path(file), (json.dumps({"version": BASELINE_VERSION, "flagged": content}, indent=1) + "\n").encode()
        )
        return sum(names.total() for names in flagged.values())

    def silence(self, findings: Iterable[Finding], file: str | Path) -> list[Finding]:
        """The findings with the flags of known ones off; each known one silences as many as it counted."""
        left = self.known.copy()
        kept = []
        for finding in findings:
            key = (anchored(finding.path, file), finding.prediction.name)
            if finding.prediction.flagged and left[key] > 0:
                left[key] -= 1
                finding = finding._replace(prediction=finding.prediction._replace(flagged=False))
            kept.append(finding)
        return kept


def anchored(path: str, baseline: str | Path) -> str:
    """The path from the baseline's folder, with slashes, so that it holds wherever the command is run."""
    folder = os.path.dirname(os.path.realpath(baseline))
    return os.path.relpath(os.path.realpath(path), folder).replace(os.sep, "/")


def replace_file(file: Path, content: bytes) -> None:
    """Write beside and rename, so that a killed run leaves the old file or the new one; the mode is kept."""
    target = Path(os.path.realpath(file))
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(content)
        if target.exists():
            os.chmod(beside, target.stat().st_mode & 0o7777)
        os.replace(beside, target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PhloemError(f"{file}: {error.strerror}") from error
