"""Columns of spreadsheets: fill a column from two to four examples; how many rows that were not shown come out right?

Tasks as people have them in tables: names, telephone numbers, dates, addresses of the web, paths, prices, codes, case,
fields, conditions, arithmetic, lists, characters of all scripts. Each is a table as `phloem synth FILE` reads it: the
first rows have an output, the others wait for one, and are what the answer is judged on (a task counts as right when
all of them are). Written for phloem. Every second task was looked at while the ranking and the operators were mended
(`development`). The others were asked once, when that was done: that is `spreadsheet.json`. What they showed was mended
in part since, so they are no test any more.

    python benchmarks/spreadsheet.py                       # all, 5 s a task
    python benchmarks/spreadsheet.py --split development --show
    python benchmarks/spreadsheet.py --out benchmarks/spreadsheet.json
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from phloem.assist.synth.questions import question_of_table
from phloem.assist.synth.synth import Answer, synth
from phloem.assist.synth.tables import read_table

TASKS = Path(__file__).with_suffix(".jsonl")
SPLITS = ("development", "held back")


def load(split: str | None) -> list[dict[str, Any]]:
    """The tasks: `task`, `kind`, `examples` (how many rows are shown), `rows` (inputs, then the output), `split`."""
    tasks = [json.loads(line) for line in TASKS.read_text(encoding="utf-8").splitlines()]
    tasks = [task | {"split": SPLITS[place % 2]} for place, task in enumerate(tasks)]
    return [task for task in tasks if split in (None, task["split"])]


def ask(task: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What becomes of a task: solved, which rows that were not shown are right, what it took, and the texts."""
    shown = task["examples"]
    width = len(task["rows"][0]) - 1
    names = ["text"] if width == 1 else [f"text{i}" for i in range(1, width + 1)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow([*names, "filled"])
            rows.writerows([*row[:-1], row[-1] if i < shown else ""] for i, row in enumerate(task["rows"]))
        table = read_table(str(path), header=True)
    began = time.perf_counter()
    question, columns = question_of_table(table, "filled")
    answer = synth(question, seconds=seconds, cells=table.references(columns.inputs))
    spent = time.perf_counter() - began
    return {"task": task["task"], "kind": task["kind"], "split": task["split"], "seconds": round(spent, 2)} | _judged(
        task, answer
    )


def _judged(task: dict[str, Any], answer: Answer | None) -> dict[str, Any]:
    held = task["rows"][task["examples"] :]
    if answer is None or not answer.solved:
        return {"solved": False, "right": 0, "held": len(held), "program": None}
    given = answer.apply([tuple(row[:-1]) for row in held])
    return {
        "solved": True,
        "right": sum(value == row[-1] for value, row in zip(given, held, strict=True)),
        "held": len(held),
        "program": answer.text,
        "given": given,
        "ambiguous": answer.ambiguous_on is not None,
        "texts": [kind for kind in ("python", "excel", "sql") if getattr(answer, kind)],
    }


def table_of(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Tasks by kind: how many, solved (an answer for all examples), right (on all rows that were not shown)."""

    def line(chosen: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "tasks": len(chosen),
            "solved": sum(each["solved"] for each in chosen),
            "right": sum(each["right"] == each["held"] for each in chosen),
            "seconds": round(median(each["seconds"] for each in chosen), 2),
        }

    kinds = dict.fromkeys(each["kind"] for each in results)
    return {
        **{kind: line([each for each in results if each["kind"] == kind]) for kind in kinds},
        **{split: line(some) for split in SPLITS if (some := [each for each in results if each["split"] == split])},
        "all": line(results),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=SPLITS)
    parser.add_argument("--task", help="only tasks whose name has this in it")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--show", action="store_true", help="print what goes wrong")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    results = []
    for task in load(arguments.split):
        if arguments.task and arguments.task not in task["task"]:
            continue
        result = ask(task, arguments.seconds)
        results.append(result)
        if arguments.show and result["right"] < result["held"]:
            print(f"{'WRONG' if result['solved'] else 'NONE ':5} {result['seconds']:5.1f} s  {task['task']}")
            for row in (task["rows"][: task["examples"]]) if result["solved"] else []:
                print("        ", row)
            if result["solved"]:
                print("        ", result["program"])
                held = task["rows"][task["examples"] :]
                wrong = [(row, value) for row, value in zip(held, result["given"], strict=True) if value != row[-1]]
                print("        ", *wrong[:2])
    summary = table_of(results)
    for name, each in summary.items():
        counts = "  ".join(f"{each[key]:4} {key}" for key in ("tasks", "solved", "right"))
        print(f"{name:12} {counts}  {each['seconds']} s")
    if arguments.out:
        told = {"seconds a task": arguments.seconds, "table": summary, "tasks": results}
        arguments.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
