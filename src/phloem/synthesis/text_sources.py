"""The expressions over one text: tokens, substrings, changes of the whole, each with a weight that ranks it.

Tokens come before spans between tokens and these before absolute positions, as in FlashFill's ranking; what cuts the
rows that wait in another way than the examples weighs more (contexts.py). Only what occurs in all outputs is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, product
from typing import NamedTuple

import numpy as np

from phloem.synthesis import contexts, slices
from phloem.synthesis.contexts import Contexts
from phloem.synthesis.languages.cell_functions import JOINED, TABLES, look_up
from phloem.synthesis.languages.robustfill import CLASS, DELIMITER, INDEX, RobustFill
from phloem.synthesis.languages.robustfill import JOINED as CASE_OF_PARTS
from phloem.synthesis.pieces import Fragment
from phloem.synthesis.program import STRING, Call, Constant, Input, Program, run

BOUND = 150  # weight of what is not worth finding
INDICES = (1, -1, 2, -2, 3, -3, 4, -4, 5, -5)
CLASSES = {
    "Word": 0,
    "Number": 0,
    "Alphanum": 1,
    "Decimal": 1,
    "NonSpace": 1,
    "PropCase": 1,
    "AllCaps": 1,
    "Lower": 1,
    "Symbol": 1,
}
RARE = 2  # weight of any other class
TOKEN, SPAN, ABSOLUTE, CHANGED = 3, 5, 8, 4  # of GetToken, GetSpan, SubStr, and changes of a whole text
CASED, FIRST = 1, 2  # of ToCase around an expression, of its first characters
REWRITTEN, JOIN = 3, 3  # of writing a number or a name of a month in another way; of joining all that is found
LONGEST_NAME = 15  # characters of what is rewritten
SLICES = 3000
LONG = 40  # positions that SubStr counts

Place = tuple[int, int]
"""Where something begins and ends in a text."""


class Boundary(NamedTuple):
    """The lightest descriptions, with their weights, of a position as the start and as the end of a substring."""

    start: tuple[int, tuple[str, int, str]]
    end: tuple[int, tuple[str, int, str]]

    def lighter(self, known: Boundary) -> Boundary:
        """Of each the lighter one; what was known of equals."""
        start, end = (each if each[0] < other[0] else other for each, other in zip(self, known, strict=True))
        return Boundary(start, end)


class Source:
    """A text of every example, and the expressions over it that occur in the outputs. `waiting`: the text of some rows
    that have no output yet."""

    def __init__(
        self,
        language: RobustFill,
        program: Program,
        texts: list[str],
        outputs: list[str],
        weight: int,
        waiting: Sequence[str] = (),
    ) -> None:
        self.language, self.program, self.texts, self.outputs, self.weight = language, program, texts, outputs, weight
        self.contexts = Contexts(texts, [text for text in waiting if len(text) <= slices.LONGEST][: contexts.ROWS])
        self.folded = [output.casefold() for output in outputs]
        self._found: dict[str, tuple[list[list[Place]], list[list[Place]]]] = {}

    def fragments(self) -> Iterator[Fragment]:
        """All that occurs in every output; of long texts only what is found in time linear in their length."""
        whole = Fragment(tuple(self.texts), self.weight + 1, lambda: self.program)
        yield from self._cased(whole)
        yield from self._rewritten(whole)
        yield from self._absolute()
        if max(map(len, self.texts)) > slices.LONGEST:
            return
        for text, weight in self._tokens():
            yield from self._expression(text, weight + self.weight)
        for text, weight in chain(self._changes(), self._joins()):
            yield from self._expression(text, weight + self.weight)
        yield from self._spans()

    def _expression(self, program: Call, weight: int) -> Iterator[Fragment]:
        results = [str(run(program, self._row(e))) for e in range(len(self.texts))]
        fragment = Fragment(tuple(results), weight, lambda: program)
        yield from self._cased(fragment)
        yield from self._rewritten(fragment)

    def _row(self, example: int) -> list[str]:
        """Inputs of one example; only the source's own is looked at."""
        innermost = self.program
        while isinstance(innermost, Call):
            innermost = innermost.arguments[0]
        assert isinstance(innermost, Input)
        return [self.texts[example]] * (innermost.index + 1)

    def _cased(self, fragment: Fragment) -> Iterator[Fragment]:
        """The fragment where it occurs in the outputs; else in the first letter case in which it does."""
        if not any(fragment.texts):
            return
        if self._occurs(fragment.texts):
            yield fragment
            return
        operator = self.language.named["ToCase"]
        for case in self.language.dialect.cases:
            texts = tuple(str(operator.apply(text, case)) for text in fragment.texts)
            if self._occurs(texts):
                make: Callable[[], Program] = lambda case=case: self.language.call("ToCase", fragment.make(), case)  # type: ignore[misc]  # noqa: E731
                yield Fragment(texts, fragment.weight + CASED, make)
                return

    def _rewritten(self, fragment: Fragment) -> Iterator[Fragment]:
        """Numbers with zeros in front or without; names and numbers of months and days as others of them."""
        if not self.language.dialect.cells or not all(fragment.texts) or max(map(len, fragment.texts)) > LONGEST_NAME:
            return
        forms: list[tuple[str, str | int]] = []
        if all(text.isdigit() for text in fragment.texts):
            shortest = min(map(len, fragment.texts))
            forms += [("Pad", width) for width in range(shortest + 1, 11)]
            forms += [("Format", "Number")] if any(text[0] == "0" for text in fragment.texts) else []
        forms += [("LookUp", table) for table in TABLES if look_up(fragment.texts[0], table)]
        for called, how in forms:
            operator = self.language.named[called]
            texts = tuple(str(operator.apply(text, how)) for text in fragment.texts)
            if not all(texts) or texts == fragment.texts:
                continue
            make: Callable[[], Program] = lambda c=called, h=how: self.language.call(c, fragment.make(), h)  # type: ignore[misc]  # noqa: E731
            rewritten = Fragment(texts, fragment.weight + REWRITTEN, make)
            yield from self._cased(rewritten)
            if called == "LookUp" and how == "MonthNumber":
                yield from self._rewritten(rewritten)

    def _joins(self) -> Iterator[tuple[Call, int]]:
        """All that is found of a class, each cut or in another case, with something between."""
        dialect = self.language.dialect
        if not dialect.cells:
            return
        gaps = dict.fromkeys(re.findall(r"[\W_]{1,3}", self.outputs[0]))
        separators = [gap for gap in gaps if sum(gap in output for output in self.outputs) * 2 >= len(self.outputs)]
        for kind in self._classes():
            here = self._places(kind)[0]
            if (kind not in CLASSES and kind != "Part") or max(map(len, here)) < 2:
                continue
            weight = CHANGED + JOIN + CLASSES.get(kind, RARE) + self._unseen_all(kind)
            for case, count in product(JOINED, (0, 1)):
                for separator in ("", *separators):
                    if (case, count, separator) == ("AsIs", 0, ""):  # GetAll
                        continue
                    constant = Constant(separator, STRING)
                    arguments = (Constant(kind, CLASS), Constant(count, INDEX), Constant(case, CASE_OF_PARTS), constant)
                    price = weight + (count > 0) + (case != "AsIs") + len(separator)
                    yield Call(self.language.named["Join"], (self.program, *arguments)), price

    def _occurs(self, texts: tuple[str, ...], *, cased: bool = False) -> bool:
        """Whether each text is in its output; `cased`: in some letter case."""
        if cased:
            return all(text.casefold() in output for text, output in zip(texts, self.folded, strict=True))
        return all(text in output for text, output in zip(texts, self.outputs, strict=True))

    def _classes(self) -> list[str]:
        """The classes that every text has a token of."""
        dialect = self.language.dialect
        return [each for each in dialect.classes if all(dialect.pattern(each).search(text) for text in self.texts)]

    def first_tokens(self) -> Iterator[Fragment]:
        """The first token of each class."""
        for kind in self._classes():
            if kind in CLASSES:
                weight = self.weight + TOKEN + CLASSES[kind] + self._unseen(kind, 1)
                yield from self._expression(self.language.call("GetToken", self.program, kind, 1), weight)

    def _tokens(self) -> Iterator[tuple[Call, int]]:
        """Tokens by class and index, and their first characters."""
        call = self.language.call
        for kind in self._classes():
            for index in INDICES:
                weight = TOKEN + abs(index) - 1 + (index < 0) + CLASSES.get(kind, RARE)
                token = call("GetToken", self.program, kind, index)
                weight += self._unseen(kind, index)
                yield token, weight
                if kind in CLASSES and abs(index) <= 3:
                    for count in (1, 2, 3):
                        yield call("GetFirst", token, "Char", count), weight + FIRST + (count > 1)

    def _changes(self) -> Iterator[tuple[Call, int]]:
        """The whole text changed: all tokens of a class, the first ones, one or all removed, delimiters replaced."""
        call, dialect = self.language.call, self.language.dialect
        for kind in self._classes():
            weight = CHANGED + CLASSES.get(kind, RARE)
            most = max(map(len, self._places(kind)[0]))
            if most > 1:  # else it is the first token
                weight_of_all = weight + self._unseen_all(kind)
                yield call("GetAll", self.program, kind), weight_of_all
                yield call("GetFirst", self.program, kind, 2), weight_of_all + 2
            once = 4 * (most < 2)  # then it is Remove
            yield call("RemoveAll", self.program, kind), weight + 2 + once
            for index in (1, -1, 2):
                price = weight + 2 + abs(index) + self._unseen(kind, index)
                yield call("Remove", self.program, kind, index), price
        delimiters = (*dialect.delimiters, *self._runs([*self.texts, *self.outputs]))
        here = [each for each in delimiters if any(each in text for text in self.texts)]
        wanted = [each for each in delimiters if any(each in output for output in self.outputs)]
        for old in here:
            for new in (*wanted, *([""] if dialect.removes else [])):
                if old != new:
                    replaced = call("Replace", self.program, old, new)
                    yield replaced, CHANGED
                    for other in here:
                        for instead in (*wanted, *([""] if dialect.removes else [])):
                            if other not in (old, instead, new) and len(here) * len(wanted) <= 40:
                                yield call("Replace", replaced, other, instead), CHANGED + 3

    def _runs(self, texts: Sequence[str]) -> list[str]:
        """Delimiters of several characters that stand between letters or digits in a text."""
        dialect = self.language.dialect
        if not dialect.cells:
            return []
        runs = (match[0] for text in texts for match in re.finditer(r"(?<=\w)[^\w]{2,3}(?=\w)", text))
        return [run for run in dict.fromkeys(runs) if run.strip() and run in self.language.values[DELIMITER]]

    def _absolute(self) -> Iterator[Fragment]:
        """Substrings by positions counted from the start or the end."""
        shortest = min(len(text) for text in self.texts)
        long = max(len(text) for text in self.texts) > slices.LONGEST
        reach = range(1, min(shortest, LONG) + 1)
        places = [*reach, *(-k for k in reach)]
        starts = {k: [k - 1 if k > 0 else len(text) + k for text in self.texts] for k in places}
        ends = {k: [k if k > 0 else len(text) + k + 1 for text in self.texts] for k in places}
        for first, start in starts.items():
            for last, end in ends.items():
                if long and first * last < 0 and last != -1:
                    continue
                if not all(a < b - (not self.language.dialect.single) for a, b in zip(start, end, strict=True)):
                    continue
                texts = tuple(text[a:b] for text, a, b in zip(self.texts, start, end, strict=True))
                if not self._occurs(texts, cased=True):
                    continue
                weight = self.weight + ABSOLUTE + (first != 1) + (last != -1) + (first < 0 < last) * 2
                weight += self._unseen_between(first, last)
                make: Callable[[], Program] = lambda f=first, s=last: self.language.call("SubStr", self.program, f, s)  # type: ignore[misc]  # noqa: E731
                yield from self._cased(Fragment(texts, weight, make))

    def _places(self, regex: str) -> tuple[list[list[Place]], list[list[Place]]]:
        """Where a class or delimiter is found in the texts, and in those of the rows that wait."""
        if regex not in self._found:
            pattern = self.language.dialect.pattern(regex)
            here, others = (
                [[each.span() for each in pattern.finditer(text)] for text in texts]
                for texts in (self.texts, self.contexts.waiting)
            )
            self._found[regex] = here, others
        return self._found[regex]

    def _unseen(self, kind: str, index: int) -> int:
        """What the rows that wait say against a token; nothing where an example lacks it."""
        place = index - 1 if index > 0 else index
        here, others = (
            [each[place] if -len(each) <= place < len(each) else None for each in texts] for texts in self._places(kind)
        )
        return 0 if None in here else self.contexts.penalty(here, others)

    def _unseen_all(self, kind: str) -> int:
        """What the rows that wait say against all tokens of a class, as one from the first to the last."""
        here, others = ([(each[0][0], each[-1][1]) if each else None for each in texts] for texts in self._places(kind))
        return self.contexts.penalty(here, others)

    def _unseen_between(self, first: int, last: int) -> int:
        """What the rows that wait say against characters from `first` to `last`."""

        def span(text: str) -> Place | None:
            start, end = first - 1 if first > 0 else len(text) + first, last if last > 0 else len(text) + last + 1
            return (start, min(end, len(text))) if 0 <= start < end else None

        here, others = ([span(text) for text in texts] for texts in (self.texts, self.contexts.waiting))
        return self.contexts.penalty(here, others)

    def _spans(self) -> Iterator[Fragment]:
        """Substrings between boundaries of tokens and delimiters."""
        boundaries = self._boundaries()
        if not boundaries:
            return
        values = np.array(list(boundaries), np.int64)
        known = list(boundaries.values())
        weights = np.array([min(each.start, each.end)[0] for each in known], np.int64)
        positions = slices.Positions(values, weights, np.arange(len(values)))
        folded = all(len(t.lower()) == len(t) for t in self.texts)
        texts = [text.lower() for text in self.texts] if folded else self.texts
        outputs = [output.lower() for output in self.outputs] if folded else self.outputs
        found = slices.pairs(texts, outputs, positions, by_end=True, bound=BOUND, most=SLICES, restated=False)
        for i in range(len(found.first)):
            spans = zip(self.texts, found.starts[i].tolist(), found.ends[i].tolist(), strict=True)
            pieces = tuple(text[a:b] for text, a, b in spans)
            start, end = known[int(found.first[i])].start, known[int(found.second[i])].end
            arguments = (*start[1], *end[1])
            make: Callable[[], Program] = lambda a=arguments: self.language.call("GetSpan", self.program, *a)  # type: ignore[misc]  # noqa: E731
            yield from self._cased(Fragment(pieces, self.weight + SPAN + start[0] + end[0], make))

    def _boundaries(self) -> dict[tuple[int, ...], Boundary]:
        """Positions at which a token or delimiter begins or ends in every text, each with its lightest description."""
        dialect = self.language.dialect
        found: dict[tuple[int, ...], Boundary] = {}
        for regex in (*dialect.classes, *dialect.delimiters, *self._runs(self.texts)):
            spans, others = self._places(regex)
            for index in INDICES:
                place = index - 1 if index > 0 else index
                if any(not -len(each) <= place < len(each) for each in spans):
                    continue
                outer = abs(index) == 1 and regex == "Char"
                kind = 1 + CLASSES.get(regex, RARE) if regex in dialect.classes else 0
                weight = 0 if outer else abs(index) - 1 + kind
                for side in (0, 1):
                    vector = tuple(each[place][side] for each in spans)
                    known = found.get(vector)
                    if known is not None and weight >= max(known.start[0], known.end[0]):
                        continue
                    there = [each[place][side] if -len(each) <= place < len(each) else None for each in others]
                    how = (regex, index, "End" if side else "Start")
                    made = Boundary(
                        (weight + self.contexts.boundary(vector, there, end=False), how),
                        (weight + self.contexts.boundary(vector, there, end=True), how),
                    )
                    found[vector] = made if known is None else made.lighter(known)
        return found
