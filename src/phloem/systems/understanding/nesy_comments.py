"""Which comments are useful: do pairs that a program of rules wrote help classifiers that learn from weak labels?

Three classical classifiers learn from 2,000 C comments labelled by rules of thumb, with 5,000 pairs of the grammar of
comments, or with 5,000 more of the weakly labelled ones, and judge 400 comments that were labelled by reading. Features
are fitted on each arm's own training pairs. Beside them: always saying "useful", and saying it of the longer comments
(longer than the training pairs' median).

What differs from the source: the rules are the generator, as there is no language model between; the real pairs of
training have weak labels; features are TF-IDF and figures of the pair, no sentence embeddings. The clause on a gain
asks for the network, the paper's best model, so that no model is chosen after looking.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np

from phloem.errors import PhloemError
from phloem.represent.comment_features import CommentFeatures
from phloem.systems.claims import Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.tasks import comment_grammar, comment_pairs
from phloem.tasks.comment_classifiers import CLASSIFIERS, confusion, macro_f1
from phloem.tasks.comment_pairs import CommentPair

REAL, SYNTHETIC = 2_000, 5_000
Addition = Literal["nothing", "synthetic", "real"]


def made(count: int, seed: int) -> list[CommentPair]:
    return [each.pair for each in comment_grammar.generate(count, seed)]


def pairs(scale: Scale, addition: Addition, seed: int) -> tuple[list[CommentPair], list[CommentPair]]:
    """Training and test pairs of an arm; the test is the same for all."""
    if scale.smoke:
        test = made(200, 1_000)
        return comment_pairs.augmented([], made(500, seed), test), test
    if scale.data is None:
        raise PhloemError("nesy-comments needs --data: mined C shards to take weakly labelled comments from")
    test = list(comment_pairs.labelled())
    train = comment_pairs.weakly_labelled(scale.data, REAL)
    if addition == "synthetic":
        return comment_pairs.augmented(train, made(SYNTHETIC, seed), test), test
    if addition == "real":
        more = comment_pairs.weakly_labelled(scale.data, REAL + SYNTHETIC)
        return comment_pairs.augmented(train, more, test)[: REAL + SYNTHETIC], test
    return train, test


def classify(job: Job, scale: Scale, addition: Addition) -> Outcome:
    """Fit all classifiers on one training set and judge the test."""
    train, test = pairs(scale, addition, job.seed)
    wanted = np.array([pair.useful for pair in test])
    features = CommentFeatures(100 if scale.smoke else 300).fit([(pair.comment, pair.code) for pair in train])
    x, asked = (features.encode([(pair.comment, pair.code) for pair in some]) for some in (train, test))
    y = np.array([pair.useful for pair in train])
    units: dict[str, Any] = {}
    for number, (name, fit) in enumerate(CLASSIFIERS.items()):
        units[name] = confusion(wanted, fit(x, y, job.seed)(asked) > 0.5)
        job.progress((number + 1) / len(CLASSIFIERS))
    before = float(macro_f1(confusion(wanted, np.ones_like(wanted)).sum(0)))
    facts = {"training pairs": len(train), "useful among them": int(y.sum()), "features": x.shape[1]}
    return Outcome(units, dict.fromkeys(units, before), facts)


def guess(job: Job, scale: Scale, by_length: bool) -> Outcome:
    """The rules that need no learning, shown as every classifier's figure."""
    train, test = pairs(scale, "nothing", job.seed)
    wanted = np.array([pair.useful for pair in test])
    given, facts = np.ones_like(wanted), dict[str, Any]()
    if by_length:
        cut = float(np.median([len(pair.comment) for pair in train]))
        given, facts = np.array([len(pair.comment) > cut for pair in test]), {"characters": cut}
    return Outcome(dict.fromkeys(CLASSIFIERS, confusion(wanted, given)), facts=facts)


@system("nesy-comments", row="S044", room="understanding")
def nesy_comments(scale: Scale) -> Claim:
    """Abi Akl: A LLM-driven symbolic approach for better code comment data generation and classification (2024).

    Pairs written by a program of rules, added to weakly labelled ones; the laptop scale needs mined C shards (--data).
    """

    def arm(name: str, addition: Addition) -> Arm:
        settings = {"addition": addition, "real": REAL, "synthetic": SYNTHETIC}
        return Arm(name, partial(classify, scale=scale, addition=addition), settings)

    arms = (
        arm("with synthetic pairs", "synthetic"),
        arm("real pairs", "nothing"),
        arm("more real pairs", "real"),
        Arm("always useful", partial(guess, scale=scale, by_length=False), {}),
        Arm("longer than the median", partial(guess, scale=scale, by_length=True), {}),
    )
    return Claim(
        kind="trained",
        task="synthetic comments" if scale.smoke else "400 comments of C programs: useful or not",
        metrics={name: Metric(macro_f1) for name in CLASSIFIERS},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("useful comments are told from others", "network", "with synthetic pairs", None, 0.9),
        data={"test": "400 labelled comments", "weak labels": "rules of phloem.tasks.comment_pairs"},
        launch="phloem reproduce nesy-comments --scale laptop --data C_SHARDS"
        + "".join(f" --seed {seed}" for seed in range(10)),
    )


CLAUSES = (
    Clause("synthetic pairs help the network", "network", "with synthetic pairs", "real pairs", 0.0),
    *(
        Clause(f"the {name} loses at most 2 points", name, "with synthetic pairs", "real pairs", -0.02)
        for name in CLASSIFIERS
    ),
)
