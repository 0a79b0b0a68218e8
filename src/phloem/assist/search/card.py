"""What a model of code search says of itself: the facts in model.json, and the same as a card to read."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phloem import __version__
from phloem.corpora import shards

if TYPE_CHECKING:
    from phloem.assist.search.training import SearchPlan
    from phloem.learn.trainer import History

LIMITS = [
    "It was trained on documentation that stands at functions, which is more regular than what people type.",
    "English only; other languages are matched by the words that they share with code.",
    "The static speed knows no order of words: “convert a to b” and “convert b to a” are the same to it.",
    "The Transformer reads the first 128 units of a function, the static speed counts the first 512.",
    "A near vector says that texts speak of the same things, not that the code does what the query asks.",
]


def describe(
    plan: SearchPlan,
    corpora: Sequence[Path],
    splits: Mapping[str, Any],
    histories: Mapping[str, History],
    figures: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The facts of a model that was just trained."""
    projects = [project for corpus in corpora for project in shards.info(corpus)["projects"] if project["functions"]]
    return {
        "task": "search",
        "languages": splits["train"].languages,
        "phloem": __version__,
        "date": date.today().isoformat(),
        "command": plan.command,
        "started_from": plan.start,
        "data": {
            "projects": len(projects),
            "functions": {split: len(dataset) for split, dataset in splits.items()},
            "documented": {split: len(dataset.documented()) for split, dataset in splits.items()},
            "licences": dict(Counter(project["licence"] or "unknown" for project in projects).most_common()),
            "sources": [project["name"] for project in projects],
        },
        "training": {speed: _training(history, plan.seed) for speed, history in histories.items()},
        "figures": {speed: dict(measured) for speed, measured in figures.items()},
        "limits": LIMITS,
    }


def _training(history: History, seed: int) -> dict[str, Any]:
    return {
        "steps": history.step,
        "minutes": round(history.seconds / 60, 1),
        "best_step": history.best_step,
        "stopped": history.stopped,
        "seed": seed,
        "machine": f"{platform.system()} {platform.machine()}",
        "curve": [{key: round(row[key], 4) for key in ("step", "seconds", "mrr")} for row in history.evaluations],
    }


def card(name: str, facts: Mapping[str, Any], storage: str) -> str:
    """MODEL_CARD.md."""
    data = facts["data"]
    licences = ", ".join(f"{licence} ({count})" for licence, count in data["licences"].items())
    speeds = " and ".join(facts["training"])
    lines = [
        f"# {name}",
        "",
        f"Vectors for code search, functions in {', '.join(facts['languages'])} and queries in English, at "
        f"{len(facts['training'])} speed(s): {speeds}. Made by phloem {facts['phloem']} on {facts['date']}; weights in "
        f"{storage}.",
        "",
        "## Figures",
        "",
        "On projects of the test split, which training never saw: the first sentence of a function's documentation "
        "finds the function among others of its language, the documentation removed from the code. Mean reciprocal "
        "rank, ties counted against the model; 95% bootstrap intervals.",
        "",
        "| speed | language | queries | functions searched | MRR | interval |",
        "| --- | --- | --- | --- | --- | --- |",
        *_figure_rows(facts),
        "",
        "## Data",
        "",
        f"{data['projects']:,} projects: {data['functions']['train']:,} functions to train on "
        f"({data['documented']['train']:,} documented), {data['functions']['validation']:,} to choose by, "
        f"{data['functions']['test']:,} to measure.",
        "",
        f"Licences, by project: {licences}.",
        "",
        f"Projects: {', '.join(data['sources'])}.",
        "",
        "## Training",
        "",
        *(
            f"- {speed}: {part['steps']:,} steps in {part['minutes']:g} minutes on {part['machine']}, seed "
            f"{part['seed']}; the best weights on validation are those of step {part['best_step']:,}."
            for speed, part in facts["training"].items()
        ),
        *([f"- Started from {facts['started_from']}."] if facts["started_from"] else []),
        "",
        "```",
        facts["command"] or "phloem train search",
        "```",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in facts["limits"]),
    ]
    return "\n".join(lines) + "\n"


def _figure_rows(facts: Mapping[str, Any]) -> list[str]:
    rows = []
    for speed, figures in facts["figures"].items():
        for language in facts["languages"]:
            if f"mrr_{language}" in figures:
                low, high = figures[f"mrr_{language}_interval"]
                rows.append(
                    f"| {speed} | {language} | {figures[f'queries_{language}']:,} | {figures[f'pool_{language}']:,} | "
                    f"{figures[f'mrr_{language}']:.3f} | {low:.3f} to {high:.3f} |"
                )
    return rows
