"""Summaries with and without copying from the source: the same code2seq, data, seed and processor time.

    python benchmarks/summary_copying.py SHARDS [--minutes 6] [--functions 4000] [--work FOLDER] [--out JSON]

Both read the function's name. Each arm trains for the minutes of one processor from the same seed, then writes
sentences for functions of the validation split (projects that training never saw) by beam search. Figures are BLEU,
CodeNN's BLEU, ROUGE-L and chrF of the sentences and F1 of their words, with 95% bootstrap intervals; differences are
resampled in pairs. An arm whose run is in FOLDER already is not trained again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from phloem.assist.engines import search
from phloem.assist.evaluation import BEAM, limited
from phloem.assist.training import Plan, begin, compiled, trained, training_settings
from phloem.corpora import shards
from phloem.measure import bootstrap, subtoken_f1, text
from phloem.tasks.answers import answers

ARMS: dict[str, dict[str, Any]] = {"plain": {"copying": False}, "copying": {"copying": True}}
CONFIG: dict[str, Any] = {
    "drop": 0.1,
    "output_drop": 0.25,
    "word_limit": 8_000,
    "subtoken_limit": 24_000,
    "training": {
        "batch_size": 64,
        "threads": 1,
        "clock": "processor",
        "evaluate_every": 100_000,
        "evaluate_unit": "steps",
        "checkpoint_minutes": 2,
    },
}


class Answered(NamedTuple):
    """What an arm wrote for the validation functions, what stands there, and what its training was."""

    references: list[list[str]]
    predictions: list[list[str]]
    facts: dict[str, Any]


def answered(name: str, want: argparse.Namespace) -> Answered:
    """Train an arm for its budget and let it write."""
    plan = Plan("summaries", str(want.shards), want.work / name, minutes=want.minutes, config=CONFIG | ARMS[name])
    start = begin(plan)
    view, splits = compiled(start, want.shards, shards.info(want.shards)["languages"], print_progress)
    model, history = trained(plan, start, training_settings(plan), view, splits, plan.out / "run", True, print_progress)
    validation = limited(splits["validation"], want.functions)
    found = answers(model, view, validation, search(BEAM), length=view.config.target_words)
    parameters = sum(each.numel() for each in model.parameters())
    facts = {"steps": history.step, "processor minutes": round(history.seconds / 60, 2), "parameters": parameters}
    return Answered(found.references, found.predictions, facts)


def print_progress(what: str, share: float) -> None:
    print(f"{what} {share:.1%}", end="\r", flush=True)


def addends(found: Answered) -> dict[str, tuple[np.ndarray, bootstrap.Figure]]:
    """Rows to resample, and the figure of their sums, by name."""
    wanted, given = ([" ".join(words) for words in side] for side in (found.references, found.predictions))
    return {
        "bleu": (text.bleu_addends(wanted, given), text.bleu),
        "codenn_bleu": (bootstrap.with_count(text.codenn_bleu(wanted, given)), bootstrap.mean),
        "rouge_l": (bootstrap.with_count(text.rouge_l(wanted, given)), bootstrap.mean),
        "chrf": (text.chrf_addends(wanted, given), text.chrf),
        "f1": (subtoken_f1.count_all(found.references, found.predictions).astype(float), subtoken_f1.f1),
    }


def rounded(interval: bootstrap.Interval) -> dict[str, Any]:
    return {"value": round(interval.value, 4), "interval": [round(interval.low, 4), round(interval.high, 4)]}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("shards", type=Path)
    ask.add_argument("--minutes", type=float, default=6.0)
    ask.add_argument("--functions", type=int, default=4_000)
    ask.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    ask.add_argument("--work", type=Path, default=Path("summary_copying"))
    ask.add_argument("--out", type=Path)
    want = ask.parse_args()
    torch.set_num_threads(1)
    found = {name: answered(name, want) for name in want.arms}
    parts = {name: addends(one) for name, one in found.items()}
    report: dict[str, Any] = {
        "corpus": want.shards.name,
        "split": "validation",
        "functions": want.functions,
        "beam": BEAM,
        "seed": 0,
        "arms": {
            name: one.facts
            | {figure: rounded(bootstrap.interval(*parts[name][figure])) for figure in parts[name]}
            | {"words": round(float(np.mean([len(words) for words in one.predictions])), 2)}
            for name, one in found.items()
        },
    }
    if set(ARMS) <= set(found):
        report["copying less plain"] = {
            figure: rounded(bootstrap.difference(parts["copying"][figure][0], parts["plain"][figure][0], measure))
            for figure, (_, measure) in parts["plain"].items()
        }
    print(json.dumps(report, indent=1))
    if want.out:
        want.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
