"""SCAN: what a recurrent sequence model makes of commands whose parts it knows.

One model, Lake and Baroni's overall best shape made small (two LSTM layers, no attention), is trained on four splits.
At random it must be right; longer commands, and a verb that training showed alone, are what the paper found it to fail.
No data set is needed: the grammar makes the splits (`phloem.corpora.scan`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from phloem.corpora import scan as grammar
from phloem.decode.beam import Beam
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.measure.exact_match import matches
from phloem.nn.models.seq2seq import Seq2Seq
from phloem.represent.base import START, UNK
from phloem.represent.text_pairs import Pair, PairView
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import Splits, compiled, fresh, trained
from phloem.tasks import translation
from phloem.tasks.compositional import held_out

ASKED = ("simple", "turn left", "length", "jump")  # from the easiest to the hardest, as the paper found them
WORDS = 200  # more units than the two languages have words: every word is one
VALIDATION, TEST = 200, 1_000  # commands, drawn alike for every seed


@dataclass(frozen=True)
class ScanModel:
    """Sizes and training; `attention` reads all of the command at every action."""

    embedding: int = 64
    width: int = 128
    layers: int = 2
    dropout: float = 0.3
    attention: bool = False
    batch_size: int = 64
    learning_rate: float = 1e-3
    longest: int = 48  # actions of the commands that are used


def make(sizes: ScanModel, view: PairView) -> Seq2Seq:
    return Seq2Seq(
        view.source.get_vocab_size(),
        view.target.get_vocab_size(),
        embedding=sizes.embedding,
        width=sizes.width,
        layers=sizes.layers,
        bidirectional=False,
        attention=sizes.attention,
        dropout=sizes.dropout,
    )


def pairs(name: str, longest: int) -> dict[str, list[Pair]]:
    """A split as texts: "train", "validation" (from the training part, and not trained on; never the verb that the
    split shows alone) and "test"."""
    rng = np.random.default_rng(0)

    def part(which: str) -> list[Pair]:
        chosen = [each for each in grammar.split(name, which) if len(each.actions) <= longest]
        return [(chosen[i].words, " ".join(chosen[i].actions)) for i in rng.permutation(len(chosen))]

    training, test = part("train"), part("test")
    held = held_out(training, VALIDATION, needed={pair for pair in training if pair[0] == name})
    return {
        "train": [pair for pair in training if pair not in held],
        "validation": sorted(held),
        "test": test[:TEST],
    }


def exact(model: Any, view: PairView, asked: list[Pair]) -> np.ndarray:
    """For each command 1 where all actions are right: pairs of (hits, trials)."""
    found = translation.translate(model, view, [source for source, _ in asked], Beam(1, forbid=(UNK, START)))
    return with_count(matches([target.split() for _, target in asked], [text.split() for text in found]))


def train_on(job: Job, name: str, sizes: ScanModel, budget: dict[str, Any]) -> Outcome:
    """Train on a split, the weights chosen by perplexity on held commands; whole commands right, and wrong, of the
    test part."""
    texts = pairs(name, sizes.longest)
    splits: Splits = {split: partial(list, chosen) for split, chosen in texts.items()}
    view, data = compiled(PairView(WORDS), splits, job.shared, [name, sizes.longest, len(texts["train"])])
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=sizes.batch_size,
        bucket=20,
        learning_rate=sizes.learning_rate,
        metric="-perplexity",
    )
    untrained = exact(fresh(partial(make, sizes, view), job.seed), view, texts["test"][:100])
    model, facts = trained(
        partial(make, sizes, view),
        data["train"],
        SequenceCrossEntropy(),
        settings,
        job,
        evaluate=lambda net: translation.perplexity(net, data["validation"]),
    )
    right = exact(model, view, texts["test"])
    wrong = np.stack([right[:, 1] - right[:, 0], right[:, 1]], axis=1)
    return Outcome({"exact": right, "wrong": wrong}, {"exact": float(ACCURACY.of(untrained.sum(axis=0)))}, facts)


@system("scan", row="S058", room="synthesis")
def scan(scale: Scale) -> Claim:
    """Lake, Baroni: Generalization without Systematicity (ICML 2018).

    Commands to actions: a random split against more actions than in training, and verbs that training shows alone.
    """
    budget = scale.budget(smoke=20, laptop=200 / 60, paper=60)
    sizes = ScanModel(width=200, dropout=0.5) if scale.name == "paper" else ScanModel()
    if scale.smoke:
        sizes = ScanModel(attention=True, width=64, dropout=0.0, learning_rate=5e-3, longest=4)
    names = ASKED[:1] if scale.smoke else ASKED

    def arm(name: str) -> Arm:
        settings = {"split": name, "validation": VALIDATION, "test": TEST, **asdict(sizes)}
        return Arm(name, partial(train_on, name=name, sizes=sizes, budget=budget), settings)

    return Claim(
        kind="trained",
        task="the actions of commands" + (f" of at most {sizes.longest}" if scale.smoke else ""),
        metrics={"exact": ACCURACY, "wrong": ACCURACY},
        arms=tuple(map(arm, names)),
        clauses=CLAUSES,
        floor=Clause("commands are understood", "exact", "simple", None, 0.3),
        budget=budget,
        data={"splits": "generated by the grammar"},
        launch="phloem reproduce scan --scale paper",
    )


CLAUSES = (
    Clause("90% of a random split are right", "exact", "simple", None, 0.9),
    Clause("70% of the longer commands are wrong", "wrong", "length", None, 0.7),
    Clause("95% of the commands with jump are wrong", "wrong", "jump", None, 0.95),
    Clause("simple is easier than turn left", "exact", "simple", "turn left", 0.0),
    Clause("turn left is easier than length", "exact", "turn left", "length", 0.0),
    Clause("length is easier than jump", "exact", "length", "jump", 0.0),
)
