"""Tables by version space: all programs of RobustFill's language for the examples at once, the most general one first.

As FlashFill does (Gulwani, POPL 2011): for every input the expressions over it whose results occur in all outputs
become edges between positions of the outputs, and a program is a path (chains.py). The number of programs in this
graph is astronomic, so what decides is the ranking: few expressions, tokens before spans between tokens, these before
absolute positions, and constants last, letters and digits at a price that no token has. Everything is one pass over
the examples and one shortest path: milliseconds, from one example on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import combinations

from phloem.synthesis import arithmetic, chains, conditions, slices
from phloem.synthesis.base import Spec
from phloem.synthesis.languages.robustfill import RobustFill, joined
from phloem.synthesis.pieces import Fragment
from phloem.synthesis.program import STRING, Call, Constant, Input, Program
from phloem.synthesis.text_sources import BOUND, Source

JOINT = 1  # weight of one more expression
CONSTANT, SEPARATOR, LETTER = 2, 1, 6  # of a constant, and of each of its characters
LETTERS = 10  # letters and digits of a constant that count: a text that all outputs share is no coincidence
FOLLOWING = 2  # of what follows a delimiter
CONDITIONAL, DEPTH, SPLITS = 10, 3, 40  # of a condition; conditions in each other; conditions that are tried
GIVEN_UP = 12  # of an example that is given up
VARIANTS = 6  # fragments with the same texts that are kept
LONG = 40  # characters of a constant


class VersionSpace:
    """All programs of a language for some examples. The interface of a search (see search.py)."""

    def __init__(self, spec: Spec, language: RobustFill, deadline: float, *, noise: int = 0, most: int = 1) -> None:
        self.spec, self.language, self.deadline = spec, language, deadline
        self.noise, self.most = noise, most
        self.tried = 0
        self.solved = False
        self.answers: dict[tuple[int, ...], tuple[int, Program] | None] = {}

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
        if not best and self.language.dialect.cells and count > 1:
            most, self.most = self.most, 1
            found = self._conditional(tuple(range(count)), DEPTH)
            self.most = most
            best = [found] if found is not None else []
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
            waiting = [str(row[index]) for row in spec.waiting]
            source = Source(self.language, Input(name, index, type), texts, outputs, 0, waiting)
            yield from source.fragments()
            if any(text != text.strip() for text in texts):
                trimmed = self.language.call("Trim", source.program)
                texts, waiting = ([text.strip() for text in each] for each in (texts, waiting))
                yield from Source(self.language, trimmed, texts, outputs, 1, waiting).fragments()
            if self.language.dialect.cells:
                yield from self._after(source, spec)
        if self.language.dialect.cells:
            yield from arithmetic.fragments(spec, outputs, self.language)

    def _after(self, source: Source, spec: Spec) -> Iterator[Fragment]:
        """Tokens of what follows the first of a delimiter."""
        for mark in self.language.dialect.delimiters:
            parts = [text.partition(mark)[2] for text in source.texts]
            if mark != " " and all(parts) and max(map(len, parts)) <= slices.LONGEST:
                waiting = [text.partition(mark)[2] for text in source.contexts.waiting]
                rest = self.language.call("GetFrom", source.program, mark)
                yield from Source(self.language, rest, parts, source.outputs, FOLLOWING, waiting).first_tokens()

    def _conditional(self, kept: tuple[int, ...], depth: int) -> tuple[int, Program] | None:
        """The lightest program for some examples that treats them in two ways, and those again."""
        if kept not in self.answers:
            best: tuple[int, Program] | None = None
            spec = self.spec.only(kept)
            if depth < DEPTH:  # all together were asked before
                best = next(self._paths(list(kept)), None)
            if depth and len(kept) > 1 and (best is None or best[0] > CONDITIONAL):
                for weight, condition, holds in conditions.splits(spec, self.language)[:SPLITS]:
                    if self.out() or (best is not None and weight + CONDITIONAL >= best[0]):
                        break
                    sides = [tuple(e for i, e in enumerate(kept) if (i in holds) == side) for side in (True, False)]
                    then = self._conditional(sides[0], depth - 1)
                    other = self._conditional(sides[1], depth - 1) if then is not None else None
                    if then is None or other is None:
                        continue
                    total = CONDITIONAL + weight + then[0] + other[0]
                    if best is None or total < best[0]:
                        arguments = (condition, then[1], other[1])
                        best = total, Call(self.language.named["If"], arguments)
            self.answers[kept] = best
        return self.answers[kept]


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
            letters = sum(character.isalnum() for character in text)
            weight = CONSTANT + SEPARATOR * len(text) + (LETTER - SEPARATOR) * min(letters, LETTERS)
            yield Fragment((text,) * len(outputs), weight, lambda text=text: Constant(text, STRING))  # type: ignore[misc]


def _by_texts(fragments: Iterator[Fragment]) -> list[list[Fragment]]:
    """Fragments by their texts, in each group the VARIANTS lightest, lightest first."""
    groups: dict[tuple[str, ...], list[Fragment]] = {}
    for fragment in fragments:
        groups.setdefault(fragment.texts, []).append(fragment)
    return [sorted(group, key=lambda each: each.weight)[:VARIANTS] for group in groups.values()]
