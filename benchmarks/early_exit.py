"""What an early exit saves and what it costs: time to embed, and MRR, at each exit of an encoder that has several.

    python benchmarks/early_exit.py --shards DIR [--minutes 7] [--runs 20] [--out early_exit.json]

The encoder of the system `mose` at its laptop size (8 layers of width 128, exits after 2, 4, 6 and 8) is trained for
the given minutes of processor time on documented Python functions, half of them on windows and half on pairs; then
2,000 functions of other projects are searched by their first sentences. Times are medians over runs in which the exits
take turns, of embedding the same codes; a + b k is fitted to them, k the depth of the exit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from phloem.learn.objectives.multi_exit_sum import MultiExitContrastive, MultiExitPretraining, depth_weights
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure import bootstrap
from phloem.nn.models.multi_exit_encoder import MultiExitConfig, MultiExitEncoder
from phloem.systems.claims import scale_of
from phloem.systems.reproduce import machine
from phloem.systems.understanding import mose

TIMED = 256  # codes


def trained_encoder(found: mose.Material, minutes: float) -> MultiExitEncoder:
    """The candidate of the system's claim, for a budget of minutes."""
    torch.manual_seed(0)
    model = MultiExitEncoder(MultiExitConfig(found.subwords.size, **mose.MODEL))
    weights = depth_weights(model.config.exits, model.config.layers)
    settings = TrainingSettings(
        seed=0, minutes=minutes / 2, clock="processor", batch_size=mose.BATCH, learning_rate=1e-3, clip=1.0
    )
    phases = (
        ("windows", found.windows, MultiExitPretraining(weights, found.subwords.size)),
        ("pairs", found.pairs["train"], MultiExitContrastive(weights)),
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, data, objective in phases:
            train(model, data, objective, settings, folder=Path(folder) / name)
    return model.eval()


@torch.no_grad()
def seconds(model: MultiExitEncoder, codes: list[list[int]], runs: int) -> list[float]:
    """The median time of each exit to embed the codes; the exits take turns, each cut off as it would be used."""
    cut = [model.truncated(number) for number in range(len(model.config.exits))]
    batches = [mose.padded(codes[start : start + 64]) for start in range(0, len(codes), 64)]
    found = np.zeros((runs, len(cut)))
    for run in range(-1, runs):  # the first one warms up
        for number, encoder in enumerate(cut):
            start = time.process_time()
            for batch in batches:
                encoder.embed(*batch)
            if run >= 0:
                found[run, number] = time.process_time() - start
    medians: list[float] = np.median(found, axis=0).tolist()
    return medians


def line(depths: tuple[int, ...], times: list[float]) -> dict[str, float]:
    """a, b and R² of the least squares fit of a + b k."""
    slope, offset = np.polyfit(depths, times, 1)
    left = np.asarray(times) - (offset + slope * np.asarray(depths))
    return {"a": offset, "b": slope, "r2": 1 - float(left @ left) / (float(np.var(times)) * len(times))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = mose.material(scale_of("laptop", data=options.shards))
    model = trained_encoder(found, options.minutes)
    test = found.pairs["test"]
    times = seconds(model, test.codes[:TIMED], options.runs)
    rows = []
    full: np.ndarray | None = None
    for number, depth in reversed(list(enumerate(model.config.exits))):
        units = mose.reciprocal_ranks(model, test, number)
        full = units if full is None else full
        own = bootstrap.interval(units, bootstrap.mean)
        rng = np.random.default_rng(0)
        weights = rng.multinomial(len(units), np.full(len(units), 1 / len(units)), size=1000)
        losses = 1 - (weights @ units[:, 0]) / (weights @ full[:, 0])
        rows.append(
            {
                "exit": depth,
                "seconds": round(times[number], 4),
                "faster": round(times[-1] / times[number], 3),
                "mrr": round(own.value, 4),
                "interval": [round(own.low, 4), round(own.high, 4)],
                "relative_loss": round(1 - float(units[:, 0].mean() / full[:, 0].mean()), 4),
                "loss_interval": [round(float(q), 4) for q in np.quantile(losses, [0.025, 0.975])],
            }
        )
    result = {
        "minutes": options.minutes,
        "queries": len(test),
        "codes": TIMED,
        "machine": machine(),
        "fit": {name: round(value, 5) for name, value in line(model.config.exits, times).items()},
        "exits": rows[::-1],
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
