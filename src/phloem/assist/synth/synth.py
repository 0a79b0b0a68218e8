"""Programs from examples: what a person wants to know of the answer, not only the program.

A question (a table with a column partly filled, pairs, or a SyGuS file) becomes an `Answer`: the program, in Python, as
an Excel formula and in SQL where there are such, how many programs agree with the examples, and the input on which they
disagree most. The search is `committee.find`, the texts are written by `writing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from phloem.assist.synth.columns import missed, run_column
from phloem.assist.synth.committee import MOST, Doubt, Row, Search, compare, counterpart, find_for_all, widened
from phloem.assist.synth.graphemes import Folding, has_clusters
from phloem.assist.synth.probes import probes
from phloem.assist.synth.questions import Question, refuse_contradictions
from phloem.assist.synth.tables import column_letters
from phloem.assist.synth.writing import attempt, excel_text, python_text, sql_text
from phloem.synthesis import contexts
from phloem.synthesis.base import MEMORY, Language, Spec
from phloem.synthesis.program import STRING, Program, Value, size
from phloem.synthesis.sygus import Problem
from phloem.synthesis.sygus import answer as define_fun

LOOKED_AT = 1_000  # open rows on which programs are compared
ENOUGH = 20  # open rows on which a formula is compared with the program


class Ambiguity(NamedTuple):
    """Inputs on which programs that agree with all examples give different outputs, likeliest first, each with the
    number of programs that give it (None: no value). `made_up`: the inputs are not from the table."""

    inputs: Row
    outputs: tuple[tuple[Value | None, int], ...]
    made_up: bool


@dataclass(frozen=True)
class Answer:
    """The best program for a question.

    `wrong`: examples, by index, that the program does not give (taken for noise, or the time was out: then `solved` is
    False). `agreeing`: how many distinct programs were found that agree with the examples as well, at most `MOST`.
    `python`, `excel` and `sql` are None where there is no such text; `without` says why. `other_formula`: Excel and SQL
    are another program's, which has the same values on all rows of the table.
    """

    solved: bool
    program: Program
    language: str
    text: str
    size: int
    tried: int
    seconds: float
    wrong: tuple[int, ...]
    agreeing: int
    alternatives: tuple[str, ...]
    ambiguous_on: Ambiguity | None
    python: str | None = None
    excel: str | None = None
    sql: str | None = None
    other_formula: bool = False
    without: dict[str, str] = field(default_factory=dict)
    folding: Folding | None = None

    def __call__(self, *inputs: Value) -> Value | None:
        """The output for one row of inputs; None where the program has no value."""
        return self.apply([inputs])[0]

    def apply(self, rows: Sequence[Row]) -> list[Value | None]:
        """The outputs for many rows."""
        values = run_column(self.program, [fold_row(self.folding, row) for row in rows])
        return [unfold(self.folding, value) for value in values]


def synth(
    question: Question,
    *,
    noise: int = 0,
    seconds: float = 10.0,
    most: int = MOST,
    memory: int = MEMORY,
    cells: Sequence[str] = (),
) -> Answer | None:
    """The best answer for a table or pairs, found in about `seconds`; None where not even a partial one was.

    memory: bytes that each search may hold. cells: the references of the inputs in the Excel formula, by default A1,
    B1, … Raises PhloemError for examples that
    contradict each other in more than `noise` places, and KeyboardInterrupt before anything was found.
    """
    refuse_contradictions(question, noise)
    texts = [str(cell) for row in (*question.inputs, *question.open, question.outputs) for cell in row]
    given = [tuple(map(str, row)) for row in question.inputs]
    folding = Folding() if has_clusters(texts) else None
    spec = question.spec
    folded = tuple(fold_row(folding, row) for row in spec.inputs)
    spec = spec._replace(inputs=folded, outputs=fold_row(folding, spec.outputs))
    waiting = [fold_row(folding, row) for row in question.open]
    spec = spec._replace(waiting=tuple(_spread(waiting, contexts.ROWS)))
    search = find_for_all(spec, languages(), seconds=seconds, noise=noise, most=most, memory=memory)
    if not search.candidates:
        return None
    looked_at = _spread(waiting, LOOKED_AT) or [fold_row(folding, row) for row in probes(given)]
    answer = _answer(search, spec, looked_at, search.language.print, folding, made_up=not waiting, noise=noise)
    answer = _in_python(answer, question.inputs, spec.inputs, question.output, question.names)
    if folding is not None:
        reason = "some characters are several code points"
        return replace(answer, without={**answer.without, "excel": reason, "sql": reason})
    # A short table says little about a formula: plain made-up rows say more.
    rows = waiting if len(waiting) >= ENOUGH else [*waiting, *probes([*given, *question.open], plain=True)]
    return _as_formulas(answer, spec, rows, texts, cells or first_cells(spec))


def synth_problem(
    problem: Problem, *, noise: int = 0, seconds: float = 10.0, most: int = MOST, memory: int = MEMORY
) -> Answer | None:
    """The best answer for a SyGuS file; `text` is the define-fun. None where not even a partial one was found."""
    spec = problem.spec
    search = find_for_all(spec, [problem.language], seconds=seconds, noise=noise, most=most, memory=memory)
    if not search.candidates:
        return None
    only_text = all(type == STRING for type in spec.types)
    rows: list[Row] = list(probes([tuple(map(str, row)) for row in spec.inputs])) if only_text else []
    answer = _answer(search, spec, rows, lambda program: define_fun(problem, program), None, made_up=True, noise=noise)
    answer = _in_python(answer, spec.inputs, spec.inputs, problem.function, spec.names)
    texts = [value for row in (*spec.inputs, spec.outputs) for value in row if isinstance(value, str)]
    return _written(answer, answer.program, answer.language, first_cells(spec), spec.names, texts)


def languages() -> list[Language]:
    """The languages that tables are answered in, in the order in which they are tried."""
    from phloem.synthesis.languages import robustfill_plus, spreadsheet

    return [robustfill_plus.language, spreadsheet]


def first_cells(spec: Spec) -> list[str]:
    """References of the inputs in a sheet that begins with them."""
    return [f"{column_letters(i)}1" for i in range(len(spec.names))]


def _answer(
    search: Search,
    spec: Spec,
    rows: Sequence[Row],
    show: Callable[[Program], str],
    folding: Folding | None,
    *,
    made_up: bool,
    noise: int,
) -> Answer:
    """The answer without the texts that others run."""
    programs, votes = widened(search, spec)
    programs, doubt = compare(programs, votes, rows, reorder=not made_up, fading=0.5 if made_up else 0.0)
    best, first = programs[0], search.candidates[0]
    not_given = missed(best, spec)
    shown = [unfold_text(folding, show(each)) for each in programs]
    solved = search.solved and len(not_given) <= noise
    return Answer(
        solved=solved,
        program=best,
        language=search.language.name,
        text=shown[0],
        size=size(best),
        tried=first.tried,
        seconds=search.seconds,
        wrong=not_given,
        agreeing=len(programs) if solved else 0,
        alternatives=tuple(dict.fromkeys(shown[1:])) if solved else (),
        ambiguous_on=_unfolded(doubt, folding, made_up) if solved and doubt is not None else None,
        folding=folding,
    )


def _in_python(answer: Answer, rows: Sequence[Row], folded: Sequence[Row], name: str, names: Sequence[str]) -> Answer:
    """The answer with its Python function, which was run on the rows."""
    without: dict[str, str] = {}
    wanted = [unfold(answer.folding, value) for value in run_column(answer.program, folded)]
    text = attempt(
        lambda: python_text(
            answer.program, answer.language, rows, wanted, function=name, parameters=names, folding=answer.folding
        ),
        "python",
        without,
    )
    return replace(answer, python=text, without=without)


def _as_formulas(answer: Answer, spec: Spec, rows: Sequence[Row], texts: Sequence[str], cells: Sequence[str]) -> Answer:
    """The answer with formulas: its own, else those of a spreadsheet program with the same values on the table."""
    from phloem.synthesis.languages import spreadsheet

    own = _written(answer, answer.program, answer.language, cells, spec.names, texts)
    if own.excel is not None or not answer.solved or answer.wrong or answer.language == spreadsheet.name:
        return own
    try:
        other = counterpart(answer.program, spec, rows, spreadsheet)
    except KeyboardInterrupt:
        return own
    if other is None:
        return own
    written = _written(answer, other, spreadsheet.name, cells, spec.names, texts)
    return replace(written, other_formula=True) if written.excel is not None else own


def _written(
    answer: Answer, program: Program, language: str, cells: Sequence[str], names: Sequence[str], texts: Sequence[str]
) -> Answer:
    """The answer with the program's formulas."""
    without = dict(answer.without)
    excel = attempt(lambda: excel_text(program, language, cells, texts), "excel", without)
    sql = attempt(lambda: sql_text(program, language, names, texts), "sql", without)
    return replace(answer, excel=excel, sql=sql, without=without)


def _unfolded(doubt: Doubt, folding: Folding | None, made_up: bool) -> Ambiguity:
    inputs = tuple(value for value in (unfold(folding, each) for each in doubt.inputs) if value is not None)
    return Ambiguity(inputs, tuple((unfold(folding, value), votes) for value, votes in doubt.outputs), made_up)


def _spread(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` rows, evenly spread."""
    return list(rows[:: max(1, -(-len(rows) // most))])


def fold_row(folding: Folding | None, row: Row) -> Row:
    """The row with each text folded."""
    if folding is None:
        return row
    return tuple(folding.fold(value) if isinstance(value, str) else value for value in row)


def unfold(folding: Folding | None, value: Value | None) -> Value | None:
    """The value as it stands in the table."""
    return folding.unfold(value) if folding is not None and isinstance(value, str) else value


def unfold_text(folding: Folding | None, text: str) -> str:
    """A text about folded values as it is read."""
    return text if folding is None else folding.unfold(text)
