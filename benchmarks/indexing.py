"""Speed, memory and faithfulness of the search index on a tree of real code, in one run.

    python benchmarks/indexing.py TREE [--speed static|transformer] [--json FILE]

- index: definitions a second, reading and parsing included, by the clock and by processor time (all processes), and
  the peak memory of the main process and of the largest worker;
- unchanged: the second run's share of the first's time;
- query: milliseconds of one open index, the first questions left out, and of a whole `phloem search` from cold;
- recall: of the 20 rows nearest by all vectors, the share that the vector index finds;
- memory of a process that opens the index and asks.

The questions are first sentences of documentation, drawn from the tree itself.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

QUESTIONS, WARM = 200, 10
NEAREST = 20


def child(task: str, *arguments: str) -> dict[str, Any]:
    """A task in a process of its own, so that its memory and processor time are its own."""
    command = [sys.executable, __file__, "--task", task, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def usage() -> dict[str, float]:
    """Processor seconds and peak megabytes of this process and of its largest child."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "cpu_seconds": own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime,
        "peak_mb": own.ru_maxrss / 1024,
        "peak_mb_of_a_worker": others.ru_maxrss / 1024,
    }


def build(tree: str, out: str, speed: str) -> dict[str, Any]:
    from phloem.assist.search.index import Wish, index

    began = time.perf_counter()
    summary = index(tree, Wish(out=Path(out), speed=speed))
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "definitions": summary.definitions, "files": summary.files, **usage()}


def ask(out: str) -> dict[str, Any]:
    """Times of questions."""
    from phloem.assist.search.embedding import load_embedder
    from phloem.assist.search.search import OpenIndex
    from phloem.assist.search.table import IndexTable

    table = IndexTable.open(Path(out))
    opened = OpenIndex(table, load_embedder(table.about.model))
    rows = table.where("doc != '' AND kind IN ('function', 'method')", ["doc"])["doc"].to_pylist()
    rng = np.random.default_rng(0)
    questions = [rows[i] for i in rng.choice(len(rows), min(QUESTIONS, len(rows)), replace=False)]
    times = []
    for question in questions:
        began = time.perf_counter()
        opened.search(question)
        times.append(1000 * (time.perf_counter() - began))
    memory = usage()["peak_mb"]
    p50, p95 = np.percentile(times[WARM:], [50, 95])
    return {"rows": len(opened), "p50_ms": p50, "p95_ms": p95, "first_ms": times[0], "peak_mb": memory}


def recall(out: str) -> dict[str, Any]:
    """Against the products with all vectors."""
    from phloem.assist.search.embedding import load_embedder
    from phloem.assist.search.table import IndexTable

    table = IndexTable.open(Path(out))
    embedder = load_embedder(table.about.model)
    everything = table.where("true", ["doc", "vector"])
    vectors = everything["vector"].combine_chunks().flatten().to_numpy().reshape(-1, table.about.dimensions)
    docs = [doc for doc in everything["doc"].to_pylist() if doc]
    rng = np.random.default_rng(0)
    shares = []
    for question in rng.choice(len(docs), QUESTIONS, replace=False):
        vector = embedder.queries([docs[question]])[0]
        least = np.partition(vectors @ vector, -NEAREST)[-NEAREST]
        found = 1 - table.nearest(vector, None, NEAREST, ["path"])["_distance"].to_numpy()
        shares.append(np.mean(found >= least - 1e-5))
    return {"recall_at_20": float(np.mean(shares))}


def whole_command(tree: str, out: str) -> list[float]:
    """Seconds of three searches on the command line, the index being there and fresh."""
    command = [sys.executable, "-m", "phloem", "search", "parse a date", tree, "--out", out, "--json"]
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return seconds


def measure(tree: str, out: str, speed: str) -> dict[str, Any]:
    first = child("build", tree, out, speed)
    again = child("build", tree, out, speed)
    count = sum(first["definitions"].values())
    functions = sum(first["definitions"].get(kind, 0) for kind in ("function", "method"))
    cores = os.cpu_count() or 1
    facts = {
        "speed": speed,
        "definitions": count,
        "functions": functions,
        "files": first["files"],
        "index_seconds": first["seconds"],
        "index_cpu_seconds": first["cpu_seconds"],
        "definitions_a_second": count / first["seconds"],
        "functions_a_second": functions / first["seconds"],
        "definitions_a_second_of_idle_cores": cores * count / first["cpu_seconds"],
        "build_peak_mb": first["peak_mb"],
        "build_peak_mb_of_a_worker": first["peak_mb_of_a_worker"],
        "unchanged_share_of_time": again["seconds"] / first["seconds"],
        "unchanged_share_of_cpu": again["cpu_seconds"] / first["cpu_seconds"],
        "query": child("ask", out),
        **child("recall", out),
        "whole_command_seconds": min(whole_command(tree, out)),
        "load": os.getloadavg(),
        "cores": cores,
    }
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", nargs="?")
    parser.add_argument("--speed", default="static", choices=("static", "transformer"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        task, *arguments = options.task
        print(json.dumps({"build": build, "ask": ask, "recall": recall}[task](*arguments)))
        return
    if options.tree is None:
        parser.error("say which TREE")
    with tempfile.TemporaryDirectory() as folder:
        facts = measure(options.tree, f"{folder}/index", options.speed)
    text = json.dumps(facts, indent=1)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
