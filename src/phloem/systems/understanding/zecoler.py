"""Zecoler: clone detection as filling a mask, with learned prompts, from tens of labelled Java pairs.

The same encoder, pretrained once on functions of several languages, answers in two ways: by the word that it puts at
<mask>, or by a linear layer over its first vector. Both are measured on C, too, of which they see no labelled pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.learn.objectives.cross_entropy import CrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure import bootstrap
from phloem.nn.models.prompted_encoder import PromptedEncoder, verbalized
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.data_flow_view import learn_units
from phloem.represent.prompt_template import PromptBatch, PromptRow, collate_prompts, prompt_row
from phloem.represent.tokens import terminals
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import trained
from phloem.systems.understanding.tiny_encoders import SIZES, SMALL, kept_encoder, mined_functions
from phloem.tasks.classification import judged_programs
from phloem.tasks.clone_pairs import ClonePair, balanced, generated, java_pairs

SLOTS, MOST = 10, 320
ANSWERS = (("No",), ("Yes",))
MODEL: dict[str, Any] = {**SIZES, "places": MOST, "layers": 3}
SMALL_MODEL: dict[str, Any] = {**SMALL, "places": 160}
LANGUAGES, TRAINED_ON, PRETRAINING_MINUTES = ("java", "c", "python"), 4000, 8.0
STEPS, BATCH, RATES = 1000, 5, (1e-4, 5e-4)
C_PAIRS = 400


class Rows(NamedTuple):
    """Pairs in memory (a `Dataset`)."""

    rows: Sequence[PromptRow]
    labels: Int[np.ndarray, " pairs"]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sizes(self) -> Int[np.ndarray, " pairs"]:
        return np.array([len(row.tokens) for row in self.rows])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> PromptBatch:
        return collate_prompts([self.rows[int(n)] for n in index], [int(self.labels[n]) for n in index])


class PairClassifier(nn.Module):
    """The other route: a linear layer over the first vector of the same sequence without slots."""

    def __init__(self, roberta: Roberta) -> None:
        super().__init__()
        self.roberta = roberta
        self.output = nn.Linear(roberta.width, 2)

    def forward(self, batch: PromptBatch) -> Float[Tensor, "batch 2"]:
        return self.output(self.roberta(batch.tokens, None, batch.lengths)[:, 0])


@cache
def pairs(smoke: bool, data: Path | None) -> dict[str, list[ClonePair]]:
    """Java pairs by split, and "c": pairs of judged programs."""
    if smoke:
        counts = {"train": 240, "validation": 40, "test": 100}
        return {split: generated(count, seed) for seed, (split, count) in enumerate(counts.items())}
    if data is None:
        raise PhloemError("zecoler needs --data DIR with zecoler_java/, poj_sample/ and the corpora java/, c/, python/")
    found = {split: java_pairs(data, split) for split in ("train", "validation", "test")}
    return {**found, "c": c_pairs(judged_programs("poj_sample", "test", data))}


def c_pairs(programs: Sequence[Example]) -> list[ClonePair]:
    """Pairs of solutions of one problem, and as many of two; the same every time."""
    rng = np.random.default_rng(0)
    order = [programs[int(number)] for number in rng.permutation(len(programs))]
    every = [ClonePair(one, other, one.name == other.name) for one, other in combinations(order[:120], 2)]
    shuffled = [every[int(number)] for number in rng.permutation(len(every))]
    return balanced(shuffled, C_PAIRS)


@cache
def vocabulary(smoke: bool, data: Path | None) -> BytePairs:
    """Units in which the answer words are one each."""
    texts = [" ".join(word for words in ANSWERS for word in words)] * 400
    spaced = [f" {text} {text}" for text in texts]
    if smoke:
        examples = [example for pair in pairs(True, None)["train"] for example in (pair.one, pair.other)]
        return learn_units(examples, spaced, 500)
    return learn_units(functions(data)[:6000:2], spaced, 8192)


def functions(data: Path | None) -> list[Example]:
    """What the encoder is pretrained on."""
    assert data is not None
    return [one for name in LANGUAGES for one in mined_functions(data / name, "train", TRAINED_ON, name)]


def encoder(scale: Scale, units: BytePairs, job: Job) -> Roberta:
    """The pretrained encoder; at the smoke scale a new one."""
    if scale.smoke:
        torch.manual_seed(job.seed)
        return Roberta(RobertaConfig(units.size, **SMALL_MODEL))
    minutes = scale.minutes or PRETRAINING_MINUTES
    return kept_encoder(partial(functions, scale.data), units, job, sizes=MODEL, minutes=minutes)


def rows_of(many: Sequence[ClonePair], units: BytePairs, slots: int, most: int) -> Rows:
    def read(example: Example) -> list[int]:
        return units.encode(example.tree.source.decode("utf-8", "replace"))

    rows = [prompt_row(read(pair.one), read(pair.other), slots, most) for pair in many]
    return Rows(rows, np.array([int(pair.clones) for pair in many]))


@torch.no_grad()
def hits(model: nn.Module, rows: Rows) -> Float[np.ndarray, "pairs 2"]:
    """(1 if the answer was right, 1) of each pair."""
    found = []
    for start in range(0, len(rows), 50):
        batch = rows.batch(np.arange(start, min(start + 50, len(rows))), None)
        found.append((model(batch).argmax(dim=1) == batch.target).double().numpy())
    return bootstrap.with_count(np.concatenate(found))


def run(job: Job, *, scale: Scale, count: int, prompted: bool, frozen: bool = False) -> Outcome:
    """Tune one route on the first `count` pairs and measure it on Java and on C."""
    found, units = pairs(scale.smoke, scale.data), vocabulary(scale.smoke, scale.data)
    base = encoder(scale, units, job).state_dict()
    sizes = SMALL_MODEL if scale.smoke else MODEL
    slots = SLOTS if prompted else 0
    own = {**found, "train": balanced(found["train"], count)}
    rows = {split: rows_of(many, units, slots, sizes["places"]) for split, many in own.items()}
    answers = verbalized(units, ANSWERS)

    def begin() -> nn.Module:
        roberta = Roberta(RobertaConfig(units.size, **sizes))
        roberta.load_state_dict(base)
        return PromptedEncoder(roberta, slots, answers, frozen=frozen) if prompted else PairClassifier(roberta)

    batch = 16 if scale.smoke else BATCH
    epochs = 20 if scale.smoke else math.ceil(STEPS * batch / count)
    settings = TrainingSettings(
        seed=job.seed,
        epochs=epochs,
        minutes=scale.minutes,
        clock="processor",
        batch_size=batch,
        learning_rate=1e-3,
        schedule="linear",
        clip=1.0,
        metric="accuracy",
        evaluate_every=max(1, epochs // 10),
    )
    torch.manual_seed(job.seed)
    untrained = float(hits(begin().eval(), rows["test"])[:, 0].mean())
    model, facts = trained(
        begin,
        rows["train"],
        CrossEntropy(),
        settings,
        job,
        evaluate=lambda net: {"accuracy": float(hits(net, rows["validation"])[:, 0].mean())},
        rates=() if scale.smoke else RATES,
    )
    return _outcome(lambda split: hits(model, rows[split]), found, untrained, facts)


def overlap(job: Job, *, scale: Scale) -> Outcome:
    """The share of tokens that two programs have in common, above a threshold that is best on validation pairs."""
    found = pairs(scale.smoke, scale.data)
    shares = {split: np.array([jaccard(pair) for pair in many]) for split, many in found.items()}
    labels = {split: np.array([pair.clones for pair in many]) for split, many in found.items()}
    cuts = np.unique(shares["validation"])
    right = [((shares["validation"] >= cut) == labels["validation"]).mean() for cut in cuts]
    cut = float(cuts[int(np.argmax(right))])
    facts = {"threshold": round(cut, 4)}
    return _outcome(lambda split: bootstrap.with_count((shares[split] >= cut) == labels[split]), found, 0.5, facts)


def jaccard(pair: ClonePair) -> float:
    """Tokens in both programs over tokens in either."""
    one, other = ({example.tree.text(int(node)) for node in terminals(example)} for example in (pair.one, pair.other))
    return len(one & other) / max(1, len(one | other))


def _outcome(
    measured: Callable[[str], Float[np.ndarray, "pairs 2"]],
    found: dict[str, list[ClonePair]],
    untrained: float,
    facts: dict[str, Any],
) -> Outcome:
    units = {"accuracy": measured("test")}
    unseen = np.array([pair.unseen for pair in found["test"]])
    facts["pairs without training programs"] = round(float(units["accuracy"][unseen, 0].mean()), 4)
    if "c" in found:
        units["accuracy on C"] = measured("c")
    return Outcome(units, {"accuracy": untrained}, facts)


@system("zecoler", row="S096", room="understanding")
def zecoler(scale: Scale) -> Claim:
    """Cui et al., "Zero-Shot Code Representation Learning via Prompt Tuning" (2024).

    With tens of labelled pairs, filling a mask with learned prompts beats a new classification layer.
    """

    def arm(name: str, count: int, prompted: bool, **options: Any) -> Arm:
        settings = {"count": count, "prompted": prompted, **options}
        return Arm(name, partial(run, scale=scale, **settings), {**settings, **MODEL})

    arms = (
        arm("prompt, 300 pairs", 240 if scale.smoke else 300, True),
        arm("head, 300 pairs", 300, False),
        arm("prompt, 32 pairs", 32, True),
        arm("head, 32 pairs", 32, False),
        arm("prompt, 500 pairs", 500, True),
        arm("head, 500 pairs", 500, False),
        arm("prompts alone, 300 pairs", 300, True, frozen=True),
        Arm("token overlap", partial(overlap, scale=scale), {}),
    )
    return Claim(
        kind="trained",
        task="clone detection: generated pairs" if scale.smoke else "clone detection in Java; in C without C pairs",
        metrics={"accuracy": ACCURACY, "accuracy on C": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("clones are told from others", "accuracy", "prompt, 300 pairs", None, 0.65),
        budget={"steps": STEPS, "minutes": scale.minutes, "pretraining minutes": scale.minutes or PRETRAINING_MINUTES},
        data={"pairs": "generated" if scale.smoke else "zecoler_java, poj_sample"},
        launch="phloem reproduce zecoler --scale laptop --data DIR --seed 0 --seed 1 --seed 2 --seed 3 --seed 4",
    )


CLAUSES = (
    Clause("3 points above a head with 300 pairs", "accuracy", "prompt, 300 pairs", "head, 300 pairs", 0.03),
    Clause("3 points above a head with 32 pairs", "accuracy", "prompt, 32 pairs", "head, 32 pairs", 0.03),
    Clause("C without C pairs is above chance", "accuracy on C", "prompt, 300 pairs", None, 0.5),
)
