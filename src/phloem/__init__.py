"""Offline neural code intelligence.

>>> import phloem
>>> model = phloem.load("python-names")  # doctest: +SKIP
>>> model.predict("def f(self): return self.name")[0].suggestions[0].text  # doctest: +SKIP
'get_name'

>>> answer = phloem.synth([("Ada Lovelace", "A. L."), ("Grace Hopper", "G. H.")])
>>> answer("Alan Turing")
'A. T.'

Importing the package is cheap: torch and the grammars are read when a model is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phloem.assist.models import Model
    from phloem.assist.review.findings import ReviewFinding
    from phloem.assist.search.index import Summary
    from phloem.assist.search.search import Match

__version__ = "0.1.0"
__all__ = ["__version__", "index", "load", "review", "search"]


def load(name_or_path: str | Path) -> Model:
    """A saved model: the name of one in the package ("python-names") or the path of a saved folder.

    Raises `phloem.errors.PhloemError`, which lists the known ones, where there is none, and says what is wrong with
    a file that is truncated or not a model.
    """
    from phloem.assist.models import load as load_model

    return load_model(name_or_path)


def index(path: str | Path = ".") -> Summary:
    """Index a folder for `search`, or bring its index up to date; says what is in it.

    Raises `phloem.errors.PhloemError` where there is no such folder or its index is damaged.
    `phloem.assist.search.index` has the options of the command line.
    """
    from phloem.assist.search.index import index as bring_up_to_date

    return bring_up_to_date(path)


def search(query: str, path: str | Path = ".", *, limit: int = 10) -> list[Match]:
    """What in a folder answers a question in words, is like a piece of code, or like FILE:NAME; the best first.

    The folder's index is made or brought up to date. To ask more than once, hold what
    `phloem.assist.search.search.open_index` gives.
    Raises `phloem.errors.PhloemError` for an empty query and a folder that is not there.
    """
    from phloem.assist.search.search import open_index

    opened = open_index(path)
    try:
        return opened.search(query, limit=limit)
    finally:
        opened.close()


def review(path: str | Path = ".", *, checks: Sequence[str] = ()) -> list[ReviewFinding]:
    """What looks wrong in the functions of a file or folder, the most probable first.

    `checks` are some of `phloem.assist.review.review.ALL_CHECKS` in place of those that are on by default. Raises
    `phloem.errors.PhloemError` for a path that is not there and for unknown checks.
    """
    from phloem.assist.review.review import review as look_through

    return look_through([path], checks=checks)


def synth(
    examples: Iterable[tuple[str | Sequence[str], str]] | str | Path, *, noise: int = 0, seconds: float = 10.0
) -> Answer:
    """The program behind a few examples: pairs of an input (or several) and an output, or the path of a table with a
    column that is partly filled, or of a SyGuS `.sl` file.

    The answer can be called on inputs; it has the program as `text`, `python`, `excel` and `sql`, and `ambiguous_on`,
    the input on which other programs that agree would differ. Up to `noise` examples may be wrong. `solved` is False
    where `seconds` ran out: then it is the best program so far. Raises `phloem.errors.PhloemError` for examples that
    contradict each other, and where there is not even a partial answer.
    """
    from phloem.assist.synth.answering import answer_to

    return answer_to(examples, noise=noise, seconds=seconds)
