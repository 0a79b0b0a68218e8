"""What a detector of bugs says of itself: the facts in model.json, and the same as a card to read."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phloem import __version__
from phloem.assist.findings import replace_file
from phloem.corpora import shards
from phloem.languages import LANGUAGES
from phloem.tasks.saved import read_about

if TYPE_CHECKING:
    from phloem.assist.review.training import ReviewPlan
    from phloem.learn.trainer import History

LIMITS = [
    "It learned from bugs that were put in by chance; those that people make are different and rarer.",
    "Probabilities hold where every other function has a bug. In code with one bug in 20 functions most findings are "
    "false alarms: read them as places to look at.",
    "It reads a function alone, its first 256 tokens: what a call does, which type a variable has, it does not know.",
]


def describe(
    plan: ReviewPlan,
    corpus: Path,
    languages: Sequence[str],
    splits: Mapping[str, Any],
    histories: Mapping[str, History],
    checks: Mapping[str, Any],
) -> dict[str, Any]:
    """The facts of a model that was just trained."""
    info = shards.info(corpus)
    projects = [project for project in info["projects"] if project["functions"]]
    return {
        "task": "review",
        "languages": list(languages),
        "grammars": {name: LANGUAGES[name].version for name in languages},
        "phloem": __version__,
        "date": date.today().isoformat(),
        "command": plan.command,
        "started_from": plan.start,
        "data": {
            "projects": len(projects),
            "functions": {split: len(dataset) for split, dataset in splits.items()},
            "licences": dict(Counter(project["licence"] or "unknown" for project in projects).most_common()),
            "sources": [project["name"] for project in projects],
        },
        "training": {stage: _training(history, plan.seed) for stage, history in histories.items()},
        "checks": dict(checks),
        "limits": [*LIMITS, f"It knows {', '.join(languages)} alone."],
    }


def _training(history: History, seed: int) -> dict[str, Any]:
    return {
        "steps": history.step,
        "minutes": round(history.seconds / 60, 1),
        "best_step": history.best_step,
        "stopped": history.stopped,
        "seed": seed,
        "machine": f"{platform.system()} {platform.machine()}",
        "curve": [{key: round(row[key], 4) for key in ("step", "seconds", "joint")} for row in history.evaluations],
    }


def card(name: str, facts: Mapping[str, Any], storage: str) -> str:
    """MODEL_CARD.md."""
    data = facts["data"]
    licences = ", ".join(f"{licence} ({count})" for licence, count in data["licences"].items())
    lines = [
        f"# {name}",
        "",
        "A detector of bugs for `phloem review`: judges uses of variables, operators, operands, arguments, exception "
        f"types and documentation of functions in {', '.join(facts['languages'])}. Made by phloem {facts['phloem']} on "
        f"{facts['date']}; weights in {storage}.",
        "",
        "## Thresholds",
        "",
        "Set on projects of the validation split, where half of the functions have one bug, each kind that applies as "
        "likely: the lowest threshold at which findings are right with a precision of 0.8 (else 0.65 or 0.5; a check "
        "that reaches none is off unless asked for). Recall is the share of the check's bugs that are found.",
        "",
        "| check | on | threshold | precision | recall | bugs |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {check} | {'yes' if each['on'] else 'no'} | {each['threshold']:.3f} | {each['precision']:.2f} | "
            f"{each['recall']:.2f} | {each['bugs']:,} |"
            for check, each in facts["checks"].items()
        ),
        "",
        *_measured(facts.get("figures", {})),
        "## Data",
        "",
        f"{data['projects']:,} projects: {data['functions']['train']:,} functions to train on, "
        f"{data['functions']['validation']:,} to choose by, {data['functions']['test']:,} to measure.",
        "",
        f"Licences, by project: {licences}.",
        "",
        f"Projects: {', '.join(data['sources'])}.",
        "",
        "## Training",
        "",
        *(
            f"- {stage}: {part['steps']:,} steps in {part['minutes']:g} minutes of one processor on {part['machine']}, "
            f"seed {part['seed']}"
            + (f"; the weights are those of step {part['best_step']:,}, best on validation." if part["curve"] else ".")
            for stage, part in facts["training"].items()
        ),
        f"- Vocabulary and first vectors: {facts['started_from']}.",
        "",
        "```",
        facts["command"] or "phloem train review",
        "```",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in facts["limits"]),
    ]
    return "\n".join(lines) + "\n"


def _measured(figures: Mapping[str, Any]) -> list[str]:
    """The figures of the test split (those of `benchmarks/review.py`), where there are any."""
    if not figures:
        return []
    rows = [(name, each) for name, each in figures["checks"].items() if each["findings"]]
    return [
        "## Figures",
        "",
        f"On {figures['functions']:,} functions of projects of the test split, {figures['functions_with_a_bug']:,} of "
        "them with one bug, at these thresholds; 95% bootstrap intervals. The last column is the precision at the same "
        "rates where one function of twenty has a bug.",
        "",
        "| check | findings | precision | recall | false alarms per 1,000 functions without a bug | one bug in 20 |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {each['findings']:,} | {each['precision']:.2f} ({each['precision_interval'][0]:.2f} to "
            f"{each['precision_interval'][1]:.2f}) | {each['recall']:.2f} ({each['recall_interval'][0]:.2f} to "
            f"{each['recall_interval'][1]:.2f}) | {each['false_alarms_per_1000_clean_functions']:.1f} | "
            f"{each['precision_at_one_bug_in_20_functions']:.2f} |"
            for name, each in rows
        ),
        "",
    ]


def update(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write measured figures into a saved detector and its card. Raises PhloemError."""
    about = read_about(folder)
    about["facts"]["figures"] = dict(figures)
    replace_file(folder / "model.json", json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode())
    text = card(folder.resolve().name, about["facts"], about["storage"])
    replace_file(folder / "MODEL_CARD.md", text.encode())
