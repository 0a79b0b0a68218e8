"""Functions a second of `phloem name --all`, reading, beam search and scoring counted, loading apart.

The floor in the same run is parsing alone: the same files through tree-sitter and `functions`, in one process.

    python benchmarks/naming.py [PATH] [--files 150] [--runs 3] [--json]

PATH is a folder of Python files; without it, the interpreter's standard library.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sysconfig
import time
from pathlib import Path

import torch

from phloem.assist.models import load
from phloem.assist.sources import SourceFile
from phloem.languages import by_name


def read(folder: Path, most: int) -> list[SourceFile]:
    """Some Python files of a folder, spread evenly."""
    paths = sorted(folder.rglob("*.py"))
    chosen = paths[:: max(1, len(paths) // most)][:most]
    return [SourceFile(str(path), "python", path.read_bytes()) for path in chosen]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("path", type=Path, nargs="?", default=Path(sysconfig.get_paths()["stdlib"]))
    ask.add_argument("--files", type=int, default=150)
    ask.add_argument("--runs", type=int, default=3)
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--json", action="store_true")
    want = ask.parse_args()
    torch.set_num_threads(want.threads)
    began = time.perf_counter()
    model = load("python-names")
    loading = time.perf_counter() - began
    files = read(want.path, want.files)
    python = by_name("python")
    naming, parsing, functions = [], [], 0
    for _ in range(want.runs):
        began = time.perf_counter()
        functions = sum(len(found) for _, found in model.predict_files(files, beam=5))
        naming.append(time.perf_counter() - began)
        began = time.perf_counter()
        for file in files:
            python.functions(python.parse(file.source))
        parsing.append(time.perf_counter() - began)
    seconds, floor = statistics.median(naming), statistics.median(parsing)
    row = {
        "functions": functions,
        "functions a second": functions / seconds,
        "times parsing": seconds / floor,
        "loading seconds": loading,
        "threads": want.threads,
    }
    print(json.dumps(row) if want.json else "\n".join(f"{name:20} {value:10.2f}" for name, value in row.items()))


if __name__ == "__main__":
    main()
