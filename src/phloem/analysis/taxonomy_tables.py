"""The tables of the surveys, made from the taxonomy and from the commands that there are.

Zhang et al., "A Survey on Language Models for Code" (arXiv 2311.07989, 2023, section 3) order tasks by what goes in and
what comes out. A kind is covered if the program has one of the commands that would do it; which commands exist is read
off the program, so that a kind whose command is missing is listed as not covered until somebody writes it. The grid of
families and tasks counts the systems whose text speaks of a task.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from phloem.analysis.taxonomy import FAMILIES, PHASES, ROOT, Entry, by


class TaskKind(NamedTuple):
    """A kind of task: its direction, commands that do it, and the words by which a paper speaks of it."""

    name: str
    direction: str
    commands: tuple[str, ...]
    words: str


class Coverage(NamedTuple):
    kind: TaskKind
    commands: tuple[str, ...]  # those that there are
    systems: tuple[str, ...]

    @property
    def listed(self) -> str:
        """How the table says it: by commands, or that it is not covered."""
        return ", ".join(f"phloem {each}" for each in self.commands) or "not covered"


TASK_KINDS = (
    TaskKind("code search", "text to code", ("search", "index"), r"(code|semantic) search|retriev|searched"),
    TaskKind("synthesis from text", "text to code", ("generate",), r"text-to-code|code generation"),
    TaskKind("text to SQL", "text to code", ("sql",), r"sql|sparql|database"),
    TaskKind("mathematics by programs", "text to code", ("solve",), r"symbolic mathematics|arithmetic"),
    TaskKind("similar code", "code to code", ("similar",), r"similar code|code-to-code"),
    TaskKind("completion", "code to code", ("complete",), r"completion"),
    TaskKind("cloze and infilling", "code to code", ("infill",), r"\bmask|cloze|infill"),
    TaskKind("translation", "code to code", ("translate",), r"translat"),
    TaskKind("repair", "code to code", ("repair",), r"repair|\bfix"),
    TaskKind("tests and assertions", "code to code", ("test",), r"unit test|assertion"),
    TaskKind("mutants and fuzzing", "code to code", ("mutate",), r"mutants|fuzz(er|ing)"),
    TaskKind("optimisation", "code to code", ("optimize",), r"compiler pass|pass order|optimis"),
    TaskKind("names", "code to text", ("name",), r"\bnam(e|es|ing)\b"),
    TaskKind("summaries", "code to text", ("summarize",), r"summar"),
    TaskKind("commit messages", "code to text", ("commit",), r"commit"),
    TaskKind("explanation and questions", "code to text", ("explain", "ask"), r"quer(y|ies) over code|explain"),
    TaskKind("defects", "code to pattern", ("review",), r"\bbug|defect"),
    TaskKind("clones", "code to pattern", ("clones",), r"clone"),
    TaskKind("classification", "code to pattern", ("classify",), r"classif"),
    TaskKind("types", "code to pattern", ("types",), r"type inference|type prediction"),
    TaskKind("execution", "code to pattern", ("trace",), r"\btrace|execut"),
    TaskKind("documents", "text to text", ("document",), r"document(ation)? translation|log parsing"),
)
DIRECTIONS = tuple(dict.fromkeys(kind.direction for kind in TASK_KINDS))


def commands(file: Path = ROOT / "cli" / "app.py") -> frozenset[str]:
    """The commands that the program registers: `app.command("NAME")` and `app.add_typer(…, name="NAME")`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        named = [each.value for each in node.keywords if each.arg == "name"]
        said = node.args[:1] if node.func.attr == "command" else named if node.func.attr == "add_typer" else []
        found |= {each.value for each in said if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return frozenset(found)


def coverage(entries: Sequence[Entry], known: Collection[str]) -> list[Coverage]:
    """For each kind of task the commands that do it and the systems that speak of it."""
    return [
        Coverage(
            kind,
            tuple(each for each in kind.commands if each in known),
            tuple(each.name for each in entries if re.search(kind.words, each.text, re.IGNORECASE)),
        )
        for kind in TASK_KINDS
    ]


def grid(entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    """How many systems of each family speak of each kind of task."""
    families = {name: many for name, many in by(entries, "family").items() if name in FAMILIES}
    return {
        family: {each.kind.name: len(each.systems) for each in coverage(many, ())} for family, many in families.items()
    }


def timeline(entries: Iterable[Entry]) -> dict[int, dict[str, list[str]]]:
    """Year by year the systems of each phase (Sun et al., arXiv 2403.14734, 2024)."""
    found: dict[int, dict[str, list[str]]] = {}
    for each in sorted(entries, key=lambda entry: (entry.year, entry.name)):
        found.setdefault(each.year, {phase: [] for phase in PHASES})[each.phase].append(each.name)
    return found


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def family_table(entries: Sequence[Entry]) -> str:
    """Every system under its families."""
    fields = ("year", "modality", "objective", "data", "metric")
    rows = [
        [family, each.name, *(_said(getattr(each, field)) for field in fields)]
        for family, many in by(entries, "family").items()
        for each in many
    ]
    return markdown(["family", "system", *fields], rows)


def task_table(entries: Sequence[Entry], known: Collection[str]) -> str:
    """Every kind of task with its commands and systems."""
    rows = [
        [each.kind.direction, each.kind.name, each.listed, ", ".join(each.systems) or "–"]
        for each in coverage(entries, known)
    ]
    return markdown(["direction", "task", "commands", "systems"], rows)


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
