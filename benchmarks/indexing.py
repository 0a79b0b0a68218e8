"""Speed, memory and faithfulness of the search index on a tree of real code, in one run.

    python benchmarks/indexing.py TREE [--speed static|transformer] [--json FILE]
    python benchmarks/indexing.py TREE --mixture 1000000 --out FOLDER [--json FILE]

- index: definitions a second, reading and parsing included, by the clock and by processor time (all processes), and
  the peak memory of the main process and of the largest worker;
- unchanged: the second run's share of the first's time;
- query: milliseconds of one open index, the first questions left out, and of a whole `phloem search` from cold;
- recall: of the 20 rows nearest by all vectors, the share that the vector index finds;
- memory of a process that opens the index and asks.

The questions are first sentences of documentation, drawn from the tree itself.

With `--mixture N` the table alone is measured at a size that no tree at hand has: N made-up definitions, each of two
real ones of TREE. Its code is the head of the first and the tail of the second, its words are those of the two halves
and a new name, its vector is 0.8 of the first's and 0.6 of the second's. They are written as `phloem index` writes
(batches, full-text index, vector index); reading, parsing and embedding are left out, so its times are no speed of
`phloem index`. What is written in FOLDER stays: a killed run goes on with the same command, and its times then are
those of the last run.
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
BATCH = 4096  # rows of a mixture that are written at once
EVERY = 1 << 31  # more rows than there are


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
    """Against the products with all vectors, read a batch at a time."""
    from phloem.assist.search.embedding import load_embedder
    from phloem.assist.search.table import IndexTable

    table = IndexTable.open(Path(out))
    docs = table.where("doc != ''", ["doc"])["doc"].to_pylist()
    rng = np.random.default_rng(0)
    drawn = [docs[i] for i in rng.choice(len(docs), QUESTIONS, replace=False)]
    questions = load_embedder(table.about.model).queries(drawn)
    best = np.full((NEAREST, QUESTIONS), -np.inf, np.float32)
    for batch in table.table.search().select(["vector"]).limit(EVERY).to_batches():
        vectors = batch["vector"].flatten().to_numpy().reshape(-1, table.about.dimensions)
        best = np.partition(np.concatenate([best, vectors @ questions.T]), -NEAREST, axis=0)[-NEAREST:]
    shares = []
    for vector, least in zip(questions, best.min(axis=0), strict=True):
        found = 1 - table.nearest(vector, None, NEAREST, ["path"])["_distance"].to_numpy()
        shares.append(np.mean(found >= least - 1e-5))
    return {"recall_at_20": float(np.mean(shares))}


def fill(tree: str, out: str, size: str) -> dict[str, Any]:
    """Write the mixture's rows that are missing."""
    from phloem.assist.search.rows import FileRecord
    from phloem.assist.search.table import IndexTable, read_about

    source = IndexTable.open(Path(tree))
    real = source.table.to_arrow()
    folder = Path(out)
    about = read_about(Path(tree))._replace(root=f"{size} definitions made of {tree}")
    table = IndexTable.open(folder) if (folder / "index.json").is_file() else IndexTable.create(folder, about)
    if unfinished := table.unfinished():
        table.forget(unfinished)
    began = time.perf_counter()
    there = sum(record.rows for record in table.known().values())
    for start in range(there, int(size), BATCH):
        count = min(BATCH, int(size) - start)
        name = f"mixed/{start // BATCH}.py"
        table.add(mixed(real, name, count, start), [FileRecord(name, 0, 0, "", "", count)], [])
    seconds = time.perf_counter() - began
    table.close()
    return {"rows": int(size), "rows_before": there, "seconds": seconds, **usage()}


def mixed(real: Any, path: str, count: int, seed: int) -> Any:
    """Rows made of pairs of real ones."""
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    first, second = (real.take(rng.integers(len(real), size=count)).combine_chunks() for _ in range(2))
    columns = {name: first[name] for name in first.column_names}
    for name in ("code", "lexical"):
        pairs = zip(first[name].to_pylist(), second[name].to_pylist(), strict=True)
        columns[name] = [one[: len(one) // 2] + " " + two[len(two) // 2 :] for one, two in pairs]
    names = zip(first["name"].to_pylist(), second["name"].to_pylist(), strict=True)
    columns["name"] = [f"{one}_{two}"[:200] for one, two in names]
    columns["qualified_name"] = columns["name"]
    columns["path"] = [path] * count
    vectors = [
        part["vector"].combine_chunks().flatten().to_numpy().reshape(count, -1).astype(np.float32)
        for part in (first, second)
    ]
    vector = 0.8 * vectors[0] + 0.6 * vectors[1]
    vector /= np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-9)
    width = vector.shape[1]
    columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(vector.ravel()), width)
    return pa.table(columns, schema=real.schema)


def settle(out: str) -> dict[str, Any]:
    from phloem.assist.search.table import IndexTable

    table = IndexTable.open(Path(out))
    began = time.perf_counter()
    table.settle()
    return {"seconds": time.perf_counter() - began, **usage()}


def mixture(tree: str, out: Path, size: int) -> dict[str, Any]:
    """Of a table of made-up definitions."""
    source, folder = out / "real", out / "mixture"
    child("build", tree, str(source), "static")
    written = child("fill", str(source), str(folder), str(size))
    settled = child("settle", str(folder))
    disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "mixture": size,
        "write": written,
        "settle": settled,
        "disk_mb": disk / 1e6,
        "query": child("ask", str(folder)),
        **child("recall", str(folder)),
        "load": os.getloadavg(),
        "cores": os.cpu_count() or 1,
    }


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
    parser.add_argument("--mixture", type=int, metavar="N", help="definitions made of TREE's")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where a mixture is kept")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        task, *arguments = options.task
        tasks = {"build": build, "ask": ask, "recall": recall, "fill": fill, "settle": settle}
        print(json.dumps(tasks[task](*arguments)))
        return
    if options.tree is None:
        parser.error("say which TREE")
    if options.mixture:
        if options.out is None:
            parser.error("say where a mixture is kept: --out FOLDER")
        facts = mixture(options.tree, options.out, options.mixture)
    else:
        with tempfile.TemporaryDirectory() as folder:
            facts = measure(options.tree, f"{folder}/index", options.speed)
    text = json.dumps(facts, indent=1)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
