"""Real labels and random networks share a bias to the simple: labels coded by a network, and strings under random ones.

Random decoders of GPT-2's shape, with tied and with separate tables, say how probable each string of ten bits is, which
is compared with its Lempel-Ziv complexity. A network of fewer than 450 weights of four bits codes the labels of 1,797
digits, weights included, and so it does shuffled labels. The digits are drawn bitmaps with shifts and noise, pooled to
4×4 pixels: no published set of images comes with phloem.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from phloem.analysis.compression_bounds import (
    SmallNetwork,
    binary_strings,
    coded,
    no_free_lunch_bound,
    risk_bound,
    spearman,
    string_log_probabilities,
    trained_network,
)
from phloem.measure.bootstrap import mean, with_count
from phloem.measure.kolmogorov import lz76
from phloem.nn.models.gpt2 import Gpt2, Gpt2Config
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.tasks.digit_proxy import CLASSES, SIDE, draw

DIGITS, POOLED = 1_797, 4
SIZES, BITS = (POOLED * POOLED, 14, CLASSES), 4  # 388 weights
LENGTH, INITIALISATIONS, DEVIATION = 10, 10, 0.02


def digits(seed: int, shuffled: bool) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = draw(DIGITS, seed)
    step = SIDE // POOLED
    images = drawn.pixels.reshape(-1, POOLED, step, POOLED, step).mean(axis=(2, 4)).reshape(DIGITS, -1)
    order = np.random.default_rng((seed, 9)).permutation(DIGITS) if shuffled else np.arange(DIGITS)
    return torch.from_numpy(images).float(), torch.from_numpy(drawn.label[order])


def code_labels(job: Job, steps: int, shuffled: bool) -> Outcome:
    """The share of n log2 C bits that the labels need with the network that codes them."""
    x, y = digits(job.seed, shuffled)
    model = trained_network(x, y, SIZES, bits=BITS, steps=steps, seed=job.seed, progress=job.progress)
    made = coded(model, x, y, CLASSES)
    torch.manual_seed(job.seed)
    before = coded(SmallNetwork(SIZES, BITS), x, y, CLASSES)
    with torch.no_grad():
        wrong = float((model(x).argmax(dim=1) != y).double().mean())
    facts = {
        "weights": sum(tensor.numel() for tensor in model.tensors),
        "weight bits": made.weights,
        "label bits": round(made.labels, 1),
        "uniform bits": round(made.uniform, 1),
        "cross-entropy, nats": made.labels * np.log(2) / DIGITS,
        "no free lunch bound, nats": no_free_lunch_bound(CLASSES, made.weights, DIGITS),
        "wrong": wrong,
        "risk bound": risk_bound(wrong, made.weights, DIGITS),
    }
    units = {"share": np.array([[made.share, 1.0]]), "saved": np.array([[1 - made.share, 1.0]])}
    return Outcome(units, {"share": before.share, "saved": 1 - before.share}, facts)


def _logits(model: Gpt2, output: Callable[[Tensor], Tensor], tokens: Tensor) -> Tensor:
    return output(model(tokens))


def weigh_strings(job: Job, tied: bool) -> Outcome:
    """Ten random decoders and all strings of ten bits."""
    strings = binary_strings(LENGTH)
    complexity = np.array([lz76(string) for string in strings], dtype=float)
    correlations, constants = [], []
    for number in range(INITIALISATIONS):
        torch.manual_seed(1000 * job.seed + number)
        model = Gpt2(Gpt2Config(vocabulary=3, width=64, layers=4, heads=4, inner=256, places=LENGTH)).eval()
        separate = torch.nn.Linear(64, 3, bias=False)
        for module in (*model.modules(), separate):
            for name, parameter in module.named_parameters(recurse=False):
                if not isinstance(module, torch.nn.LayerNorm):
                    torch.nn.init.zeros_(parameter) if name == "bias" else torch.nn.init.normal_(
                        parameter, std=DEVIATION
                    )
        output = model.logits if tied else separate
        log = string_log_probabilities(partial(_logits, model, output), strings)
        correlations.append(spearman(complexity, log))
        constants.append(np.exp(log[[0, -1]]).sum() * len(strings) / 2)
        job.progress(number / INITIALISATIONS)
    down = -np.array(correlations)
    units = {
        "falls": np.array([[(down > 0).sum(), INITIALISATIONS]], dtype=float),
        "steepness": with_count(down),
        "constant strings": with_count(np.array(constants)),
    }
    return Outcome(units, facts={"correlations": [round(one, 4) for one in correlations]})


@system("nfl-complexity", row="S105", room="synthesis")
def nfl_complexity(scale: Scale) -> Claim:
    """Goldblum et al.: The No Free Lunch Theorem, Kolmogorov Complexity, and Inductive Biases (2023; ICML 2024).

    A small network and its weights code real labels in fewer bits than any code of random labels could, and random
    decoders prefer simple strings.
    """
    steps = 300 if scale.smoke else 2000
    setting: dict[str, Any] = {"steps": steps, "sizes": list(SIZES), "bits": BITS}
    labels = tuple(
        Arm(name, partial(code_labels, steps=steps, shuffled=shuffled), setting)
        for name, shuffled in (("labels", False), ("shuffled labels", True))
    )
    strings = tuple(
        Arm(name, partial(weigh_strings, tied=tied), {"tied": tied})
        for name, tied in (("random decoders", True), ("random decoders, separate tables", False))
    )
    plain = Metric(mean)
    return Claim(
        kind="trained",
        task=f"the labels of {DIGITS} digits, and strings of {LENGTH} bits",
        metrics={
            "saved": plain,
            "share": plain,
            "falls": ACCURACY,
            "steepness": plain,
            "constant strings": plain,
        },
        arms=labels[:1] if scale.smoke else (*labels, *strings),
        clauses=CLAUSES,
        floor=Clause("labels and weights in three quarters of the bits", "saved", "labels", None, 0.25),
        data={"digits": "drawn", "strings": f"all of {LENGTH} bits"},
        launch="phloem reproduce nfl-complexity --scale paper",
    )


CLAUSES = (
    Clause("9 of 10 random decoders fall with complexity", "falls", "random decoders", None, 0.9, across="every seed"),
    Clause("the mean correlation is at most -0.12", "steepness", "random decoders", None, 0.12),
    Clause("constant strings are twice as probable", "constant strings", "random decoders", None, 2.0),
    Clause("labels and weights in 60% of the bits", "saved", "labels", None, 0.4),
    Clause("shuffled labels are not compressed", "share", "shuffled labels", None, 1.0),
)
