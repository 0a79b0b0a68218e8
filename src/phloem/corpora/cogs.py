"""COGS: English sentences and their logical forms, with 21 ways to combine what training shows apart.

Kim and Linzen, "COGS: A Compositional Generalization Challenge Based on Semantic Interpretation" (EMNLP 2020). A
sentence of a generated fragment of English has a logical form in the manner of Reddy et al. and Davidson:

    The sailor dusted a boy .    * sailor ( x _ 1 ) ; dust . agent ( x _ 2 , x _ 1 ) AND …

Qiu et al. (2022) and Wu, Manning and Potts (ReCOGS, 2023) write the same without variables:

    dust ( agent = * sailor , theme = boy )

Training holds, beside 24,000 sentences, single words ("primitive") and sentences that show a word in one role alone
("exposure"); the generalisation part asks for the other roles, and for deeper recursion. The generalisation part is in
the form without variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from phloem.corpora import datasets
from phloem.errors import PhloemError

NAME = "cogs"
Form = Literal["original", "variable free"]
SPLITS: dict[Form, tuple[str, ...]] = {
    "original": ("train", "dev", "test"),
    "variable free": ("train", "dev", "test", "gen"),
}
IN_DISTRIBUTION, PRIMITIVE = "in_distribution", "primitive"
STRUCTURAL = ("obj_pp_to_subj_pp", "cp_recursion", "pp_recursion")  # the other 18 cases are of words
_TOKEN = re.compile(r"[()=,;]|[^\s()=,;]+")


class Sentence(NamedTuple):
    """Words parted by blanks, the logical form's tokens, and the case that it belongs to."""

    words: str
    form: tuple[str, ...]
    case: str


def split(name: str, form: Form = "variable free", data: str | Path | None = None) -> Iterator[Sentence]:
    """The sentences of a split, in one of the two forms. Raises PhloemError for an unknown split or form and where the
    set is not here."""
    if form not in SPLITS or name not in SPLITS[form]:
        there = "; ".join(f"{which}: {', '.join(names)}" for which, names in SPLITS.items())
        raise PhloemError(f"COGS has no split {name!r} in the form {form!r}: there are {there}")
    for row in datasets.load(NAME, f"vf_{name}" if form == "variable free" else name, data):
        yield Sentence(row["sentence"], tuple(_TOKEN.findall(row["lf"])), row["type"])
