"""`phloem synth`: the program behind a few examples, ready to use."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand

from phloem.assist.sources import bytes_of
from phloem.cli.options import progress, remark
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.assist.synth.filling import Filling
    from phloem.assist.synth.questions import Columns, Question
    from phloem.assist.synth.synth import Answer
    from phloem.assist.synth.tables import Table

OUT_OF_TIME = 3


class Limits(NamedTuple):
    """Of a search: examples that may be wrong, seconds, bytes."""

    noise: int
    seconds: float
    memory: int


class ExamplePairs(TyperCommand):
    """`--example IN OUT`: two values of an option that repeats, which typer cannot say, joined by a zero character,
    which arguments of a program cannot hold."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        joined: list[str] = []
        waiting = list(reversed(args))
        while waiting:
            argument = waiting.pop()
            if argument == "--":
                joined += [argument, *reversed(waiting)]
                break
            name, equals, first = argument.partition("=")
            if name != "--example":
                joined.append(argument)
                continue
            if not equals and waiting:
                first = waiting.pop()
            if not waiting:
                raise PhloemError("--example needs an input and an output: --example 'in' 'out'")
            joined += ["--example", f"{first}\0{waiting.pop()}"]
        return super().parse_args(ctx, joined)


def synth(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A table (CSV, TSV, JSON, JSONL, XLSX; - is stdin) or a SyGuS .sl file."),
    ] = None,
    example: Annotated[
        list[str] | None,
        typer.Option("--example", metavar="IN OUT", help="An input and its output; a tab separates several inputs."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", metavar="NAME", help="The column to fill. Default: the last partly empty.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="NAME", help="A column to read; repeatable. Default: all.")
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first row has names. Default: by its looks."),
    ] = None,
    apply: Annotated[
        str | None, typer.Option("--apply", metavar="FILE", help="Fill the column of this table, to stdout or --out.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="Write the filled table here.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the filled table over the one that was read.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask where programs disagree, until they do not.")] = False,
    noise: Annotated[int, typer.Option("--noise", metavar="K", min=0, help="Up to K examples may be wrong.")] = 0,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Seconds to search.")] = 10.0,
    memory: Annotated[
        str, typer.Option("--memory", metavar="SIZE", help="What the values of programs may take, such as 500MB.")
    ] = "1GB",
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Find the program behind a few examples: readable, as Python, as an Excel formula and as SQL.

    Fill in two or three cells of a column and get the rest, the rule, and the row on which other rules that fit would
    differ. Exit code 3: out of time, with the best program so far.

    [bold]Examples[/bold]

    phloem synth names.csv                                    the program, and the column filled

    phloem synth names.csv --out filled.csv                   the same as a file (--write: over names.csv)

    phloem synth names.csv --apply all.csv > filled.csv       the column of another table

    phloem synth --example 'Ada Lovelace' 'A. L.' --example 'Alan Turing' 'A. T.'

    phloem synth names.csv --ask                              answer questions until one meaning is left

    phloem synth task.sl --json                               a SyGuS task (SyGuS-IF 1 or 2)
    """
    start = time.monotonic()
    _check(file, example, apply, out, write, ask, timeout)
    limits = Limits(noise, timeout, bytes_of(memory, "--memory"))
    if file is not None and file.lower().endswith(".sl"):
        answer, question = _of_problem(file, limits)
        filling = target = None
    else:
        table, question, columns = _question(file, example, output, inputs or [], header)
        answer, question = _of_question(question, limits, table, columns, ask)
        target, filling = _filling(answer, question, table, columns, apply, inputs or [], header)
    _show(
        answer,
        question,
        target,
        filling,
        as_json,
        time.monotonic() - start,
        to_stdout=bool(apply and not (out or write)),
    )
    _save(filling, out or ((apply or file) if write else None), to_stdout=apply is not None, as_json=as_json)
    if answer is None or not answer.solved:
        raise typer.Exit(OUT_OF_TIME)


def _check(
    file: str | None,
    example: list[str] | None,
    apply: str | None,
    out: str | None,
    write: bool,
    ask: bool,
    timeout: float,
) -> None:
    """Raises PhloemError for options that contradict each other."""
    if (file is None) == (not example):
        raise PhloemError("give examples: a FILE, or --example 'in' 'out' (twice or more)")
    if file is not None and file.lower().endswith(".sl") and (apply or out or write or ask):
        raise PhloemError("a SyGuS file has no column to fill: --apply, --out, --write and --ask are for tables")
    if out is not None and write:
        raise PhloemError("--out or --write, not both")
    if write and (apply or file) == "-":
        raise PhloemError("--write needs a file, not stdin")
    if (out or write) and apply is None and file is None:
        raise PhloemError("--out and --write need a table: FILE or --apply FILE")
    if "-" in (file, apply) and (ask or file == apply):
        raise PhloemError("stdin can be read once only")
    if not timeout > 0:
        raise PhloemError("--timeout needs a number of seconds above 0")
    taken = out is not None and Path(out).exists() and file is not None and Path(file).exists()
    if taken and any(each and Path(each).exists() and Path(each).samefile(str(out)) for each in (file, apply)):
        raise PhloemError(f"{out} is the table that is read; --write writes over it")


def _question(
    file: str | None, example: list[str] | None, output: str | None, inputs: list[str], header: bool | None
) -> tuple[Table | None, Question, Columns | None]:
    from phloem.assist.synth.questions import question_of_pairs, question_of_table
    from phloem.assist.synth.tables import read_table

    if file is None:
        pairs = [each.split("\0", 1) for each in example or []]
        question = question_of_pairs((tuple(given.split("\t")), wanted) for given, wanted in pairs)
        return None, question._replace(output=output or question.output), None
    table = read_table(file, header=header)
    question, columns = question_of_table(table, output, inputs)
    if table.ragged:
        lines = ", ".join(map(str, table.ragged[:5])) + (" …" if len(table.ragged) > 5 else "")
        remark(f"{file}: more cells than the {len(table.names)} columns in line {lines}; they are left as they are")
    return table, question, columns


def _of_problem(file: str, limits: Limits) -> tuple[Answer | None, Question]:
    from phloem.assist.synth.questions import Question
    from phloem.assist.synth.synth import synth_problem
    from phloem.synthesis import sygus

    problem = sygus.load(file)
    spec = problem.spec
    places = tuple(f"example {i}" for i in range(1, len(spec.outputs) + 1))
    question = Question(spec.names, problem.function, spec.inputs, spec.outputs, places)
    with progress() as display:
        display.add_task("searching", total=None)
        return synth_problem(problem, **limits._asdict()), question


def _of_question(
    question: Question, limits: Limits, table: Table | None, columns: Columns | None, ask: bool
) -> tuple[Answer | None, Question]:
    from phloem.assist.synth.synth import synth as search

    cells = table.references(columns.inputs) if table is not None and columns is not None else []
    while True:
        with progress() as display:
            display.add_task("searching", total=None)
            answer = search(question, **limits._asdict(), cells=cells)
        reply = _ask(answer) if ask and answer is not None and answer.ambiguous_on is not None else None
        if reply is None or answer is None or answer.ambiguous_on is None:
            return answer, question
        question = question.answered(tuple(map(str, answer.ambiguous_on.inputs)), reply)


def _ask(answer: Answer) -> str | None:
    """The output that the person wants for the input in doubt; None when they have answered enough."""
    from phloem.assist.synth.reports import question_text

    assert answer.ambiguous_on is not None
    outputs = answer.ambiguous_on.outputs
    typer.echo(question_text(answer), err=True)
    while True:
        typer.echo("number, or =TEXT; empty to stop: ", err=True, nl=False)
        line = sys.stdin.readline()
        reply = line.rstrip("\r\n")
        if not sys.stdin.isatty():
            typer.echo(reply, err=True)
        if not reply:
            return None
        if reply.startswith("="):
            return reply[1:]
        if reply.isdecimal() and 1 <= int(reply) <= min(len(outputs), 9) and outputs[int(reply) - 1][0] is not None:
            return str(outputs[int(reply) - 1][0])
        if not reply.isdecimal():
            return reply
        typer.echo(f"there is no output {reply}; =TEXT gives another one", err=True)


def _filling(
    answer: Answer | None,
    question: Question,
    table: Table | None,
    columns: Columns | None,
    apply: str | None,
    inputs: list[str],
    header: bool | None,
) -> tuple[Table | None, Filling | None]:
    """The table to fill and what the program fills in; a program that is not solved fills nothing."""
    from phloem.assist.synth.filling import columns_of, fill
    from phloem.assist.synth.tables import read_table

    if apply is not None:
        table = read_table(apply, header=header)
        columns = columns_of(table, question, inputs, columns)
    if table is None or columns is None or answer is None or not answer.solved:
        return table, None
    return table, fill(table, columns, answer, question)


def _show(
    answer: Answer | None,
    question: Question,
    table: Table | None,
    filling: Filling | None,
    as_json: bool,
    seconds: float,
    *,
    to_stdout: bool,
) -> None:
    """The answer on stdout; on stderr, one line, where stdout has the filled table."""
    from phloem.assist.synth import reports as reports

    if as_json:
        typer.echo(reports.as_json(answer, question, filling, seconds))
    elif answer is None:
        remark(f"out of time after {seconds:.0f} s, and no program that gives any example")
    elif to_stdout:
        remark(reports.summary(answer, question))
    else:
        bold = (lambda text: typer.style(text, bold=True)) if sys.stdout.isatty() else (lambda text: text)
        typer.echo(reports.as_text(answer, question, table, filling, bold))
    if filling is not None and filling.failed and not as_json:
        lines = ", ".join(map(str, filling.failed[:5])) + (" …" if len(filling.failed) > 5 else "")
        count = len(filling.failed)
        remark(f"{count} row{'s'[: count != 1]} left empty, since the program has no value there: line {lines}")
    if table is not None and filling is not None and not filling.filled and not filling.failed:
        remark("nothing to fill: every row has an output")


def _save(filling: Filling | None, path: str | None, *, to_stdout: bool, as_json: bool) -> None:
    from phloem.assist.synth.tables import write_file

    if filling is None:
        if path is not None:
            remark(f"{path} is not written, since no program was found")
    elif path is not None and path != "-":
        write_file(path, filling.data)
        if not as_json:
            remark(f"{filling.filled} cell{'s' if filling.filled != 1 else ''} filled in {path}")
    elif (to_stdout or path == "-") and not as_json:
        sys.stdout.buffer.write(filling.data)
        sys.stdout.buffer.flush()
