"""Source files to path contexts: phloem, the original JavaExtractor, the parser alone, in one run on the same files.

    python benchmarks/mining.py --java FOLDER [--jar JavaExtractor.jar] [--rounds 3] [--json]

Every contender is a process of its own, started afresh in each round, start-up counted, two worker processes (threads
of the jar). phloem writes a `.c2s` file, at most 1000 contexts a function, as the jar prints all of them. The parser
alone parses the same files in as many processes, nothing else. Rounds are interleaved, so that other work on the
machine hits all alike, and ratios are medians over rounds. Processor seconds (user and system, of the process tree)
stand beside wall seconds: on a busy machine only they mean something. Memory is the largest resident size of the
process tree, read from /proc 50 times a second. Without --jar only the floor is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from phloem.represent.export import export
from phloem.represent.preset import PRESETS


class Run(NamedTuple):
    """One start of one contender."""

    seconds: float
    cpu_seconds: float  # user and system, of the process tree
    megabytes: float | None  # of the process tree; None where /proc is missing
    methods: int
    contexts: int


def resident(root: int) -> int:
    """Bytes resident in a process and its descendants; shared pages count for each."""
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                sizes[int(entry.name)] = int((entry / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                continue  # it ended
            parents[int(entry.name)] = int(status[1])
    total = 0
    for process, size in sizes.items():
        ancestor: int | None = process
        while ancestor and ancestor != root:
            ancestor = parents.get(ancestor)
        total += size if ancestor == root else 0
    return total


def watched(command: list[str], output: Path) -> tuple[float, float, float | None]:
    """Run a command; wall seconds, processor seconds and the peak of its memory in megabytes."""
    peak = 0
    begin, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            if Path("/proc").is_dir():
                peak = max(peak, resident(process.pid))
            time.sleep(0.02)
    seconds = time.perf_counter() - begin
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with {process.returncode}: {' '.join(command)}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return seconds, cpu_seconds, peak / 1e6 if peak else None


def run_phloem(java: Path, work: Path, workers: int, stage: str) -> Run:
    out = work / "counts.json"
    command = [sys.executable, __file__, "--java", str(java), "--workers", str(workers), "--stage", stage]
    measured = watched([*command, "--out", str(work / "ours.c2s")], out)
    counts = json.loads(out.read_text())
    return Run(*measured, counts["methods"], counts["contexts"])


def run_jar(java: Path, work: Path, workers: int, jar: Path) -> Run:
    out = work / "jar.c2s"
    options = ["--max_path_length", "8", "--max_path_width", "2", "--num_threads", str(workers), "--dir", str(java)]
    measured = watched(["java", "-Xmx8g", "-cp", str(jar), "JavaExtractor.App", *options], out)
    methods = contexts = 0
    with out.open("rb") as file:
        for line in file:
            methods += 1
            contexts += line.count(b" ")
    return Run(*measured, methods, contexts)


def java_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.java"))


def parse_files(files: list[Path]) -> int:
    """Parse and forget; what no extractor on this parser can do without."""
    from phloem.languages import by_name

    parser = by_name("java").parser
    return sum(parser.parse(file.read_bytes()).root_node.child_count > 0 for file in files)


def stage(arguments: argparse.Namespace) -> None:
    """What a started process does: print its counts."""
    files = java_files(arguments.java)
    if arguments.stage == "parse":
        with ProcessPoolExecutor(arguments.workers, mp_context=get_context("fork")) as pool:
            parsed = sum(pool.map(parse_files, [files[i : i + 50] for i in range(0, len(files), 50)]))
        print(json.dumps({"methods": 0, "contexts": 0, "files": parsed}))
    else:
        counts = export(files, arguments.out, PRESETS[arguments.stage], workers=arguments.workers)
        print(json.dumps({"methods": counts.written, "contexts": counts.contexts, "files": counts.files}))


def measure(arguments: argparse.Namespace) -> dict[str, list[Run]]:
    """Interleaved rounds of every contender."""
    runs: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds):
            for name in ("parse", "tree-sitter", "official-java"):
                runs.setdefault(name, []).append(run_phloem(arguments.java, Path(folder), arguments.workers, name))
            if arguments.jar:
                runs.setdefault("jar", []).append(
                    run_jar(arguments.java, Path(folder), arguments.workers, arguments.jar)
                )
            print(f"round {number + 1} of {arguments.rounds} done", file=sys.stderr)
    return runs


def median_ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def report(runs: dict[str, list[Run]]) -> dict[str, object]:
    """Medians of each contender and the ratios between them."""
    table: dict[str, object] = {}
    for name, rounds in runs.items():
        sizes = [run.megabytes for run in rounds if run.megabytes is not None]
        table[name] = {
            "seconds": round(statistics.median(run.seconds for run in rounds), 2),
            "cpu_seconds": round(statistics.median(run.cpu_seconds for run in rounds), 2),
            "megabytes": round(max(sizes)) if sizes else None,
            "methods": rounds[0].methods,
            "contexts": rounds[0].contexts,
            "methods_per_second": round(statistics.median(run.methods / run.seconds for run in rounds)),
        }
    ratios: dict[str, float] = {}
    seconds = {name: [run.seconds for run in rounds] for name, rounds in runs.items()}
    cpu = {name: [run.cpu_seconds for run in rounds] for name, rounds in runs.items()}
    for name in ("tree-sitter", "official-java"):
        ratios[f"{name}: seconds over parsing alone"] = median_ratio(seconds[name], seconds["parse"])
        ratios[f"{name}: processor seconds over parsing alone"] = median_ratio(cpu[name], cpu["parse"])
        if "jar" in runs:
            rates = {key: [run.methods / run.seconds for run in runs[key]] for key in (name, "jar")}
            ratios[f"{name}: methods a second over the jar's"] = median_ratio(rates[name], rates["jar"])
            ratios[f"{name}: the jar's seconds over ours"] = median_ratio(seconds["jar"], seconds[name])
            ratios[f"{name}: the jar's processor seconds over ours"] = median_ratio(cpu["jar"], cpu[name])
            memory = {key: [run.megabytes or 0.0 for run in runs[key]] for key in (name, "jar")}
            if all(memory["jar"]):
                ratios[f"{name}: memory over the jar's"] = max(memory[name]) / max(memory["jar"])
    table["ratios"] = {name: round(ratio, 2) for name, ratio in ratios.items()}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--java", type=Path, required=True, help="folder with .java files")
    parser.add_argument("--jar", type=Path, help="JavaExtractor's jar")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.java.is_dir():
        parser.error(f"{arguments.java} is no folder")
    if arguments.stage:
        stage(arguments)
        return
    missing = "" if arguments.jar else "no --jar given: the floor alone is measured"
    if arguments.jar and not (arguments.jar.is_file() and shutil.which("java")):
        missing, arguments.jar = f"{arguments.jar} or java not found: the floor alone is measured", None
    table = report(measure(arguments))
    if missing:
        table["note"] = missing
    if arguments.json:
        print(json.dumps(table, indent=2))
        return
    for name, row in table.items():
        print(f"{name}: {', '.join(f'{k} {v}' for k, v in row.items()) if isinstance(row, dict) else row}")


if __name__ == "__main__":
    main()
