"""Do neural SPARQL machines compose? Trained on "the q of x" and "the p of x", asked for "the q of the p of x".

The questions of `phloem.corpora.nspm_compositions` about a graph of packages, in four operations; the translator of
the row nspm, with linked entities. On operation 4, where only some pairs of relations are new, it is compared with a
grammar induced from the same pairs (`phloem.synthesis.qcfg_induction`), which answers with its smallest derivation:
NQG without its learned scorer.

The paper also has a transformer and a convolutional model, DBpedia's places, and queries that name their entities.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from phloem.corpora import nspm_compositions as compositions
from phloem.corpora import nspm_packages
from phloem.corpora.nspm_compositions import Composed
from phloem.measure.bootstrap import with_count
from phloem.measure.text import bleu, bleu_addends
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.word_translation import Translator, learned, translated
from phloem.tasks import compositional, sparql_questions
from phloem.tasks import sparql_composition as task

BLEU = Metric(bleu)
LONGEST = 60
SPLIT = 0  # the seed of the choice of relations: all runs are tested on the same questions
INDUCED = 300  # pairs that the grammar is induced from, the shortest ones
WORD_COST = 8.0


def parts(operation: int, seed: int, tested: int | None = None) -> dict[str, list[Composed]]:
    """The parts "train", "validation" (a tenth of the training questions, which stay out of it), "test" (`tested`)."""
    train, test = compositions.split(operation, seed)
    rng = np.random.default_rng((seed, operation))
    order = rng.permutation(len(train))
    tenth = len(train) // 10
    return {
        "train": [train[i] for i in order[tenth:]],
        "validation": [train[i] for i in order[:tenth]],
        "test": [test[i] for i in rng.permutation(len(test))[:tested]],
    }


def measured(asked: list[Composed], written: list[str], path: Path | None) -> dict[str, np.ndarray]:
    """Exact queries, right answers and BLEU, a question each."""
    described = nspm_packages.generated(60) if path is None else nspm_packages.debian(path, 300)
    store = sparql_questions.store_of(nspm_packages.graph(described))
    right = task.exact(asked, written)
    return {
        "exact": with_count(right),
        "wrong": with_count(1 - right),
        "answers": with_count(task.executed(asked, written, store)),
        "bleu": bleu_addends([task.pair(each)[1] for each in asked], written),
    }


def train_on(
    job: Job, operation: int, sizes: Translator, budget: dict[str, Any], path: Path | None, tested: int | None
) -> Outcome:
    """Train the translator on an operation, the same choice of relations for each seed, and test it."""
    chosen = parts(operation, SPLIT, tested)
    pairs = {split: [task.pair(each) for each in asked] for split, asked in chosen.items()}
    found = learned(job, pairs, sizes, budget, ["compositions", operation, SPLIT])
    sources = [source for source, _ in pairs["test"]]
    written, before = (translated(net, found.view, sources, LONGEST) for net in (found.model, found.untrained))
    untrained = float(task.exact(chosen["test"], before).mean())
    return Outcome(measured(chosen["test"], written, path), {"exact": untrained}, found.facts)


def induce_on(job: Job, path: Path | None, seconds: float) -> Outcome:
    """Induce a grammar from the training pairs of operation 4 in so many seconds of the processor, and test it."""
    from phloem.synthesis.qcfg_induction import Induction
    from phloem.tasks.compositional_parsing import learn_grammar

    chosen = parts(4, SPLIT)
    sides = compositional.sides([task.pair(each) for each in chosen["train"]])
    grammar = learn_grammar(sides, Induction(word_cost=WORD_COST), shortest_pairs=INDUCED, seconds=seconds)
    written = [simplest(grammar, task.pair(each)[0]) for each in chosen["test"]]
    return Outcome(measured(chosen["test"], written, path), facts={"rules": len(list(grammar))})


def simplest(grammar: Any, source: str) -> str:
    """What the derivation with the fewest rules writes; "" where the grammar derives nothing."""
    from phloem.synthesis.qcfg_parser import best, derivations
    from phloem.synthesis.synchronous_grammar import forest

    found = derivations(forest(grammar, tuple(source.split())))
    answer = None if found is None else best(found, [-1.0] * len(found.applications))
    return "" if answer is None else " ".join(map(str, answer[0]))


@system("nspm-compose", row="S082", room="synthesis")
def nspm_compose(scale: Scale) -> Claim:
    """Panchbhai, Soru, Marx: Exploring Sequence-to-Sequence Models for SPARQL Pattern Composition (KGSWC 2020).

    Relations learned alone, together, and in other pairs; an attentive LSTM and an induced grammar.
    """
    budget = scale.budget(smoke=5, laptop=2.5, paper=100)
    path = None if scale.smoke else nspm_packages.control_file(scale.data)
    tested, seconds = 60 if scale.smoke else None, 60 * float(budget.get("minutes", 60))
    sizes = Translator()
    if scale.smoke:
        sizes = Translator(width=48, embedding=32, layers=1, dropout=0.0, learning_rate=8e-3, batch_size=16)

    def arm(operation: int) -> Arm:
        run = partial(train_on, operation=operation, sizes=sizes, budget=budget, path=path, tested=tested)
        return Arm(f"operation {operation}", run, {"operation": operation, **asdict(sizes)})

    grammar = Arm("grammar", partial(induce_on, path=path, seconds=seconds), {"pairs": INDUCED, "word cost": WORD_COST})
    arms = [arm(4)] if scale.smoke else [*map(arm, compositions.OPERATIONS), grammar]
    return Claim(
        kind="trained",
        task="composed questions about packages to SPARQL",
        metrics={"exact": ACCURACY, "answers": ACCURACY, "wrong": ACCURACY, "bleu": BLEU},
        arms=tuple(arms),
        clauses=CLAUSES,
        floor=Clause("new pairs of relations are composed", "exact", "operation 4", None, 0.2),
        budget=budget,
        data={"packages": "generated" if path is None else str(path)},
        launch="phloem reproduce nspm-compose --scale paper --data Packages",
    )


CLAUSES = (
    Clause("70% of new pairs of relations are exact", "exact", "operation 4", None, 0.7),
    Clause("90% of what was never composed is wrong", "wrong", "operation 1", None, 0.9),
    Clause("the grammar gets 90% of new pairs", "exact", "grammar", None, 0.9),
)
