"""Summaries of functions: which are worth showing, and writing them into files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from phloem.assist.docstrings import insert
from phloem.assist.findings import replace_file
from phloem.assist.predictions import Prediction
from phloem.assist.sources import SourceFile
from phloem.errors import PhloemError


class Summary(NamedTuple):
    """The best first sentence for a function."""

    name: str
    line: int
    start: int  # byte of the definition in its file
    text: str
    probability: float
    documented: bool


def summaries_of(predictions: Iterable[Prediction], *, least: float = 0.0, documented: bool = False) -> list[Summary]:
    """The best suggestion of each function, if its probability is at least `least`; documented functions if asked."""
    return [
        Summary(each.name, each.line, each.start, best.text, best.probability, bool(each.doc))
        for each in predictions
        for best in each.suggestions[:1]
        if best.probability >= least and (documented or not each.doc)
    ]


def write_summaries(path: Path, file: SourceFile, summaries: Iterable[Summary]) -> tuple[int, str]:
    """Insert the summaries of undocumented functions, replace the file: how many, and why not more ("": all are).

    The file is left alone where it changed since it was read.
    """
    names = {each.start: each.name for each in summaries if not each.documented}
    if not names:
        return 0, ""
    try:
        done = insert(file.source, file.language, {each.start: each.text for each in summaries if each.start in names})
        if path.read_bytes() != file.source:
            return 0, "changed while it was summarized"
        if done.starts:
            replace_file(path, done.source)
    except PhloemError as error:
        return 0, str(error)
    except OSError as error:
        return 0, error.strerror or "unreadable"
    left = f"{done.refused} function{'s'[: done.refused != 1]} left as is, a doc comment would change the program"
    return len(done.starts), left if done.refused else ""
