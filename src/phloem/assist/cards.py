"""What a saved model says of itself: the facts in model.json, and the same as a card to read."""

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
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.tasks.saved import read_about

if TYPE_CHECKING:
    from phloem.assist.training import Plan
    from phloem.learn.trainer import History

CURVE_FIGURES = ("f1", "exact_match", "bleu", "rouge_l")
LIMITS = {
    "names": [
        "Suggestions come from the body alone: what callers, comments or the domain say of a function is not seen.",
        "Only words of its vocabulary can be suggested, and names of at most a few words.",
        "A flag says that the name is improbable for the body, not that it is wrong.",
    ],
    "summaries": [
        "Sentences are short and general, and may state what the code does not do: read them before you keep them.",
        "Only words of its vocabulary and words that the function's code has can be written.",
    ],
}


def describe(
    plan: Plan,
    corpus: Path,
    languages: Sequence[str],
    splits: Mapping[str, Any],
    history: History,
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """The facts of a model that was just trained."""
    about = shards.info(corpus)
    licences = Counter(project["licence"] or "unknown" for project in about["projects"] if project["functions"])
    return {
        "task": plan.task,
        "languages": list(languages),
        "grammars": {language: by_name(language).version for language in languages},
        "phloem": __version__,
        "date": date.today().isoformat(),
        "command": plan.command,
        "started_from": plan.start,
        "data": {
            "projects": sum(bool(project["functions"]) for project in about["projects"]),
            "functions": {split: len(dataset) for split, dataset in splits.items()},
            "split_by": about["report"]["split_by"],
            "licences": dict(licences.most_common()),
            "sources": [project["name"] for project in about["projects"] if project["functions"]],
        },
        "training": {
            "steps": history.step,
            "minutes": round(history.seconds / 60, 1),
            "best_step": history.best_step,
            "stopped": history.stopped,
            "seed": plan.seed,
            "machine": f"{platform.system()} {platform.machine()}",
            "curve": [
                {key: round(value, 4) for key, value in row.items() if isinstance(value, int | float)}
                for row in history.evaluations
            ],
        },
        "figures": dict(figures),
        "limits": LIMITS[plan.task],
    }


def card(name: str, facts: Mapping[str, Any], storage: str) -> str:
    """MODEL_CARD.md."""
    data, training = facts["data"], facts["training"]
    functions = data["functions"]
    licences = ", ".join(f"{licence} ({count})" for licence, count in data["licences"].items())
    lines = [
        f"# {name}",
        "",
        f"{'Names' if facts['task'] == 'names' else 'First sentences of documentation'} for functions in "
        f"{', '.join(facts['languages'])}. Made by phloem {facts['phloem']} on {facts['date']}; weights in {storage}.",
        "",
        "## Figures",
        "",
        f"On {functions['test']:,} functions of the test split, split by {data['split_by']}; 95% bootstrap intervals.",
        "",
        "| figure | value | interval |",
        "| --- | --- | --- |",
        *_figure_rows(facts["figures"]),
        *_flag_lines(facts),
        *_ranking_lines(facts),
        "",
        "## Data",
        "",
        f"{data['projects']:,} projects: {functions['train']:,} functions to train on, {functions['validation']:,} to "
        f"choose and calibrate, {functions['test']:,} to measure.",
        "",
        f"Licences, by project: {licences}.",
        "",
        f"Projects: {', '.join(data['sources'])}.",
        "",
        "## Training",
        "",
        f"{training['steps']:,} steps in {training['minutes']:g} minutes on {training['machine']}, "
        f"seed {training['seed']}; the best weights are those of step {training['best_step']:,}."
        + (f" Started from {facts['started_from']}." if facts["started_from"] else ""),
        "",
        "```",
        facts["command"] or "phloem train",
        "```",
        *_curve_lines(facts),
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in facts["limits"]),
    ]
    return "\n".join(lines) + "\n"


CURVE_ROWS = 12  # of a learning curve, the last evaluation among them


def _curve_lines(facts: Mapping[str, Any]) -> list[str]:
    """The evaluations during training, thinned to CURVE_ROWS."""
    kept, train = facts["training"]["curve"], facts["data"]["functions"]["train"]
    if not kept:
        return []
    every = -(-len(kept) // CURVE_ROWS)
    names = [name for name in CURVE_FIGURES if name in kept[-1]]
    rows = [
        f"| {row['step']:,} | {row['epoch'] * train:,.0f} | {row['seconds'] / 60:.1f} | "
        + " | ".join(f"{row[name]:.4f}" for name in names)
        + " |"
        for row in kept[::-1][::every][::-1]
    ]
    return [
        "",
        f"On {kept[-1]['examples']:,} functions of the validation split, greedy, as training went on:",
        "",
        f"| steps | functions read | minutes | {' | '.join(names)} |",
        "| --- |" + " --- |" * (2 + len(names)),
        *rows,
    ]


def _figure_rows(figures: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, value in figures.items():
        interval = figures.get(f"{name}_interval")
        if interval is not None:
            rows.append(f"| {name} | {value:.4f} | {interval[0]:.4f} to {interval[1]:.4f} |")
    return rows


def _flag_lines(facts: Mapping[str, Any]) -> list[str]:
    if "flags" not in facts:
        return []
    flags, test = facts["flags"], facts.get("flags_test", {})
    lines = [
        "",
        f"A name is flagged under a probability a word of {flags['value']:.3g}. On {flags['examples']:,} functions of "
        f"the validation split, half of their names swapped with another function's of the same project, flags have a "
        f"precision of {flags['precision']:.3f} and a recall of {flags['recall']:.3f}: the threshold was set there.",
    ]
    if test.get("examples"):
        shown = [f"{test[name]:.3f} ({_interval(test[name + '_interval'])})" for name in ("precision", "recall")]
        lines += [
            "",
            f"At this threshold, on {test['examples']:,} functions of the test split, swapped likewise: precision "
            f"{shown[0]}, recall {shown[1]}.",
        ]
    return lines


def _ranking_lines(facts: Mapping[str, Any]) -> list[str]:
    found = facts.get("ranking")
    if not found:
        return []
    figure, name = ("f1", "F1") if facts["task"] == "names" else ("bleu", "BLEU")
    rows = {(row["length_penalty"], row["no_repeat"]): row for row in found["tried"]}
    chosen, plain = rows[found["length_penalty"], found["no_repeat"]], rows[0.0, 0]
    right = "the name is the function's" if facts["task"] == "names" else "a word stands in the documentation"
    told = f"{name} {chosen[figure]:.4f} instead of {plain[figure]:.4f} by probability alone"
    if "exact_match" in chosen:
        told += f", exact match {chosen['exact_match']:.4f} instead of {plain['exact_match']:.4f}"
    shown = found.get("suggested")
    least = (
        f" Sentences under {found['least']:.2f} are suggested only on request: half of the words of the others "
        f"are right there, on average, and {100 * shown:.0f}% of functions get one."
        if shown
        else ""
    )
    repeats = f"; no {found['no_repeat']} words are written twice" if found["no_repeat"] else ""
    return [
        "",
        f"Suggestions are ordered by log probability / (words + 1)^{found['length_penalty']:g}{repeats}. Chosen on "
        f"{found['examples']:,} functions of the validation split: {told}. The probability that is told is that "
        f"{right}, fitted there to all suggestions (expected calibration error {found['calibration_error']:.3f})."
        f"{least}",
    ]


def _interval(ends: Sequence[float]) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}"


def rewrite(folder: Path, figures: Mapping[str, Any]) -> None:
    """Put the figures of `evaluate_model` on the whole test split into a saved model and its card.

    Raises PhloemError where they are of another number of functions than the model's test split has.
    """
    about = read_about(folder)
    facts = about["facts"]
    own = facts["data"]["functions"]["test"]
    if figures["examples"] != own:
        raise PhloemError(
            f"{folder.name} has a test split of {own:,} functions, these figures are of {figures['examples']:,}: "
            "give the data of its training"
        )
    new: dict[str, Any] = {"figures": {name: value for name, value in figures.items() if name != "flags"}}
    if "flags" in figures:
        new["flags_test"] = figures["flags"]
    record(folder, new)


def record(folder: Path, new: Mapping[str, Any]) -> None:
    """Put facts into a saved model and its card."""
    about = read_about(folder)
    facts = about["facts"]
    facts |= new
    replace_file(folder / "model.json", json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode())
    replace_file(folder / "MODEL_CARD.md", card(folder.resolve().name, facts, about["storage"]).encode())
