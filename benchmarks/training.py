"""Training speed of code2seq against the PyTorch port code2seq 1.2.0 on PyPI, as a ratio in one run.

Both read the same `.c2s` file and do loading, forward, backward, clipping and Adam on batches of 64 functions with
at most 200 contexts, at equal sizes (embeddings 128, path LSTM 128 a direction, decoder 320), with as many threads
and no loader beside them; runs alternate. With --epochs both train on the file and are scored on the same held-out
functions.

    python benchmarks/training.py [--data FOLDER] [--port-python PORT/bin/python] [--threads 1] [--runs 3] [--epochs N]

FOLDER holds train.c2s, val.c2s and test.c2s; without it they are made of the interpreter's standard library. How to
make the port's environment is in `benchmarks/peers/code2seq_port.py`; without it only phloem is measured, and the
table says so.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from phloem.decode.greedy import greedy
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.measure.subtoken_f1 import count_all, f1
from phloem.nn.decoders.lstm import AttentionDecoder
from phloem.nn.encoders.paths import PathEncoder
from phloem.nn.models.code2seq import Code2Seq
from phloem.represent import export
from phloem.represent.base import epoch_batches, fixed_batches
from phloem.represent.path_dataset import PathDataset
from phloem.represent.path_view import PathView
from phloem.represent.preset import TREE_SITTER

DRIVER = Path(__file__).parent / "peers" / "code2seq_port.py"
DROPOUTS = {"each context": False, "shared": True}


def standard_library(folder: Path) -> None:
    """train, val and test files of the standard library's modules."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    folder.mkdir(exist_ok=True)
    rest = [file for number, file in enumerate(files) if number % 10 > 1]
    for name, part in (("test", files[::10]), ("val", files[1::10]), ("train", rest)):
        export.export(part, folder / f"{name}.c2s", TREE_SITTER)


def code2seq(view: PathView, shared_dropout: bool) -> Code2Seq:
    torch.manual_seed(0)
    encoder = PathEncoder(len(view.values), len(view.nodes), shared_dropout=shared_dropout)
    return Code2Seq(encoder, AttentionDecoder(len(view.words)))


class Training:
    """Steps as the trainer makes them."""

    def __init__(self, model: Code2Seq) -> None:
        self.model, self.objective = model.train(), SequenceCrossEntropy()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)

    def step(self, batch: Any) -> None:
        loss = self.objective(self.model, batch).value
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()


def speed(training: Training, dataset: PathDataset, batches: int, seed: int) -> dict[str, float]:
    """Seconds of steps and of loading over `batches`, after two that are not counted."""
    loader = epoch_batches(dataset, 64, seed=seed, epoch=0)
    figures = {"examples": 0.0, "contexts": 0.0, "load": 0.0, "step": 0.0, "cpu": 0.0}
    for number in range(batches + 2):
        started, cpu = time.perf_counter(), time.process_time()
        batch = next(loader)
        loaded = time.perf_counter()
        training.step(batch)
        if number >= 2:
            figures["load"] += loaded - started
            figures["step"] += time.perf_counter() - loaded
            figures["cpu"] += time.process_time() - cpu
            figures["examples"] += len(batch.target)
            figures["contexts"] += len(batch.left)
    return figures


def port(python: str, data: Path, *options: object) -> dict[str, Any]:
    """What the port's driver measured."""
    command = [python, str(DRIVER), "--data", str(data), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=data)
    if done.returncode:
        raise SystemExit(f"the port failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rates(figures: dict[str, Any]) -> dict[str, float]:
    seconds = figures["load"] + figures["step"]
    return {
        "examples/s": figures["examples"] / seconds,
        "contexts/s": figures["contexts"] / seconds,
        "contexts/s of steps": figures["contexts"] / figures["step"],
        "contexts/s of CPU time": figures["contexts"] / figures["cpu"],
    }


def compare_speed(want: argparse.Namespace, data: Path, view: PathView, dataset: PathDataset) -> dict[str, Any]:
    """Medians over alternating runs, and their ratios to the port."""
    runs: dict[str, list[dict[str, float]]] = {}
    for run in range(want.runs):
        for name, shared in DROPOUTS.items():
            figures = speed(Training(code2seq(view, shared)), dataset, want.batches, run)
            runs.setdefault(f"phloem, dropout {name}", []).append(rates(figures))
        if want.port_python:
            options = ("--threads", want.threads, "--batches", want.port_batches, "--seed", run)
            runs.setdefault("code2seq 1.2.0", []).append(rates(port(want.port_python, data, *options)))
    table = {
        name: {figure: statistics.median(one[figure] for one in found) for figure in found[0]}
        for name, found in runs.items()
    }
    for name in list(table):
        if want.port_python and name.startswith("phloem"):
            theirs = table["code2seq 1.2.0"]
            table[f"ratio, {name[8:]}"] = {figure: value / theirs[figure] for figure, value in table[name].items()}
    return table


@torch.inference_mode()
def predictions(model: Code2Seq, view: PathView, dataset: PathDataset) -> list[list[str]]:
    model.eval()
    return [
        view.decode(np.array(best[0].value, np.int64))
        for batch in fixed_batches(dataset, 256)
        for best in greedy(model, batch, length=6)
    ]


def compare_f1(want: argparse.Namespace, data: Path, view: PathView, dataset: PathDataset) -> dict[str, Any]:
    """F1 on test.c2s after the same number of epochs, scored by phloem's measure."""
    test = view.import_c2s(data / "test.c2s", dataset.folder.with_name("test"))
    references = test.references(range(len(test)))
    table: dict[str, Any] = {}
    for name, shared in DROPOUTS.items():
        training, started = Training(code2seq(view, shared)), time.perf_counter()
        for epoch in range(want.epochs):
            for batch in epoch_batches(dataset, 64, seed=0, epoch=epoch):
                training.step(batch)
        seconds = time.perf_counter() - started
        found = predictions(training.model, view, test)
        table[f"phloem, dropout {name}"] = {"F1": float(f1(count_all(references, found).sum(0))), "seconds": seconds}
    if want.port_python:
        theirs = port(want.port_python, data, "--threads", want.threads, "--epochs", want.epochs)
        score = float(f1(count_all(references, theirs["predictions"]).sum(0)))
        table["code2seq 1.2.0"] = {"F1": score, "seconds": theirs["seconds"]}
    return table


def show(table: dict[str, dict[str, float]]) -> None:
    columns = list(next(iter(table.values())))
    print(f"{'':32}" + "".join(f"{column:>24}" for column in columns))
    for name, row in table.items():
        digits = 2 if name.startswith("ratio") or "F1" in row else 0
        print(f"{name:32}" + "".join(f"{row[column]:24,.{max(digits, 3 * (column == 'F1'))}f}" for column in columns))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, help="folder with train.c2s, val.c2s and test.c2s")
    ask.add_argument("--port-python", help="interpreter of the environment that has code2seq 1.2.0")
    ask.add_argument("--threads", type=int, default=1)
    ask.add_argument("--runs", type=int, default=3)
    ask.add_argument("--batches", type=int, default=15, help="of ours, a run")
    ask.add_argument("--port-batches", type=int, default=4, help="of the port, a run")
    ask.add_argument("--epochs", type=int, default=0, help="compare F1 after so many epochs instead of speed")
    ask.add_argument("--json", action="store_true")
    want = ask.parse_args()
    torch.set_num_threads(want.threads)
    with tempfile.TemporaryDirectory() as scratch:
        data = want.data.resolve() if want.data else Path(scratch) / "c2s"
        if not want.data:
            standard_library(data)
        view = PathView()
        dataset = view.import_c2s(data / "train.c2s", Path(scratch) / "train", fit=True)
        table = (compare_f1 if want.epochs else compare_speed)(want, data, view, dataset)
    if not want.port_python:
        print("code2seq 1.2.0 is not at hand (--port-python): phloem alone", file=sys.stderr)
    if want.json:
        print(json.dumps({"threads": want.threads, "examples": len(dataset), "table": table}))
    else:
        show(table)


if __name__ == "__main__":
    main()
