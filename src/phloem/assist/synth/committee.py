"""Searching for several programs that agree with the examples, and where they disagree beyond them.

The input on which a committee of programs disagrees most is the example that would teach most (query by committee:
Seung, Opper, Sompolinsky 1992; for programs by example: Mayer et al., UIST 2015).
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from phloem.assist.synth.columns import missed, run_column
from phloem.assist.synth.variations import variations
from phloem.errors import PhloemError
from phloem.synthesis.base import MEMORY, Budget, Candidate, Language, Spec
from phloem.synthesis.languages.robustfill import RobustFill
from phloem.synthesis.program import Program, Value, size
from phloem.synthesis.solve import diverse, solve

MOST = 100  # programs that are counted
FIRST, SECOND = 0.3, 0.7  # shares of the time that is left, for the first language at first, and for the others
QUICK = 1.0  # seconds; who is found sooner is worth looking for more
MORE = 0.5  # seconds, above twice what the first program took, that are spent on further ones
COUNTERPART = 1.5  # seconds at most spent on the same program in another language
LARGER = 10  # nodes that it may have more than the program: what is larger has learned rows by heart
SEEN = 6  # rows that this search is shown
STOPPED = 1.0  # seconds of a last search after Ctrl-C
VARIED = 8  # examples on which variations are made; they are compared on more
SHOWN = 300  # examples that a search is shown
LONG = 2_000  # characters of a text that a search is shown; it may take their square
FEW, LONGER = 3, 10_000  # where all texts are longer: so many examples, up to so many characters
COMPARED = 2_000  # rows that decide whether all rows are compared

Row = tuple[Value, ...]


class Search(NamedTuple):
    """What a search found: programs that agree with all but the allowed examples, or the best that does not; `spec`
    has the examples that it was shown."""

    candidates: list[Candidate]
    language: Language
    seconds: float
    solved: bool
    spec: Spec


class Doubt(NamedTuple):
    """Inputs on which programs that agree with all examples give different outputs, likeliest first, each with the
    number of programs that give it (None: no value)."""

    inputs: Row
    outputs: tuple[tuple[Value | None, int], ...]


def find_for_all(
    spec: Spec, tried: Sequence[Language], *, seconds: float, noise: int = 0, most: int = MOST, memory: int = MEMORY
) -> Search:
    """`find`, shown what a search can bear: at most `SHOWN` examples, none with a text of more than `LONG` characters.

    Examples that the program gets wrong are shown to the next search, for as long as there is time. Raises PhloemError
    where all have longer texts.
    """
    deadline = time.monotonic() + seconds
    lengths = [max(len(str(each)) for each in (*row, spec.outputs[i])) for i, row in enumerate(spec.inputs)]
    short = [i for i, length in enumerate(lengths) if length <= LONG]
    if not short:
        shortest = sorted(range(len(lengths)), key=lengths.__getitem__)[:FEW]
        short = [i for i in shortest if lengths[i] <= LONGER]
    if not short:
        raise PhloemError(f"every example has a text of more than {LONGER:,} characters, too long to search")
    chosen = short[:: max(1, -(-len(short) // SHOWN))]
    while True:
        shown = spec.only(chosen) if len(chosen) < len(spec.inputs) else spec
        search = find(shown, tried, seconds=seconds, noise=noise, most=most, memory=memory)
        if not search.solved or len(chosen) == len(spec.inputs):
            return search
        wrong = missed(search.candidates[0].program, spec)
        more = [i for i in wrong if i in set(short) - set(chosen)][:10]
        seconds = deadline - time.monotonic()
        if len(wrong) <= noise or not more or seconds <= 0:
            some = spec.only(range(0, len(spec.inputs), max(1, len(spec.inputs) // COMPARED)))
            right = [each for each in search.candidates if len(missed(each.program, some)) <= noise]
            right = right if len(wrong) <= noise else []
            return search._replace(candidates=right) if right else search._replace(solved=False)
        chosen = sorted({*chosen, *more})


def find(
    spec: Spec, tried: Sequence[Language], *, seconds: float, noise: int = 0, most: int = MOST, memory: int = MEMORY
) -> Search:
    """Ask one language after the other; stop with the first that answers, and look for more programs in it.

    `seconds` of the result is the time until the first answer. Ctrl-C ends the search with what was found so far, or
    the best of a second's search; it is raised again where that is nothing.
    """
    start = time.monotonic()
    best: tuple[list[Candidate], Language] | None = None
    spent = 0.0
    try:
        for language, share in _turns(tried):
            given = (seconds - (time.monotonic() - start)) * share
            if given <= 0:
                break
            found = list(solve(spec, language, Budget(given, memory=memory), noise=noise, most=1))
            if found and (best is None or len(found[0].wrong) < len(best[0][0].wrong)):
                best = found, language
            if best is not None and len(best[0][0].wrong) <= noise:
                break
        spent = time.monotonic() - start
        if best is not None and len(best[0][0].wrong) <= noise and most > 1 and spent < QUICK:
            more = Budget(min(2 * spent + MORE, max(seconds - spent, 0.1)), memory=memory)
            best = _merged(best[0], list(solve(spec, best[1], more, noise=noise, most=most))), best[1]
    except KeyboardInterrupt:
        if best is None:
            # A search that is interrupted leaves nothing; a short one ends by itself, with the best it has.
            found = list(solve(spec, tried[0], Budget(STOPPED, memory=memory), noise=noise, most=1))
            if not found:
                raise
            best = found, tried[0]
    spent = spent or time.monotonic() - start
    if best is None:
        return Search([], tried[0], spent, False, spec)
    return Search(best[0], best[1], spent, len(best[0][0].wrong) <= noise, spec)


def _turns(tried: Sequence[Language]) -> list[tuple[Language, float]]:
    """Languages with the share of the time that is left which each gets. The first is given a moment, in which it
    answers most tables, and what is left in the end, since it can be slow on long texts."""
    if len(tried) < 2:
        return [(each, 1.0) for each in tried]
    first, *others = tried
    return [(first, FIRST), *((each, SECOND) for each in others), (first, 1.0)]


def _merged(first: list[Candidate], more: list[Candidate]) -> list[Candidate]:
    """All candidates that agree as well as the first, each once."""
    known = {each.program for each in first}
    few = len(first[0].wrong)
    return first + [each for each in more if each.program not in known and len(each.wrong) <= few]


def widened(search: Search, spec: Spec, most: int = MOST) -> tuple[list[Program], list[float]]:
    """The programs of a search with the variations of the best one, and how much each one's vote counts.

    A vote halves with every unit of weight (for programs of a version space) or of size that a program has more than
    the best, as in a prior of description length.
    """
    best = search.candidates[0]
    programs = {each.program: max(each.size - best.size, 0) for each in search.candidates}
    language = getattr(search.language, "language", search.language)
    if isinstance(language, RobustFill) and not best.wrong:
        few = search.spec.only(diverse(search.spec, VARIED))
        some = spec.only(range(0, len(spec.inputs), max(1, len(spec.inputs) // COMPARED)))
        for weight, program in variations(best.program, few, language, most):
            if not missed(program, some):
                programs.setdefault(program, weight)
    kept = list(programs)[:most]
    return kept, [2.0 ** -min(programs[each], 60) for each in kept]


def compare(
    programs: Sequence[Program], votes: Sequence[float], rows: Sequence[Row], *, reorder: bool, fading: float = 0.0
) -> tuple[list[Program], Doubt | None]:
    """The programs, and the row whose outputs under them have the highest entropy; None where all agree everywhere.

    fading: how much less a question about the last row is worth than one about the first. With `reorder`, a program
    that gives nothing on many of the rows stands behind others: by tenths of the rows, so that a few rows without what
    the program looks for do not count.
    """
    columns = [run_column(each, rows) for each in programs]
    order = list(range(len(programs)))
    if reorder:
        empty = [sum(value is None or value == "" for value in column) * 10 // len(rows) for column in columns]
        order.sort(key=empty.__getitem__)
    most, doubt = 0.0, None
    for i, row in enumerate(rows):
        shares: dict[Value | None, float] = {}
        for column, vote in zip(columns, votes, strict=True):
            shares[column[i]] = shares.get(column[i], 0.0) + vote
        entropy = -sum(share * math.log(share / sum(votes)) for share in shares.values())
        entropy *= 1 - fading * i / len(rows)
        if len(shares) > 1 and entropy > most:
            most = entropy
            counts = Counter(column[i] for column in columns)
            doubt = Doubt(row, tuple((each, counts[each]) for each in sorted(shares, key=lambda each: -shares[each])))
    return [programs[i] for i in order], doubt


def counterpart(program: Program, spec: Spec, rows: Sequence[Row], language: Language) -> Program | None:
    """A program of another language with the same values on all examples and rows; None where none is found soon.

    Guided by counterexamples: a row on which a found program differs is shown to the next search. At most `SEEN` rows,
    and every other one, are shown; the program must find the rest by itself.
    """
    deadline = time.monotonic() + COUNTERPART
    looked_at = [row for row in rows[:: max(1, len(rows) // COMPARED)] if all(len(str(each)) <= LONG for each in row)]
    values = run_column(program, looked_at)
    known = [i for i, value in enumerate(values) if value is not None]
    shown: list[int] = []
    while len(shown) <= min(SEEN, len(known) // 2) and (left := deadline - time.monotonic()) > 0:
        asked = spec._replace(
            inputs=spec.inputs + tuple(looked_at[i] for i in shown),
            outputs=spec.outputs + tuple(value for value in (values[i] for i in shown) if value is not None),
            grammar=None,
        )
        found = next(iter(solve(asked, language, Budget(seconds=left), most=1)), None)
        if found is None or not found.solved or found.size > size(program) + LARGER:
            return None
        same = run_column(found.program, looked_at)
        differing = [i for i in known if same[i] != values[i]]
        if not differing:
            pairs = zip(run_column(program, rows), run_column(found.program, rows), strict=True)
            return found.program if all(value is None or value == other for value, other in pairs) else None
        shown.append(differing[0])
    return None
