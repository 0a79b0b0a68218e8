"""Tables by version space: all programs of RobustFill's language for the examples at once, the most general one first.

As FlashFill does (Gulwani, POPL 2011): for every input the expressions over it whose results occur in all outputs
become edges between positions of the outputs, and a program is a path (chains.py). The number of programs in this
graph is astronomic, so what decides is the ranking: few expressions, tokens before spans between tokens, these before
absolute positions, and constants last, letters and digits at a price that no token has. Everything is one pass over
the examples and one shortest path: milliseconds, from one example on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from phloem.synthesis import chains, slices
from phloem.synthesis.base import Spec
from phloem.synthesis.languages.robustfill import RobustFill, joined
from phloem.synthesis.pieces import Fragment
from phloem.synthesis.program import STRING, Call, Constant, Input, Program, run

JOINT = 1  # weight of one more expression
BOUND = 150
INDICES = (1, -1, 2, -2, 3, -3, 4, -4, 5, -5)
CLASSES = {"Word": 0, "Number": 0, "Alphanum": 1, "Decimal": 1, "NonSpace": 1, "PropCase": 1, "AllCaps": 1, "Lower": 1}
RARE = 2  # weight of any other class
TOKEN, SPAN, ABSOLUTE, CHANGED = 3, 5, 8, 4  # of GetToken, GetSpan, SubStr, and changes of a whole text
CASED, FIRST = 1, 2  # of ToCase around an expression, of its first characters
CONSTANT, SEPARATOR, LETTER = 2, 1, 6  # of a constant, and of each of its characters
GIVEN_UP = 12  # of an example that is given up
SLICES = 3000
VARIANTS = 6  # fragments with the same texts that are kept
LONG = 40  # characters of a constant; positions that SubStr counts


class VersionSpace:
    """All programs of a language for some examples. The interface of a search (see search.py)."""

    def __init__(self, spec: Spec, language: RobustFill, deadline: float, *, noise: int = 0, most: int = 1) -> None:
        self.spec, self.language, self.deadline = spec, language, deadline
        self.noise, self.most = noise, most
        self.tried = 0
        self.solved = False

    def out(self) -> bool:
        """Whether the time is used up."""
        return time.perf_counter() > self.deadline

    def run(self) -> list[Program]:
        """Programs, most general first; where none is right for enough examples, one for as many as come first."""
        count = len(self.spec.inputs)
        best: list[tuple[int, Program]] = []
        for given_up in range(min(self.noise, count - 1) + 1):
            for lost in combinations(range(count), given_up):
                if self.out():
                    break
                kept = [i for i in range(count) if i not in lost]
                best.extend((weight + GIVEN_UP * given_up, program) for weight, program in self._paths(kept))
        if best:
            self.solved = True
            best.sort(key=lambda each: each[0])
            return list(dict.fromkeys(program for _, program in best))[: self.most]
        for kept_count in range(count - 1, 0, -1):
            for _, program in self._paths(list(range(kept_count))):
                return [program]
        return []

    def _paths(self, kept: list[int]) -> Iterator[tuple[int, Program]]:
        """The lightest program for some examples, then others without one of its expressions each."""
        spec = self.spec.only(kept)
        outputs = [str(output) for output in spec.outputs]
        equal = _by_texts(self._fragments(spec, outputs))
        fragments = [group[0] for group in equal]
        self.tried += len(fragments)
        if not any(outputs):
            yield 0, Constant("", STRING)
        if not any(outputs) or not fragments:
            return
        if max(map(len, outputs)) > slices.LONGEST:
            whole = [group for group in equal if list(group[0].texts) == outputs]
            yield from ((fragment.weight, self._program([fragment])) for group in whole for fragment in group)
            return
        graph = chains.Fragments(outputs, [each.texts for each in fragments], [each.weight for each in fragments])
        first = chains.cheapest(graph, JOINT, BOUND, self.out)
        if first is None:
            return
        weight, path = first
        chosen = [fragments[place] for place in path]
        yield weight, self._program(chosen)
        if self.most == 1:
            return
        for at, place in enumerate(path):
            for other in equal[place][1:]:
                varied = [*chosen[:at], other, *chosen[at + 1 :]]
                yield weight + other.weight - chosen[at].weight, self._program(varied)
        weights = graph.weights.copy()
        for banned in dict.fromkeys(path):
            graph.weights = weights.copy()
            graph.weights[banned] = BOUND
            found = chains.cheapest(graph, JOINT, BOUND, self.out)
            if found is not None:
                yield found[0], self._program([fragments[place] for place in found[1]])

    def _program(self, chosen: list[Fragment]) -> Program:
        parts: list[Program] = []
        for fragment in chosen:
            part = fragment.make()
            last = parts[-1] if parts else None
            if isinstance(part, Constant) and isinstance(last, Constant):
                parts[-1] = Constant(f"{last.value}{part.value}", STRING)
            else:
                parts.append(part)
        return parts[0] if len(parts) == 1 else joined(parts)

    def _fragments(self, spec: Spec, outputs: list[str]) -> Iterator[Fragment]:
        yield from _constants(outputs)
        for index, (name, type) in enumerate(zip(spec.names, spec.types, strict=True)):
            texts = [str(row[index]) for row in spec.inputs]
            if type != STRING or not any(texts):
                continue
            source = Source(self.language, Input(name, index, type), texts, outputs, 0)
            yield from source.fragments()
            if any(text != text.strip() for text in texts):
                trimmed = self.language.call("Trim", source.program)
                yield from Source(self.language, trimmed, [text.strip() for text in texts], outputs, 1).fragments()


class Source:
    """A text of every example, and the expressions over it that occur in the outputs."""

    def __init__(
        self, language: RobustFill, program: Program, texts: list[str], outputs: list[str], weight: int
    ) -> None:
        self.language, self.program, self.texts, self.outputs, self.weight = language, program, texts, outputs, weight

    def fragments(self) -> Iterator[Fragment]:
        """All that occurs in every output; of long texts only what is found in time linear in their length."""
        yield from self._cased(Fragment(tuple(self.texts), self.weight + 1, lambda: self.program))
        yield from self._absolute()
        if max(map(len, self.texts)) > slices.LONGEST:
            return
        for text, weight in self._tokens():
            yield from self._expression(text, weight + self.weight)
        for text, weight in self._changes():
            yield from self._expression(text, weight + self.weight)
        yield from self._spans()

    def _expression(self, program: Call, weight: int) -> Iterator[Fragment]:
        results = [str(run(program, self._row(e))) for e in range(len(self.texts))]
        yield from self._cased(Fragment(tuple(results), weight, lambda: program))

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

    def _occurs(self, texts: tuple[str, ...]) -> bool:
        return all(text in output for text, output in zip(texts, self.outputs, strict=True))

    def _classes(self) -> list[str]:
        """The classes that every text has a token of."""
        dialect = self.language.dialect
        return [each for each in dialect.classes if all(dialect.pattern(each).search(text) for text in self.texts)]

    def _tokens(self) -> Iterator[tuple[Call, int]]:
        """Tokens by class and index, and their first characters."""
        call = self.language.call
        for kind in self._classes():
            for index in INDICES:
                weight = TOKEN + abs(index) - 1 + (index < 0) + CLASSES.get(kind, RARE)
                token = call("GetToken", self.program, kind, index)
                yield token, weight
                if kind in CLASSES and abs(index) <= 3:
                    for count in (1, 2, 3):
                        yield call("GetFirst", token, "Char", count), weight + FIRST + (count > 1)

    def _changes(self) -> Iterator[tuple[Call, int]]:
        """The whole text changed: all tokens of a class, the first ones, one or all removed, delimiters replaced."""
        call, dialect = self.language.call, self.language.dialect
        for kind in self._classes():
            weight = CHANGED + CLASSES.get(kind, RARE)
            yield call("GetAll", self.program, kind), weight
            yield call("RemoveAll", self.program, kind), weight + 2
            for index in (1, -1, 2):
                yield call("Remove", self.program, kind, index), weight + 2 + abs(index)
                if index > 0:
                    yield call("GetFirst", self.program, kind, index), weight + index
        here = [each for each in dialect.delimiters if any(each in text for text in self.texts)]
        wanted = [each for each in dialect.delimiters if any(each in output for output in self.outputs)]
        for old in here:
            for new in (*wanted, *([""] if dialect.removes else [])):
                if old != new:
                    replaced = call("Replace", self.program, old, new)
                    yield replaced, CHANGED
                    for other in here:
                        for instead in (*wanted, *([""] if dialect.removes else [])):
                            if other not in (old, instead, new) and len(here) * len(wanted) <= 40:
                                yield call("Replace", replaced, other, instead), CHANGED + 3

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
                weight = self.weight + ABSOLUTE + (first != 1) + (last != -1) + (first < 0 < last) * 2
                make: Callable[[], Program] = lambda f=first, s=last: self.language.call("SubStr", self.program, f, s)  # type: ignore[misc]  # noqa: E731
                yield from self._cased(Fragment(texts, weight, make))

    def _spans(self) -> Iterator[Fragment]:
        """Substrings between boundaries of tokens and delimiters."""
        boundaries = self._boundaries()
        if not boundaries:
            return
        values = np.array(list(boundaries), np.int64)
        weights = np.array([weight for weight, _ in boundaries.values()], np.int64)
        how = [argument for _, argument in boundaries.values()]
        positions = slices.Positions(values, weights, np.arange(len(values)))
        folded = all(len(t.lower()) == len(t) for t in self.texts)
        texts = [text.lower() for text in self.texts] if folded else self.texts
        outputs = [output.lower() for output in self.outputs] if folded else self.outputs
        found = slices.pairs(texts, outputs, positions, by_end=True, bound=BOUND, most=SLICES, restated=False)
        for i in range(len(found.first)):
            spans = zip(self.texts, found.starts[i].tolist(), found.ends[i].tolist(), strict=True)
            pieces = tuple(text[a:b] for text, a, b in spans)
            arguments = (*how[int(found.first[i])], *how[int(found.second[i])])
            make: Callable[[], Program] = lambda a=arguments: self.language.call("GetSpan", self.program, *a)  # type: ignore[misc]  # noqa: E731
            yield from self._cased(Fragment(pieces, self.weight + SPAN + int(found.weights[i]), make))

    def _boundaries(self) -> dict[tuple[int, ...], tuple[int, tuple[str, int, str]]]:
        """Positions at which a token or delimiter begins or ends in every text, each with its lightest description."""
        dialect = self.language.dialect
        found: dict[tuple[int, ...], tuple[int, tuple[str, int, str]]] = {}
        for regex in (*dialect.classes, *dialect.delimiters):
            spans = [[each.span() for each in dialect.pattern(regex).finditer(text)] for text in self.texts]
            for index in INDICES:
                place = index - 1 if index > 0 else index
                if any(not -len(each) <= place < len(each) for each in spans):
                    continue
                outer = abs(index) == 1 and regex == "Char"
                kind = 1 + CLASSES.get(regex, RARE) if regex in dialect.classes else 0
                weight = 0 if outer else abs(index) - 1 + kind
                for side in (0, 1):
                    vector = tuple(each[place][side] for each in spans)
                    if vector not in found or weight < found[vector][0]:
                        found[vector] = (weight, (regex, index, "End" if side else "Start"))
        return found


def _constants(outputs: list[str]) -> Iterator[Fragment]:
    """Strings that occur in all outputs."""
    shortest = min(outputs, key=len)
    seen = set()
    for start in range(min(len(shortest), slices.LONGEST)):
        for end in range(start + 1, min(start + LONG, len(shortest)) + 1):
            text = shortest[start:end]
            if text in seen:
                continue
            if not all(text in output for output in outputs):
                break
            seen.add(text)
            weight = CONSTANT + sum(LETTER if character.isalnum() else SEPARATOR for character in text)
            yield Fragment((text,) * len(outputs), weight, lambda text=text: Constant(text, STRING))  # type: ignore[misc]


def _by_texts(fragments: Iterator[Fragment]) -> list[list[Fragment]]:
    """Fragments by their texts, in each group the VARIANTS lightest, lightest first."""
    groups: dict[tuple[str, ...], list[Fragment]] = {}
    for fragment in fragments:
        groups.setdefault(fragment.texts, []).append(fragment)
    return [sorted(group, key=lambda each: each.weight)[:VARIANTS] for group in groups.values()]
