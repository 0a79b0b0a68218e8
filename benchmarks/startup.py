"""Time from the shell to the answer: `phloem --help` and `phloem name` on one small file, and their floors.

Floors in the same run: an empty Python process, and one that only imports torch. Medians of whole processes, run in
turn so that a drift of the machine hits all alike.

    python benchmarks/startup.py [--runs 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

PHLOEM = str(Path(sys.executable).with_name("phloem"))
SAMPLE = Path(__file__).resolve().parent.parent / "examples" / "inventory.py"
COMMANDS = {
    "python": [sys.executable, "-c", ""],
    "import torch": [sys.executable, "-c", "import torch"],
    "phloem --help": [PHLOEM, "--help"],
    "phloem name, one file": [PHLOEM, "name", str(SAMPLE), "--all"],
}


def measure(runs: int) -> dict[str, float]:
    """Median wall seconds of each command."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--runs", type=int, default=5)
    ask.add_argument("--json", action="store_true")
    want = ask.parse_args()
    seconds = measure(want.runs)
    if want.json:
        print(json.dumps({"runs": want.runs, "seconds": seconds}))
        return
    for name, value in seconds.items():
        print(f"{name:24} {value:6.2f} s   {value / seconds['python']:5.1f}× an empty Python")


if __name__ == "__main__":
    main()
