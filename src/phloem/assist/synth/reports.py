"""Answers of programming by example as text for people and JSON for programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from typing import Any

from phloem.assist.synth.committee import MOST
from phloem.assist.synth.filling import Filling
from phloem.assist.synth.questions import Question
from phloem.assist.synth.synth import Answer
from phloem.assist.synth.tables import Table
from phloem.synthesis.program import Call, Value, nodes

SHOWN_ROWS = 5
SHOWN_OUTPUTS = 4
LONGEST_LINE = 400  # characters of a formula; longer ones are for --json
WIDEST = 40  # characters of a cell


def summary(answer: Answer, question: Question) -> str:
    """The first line: what was found, in what time, and what it does not give.

    "initials from name: agrees with all 3 examples, found in 0.2 s"
    """
    count = len(question.outputs)
    right = count - len(answer.wrong)
    agrees = f"all {count} examples" if right == count > 1 else f"{right} of {count} example{'s'[: count != 1]}"
    head = f"{question.output} from {', '.join(question.names)}"
    if not answer.solved:
        return f"{head}: no program found that gives all examples; the best so far gives {agrees}"
    return f"{head}: agrees with {agrees}, found in {answer.seconds:.1f} s"


def as_text(
    answer: Answer, question: Question, table: Table | None, filling: Filling | None, bold: Any = lambda text: text
) -> str:
    """The whole answer: program, first filled rows, Excel, SQL, Python, and where programs disagree."""
    parts = [bold(summary(answer, question)), _indented(answer.text)]
    if answer.wrong:
        parts.append(bold("Not given by the program") + "\n" + _wrong(answer, question))
    if table is not None and filling is not None and filling.filled:
        parts.append(bold(f"Filled, {filling.filled:,} of {len(table.rows):,} rows") + "\n" + _preview(filling))
    remark = " (another program, equal on every row of the table)" if answer.other_formula and table else ""
    for title, text in (("Excel" + remark, answer.excel), ("SQL" + remark, answer.sql), ("Python", answer.python)):
        if text and (len(text) <= LONGEST_LINE or "\n" in text):
            parts.append(bold(title) + "\n" + _indented(text.rstrip()))
    if answer.solved and by_heart(answer, question):
        parts.append("The program decides between cases with one example each: it may have learned them by heart.")
    elif answer.solved:
        parts.append(_agreement(answer))
    return "\n\n".join(parts)


def question_text(answer: Answer) -> str:
    """The input on which programs disagree, and the outputs to choose from, numbered."""
    doubt = answer.ambiguous_on
    assert doubt is not None
    lines = [f"What should {cells(doubt.inputs)} give?"]
    lines += [f"  {i}  {cell(value)}" for i, (value, _) in enumerate(doubt.outputs[:9], 1)]
    return "\n".join(lines)


def as_json(answer: Answer | None, question: Question | None, filling: Filling | None, seconds: float) -> str:
    """{solved, program, python, size, seconds, ambiguous_on, …}; null where there is none."""
    if answer is None:
        empty = dict.fromkeys(("program", "python", "size", "excel", "sql", "ambiguous_on"))
        return json.dumps({"solved": False, **empty, "seconds": round(seconds, 3), "agreeing": 0}, indent=2)
    doubt = answer.ambiguous_on
    told: dict[str, Any] = {
        "solved": answer.solved,
        "program": answer.text,
        "python": answer.python,
        "size": answer.size,
        "seconds": round(answer.seconds, 3),
        "ambiguous_on": None
        if doubt is None
        else {
            "inputs": list(doubt.inputs),
            "outputs": [{"output": value, "programs": votes} for value, votes in doubt.outputs],
            "made_up": doubt.made_up,
        },
        "excel": answer.excel,
        "sql": answer.sql,
        "other_formula": answer.other_formula,
        "without": answer.without,
        "agreeing": answer.agreeing,
        "alternatives": list(answer.alternatives[:10]),
        "wrong": [_wrong_example(i, answer, question) for i in answer.wrong] if question else list(answer.wrong),
        "by_heart": question is not None and by_heart(answer, question),
        "language": answer.language,
        "tried": answer.tried,
    }
    if filling is not None:
        told |= {"filled": filling.values, "failed_lines": filling.failed}
    return json.dumps(told, indent=2, ensure_ascii=False)


def by_heart(answer: Answer, question: Question) -> bool:
    """Whether the program decides between cases for which there are fewer than two examples each."""
    names = [part.operator.name.casefold() for part in nodes(answer.program) if isinstance(part, Call)]
    decisions = sum(name in ("if", "ite") for name in names)
    return decisions > 0 and len(question.outputs) < 2 * (decisions + 1)


def cells(values: Sequence[Value]) -> str:
    """Inputs as a person reads them."""
    return ", ".join(cell(value) for value in values)


def cell(value: Value | None) -> str:
    """
    >>> cell("Ada"), cell(None), cell("a\\nb")
    ("'Ada'", '(nothing)', "'a\\\\nb'")
    """
    if value is None:
        return "(nothing)"
    return repr(_short(value)) if isinstance(value, str) else str(value)


def _short(text: str, most: int = WIDEST) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.split("\n"))


def _wrong_example(i: int, answer: Answer, question: Question) -> dict[str, Any]:
    return {
        "example": i + 1,
        "place": question.places[i],
        "inputs": list(question.inputs[i]),
        "output": question.outputs[i],
        "program_gives": answer(*question.inputs[i]),
    }


def _wrong(answer: Answer, question: Question) -> str:
    lines = []
    for i in answer.wrong[:SHOWN_ROWS]:
        given, gives = cell(question.outputs[i]), cell(answer(*question.inputs[i]))
        lines.append(f"    {question.places[i]}: {cells(question.inputs[i])} is {given}, the program gives {gives}")
    more = len(answer.wrong) - SHOWN_ROWS
    return "\n".join([*lines, *([f"    and {more} more"] if more > 0 else [])])


def _preview(filling: Filling) -> str:
    filled = [i for i, value in enumerate(filling.values) if value is not None]
    shown = filled[:SHOWN_ROWS]
    left = ["  ".join(map(_flat, filling.inputs[i])) for i in shown]
    width = min(max(map(len, left)), shutil.get_terminal_size().columns * 2 // 3)
    lines = [
        f"    {_short(text, width):{width}}  →  {_flat(filling.values[i] or '')}"
        for i, text in zip(shown, left, strict=True)
    ]
    more = len(filled) - len(shown)
    return "\n".join([*lines, *([f"    … and {more:,} more"] if more else [])])


def _flat(text: str) -> str:
    return _short(" ".join(text.split()))


def _agreement(answer: Answer) -> str:
    count = f"{answer.agreeing} or more" if answer.agreeing >= MOST else str(answer.agreeing)
    if answer.agreeing == 1:
        return "No other program was found that agrees with the examples."
    doubt = answer.ambiguous_on
    if doubt is None:
        return f"{count} programs agree with the examples, and with each other on everything they were tried on."
    outputs = " or ".join(cell(value) for value, _ in doubt.outputs[:SHOWN_OUTPUTS])
    where = "for example on" if doubt.made_up else "most on"
    return (
        f"{count} programs agree with the examples. They differ {where} {cells(doubt.inputs)}:"
        f"\n    {outputs}\nOne more example settles it (or answer with --ask)."
    )
