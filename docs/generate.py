"""Write the pages that follow from the code: the command line, the systems with their results, the models.

    python docs/generate.py             cli.md, results.md, catalogue.md, models.md
    python docs/generate.py --sessions  also run the commands marked in the pages, and put their output there

A marked command is an HTML comment `session: COMMAND` above a fenced block. The commands of a page run one after the
other in one scratch folder that holds a copy of `examples/`.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
EXAMPLES = "[bold]Examples[/bold]"
MARK = re.compile(r"""mark\.row\(["'](S\d{3})["'],\s*(\d+)\)""")
SESSION = re.compile(r"(<!-- session: (?P<command>[^\n]+?) -->\n)```text\n.*?```\n", re.DOTALL)


def commands(command: Any, path: tuple[str, ...]) -> list[str]:
    """A section for the command, and one for each below it."""
    below = getattr(command, "commands", {})
    about, _, examples = inspect.cleandoc(command.help or "").partition(EXAMPLES)
    lines = [f"{'#' * min(len(path) + 1, 4)} {' '.join(path)}", "", plain(about), ""]
    lines += ["```text", usage(command, path, below), "```", "", *parameters(command)]
    if examples.strip():
        shown = [line.strip() for line in examples.splitlines() if line.strip()]
        lines += ["Examples:", "", "```text", *shown, "```", ""]
    for name, each in below.items():
        if not each.hidden:
            lines += commands(each, (*path, name))
    return lines


def plain(text: str) -> str:
    """Without what marks bold type on a terminal, and with `__init__` not read as bold."""
    return re.sub(r"\[/?bold\]", "", text).strip().replace("__", r"\_\_")


def usage(command: Any, path: tuple[str, ...], below: dict[str, Any]) -> str:
    arguments = [each.metavar or each.name.upper() for each in command.params if each.param_type_name == "argument"]
    return " ".join([*path, "[OPTIONS]", *arguments, *(["COMMAND …"] if below else [])])


def parameters(command: Any) -> list[str]:
    """A table of arguments and options; [] without any."""
    rows = []
    for each in command.params:
        if each.hidden:
            continue
        if each.param_type_name == "argument":
            said = f"`{each.metavar or each.name.upper()}`"
        else:
            value = "" if each.is_flag else f" {each.metavar or 'VALUE'}"
            said = ", ".join(f"`{name}{value}`" for name in (*each.opts, *each.secondary_opts))
        rows.append(f"| {cell(said)} | {cell(plain(each.help or '') + default(each))} |")
    return ["| | |", "| --- | --- |", *rows, ""] if rows else []


def default(parameter: Any) -> str:
    """The default in brackets, where there is one and the help does not say it."""
    value = parameter.default
    if value is None or value in ("", ()) or isinstance(value, bool) or callable(value):
        return ""
    if parameter.required or parameter.param_type_name == "argument" or "default" in (parameter.help or ""):
        return ""
    return f" (default {value})"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def command_line() -> str:
    from phloem.cli import app

    lines = [
        "# Command line",
        "",
        "Exit codes: 0 done; 1 findings (where `--fail-on` asks) or a data set that is not whole; 2 wrong use or wrong "
        "input, in one line on stderr; 130 stopped with Ctrl-C. Results go to stdout, progress and remarks to stderr.",
        "",
    ]
    return "\n".join(lines + commands(typer.main.get_command(app), ("phloem",)))


def results() -> str:
    """What each claim gave, from `results/NAME/SCALE.json`; systems without a result are named."""
    from phloem.systems import registry

    lines = [
        "# Systems and results",
        "",
        "A system is a paper with a claim that `phloem reproduce NAME --scale SCALE` runs. A clause compares two "
        "contenders with equal budgets, or one with a number. It is `confirmed` where the whole 95% interval lies at "
        "or above the margin, `not confirmed` where it lies below, else `inconclusive`. Margins stand in the code "
        "before anything runs; this page is made from `results/` by `docs/generate.py`.",
        "",
    ]
    for name in registry.names():
        card = registry.card(name)
        lines += [f"## {name}", "", f"{card.source} Row {card.row}, room `{card.room}`.", ""]
        lines += [plain(inspect.getdoc(card.claim) or "").partition("\n\n")[2].strip(), ""]
        found = [ROOT / "results" / name / f"{scale}.json" for scale in ("smoke", "laptop", "paper")]
        lines += [line for file in found if file.is_file() for line in measured(json.loads(file.read_text("utf-8")))]
        if not any(file.is_file() for file in found):
            lines += ["Nothing is committed yet.", ""]
    return "\n".join(lines)


def measured(found: dict[str, Any]) -> list[str]:
    """One result file."""
    machine = ", ".join(f"{key} {value}" for key, value in found["machine"].items())
    budget = ", ".join(f"{key} {value}" for key, value in found["budget"].items() if key != "runs")
    seeds = ", ".join(map(str, found["seeds"]))
    lines = [
        f"### {found['system']}, {found['scale']}: {found['verdict']}",
        "",
        f"{found['task'][:1].upper()}{found['task'][1:]}. Seeds {seeds}; budget of each run: {budget}; "
        f"{found['budget']['runs']} runs, {found['seconds']:.0f} s in all; commit `{found['commit'][:12]}`; {machine}.",
        "",
        "| clause | metric | value | interval | margin | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for clause in found["clauses"]:
        low, high = clause["interval"]
        value = f"{clause['value']:.4g} ({clause['quantity']})"
        margin, verdict = f"{clause['margin']:g}", clause["verdict"]
        row = (clause["clause"], clause["metric"], value, f"{low:.4g} to {high:.4g}", margin, verdict)
        lines.append("| " + " | ".join(map(cell, row)) + " |")
    arms = found["arms"] | found.get("further", {}).get("arms", {})
    lines += ["", "| contender | figures, a seed each |", "| --- | --- |"]
    for name, arm in arms.items():
        figures = "; ".join(
            f"{metric} {', '.join(f'{value:.4g}' for value in values)}" for metric, values in arm["values"].items()
        )
        lines.append(f"| {cell(name)} | {cell(figures)} |")
    return [*lines, ""]


def marks() -> dict[str, dict[int, set[str]]]:
    """Of each row the properties that tests prove, with the tests' files; read from the marks, nothing is run."""
    found: dict[str, dict[int, set[str]]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for row, number in MARK.findall(file.read_text("utf-8")):
            found.setdefault(row, {}).setdefault(int(number), set()).add(file.relative_to(ROOT).as_posix())
    return found


def catalogue() -> str:
    """A line for every row of the catalogue that has a system or a proven property."""
    from phloem.systems import registry

    cards = {card.row: card for card in map(registry.card, registry.names())}
    proven = marks()
    lines = [
        "---",
        "hide: [toc]",
        "---",
        "",
        "# Catalogue",
        "",
        "A row is a paper. Its properties are what defines the method, each with a test that carries the mark "
        '`@pytest.mark.row("S033", 1)`. `phloem reproduce NAME` (or the number of the row) runs its claim; verdicts '
        "stand in [Systems and results](results.md). This page is made by `docs/generate.py` from cards, marks and "
        "results.",
        "",
        f"{len(cards)} systems; {sum(map(len, proven.values()))} properties of {len(proven)} rows are proven by tests.",
        "",
        "| row | system | paper | properties with a test | in tests/ | verdicts |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in sorted({*cards, *proven}):
        card, of_row = cards.get(row), proven.get(row, {})
        files = sorted({file for each in of_row.values() for file in each})
        verdicts = []
        for scale in ("smoke", "laptop", "paper"):
            result = ROOT / "results" / (card.name if card else "-") / f"{scale}.json"
            if result.is_file():
                verdicts.append(f"{scale}: {json.loads(result.read_text('utf-8'))['verdict']}")
        name = f"[{card.name}](results.md#{card.name})" if card else ""
        numbers = ", ".join(map(str, sorted(of_row)))
        where = ", ".join(file.removeprefix("tests/").removesuffix(".py").replace("/test_", "/") for file in files)
        lines.append(
            f"| {row} | {name} | {cell(card.source) if card else ''} | {numbers} | {where} | {'<br>'.join(verdicts)} |"
        )
    return "\n".join(lines)


def models() -> str:
    """The cards of the models in the package."""
    cards = sorted((ROOT / "src/phloem/pretrained").glob("*/MODEL_CARD.md"))
    guide = "How to read a card: [Train on your own code](training.md#read-a-model-card)."
    lines = ["# Models in the package", "", guide]
    if not cards:
        lines += ["", "There is none in this copy; `phloem info` lists what is installed."]
    for card in cards:
        lines += ["", re.sub(r"^#", "##", card.read_text("utf-8"), flags=re.MULTILINE)]
    return "\n".join(lines)


def run_sessions(page: Path) -> int:
    """Run the page's marked commands and put what they print into the page; how many there are."""
    text = page.read_text("utf-8")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "110"}
    with TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "examples", Path(folder) / "examples")

        def played(found: re.Match[str]) -> str:
            done = subprocess.run(
                ["bash", "-c", found["command"]],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode not in (0, 1):
                raise SystemExit(f"{page.name}: {found['command']}: exit {done.returncode}\n{done.stdout}")
            return f"{found[1]}```text\n$ {found['command']}\n{done.stdout.rstrip()}\n```\n"

        changed, count = SESSION.subn(played, text)
    if count:
        page.write_text(changed, "utf-8")
    return count


def main() -> None:
    if "--sessions" in sys.argv[1:]:
        for page in (
            DOCS / "index.md",
            DOCS / "tutorial.md",
            DOCS / "training.md",
            DOCS / "search.md",
            DOCS / "synth.md",
        ):
            print(f"{page.name}: {run_sessions(page)} sessions")
    pages = {"cli": command_line(), "results": results(), "catalogue": catalogue(), "models": models()}
    for name, text in pages.items():
        (DOCS / f"{name}.md").write_text(text.rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main()
