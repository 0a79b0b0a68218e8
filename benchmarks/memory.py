"""Resident memory of training on the shards of a million functions.

A compiled dataset of that size is written (100 contexts a function, 300,000 distinct values, 200,000 distinct paths,
drawn at random), then a process of its own trains on it. Reported are the process's private memory and its peak
resident size; pages of the memory-mapped arrays that the system keeps cached count in the second only, and are given
back on demand.

    python benchmarks/memory.py [--functions 1000000] [--seconds 60] [--json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CONTEXTS, VALUES, PATHS = 100, 300_000, 200_000


def write(folder: Path, functions: int) -> None:
    """A dataset under folder/data and its view's state beside it."""
    from phloem.represent.path_dataset import PathWriter, RawContexts
    from phloem.represent.path_view import PathView, PathViewConfig

    rng = np.random.default_rng(0)
    view = PathView(PathViewConfig(subtoken_limit=24_000, word_limit=8_000))
    labels = [view.labels.id(f"kind{number}") for number in range(300)]
    words = [f"word{number}" for number in range(20_000)]
    with PathWriter(folder / "data") as writer:
        values = writer.value_ids(f"{words[i % 20_000]}|{words[i * 7 % 20_000]}" for i in range(VALUES))
        paths = writer.path_ids(rng.choice(np.array(labels, np.int32), (PATHS, 9)))
        for start in range(0, functions, 10_000):
            count = min(10_000, functions - start)
            drawn = [rng.choice(table, count * CONTEXTS).astype(np.int32) for table in (values, values, paths)]
            targets = [[words[word] for word in row] for row in rng.integers(0, 20_000, (count, 3)).tolist()]
            raw = RawContexts(np.arange(count + 1, dtype=np.int64) * CONTEXTS, *drawn)
            writer.add(raw, targets, ["project"] * count)
        view._fit(writer)
        writer.finish(view._value_ids, view._path_ids, view.words.ids, view.config.target_words + 1)
    (folder / "view.json").write_text(json.dumps(view.state()))


def train(folder: Path, seconds: float) -> dict[str, float]:
    """Train some seconds; megabytes private and at the peak."""
    from phloem.learn.settings import TrainingSettings
    from phloem.learn.trainer import train as run
    from phloem.represent.path_view import PathView
    from phloem.systems.understanding.code2seq import RECIPE, Code2SeqConfig

    view = PathView.from_state(json.loads((folder / "view.json").read_text()))
    dataset = view.open(folder / "data")
    config = Code2SeqConfig()
    settings = TrainingSettings(minutes=seconds / 60, batch_size=128, threads=2)
    run(RECIPE.model(config, view), dataset, RECIPE.objective(config), settings, folder=folder / "run")
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    megabytes = {name: int(status[name].split()[0]) / 1024 for name in ("RssAnon", "VmHWM")}
    return {"functions": len(dataset), "private MB": megabytes["RssAnon"], "peak resident MB": megabytes["VmHWM"]}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--functions", type=int, default=1_000_000)
    ask.add_argument("--seconds", type=float, default=60.0)
    ask.add_argument("--json", action="store_true")
    ask.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    want = ask.parse_args()
    if want.train:
        print(json.dumps(train(want.train, want.seconds)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), want.functions)
        command = [sys.executable, __file__, "--train", scratch, "--seconds", str(want.seconds)]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(json.dumps(row) if want.json else "\n".join(f"{name:20} {value:12,.0f}" for name, value in row.items()))


if __name__ == "__main__":
    main()
