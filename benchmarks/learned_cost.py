"""Tasks that bottom-up search solves within the same number of candidates: plain, and with BUSTLE's guides, in one run.

    python benchmarks/learned_cost.py --data FOLDER [--model FILE] [--candidates 100000]
                                      [--set sygus|sygus-all|bustle38 …] [--guide plain|heuristics|model|both …]
                                      [--out results.json]

The language is BUSTLE's, the same for all. `sygus`: the SyGuS-Comp string tasks with string inputs that BUSTLE used;
`sygus-all`: all with string inputs; `bustle38`: BUSTLE's own. Without --model the guide in the package. Candidates are
counted, so a busy machine changes nothing but the seconds. A task counts when its program gives all examples.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from phloem.measure import solve_rate
from phloem.synthesis.guides import LearnedCost, Reweighting, shipped
from phloem.tasks import spreadsheet_formulas as formulas

GUIDES = ("plain", "heuristics", "model", "both")
SETS = ("sygus", "sygus-all", "bustle38")


def tasks(name: str, data: Path | None) -> list[formulas.SpreadsheetTask]:
    if name == "bustle38":
        return formulas.own_tasks(data)
    return formulas.sygus_tasks(data, used_by_bustle=name == "sygus")


def measured(name: str, guide: str, cost: LearnedCost, want: argparse.Namespace) -> dict[str, Any]:
    some, began = tasks(name, want.data), time.process_time()
    model = cost if guide in ("model", "both") else None
    heuristics = guide in ("heuristics", "both")
    took = formulas.spent(
        some,
        lambda spec: Reweighting(spec, model, heuristics=heuristics) if guide != "plain" else None,
        want.candidates,
    )
    return {
        "set": name,
        "guide": guide,
        "tasks": len(some),
        "solved": solve_rate.solved(took, want.candidates),
        "area": round(solve_rate.area(took, want.candidates), 4),
        "median candidates of the solved": float(np.median(took[np.isfinite(took)]))
        if np.isfinite(took).any()
        else None,
        "seconds": round(time.process_time() - began, 1),
        "candidates": {task.name: int(each) for task, each in zip(some, took, strict=True) if np.isfinite(each)},
    }


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--model", type=Path, help="a learned cost (safetensors)")
    ask.add_argument("--candidates", type=int, default=formulas.CANDIDATES)
    ask.add_argument("--set", nargs="*", choices=SETS, default=["sygus", "bustle38"])
    ask.add_argument("--guide", nargs="*", choices=GUIDES, default=list(GUIDES))
    ask.add_argument("--out", type=Path)
    want = ask.parse_args()
    cost = LearnedCost.load(want.model) if want.model else shipped()
    rows = []
    for name in want.set:
        plain = None
        for guide in want.guide:
            row = measured(name, guide, cost, want)
            rows.append(row)
            plain = row["solved"] if guide == "plain" else plain
            more = f", {row['solved'] / plain - 1:+.0%}" if plain and guide != "plain" else ""
            print(
                f"{name:9} {guide:10} solved {row['solved']} of {row['tasks']}{more}; area {row['area']:.3f}; "
                f"{row['seconds']} s",
                flush=True,
            )
    if want.out:
        want.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
