"""Training sets with English as the pivot, in which no example holds a text of another language and a code.

Chai et al., "ERNIE-Code" (2023, section 3.2): texts and codes alone, pairs of texts, pairs of an English text and a
code. If a docstring in German stays in a function, "zero-shot" summaries in German are none. So: the documentation of a
pair's own code is removed, comments that are not English too, functions whose strings are not English are dropped, and
what the test holds, by normalised text and by package, is in no training set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from phloem.corpora.gettext_parallel import Message, normalised, same
from phloem.languages import by_name
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.languages.tree import subtree_stops
from phloem.measure.language_identification import UNKNOWN, LanguageIdentifier

ENGLISH = "en"


class Side(NamedTuple):
    """A text or a code. `language` is a natural language's code, or a programming language's name where `code`."""

    text: str
    language: str
    code: bool = False


class Item(NamedTuple):
    """One side for modelling alone, two for translation, and the package that it comes from."""

    sides: tuple[Side, ...]
    package: str


class PivotSets(NamedTuple):
    """Training sets by task kind."""

    texts: list[Item]
    codes: list[Item]
    text_pairs: list[Item]
    code_pairs: list[Item]

    def items(self) -> Iterator[Item]:
        for kind in self:
            yield from kind


class Held(NamedTuple):
    """What a test holds: normalised texts, and packages."""

    texts: frozenset[str]
    packages: frozenset[str]


def spoken(source: str, language: str) -> list[str]:
    """The texts of comments and strings inside a code."""
    known = by_name(language)
    tree = known.parse(source.encode())
    wanted = known.kind_mask(known.comment_kinds | known.string_kinds)[tree.kind]
    stops = subtree_stops(tree.parent)
    found, past = [], 0
    for node in np.flatnonzero(wanted).tolist():
        if node >= past:
            found.append(tree.text(node))
            past = int(stops[node])
    return found


def is_english(text: str, identifier: LanguageIdentifier) -> bool:
    """Whether a text is English, or too short to say."""
    return identifier.identify(text) in (ENGLISH, UNKNOWN)


def cleaned(example: Example, identifier: LanguageIdentifier) -> str | None:
    """A function without its documentation and without comments that are not English; None where strings are not."""
    tree, known = example.tree, by_name(example.language)
    comments = known.kind_mask(known.comment_kinds)[tree.kind]
    gone = [
        (int(tree.start[node]), int(tree.end[node]))
        for node in np.flatnonzero(comments).tolist()
        if not is_english(tree.text(node), identifier)
    ]
    if example.doc_span is not None:
        gone.append((max(example.doc_span[0], 0), max(example.doc_span[1], 0)))
    kept, at = [], 0
    for start, end in sorted(gone):
        kept.append(tree.source[at : max(start, at)])
        at = max(at, end)
    source = b"".join([*kept, tree.source[at:]]).decode("utf-8", "replace")
    return source if all(is_english(text, identifier) for text in spoken(source, example.language)) else None


def pivot_sets(
    functions: Iterable[Example], messages: Iterable[Message], identifier: LanguageIdentifier, held: Held
) -> PivotSets:
    """The training sets of functions and messages, without what the test holds."""
    sets = PivotSets([], [], [], [])
    for example in functions:
        if example.project in held.packages:
            continue
        source = cleaned(example, identifier)
        if source is None or normalised(source) in held.texts:
            continue
        code = Side(source, example.language, code=True)
        sets.codes.append(Item((code,), example.project))
        sentence = first_sentence(example.doc)
        if sentence and is_english(sentence, identifier) and normalised(sentence) not in held.texts:
            sets.code_pairs.append(Item((Side(sentence, ENGLISH), code), example.project))
    for message in messages:
        texts = {normalised(message.source), normalised(message.target)}
        if message.package in held.packages or texts & held.texts or same(message.source, message.target):
            continue
        sides = Side(message.source, ENGLISH), Side(message.target, message.language)
        sets.text_pairs.append(Item(sides, message.package))
        sets.texts.extend(Item((side,), message.package) for side in sides)
    return sets


def leaks(item: Item, identifier: LanguageIdentifier) -> bool:
    """Whether an example holds a code and a text that is not English, by its tags or by what it says."""
    codes = [side for side in item.sides if side.code]
    if not codes:
        return False
    if any(side.language != ENGLISH for side in item.sides if not side.code):
        return True
    texts = [side.text for side in item.sides if not side.code]
    texts += [text for side in codes for text in spoken(side.text, side.language)]
    return not all(is_english(text, identifier) for text in texts)
