"""Structural recursion: a decoder learns the successor of binary numbers up to the depths it has seen, and not beyond.

One model never sees deep terms in training, another sees them as a tenth of as many examples; both are asked for terms
of both kinds that neither was trained on. What a model does in place of recursion is looked into: which shortcut
foretells its errors, what a flipped token makes of it, and which heads it needs. Another order of writing, another rate
and the traversal of trees are reported beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from phloem.analysis import recursion_probes as probes
from phloem.analysis.recursion_heads import losses_without, recursion_heads
from phloem.measure.bootstrap import with_count
from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.represent.completions import completions
from phloem.synthesis.languages.binary_successor import Term, depth, successor
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.sequence_training import Sizes, completed, train_writer, unit_accuracy, untrained
from phloem.tasks import structural_recursion as task
from phloem.tasks.structural_recursion import SYMBOLS, Terms

TEST_SEED = 2_500_003
MINUTES = 4.0  # that the laptop scale's steps take, about
SMOKE_SIZES = Sizes(width=48, layers=2, heads=4, units=800, steps=350, rate=5e-3)
LAPTOP_SIZES = Sizes(width=144, layers=2, heads=4, units=1500, steps=1500, rate=1e-3)
PAPER_SIZES = Sizes(width=512, layers=6, heads=8, units=16_000, steps=50_000, rate=3e-4)


@dataclass(frozen=True)
class Depths:
    """Depths that are seen and deeper ones, the longest term, and how many terms of each kind are asked."""

    seen: tuple[int, ...]
    deep: tuple[int, ...]
    longest: int
    tests: int


SMOKE = Depths((0, 1), (2, 3), 8, 20)
LAPTOP = Depths(tuple(range(8)), tuple(range(8, 13)), 24, 200)


class Asked:
    """A model with a way of writing terms: questions and answers as constructors."""

    def __init__(self, model: PromptedDecoder, reverse: bool) -> None:
        self.model, self.reverse = model, reverse

    def answers(self, terms: Sequence[Term]) -> list[tuple[str, ...]]:
        """What the model writes, least significant bit first."""
        asked = [task.question(term, reverse=self.reverse) for term in terms]
        found = completed(self.model, asked, length=max(map(len, terms)) + 3)
        texts = [tuple(SYMBOLS.decode(units)) for units in found]
        return [text[::-1] if self.reverse else text for text in texts]

    def after(self, terms: Sequence[Term], begun: Sequence[Sequence[str]]) -> list[list[str]]:
        """What it writes after a beginning."""
        asked = [[*task.question(term), *SYMBOLS.encode(start)] for term, start in zip(terms, begun, strict=True)]
        longest = max(map(len, terms), default=0)
        return [SYMBOLS.decode(units) for units in completed(self.model, asked, length=longest + 3)]

    def right(self, terms: Sequence[Term]) -> np.ndarray:
        """1 for each successor that is right."""
        found = zip(terms, self.answers(terms), strict=True)
        return np.array([output == successor(term).term for term, output in found], np.float64)


def learn(job: Job, sizes: Sizes, depths: Depths, *, rare: bool, reverse: bool) -> Outcome:
    """Train with or without deep terms; ask for seen and deep ones."""
    seen = task.tests(depths.seen, depths.tests, depths.longest, TEST_SEED)
    deep = task.tests(depths.deep, depths.tests, depths.longest, TEST_SEED + 1)
    terms = Terms(
        depths.longest,
        depths.seen,
        rare=depths.deep if rare else (),
        rare_share=0.1 if rare else 0.0,
        kept_out=frozenset([*seen, *deep]),
    )
    draw = task.draw_pairs(terms, reverse=reverse)
    held = [task.pair(term, reverse=reverse) for term in seen]
    model, facts = train_writer(job, len(SYMBOLS), draw, sizes, held[:100])
    asked = Asked(model, reverse)
    on_seen, on_deep = asked.right(seen), asked.right(deep)
    halfway = on_deep if rare else (on_seen + on_deep) / 2
    units = {
        "seen": with_count(on_seen),
        "deep": with_count(on_deep),
        "gap": with_count(on_seen - on_deep),
        "deep, or halfway": with_count(halfway),
        "units": unit_accuracy(model, held),
    }
    before = unit_accuracy(untrained(job, len(SYMBOLS), sizes), held)
    return Outcome(units, {"units": float(before[:, 0].mean())}, facts | looked_into(asked, seen, deep))


def looked_into(asked: Asked, seen: list[Term], deep: list[Term]) -> dict[str, Any]:
    """What the model does in place of recursion. The shortcut is chosen on half of the deep terms, judged on others."""
    outputs, half = asked.answers(deep), len(deep) // 2
    every = [*seen, *deep]
    by_depth = probes.accuracy_by_depth(every, [*asked.answers(seen), *outputs])
    shortcut, _ = probes.best_shortcut(deep[:half], outputs[:half], max(map(depth, deep)))
    share, wrong = probes.foretold(shortcut, deep[half:], outputs[half:])
    facts: dict[str, Any] = {
        "right by depth": {str(each): round(value, 3) for each, (value, _) in by_depth.items()},
        "shortcut": {"name": shortcut.name, "errors foretold": round(share, 3), "errors": wrong},
        "right by mode": {mode: round(value, 3) for mode, value in probes.modes_right(deep, outputs).items()},
    }
    if not asked.reverse:
        facts["told to finish"] = probes.told_to_finish(asked.after, seen)._asdict()
        facts["told to go on"] = probes.told_to_go_on(asked.after, seen)._asdict()
        facts["reads where recursion ends"] = reading(asked.model, seen)
    few = every[:: max(1, len(every) // 60)]
    lost = losses_without(asked.model, lambda model: float(Asked(model, asked.reverse).right(few).mean()))
    facts["lost without a head"] = {f"{head.layer}.{head.number}": round(value, 3) for head, value in lost.items()}
    return facts


def reading(model: PromptedDecoder, terms: Sequence[Term]) -> dict[str, float]:
    """For each head, how much the place that writes the end of the recursion reads of the constructor that ends it."""
    batch = completions([task.pair(term) for term in terms])
    ends = torch.tensor([depth(term) for term in terms])
    lengths = torch.tensor([len(term) for term in terms])
    found = recursion_heads(model, batch.tokens, 1 + ends, 1 + lengths + ends)  # behind "s", and behind "="
    return {f"{head.layer}.{head.number}": round(value, 3) for head, value in found.items()}


def traverse(job: Job, sizes: Sizes, most: int, tests: int) -> Outcome:
    """Train on inorder traversals of trees of up to `most` values; asked for fresh ones, and for larger trees."""
    draw = task.draw_traversals("in", most)
    rng = np.random.default_rng(TEST_SEED)
    held = [draw(rng) for _ in range(tests)]
    larger = [task.traversal_pair(task.random_tree(rng, most + 1 + number % 3), "in") for number in range(tests)]
    model, facts = train_writer(job, len(SYMBOLS), draw, sizes, held[:100])
    units = {}
    for name, pairs in (("seen", held), ("deep", larger)):
        written = completed(model, [prompt for prompt, _ in pairs], length=most + 6)
        rights = [list(units) == wanted for units, (_, wanted) in zip(written, pairs, strict=True)]
        units[name] = with_count(np.array(rights, np.float64))
    units["units"] = unit_accuracy(model, held)
    before = unit_accuracy(untrained(job, len(SYMBOLS), sizes), held)
    return Outcome(units, {"units": float(before[:, 0].mean())}, facts)


@system("structural-recursion", row="S025", room="synthesis")
def structural_recursion(scale: Scale) -> Claim:
    """Zhang et al.: Transformer-Based Models Are Not Yet Perfect At Learning to Emulate Structural Recursion (2024).

    The paper trains encoder-decoders and asks language models; here a decoder of two layers learns from scratch.
    """
    sizes = {"smoke": SMOKE_SIZES, "laptop": LAPTOP_SIZES, "paper": PAPER_SIZES}[scale.name]
    sizes, depths = sizes.for_minutes(scale, MINUTES), SMOKE if scale.smoke else LAPTOP

    def arm(name: str, own: Sizes, *, rare: bool, reverse: bool) -> Arm:
        about = {**asdict(own), **asdict(depths), "rare": rare, "reverse": reverse}
        return Arm(name, partial(learn, sizes=own, depths=depths, rare=rare, reverse=reverse), about)

    arms = (
        arm("deep left out", sizes, rare=False, reverse=False),
        arm("a tenth is deep", sizes, rare=True, reverse=False),
        arm("deep left out, reversed", sizes, rare=False, reverse=True),
        arm("deep left out, low rate", replace(sizes, rate=sizes.rate / 4), rare=False, reverse=False),
        Arm("inorder traversal", partial(traverse, sizes=sizes, most=8, tests=depths.tests), asdict(sizes)),
    )
    return Claim(
        kind="trained",
        task="the successor of binary terms, by recursion depth",
        metrics=dict.fromkeys(("seen", "deep", "gap", "deep, or halfway", "units"), ACCURACY),
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("constructors are foreseen", "units", "deep left out", None, 0.7),
        budget={"units": sizes.units * sizes.steps},
        data={"terms": "drawn", **asdict(depths)},
        launch="phloem reproduce structural-recursion --scale paper",
    )


CLAUSES = (
    Clause("95% at depths that were seen", "seen", "deep left out", None, 0.95),
    Clause("25 points less at deeper ones", "gap", "deep left out", None, 0.25),
    Clause(
        "a tenth of examples wins half of the gap back", "deep, or halfway", "a tenth is deep", "deep left out", 0.0
    ),
)
