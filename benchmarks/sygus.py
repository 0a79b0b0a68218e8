"""Programming by example of SyGuS-Comp 2019: phloem beside cvc5, every task in turn by both on one core.

    python benchmarks/sygus.py --data FOLDER [--set strings|bits] [--seconds 10] [--peer PYTHON_WITH_CVC5]
                               [--held-back] [--out results.jsonl] [--only NAME …]

Seconds are processor seconds of one thread, so that other work on the machine counts for neither. A task counts as
solved when the program reproduces all its examples within the limit, checked by phloem's interpreter for both. With
--held-back half of the examples (at least one) of each task with four or more are kept from the solver, and the
program is asked for their outputs. Sizes are nodes. Runs go on where they stopped: what `--out` has is not run again;
the tables of all that it has are printed at the end.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from phloem.corpora import sygus_pbe
from phloem.errors import PhloemError
from phloem.synthesis import sygus, terms
from phloem.synthesis.base import Budget, Spec, wrong
from phloem.synthesis.program import Input, Program, run, size
from phloem.synthesis.sexpressions import Atom, Expression, Group, quoted, read
from phloem.synthesis.solve import solve

RENAMED = {"int.to.str": "str.from_int", "str.to.int": "str.to_int"}
PATIENCE = 30  # times the limit that the peer may take by the clock on the wall


def split(spec: Spec, name: str) -> tuple[list[int], list[int]]:
    """Examples to learn from and to hold back: half of four or more, by a seed from the name."""
    count = len(spec.inputs)
    if count < 4:
        return list(range(count)), []
    held = sorted(random.Random(name).sample(range(count), count // 2))
    return [i for i in range(count) if i not in held], held


def version_2(expression: Expression) -> Expression:
    """The command as version 2 of SyGuS-IF writes it: declared non-terminals, new names, no negative literals."""
    if isinstance(expression, Atom):
        if not expression.literal and expression.text[:1] == "-" and expression.text[1:].isdigit():
            return Group((Atom("-", 0), Atom(expression.text[1:], 0)), 0)
        text = expression.text if expression.literal else RENAMED.get(expression.text, expression.text)
        return Atom(text, 0, expression.literal)
    items = tuple(map(version_2, expression.items))
    match items:
        case (Atom(text="BitVec"), width):
            return Group((Atom("_", 0), Atom("BitVec", 0), width), 0)
        case (Atom(text="synth-fun"), _, _, _, Group(items=groups)):
            declared = tuple(Group(group.items[:2], 0) for group in groups if isinstance(group, Group))
            return Group((*items[:4], Group(declared, 0), items[4]), 0)
    return Group(items, 0)


def written(expression: Expression) -> str:
    if isinstance(expression, Atom):
        return quoted(expression.text) if expression.literal else expression.text
    return "(" + " ".join(map(written, expression.items)) + ")"


def ours(text: str, name: str, learn: list[int] | None, seconds: float) -> tuple[Program | None, float]:
    problem = sygus.parse(text, name)
    spec = problem.spec if learn is None else problem.spec.only(learn)
    for candidate in solve(spec, problem.language, Budget(seconds)):
        if candidate.solved:
            return candidate.program, candidate.seconds
    return None, seconds


def peer(text: str, name: str, learn: list[int] | None, seconds: float, python: str) -> tuple[Program | None, float]:
    problem = sygus.parse(text, name)
    lines = []
    examples = set()
    for command in read(text):
        shown = written(version_2(command))
        if shown.startswith("(constraint"):
            examples.add(shown)
        elif shown != "(check-synth)":
            lines.append(shown)
    rows = zip(problem.spec.inputs, problem.spec.outputs, strict=True)
    kept = [i for i in range(len(problem.spec.inputs)) if learn is None or i in learn]
    shown_rows = [constraint(problem, row, output) for row, output in rows]
    lines += [shown_rows[i] for i in kept] + ["(check-synth)"]
    here = Path(__file__).with_name("peers") / "cvc5_sygus.py"
    try:
        done = subprocess.run(
            [python, str(here), str(seconds)],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=seconds * PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return None, seconds
    if done.returncode < 0:  # the limit of processor time
        return None, seconds
    answer, _, last = done.stdout.strip().rpartition("\n")
    try:
        took = float(json.loads(last)["seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeError(f"{name}: {done.stdout[-300:]} {done.stderr[-300:]}") from error
    if "define-fun" not in answer or took > seconds:
        return None, took
    return defined(answer, problem), took


def constraint(problem: sygus.Problem, row: tuple[Any, ...], output: Any) -> str:
    from phloem.synthesis.program import Constant

    values = [problem.theory.constant(Constant(v, t)) for v, t in zip(row, problem.spec.types, strict=True)]
    result = problem.theory.constant(Constant(output, problem.spec.result))
    return f"(constraint (= ({problem.function} {' '.join(values)}) {result}))"


def defined(answer: str, problem: sygus.Problem) -> Program:
    """The program of a define-fun."""
    (group,) = read(answer)
    assert isinstance(group, Group)
    definition = group.items[0]
    assert isinstance(definition, Group)
    assert isinstance(definition.items[2], Group)
    names = [item.items[0].text for item in definition.items[2].items if isinstance(item, Group)]  # type: ignore[union-attr]
    scope = {name: Input(name, i, type) for i, (name, type) in enumerate(zip(names, problem.spec.types, strict=True))}
    return terms.build(definition.items[4], scope.get, problem.theory, "answer")


def one(task: dict[str, Any], who: str, held_back: bool, want: argparse.Namespace) -> dict[str, Any]:
    text, name = task["sl"], task["name"]
    row: dict[str, Any] = {"task": name, "solver": who, "held back": held_back, "limit": want.seconds}
    try:
        spec = sygus.parse(text, name).spec
        learn, held = split(spec, name) if held_back else (None, [])
        if held_back and not held:
            return row | {"status": "too few examples"}
        solver = ours(text, name, learn, want.seconds) if who == "phloem" else None
        program, seconds = solver or peer(text, name, learn, want.seconds, want.peer)
    except PhloemError as error:
        return row | {"status": str(error)}
    row |= {"status": "unsolved", "seconds": round(seconds, 3)}
    if program is not None and not wrong(program, spec if learn is None else spec.only(learn)):
        row |= {"status": "solved", "size": size(program)}
        if held:
            right = [run(program, spec.inputs[i]) == spec.outputs[i] for i in held]
            row |= {"held right": sum(right), "held": len(right)}
    return row


def summary(rows: list[dict[str, Any]]) -> str:
    lines = []
    for held_back in (False, True):
        some = [row for row in rows if row["held back"] == held_back and row["status"] != "too few examples"]
        solved = {
            who: {row["task"]: row for row in some if row["solver"] == who and row["status"] == "solved"}
            for who in ("phloem", "cvc5")
        }
        common = set(solved["phloem"]) & set(solved["cvc5"])
        for who, found in solved.items():
            total = sum(row["solver"] == who for row in some)
            if not total:
                continue
            line = f"{who:7} solved {len(found)} of {total}"
            if found:
                line += f", median size {statistics.median(row['size'] for row in found.values()):g}"
                line += f", median seconds {statistics.median(row['seconds'] for row in found.values()):.2f}"
            if common:
                both = statistics.median(found[name]["size"] for name in common)
                line += f"; of the {len(common)} solved by both, size {both:g}"
            if held_back and found:
                full = sum(row["held right"] == row["held"] for row in found.values())
                share = sum(row["held right"] / row["held"] for row in found.values()) / total
                line += f"; all held-back examples right in {full} tasks; mean share right {share:.3f}"
            lines.append(("held back: " if held_back else "all examples: ") + line)
    return "\n".join(lines)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--set", choices=("strings", "bits"), default="strings")
    ask.add_argument("--seconds", type=float, default=10.0)
    ask.add_argument("--peer", default=sys.executable, help="a Python that has cvc5")
    ask.add_argument("--solver", action="append", choices=("phloem", "cvc5"), help="default: both")
    ask.add_argument("--held-back", action="store_true")
    ask.add_argument("--out", type=Path, default=Path("sygus.jsonl"))
    ask.add_argument("--only", nargs="*")
    want = ask.parse_args()
    time.perf_counter = time.process_time  # what deadlines of the search are measured by
    rows = [json.loads(line) for line in want.out.read_text().splitlines()] if want.out.is_file() else []
    done = {(row["task"], row["solver"], row["held back"]) for row in rows}
    with want.out.open("a", encoding="utf-8") as out:
        for task in sygus_pbe.tasks(want.set, want.data):
            for who in want.solver or ("phloem", "cvc5"):
                if (task["name"], who, want.held_back) in done or (want.only and task["name"] not in want.only):
                    continue
                row = one(task, who, want.held_back, want)
                rows.append(row)
                print(json.dumps(row), file=out, flush=True)
    print(summary(rows))


if __name__ == "__main__":
    main()
