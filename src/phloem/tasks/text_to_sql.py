"""Questions to SQL: GeoQuery by question and by query, and generated questions where that set is not here.

A target is the words of the query (`production_tree.words`), or symbols that merges make of them; an answer counts when
all words of its query are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.corpora import text2sql
from phloem.corpora.text2sql import Split
from phloem.represent.ast_bpe import Learned, Sentence, fit, fit_to_validation, transform, untransform
from phloem.represent.production_tree import tree, words
from phloem.represent.text_pairs import Pair


class Asked(NamedTuple):
    """A question's words and its query, with variables in place of values."""

    question: str
    sql: str


Parts = dict[str, list[Asked]]  # "train", "validation", "test"


def geography(by: Split, data: str | Path | None = None) -> Parts:
    """GeoQuery's parts. Raises PhloemError where the set is not here."""
    names = {"train": "train", "validation": "dev", "test": "test"}
    return {
        part: [Asked(each.words, each.sql) for each in text2sql.split("geography", by, name, data)]
        for part, name in names.items()
    }


TABLES = {
    "city": ("name", "population", "area"),
    "river": ("name", "length", "depth"),
    "lake": ("name", "area", "depth"),
    "mountain": ("name", "height", "age"),
}


def generated(count: int, seed: int = 0) -> Parts:
    """Questions of four kinds about made-up tables, in the style of the sets; no question is in two parts."""
    rng = Random(seed)
    forms = [
        Asked(*_made(kind, table, column, other, sign))
        for kind in range(4)
        for table, columns in TABLES.items()
        for column in columns
        for other in columns[1:]
        for sign in ("larger", "smaller")
    ]
    asked = [
        Asked(f"{start} {form.question}", form.sql)
        for form in dict.fromkeys(forms)
        for start in ("tell me", "show me", "please say", "i ask", "find")
    ]
    rng.shuffle(asked)
    asked = asked[:count]
    tenth = count // 10
    return {"train": asked[2 * tenth :], "validation": asked[:tenth], "test": asked[tenth : 2 * tenth]}


def _made(kind: int, table: str, column: str, other: str, sign: str) -> tuple[str, str]:
    name = table.upper()

    def of(attribute: str, number: int = 0) -> str:
        return f"{name}alias{number}.{attribute.upper()}"

    start, end = f"SELECT {of(column)} FROM {name} AS {name}alias0", f'{of("name")} = "{table}_name0" ;'
    compare = ">" if sign == "larger" else "<"
    if kind == 0:
        return f"the {column} of the {table} {table}_name0", f"{start} WHERE {end}"
    if kind == 1:
        return f"how many {table} have {sign} {other} than {other}0", (
            f"SELECT COUNT( * ) FROM {name} AS {name}alias0 WHERE {of(other)} {compare} {other}0 ;"
        )
    if kind == 2:
        return f"the {column} of the {table} with {sign} {other} than {other}0", (
            f"{start} WHERE {of(other)} {compare} {other}0 ;"
        )
    best = "MAX" if sign == "larger" else "MIN"
    return f"the {column} of the {table} whose {other} is {'most' if best == 'MAX' else 'least'}", (
        f"{start} WHERE {of(other)} = ( SELECT {best}( {of(other, 1)} ) FROM {name} AS {name}alias1 ) ;"
    )


def sentence(sql: str, restricted: bool) -> Sentence:
    """The words of a query, with the tree that restricts merges if it is to."""
    tokens = words(sql)
    return Sentence(tuple(tokens), tree(tokens) if restricted else None)


def learn(
    parts: Parts, restricted: bool, *, merges: int | None = None, least: int = 20, violations: int = 20
) -> Learned:
    """Merges of the training queries: as many as given, or until the validation queries say stop."""
    train, held = ([sentence(each.sql, restricted) for each in parts[part]] for part in ("train", "validation"))
    if merges is not None:
        return fit(train, merges)
    return fit_to_validation(train, held, least=least, violations=violations)


def pairs(asked: Sequence[Asked], learned: Learned | None, restricted: bool) -> list[Pair]:
    """Questions, and what is to be written: symbols, or words without merges."""
    merges = () if learned is None else learned.merges
    return [(each.question, " ".join(transform(sentence(each.sql, restricted), merges))) for each in asked]


def exact(asked: Sequence[Asked], written: Sequence[str]) -> Float[np.ndarray, " questions"]:
    """1 where all words are right, once symbols are taken apart."""
    return np.array(
        [float(untransform(text.split()) == words(each.sql)) for each, text in zip(asked, written, strict=True)]
    )


def lengths(asked: Sequence[Asked], made: Sequence[Pair]) -> Float[np.ndarray, "questions 2"]:
    """Of each target its symbols and its words: addends of what merging saves."""
    return np.array(
        [[len(target.split()), len(words(each.sql))] for each, (_, target) in zip(asked, made, strict=True)], float
    )
