"""Functions a second from a parsed tree to path contexts, for each preset that reads a language.

    python benchmarks/presets.py SHARDS [--language java] [--functions 3000] [--runs 3] [--json]

Mined shards hold trees, so that parsing is not in it; `tree-sitter` is the floor that ratios are against. Processor
time of one thread, the median of runs that take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from itertools import islice

from phloem.corpora.shards import read
from phloem.languages.example import Example
from phloem.represent.labels import Labels
from phloem.represent.paths import PRESETS, extract
from phloem.represent.preset import PathPreset, reads

KEPT = 1_000  # contexts of a function, as are kept on disk
CHUNK = 256


def seconds(examples: list[Example], preset: PathPreset) -> tuple[float, int]:
    """Processor time of all extractions, and how many contexts they gave."""
    labels, contexts = Labels(), 0
    began = time.process_time()
    for start in range(0, len(examples), CHUNK):
        contexts += int(extract(examples[start : start + CHUNK], preset, labels, limit=KEPT).offsets[-1])
    return time.process_time() - began, contexts


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("shards")
    ask.add_argument("--language", default="java")
    ask.add_argument("--functions", type=int, default=3_000)
    ask.add_argument("--runs", type=int, default=3)
    ask.add_argument("--json", action="store_true")
    want = ask.parse_args()
    examples = list(islice(read(want.shards, "validation", [want.language]), want.functions))
    presets = {name: preset for name, preset in PRESETS.items() if reads(preset, want.language)}
    for preset in presets.values():
        seconds(examples[:CHUNK], preset)  # compiles what numba compiles
    times: dict[str, list[float]] = {name: [] for name in presets}
    contexts: dict[str, int] = {}
    for _ in range(want.runs):
        for name, preset in presets.items():
            taken, contexts[name] = seconds(examples, preset)
            times[name].append(taken)
    floor = statistics.median(times["tree-sitter"])
    rows = {
        name: {
            "functions/s": round(len(examples) / statistics.median(taken), 1),
            "contexts/s": round(contexts[name] / statistics.median(taken)),
            "times tree-sitter": round(statistics.median(taken) / floor, 2),
        }
        for name, taken in times.items()
    }
    report = {"language": want.language, "functions": len(examples), "runs": want.runs, "table": rows}
    print(json.dumps(report, indent=1) if want.json else "\n".join(f"{name:20} {row}" for name, row in rows.items()))


if __name__ == "__main__":
    main()
