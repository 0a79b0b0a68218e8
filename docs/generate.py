"""Write the pages that follow from the code: the command line, the systems with their results, the models.

    python docs/generate.py
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import typer

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent


def commands(command: click.Command, path: tuple[str, ...]) -> list[str]:
    """A section for the command, and one for each below it."""
    context = click.Context(command, info_name=" ".join(path))
    lines = [f"{'#' * min(len(path) + 1, 4)} {' '.join(path)}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                lines += commands(below, (*path, name))
    return lines


def command_line() -> str:
    from phloem.cli import app

    lines = ["# Command line", "", "Exit codes: 0 done, 1 findings (where `--fail-on` asks), 2 wrong use or input, 3 out of time.", ""]
    return "\n".join(lines + commands(typer.main.get_command(app), ("phloem",)))


def results() -> str:
    """A table of the paper's claim beside what was measured, from `results/NAME/SCALE.json`."""
    lines = ["# Systems and results", "", "What `phloem reproduce NAME --scale SCALE` measured, by rule and not by hand.", ""]
    for path in sorted((ROOT / "results").glob("*/*.json")):
        found = json.loads(path.read_text())
        machine = found.get("machine", "")
        lines += [f"## {found['system']} ({found['row']}), {found['scale']}: {found['verdict']}", ""]
        lines += [f"Seeds {found['seeds']}, {found['seconds']:.0f} s, commit `{found['commit']}`, {machine}.", ""]
        lines += ["| clause | metric | values | interval | verdict |", "|---|---|---|---|---|"]
        for clause in found["clauses"]:
            values = json.dumps(clause["values"], ensure_ascii=False).replace("|", "\\|")
            about = clause.get("name") or " − ".join(clause["arms"])
            lines.append(f"| {about} | {clause['metric']} | `{values}` | {clause['interval']} | {clause['verdict']} |")
        lines.append("")
    return "\n".join(lines)


def models() -> str:
    """The cards of the models in the package."""
    cards = sorted((ROOT / "src/phloem/pretrained").glob("*/MODEL_CARD.md"))
    return "\n\n".join(["# Models in the package", *(card.read_text().replace("\n# ", "\n## ") for card in cards)])


def main() -> None:
    for name, text in {"cli": command_line(), "results": results(), "models": models()}.items():
        (DOCS / f"{name}.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
