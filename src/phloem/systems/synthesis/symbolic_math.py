"""Symbolic mathematics: a plain transformer reads a function in prefix notation and writes its antiderivative.

Trained on functions that were drawn and differentiated (BWD), asked for fresh ones of the kind and for functions that
were drawn and integrated by rules (FWD). An answer counts if algebra or numbers say that its derivative is what was
asked: of the greedy answer, or of any of ten hypotheses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phloem.corpora.expression_trees import BINARY, UNARY, Kinds
from phloem.decode.beam import Beam
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy, counted
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.transformer import Transformer
from phloem.represent.base import UNK
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks.symbolic_maths import SYMBOLS, Maker, Questions, Units, encoded, is_right

Way = Literal["backward", "forward"]
FEW = Kinds(
    binary={name: BINARY[name] for name in ("add", "mul")},
    unary={name: UNARY[name] for name in ("pow2", "exp", "sin", "cos", "ln")},
)
TEST_SEED = 54_000_001
PART = 500  # questions


@dataclass(frozen=True)
class Sizes:
    """A model and its data: `pairs` for training, of expressions of up to `operators` operators."""

    width: int
    heads: int
    layers: int
    inner: int
    batch: int
    rate: float
    pairs: int
    tests: int
    operators: int
    longest: int = 60  # units of an answer that is written


SMOKE = Sizes(48, 4, 1, 96, batch=32, rate=5e-3, pairs=300, tests=20, operators=3)
LAPTOP = Sizes(120, 4, 3, 480, batch=64, rate=1e-3, pairs=30_000, tests=500, operators=4)
PAPER = Sizes(512, 8, 6, 2048, batch=256, rate=1e-4, pairs=40_000_000, tests=5_000, operators=15, longest=512)


def kinds_of(sizes: Sizes) -> Kinds:
    """The operators: the claim's few, or all of the paper with signed numbers."""
    return FEW if sizes.operators <= LAPTOP.operators else Kinds(signed=True)


def questions(job: Job, sizes: Sizes, way: Way, count: int, seed: int) -> list[Units]:
    """Different questions, `count` less what its parts repeat; the same for all seeds of training.

    Made once, in parts of PART, each of which is kept as JSON: what is stopped goes on with the next one."""
    found: dict[tuple[str, ...], Units] = {}
    for part, first in enumerate(range(0, count, PART)):
        about = json.dumps([kinds_of(sizes), sizes.operators, way, min(PART, count - first), seed, part])
        file = job.shared / f"{hashlib.sha256(about.encode()).hexdigest()[:16]}.json"
        if not file.is_file():
            job.progress(first / count)
            maker = Maker(np.random.default_rng((seed, part)), kinds_of(sizes), sizes.operators)
            made = maker.many(getattr(maker, way), min(PART, count - first))
            job.shared.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(".part")
            beside.write_text(json.dumps(made))
            beside.rename(file)
        for asked, answer in json.loads(file.read_text()):
            found.setdefault(tuple(asked), Units(tuple(asked), tuple(answer)))
    return list(found.values())


def sets(job: Job, sizes: Sizes) -> tuple[list[Units], list[Units], list[Units]]:
    """Training, BWD tests and FWD tests; training has none of the tests' questions."""
    backward = questions(job, sizes, "backward", sizes.tests, TEST_SEED)
    forward = questions(job, sizes, "forward", sizes.tests, TEST_SEED)
    asked = {units.asked for units in [*backward, *forward]}
    drawn = questions(job, sizes, "backward", sizes.pairs, 0)
    return [units for units in drawn if units.asked not in asked], backward, forward


def network(sizes: Sizes) -> Transformer:
    many = len(SYMBOLS)
    return Transformer(
        many, many, width=sizes.width, heads=sizes.heads, layers=sizes.layers, inner=sizes.inner, dropout=0.0
    )


def integrator(job: Job, budget: dict[str, Any], sizes: Sizes, train: Sequence[Units]) -> tuple[Any, dict[str, Any]]:
    """The seed's model, trained once and read by all searches."""
    about = json.dumps([asdict(sizes), budget, job.seed], sort_keys=True)
    key = hashlib.sha256(about.encode()).hexdigest()[:16]
    weights, facts_file = job.shared / f"{key}.safetensors", job.shared / f"{key}.facts.json"
    if facts_file.is_file():
        model = network(sizes)
        model.load_state_dict(load_file(weights))
        return model.eval(), json.loads(facts_file.read_text())
    pairs = [encoded(units) for units in train]
    held = max(1, min(200, len(pairs) // 10))
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=sizes.batch,
        bucket=20,
        learning_rate=sizes.rate,
        schedule="cosine",
        warmup_steps=20,
        clip=1.0,
        metric="accuracy",
    )

    def evaluate(model: Any) -> dict[str, float]:
        return {"accuracy": float(unit_accuracy(model, pairs[:held])[:, 0].mean())}

    make = partial(network, sizes)
    model, facts = trained(make, Questions(pairs[held:]), SequenceCrossEntropy(), settings, job, evaluate=evaluate)
    save_file(model.state_dict(), weights)
    facts_file.write_text(json.dumps(facts))
    return model, facts


@torch.no_grad()
def unit_accuracy(model: Transformer, pairs: Sequence[Any]) -> np.ndarray:
    """For each pair (share of the answer's units that are likeliest given those before, 1)."""
    found = []
    data = Questions(pairs)
    for start in range(0, len(pairs), 100):
        batch = data.batch(np.arange(start, min(start + 100, len(pairs))))
        real = counted(batch.target)
        right = (model(batch).argmax(-1) == batch.target) & real
        found.append((right.sum(1).double() / real.sum(1)).numpy())
    return with_count(np.concatenate(found))


def verified(model: Transformer, tests: Sequence[Units], width: int, longest: int) -> np.ndarray:
    """For each question (1 if any of `width` hypotheses is an antiderivative, 1)."""
    search = Beam(width, length_penalty=1.0, forbid=(UNK,))
    data, hits = Questions([encoded(units) for units in tests]), []
    for start in range(0, len(tests), 50):
        index = np.arange(start, min(start + 50, len(tests)))
        for number, hypotheses in zip(index.tolist(), search(model, data.batch(index), length=longest), strict=True):
            written = (tuple(SYMBOLS.decode(one.value)) for one in hypotheses)
            hits.append(any(is_right(tests[number].asked, each) for each in written))
    return with_count(np.array(hits, np.float64))


def contend(job: Job, budget: dict[str, Any], sizes: Sizes, way: Way, width: int) -> Outcome:
    """Answers to tests of one way by a beam of one width."""
    train, backward, forward = sets(job, sizes)
    model, facts = integrator(job, budget, sizes, train)
    tests = backward if way == "backward" else forward
    pairs = [encoded(units) for units in tests]
    before = unit_accuracy(fresh(partial(network, sizes), job.seed).eval(), pairs)
    units = {"verified": verified(model, tests, width, sizes.longest), "units": unit_accuracy(model, pairs)}
    return Outcome(units, {"units": float(before[:, 0].mean())}, facts | {"tests": len(tests), "pairs": len(train)})


CONTENDERS: dict[str, tuple[Way, int]] = {
    "beam 10, BWD": ("backward", 10),
    "greedy, BWD": ("backward", 1),
    "beam 10, FWD": ("forward", 10),
}


@system("symbolic-math", row="S054", room="synthesis")
def symbolic_math(scale: Scale) -> Claim:
    """Lample, Charton: Deep Learning for Symbolic Mathematics (ICLR 2020).

    Integration of functions of at most four operators out of seven, trained backwards; the paper has 15 operators,
    other ways to make data and differential equations too (`phloem.tasks.symbolic_maths` makes them).
    """
    sizes = {"smoke": SMOKE, "laptop": LAPTOP, "paper": PAPER}[scale.name]
    budget = scale.budget(smoke=6, laptop=6.0, paper=30)
    chosen = {"beam 10, BWD": CONTENDERS["beam 10, BWD"]} if scale.smoke else CONTENDERS
    arms = tuple(
        Arm(name, partial(contend, budget=budget, sizes=sizes, way=way, width=width), {**asdict(sizes), "beam": width})
        for name, (way, width) in chosen.items()
    )
    return Claim(
        kind="trained",
        task="antiderivatives, each verified",
        metrics={"verified": ACCURACY, "units": ACCURACY},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("units of antiderivatives are foreseen", "units", "beam 10, BWD", None, 0.4),
        budget=budget,
        data={"functions": "drawn", "operators": sizes.operators, "pairs": sizes.pairs},
        launch="phloem reproduce symbolic-math --scale paper",
    )


CLAUSES = (
    Clause("a beam of 10 gains 8 points", "verified", "beam 10, BWD", "greedy, BWD", 0.08),
    Clause("20 points are lost from BWD to FWD", "verified", "beam 10, BWD", "beam 10, FWD", 0.20),
)
