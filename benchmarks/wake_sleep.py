"""What wake-sleep learning adds: the share of tasks that is solved, iteration after iteration.

    python benchmarks/wake_sleep.py [--data DIR] [--seconds 1] [--train 40] [--test 40] [--seeds 0] [--out FILE]

Lists (DreamCoder's published tasks; a language without map and fold) and text (generated edits). In every iteration all
tasks are searched for with the same processor seconds a task: the first one with the primitives alone, the second and
third with the library and the recognition model that were learned of the training tasks' solutions. Intervals: 95%,
bootstrap over tasks, of the share and of its gain over the iteration before.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from phloem.synthesis.languages.lambda_calculus import show_term
from phloem.synthesis.library import Library
from phloem.synthesis.recognition import ExampleTask
from phloem.synthesis.wake_sleep import Cycle, Search, Settings, Solution, wake_sleep
from phloem.tasks import example_tasks

RESAMPLES = 2000


def interval(values: np.ndarray) -> list[float]:
    """The mean and its 95% bootstrap interval."""
    drawn = np.random.default_rng(0).choice(values, (RESAMPLES, len(values))).mean(axis=1)
    return [round(float(one), 4) for one in (values.mean(), *np.quantile(drawn, [0.025, 0.975]))]


def hits(tasks: tuple[ExampleTask, ...], solved: dict[str, Solution]) -> np.ndarray:
    return np.array([task.name in solved for task in tasks], float)


def measured(domain: example_tasks.Domain, cycles: list[Cycle]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    before: dict[str, np.ndarray] = {}
    for number, cycle in enumerate(cycles, 1):
        row: dict[str, Any] = {"iteration": number}
        for split, tasks, solved in (("train", domain.train, cycle.train), ("test", domain.test, cycle.test)):
            now = hits(tasks, solved)
            row[f"{split}_share"] = interval(now)
            if number > 1:
                row[f"{split}_gain"] = interval(now - before[split])
            before[split] = now
        row["inventions_after"] = [
            {"body": show_term(step.invention), "type": str(step.invention.type), "tasks": step.tasks}
            for step in cycle.inventions
        ]
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--train", type=int, default=40)
    parser.add_argument("--test", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--domains", nargs="+", default=["lists", "text"], choices=["lists", "text"])
    parser.add_argument("--recognition-seconds", type=float, default=15.0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    settings = Settings(Search(asked.seconds), recognition_seconds=asked.recognition_seconds)
    found: dict[str, Any] = {
        "seconds_a_task": asked.seconds,
        "train": asked.train,
        "test": asked.test,
        "recognition_seconds": asked.recognition_seconds,
        "prior": settings.prior._asdict(),
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()),
        "runs": [],
    }
    for name in asked.domains:
        for seed in asked.seeds:
            begun = time.process_time()
            if name == "lists":
                domain = example_tasks.lists(asked.train, asked.test, seed, asked.data)
            else:
                domain = example_tasks.text(asked.train, asked.test, seed)
            library = Library(tuple(domain.primitives.values()))
            with tempfile.TemporaryDirectory() as folder:
                cycles = list(wake_sleep(library, domain.train, domain.test, settings, seed=seed, folder=Path(folder)))
            rows = measured(domain, cycles)
            seconds = round(time.process_time() - begun, 1)
            found["runs"].append({"domain": name, "seed": seed, "processor_seconds": seconds, "iterations": rows})
            beside = asked.out.with_suffix(".part")
            beside.write_text(json.dumps(found, indent=1) + "\n")
            beside.replace(asked.out)


if __name__ == "__main__":
    main()
