"""Run the benchmarks one after the other and print one table: what was measured, against what, and the aim.

    make bench BENCH='--java FOLDER --jar JavaExtractor.jar --port-python PORT/bin/python'
    python benchmarks/table.py [--java FOLDER] [--jar JAR] [--port-python PYTHON] [--data C2S] [--skip NAME]…

FOLDER has the .java files of `java.base` (from Debian's openjdk-17-source), the jar is the one that code2seq's
repository holds, and PYTHON is the interpreter of an environment with code2seq 1.2.0 (how to make it stands in
`benchmarks/peers/code2seq_port.py`). What is not given is left out, and the table says so. What trains models or needs
mined shards is not run again: its rows are of the files beside this one, which their scripts wrote.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
NAMES = ("startup", "naming", "memory", "mining", "training")
KEPT = ("presets", "summary_copying")  # measured before, in files of these names


def measured(name: str, *options: str) -> Any:
    """What a benchmark prints with --json."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / f"{name}.py"), *options, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def rows_of(name: str, found: Any) -> list[tuple[str, str, str]]:
    """(figure, measured, aim) of one benchmark."""
    if name == "startup":
        seconds = found["seconds"]
        return [
            ("phloem --help", f"{seconds['phloem --help']:.2f} s", "< 0.5 s"),
            ("phloem name, one file, cold", f"{seconds['phloem name, one file']:.2f} s", "< 3 s"),
            ("floor: import torch", f"{seconds['import torch']:.2f} s", ""),
        ]
    if name == "naming":
        return [
            ("functions a second, suggestions for all", f"{found['functions a second']:.0f}", "≥ 200"),
            ("times parsing alone", f"{found['times parsing']:.1f}×", ""),
            ("loading the model", f"{found['loading seconds']:.2f} s", ""),
        ]
    if name == "memory":
        return [
            ("training on 1 M functions, private", f"{found['private MB']:,.0f} MB", ""),
            ("the same, peak resident", f"{found['peak resident MB']:,.0f} MB", "< 4,096 MB"),
        ]
    flat = found.get("table", found) if isinstance(found, dict) else found
    rows = flat.items() if isinstance(flat, dict) else enumerate(flat)
    return [(f"{name}: {key}", json.dumps(value, ensure_ascii=False), "") for key, value in rows]


def kept_rows(name: str, found: Any) -> list[tuple[str, str, str]]:
    """(figure, measured, aim) of a benchmark's file."""
    if name == "presets":
        return [
            (f"paths of {found['language']}, {preset}, functions a second", f"{row['functions/s']:,.0f}", "")
            for preset, row in found["table"].items()
        ]
    arms = found["arms"].items()
    shown = [("BLEU", "bleu", "value"), ("chrF", "chrf", "value")]
    return [
        (
            f"summaries, {title}: {' / '.join(arm for arm, _ in arms)}",
            " / ".join(f"{row[key][at]:.2f}" for _, row in arms),
            "",
        )
        for title, key, at in shown
    ]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--java", "--jar", "--port-python", "--data"):
        ask.add_argument(option)
    ask.add_argument("--skip", action="append", default=[], choices=NAMES)
    ask.add_argument("--out", type=Path, help="also write what was measured as JSON")
    want = ask.parse_args()
    options = {
        "mining": [word for name in ("java", "jar") if (value := getattr(want, name)) for word in (f"--{name}", value)],
        "training": [
            word
            for name in ("port_python", "data")
            if (value := getattr(want, name))
            for word in (f"--{name.replace('_', '-')}", value)
        ],
    }
    table = Table("figure", "measured", "aim")
    everything = {}
    for name in NAMES:
        if name in want.skip:
            continue
        if name == "mining" and not want.java:
            table.add_row("mining", "left out: --java FOLDER is not given", "≥ 3× the JavaExtractor")
            continue
        everything[name] = measured(name, *options.get(name, []))
        for row in rows_of(name, everything[name]):
            table.add_row(*row)
    for name in KEPT:
        file = HERE / f"{name}.json"
        if file.exists():
            for row in kept_rows(name, json.loads(file.read_text())):
                table.add_row(*row)
    Console().print(table)
    if want.out:
        want.out.write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
