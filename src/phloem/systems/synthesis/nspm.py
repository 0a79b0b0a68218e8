"""Neural SPARQL machines: a question in words, its query in words of a foreign language, and the answer of a graph.

Pairs are templates filled with the entities of a graph of packages; a query is encoded as words
(`phloem.represent.sparql_encoding`), written by an attentive LSTM, decoded and run. Two ways to say an entity are
compared with the same model and the same time: as a word of the vocabulary (generation), and by linking, where labels
are found in the question first and both sides say ent_0, ent_1.

The paper's own model has no attention and DBpedia's entities; its released second version is a GRU. The laptop scale
reads the packages that this machine has installed (`--data`: another control file of Debian's).
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from phloem.corpora import nspm_packages
from phloem.corpora.nspm import PACKAGE_TEMPLATES
from phloem.corpora.nspm_packages import Graph
from phloem.measure.bootstrap import with_count
from phloem.measure.text import bleu, bleu_addends
from phloem.represent.sparql_encoding import encode
from phloem.synthesis.languages.sparql_store import Store
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.word_translation import Translator, learned, translated
from phloem.tasks import sparql_questions as questions
from phloem.tasks.sparql_questions import Asked, Parts

LONGEST = 60
TESTED = 1000
BLEU = Metric(bleu)


class Questions(NamedTuple):
    """Everything that is asked: the graph, and the pairs in their parts."""

    graph: Graph
    store: Store
    parts: Parts


@cache
def asked(path: Path | None, packages: int, templates: int, most: int) -> Questions:
    """The questions to the packages of a control file, or (without one) to generated ones; made once for all runs."""
    described = nspm_packages.generated(packages) if path is None else nspm_packages.debian(path, packages)
    graph = nspm_packages.graph(described)
    store = questions.store_of(graph)
    made = questions.instances(PACKAGE_TEMPLATES[:templates], graph, store, most=most)
    return Questions(graph, store, questions.parts(made))


def train_on(job: Job, made: Questions, linking: bool, sizes: Translator, budget: dict[str, Any], key: Any) -> Outcome:
    """Train a translator with or without linking; its queries for new combinations and for unseen entities."""
    entities = {label: entity for entity, label in made.graph.labels.items()} if linking else None
    pairs = {
        split: [questions.pair(each, entities) for each in getattr(made.parts, split)]
        for split in ("train", "validation")
    }
    found = learned(job, pairs, sizes, budget, [key, linking])

    def written(model: Any, tests: list[Asked]) -> list[str]:
        sources = [questions.pair(each, entities)[0] for each in tests]
        texts = translated(model, found.view, sources, LONGEST)
        return [questions.query_of(each.question, text, entities) for each, text in zip(tests, texts, strict=True)]

    units: dict[str, np.ndarray] = {}
    for name, tests in (("combinations", made.parts.combinations), ("unseen", made.parts.unseen)):
        tests = tests[:TESTED]
        queries = written(found.model, tests)
        units[f"exact, {name}"] = with_count(questions.exact(tests, queries))
        units[f"answers, {name}"] = with_count(questions.executed(tests, queries, made.store))
        units[f"bleu, {name}"] = bleu_addends(
            [" ".join(encode(each.query)) for each in tests], [" ".join(encode(query)) for query in queries]
        )
    first = made.parts.combinations[:100]
    untrained = float(questions.exact(first, written(found.untrained, first)).mean())
    facts = {**found.facts, "facts": len(made.graph.facts), "pairs": len(made.parts.train)}
    return Outcome(units, {"exact, combinations": untrained, "exact, unseen": untrained}, facts)


@system("nspm", row="S129", room="synthesis")
def nspm(scale: Scale) -> Claim:
    """Soru, Marx, Moussallem, Publio, Valdestilhas, Esteves, Neto: SPARQL as a Foreign Language (SEMANTiCS 2017).

    Questions about packages to SPARQL: entities linked before the translation against entities as words of it.
    """
    budget = scale.budget(smoke=10, laptop=3.0, paper=60)
    path = None if scale.smoke else nspm_packages.control_file(scale.data)
    packages, templates, most = (60, 8, 60) if scale.smoke else (1000, len(PACKAGE_TEMPLATES), questions.MOST)
    sizes = (
        Translator(width=64, embedding=32, layers=1, dropout=0.0, learning_rate=5e-3, batch_size=16)
        if scale.smoke
        else Translator()
    )

    def run(job: Job, linking: bool) -> Outcome:
        return train_on(
            job, asked(path, packages, templates, most), linking, sizes, budget, [str(path), packages, most]
        )

    def arm(name: str, linking: bool) -> Arm:
        settings = {"linking": linking, "packages": packages, "templates": templates, **asdict(sizes)}
        return Arm(name, partial(run, linking=linking), settings)

    arms = (arm("linking", True), arm("generation", False))
    names = ("combinations", "unseen")
    rates = {f"{figure}, {name}": ACCURACY for figure in ("exact", "answers") for name in names}
    return Claim(
        kind="trained",
        task="questions about packages to SPARQL",
        metrics={**rates, **{f"bleu, {name}": BLEU for name in names}},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("entities that training lacks are asked for", "exact, unseen", "linking", None, 0.3),
        budget=budget,
        data={"packages": "generated" if path is None else str(path), "most": packages},
        launch="phloem reproduce nspm --scale paper --data Packages",
    )


CLAUSES = (
    Clause("85% of new combinations are exact", "exact, combinations", "linking", None, 0.85),
    Clause("90% of new combinations are answered right", "answers, combinations", "linking", None, 0.9),
    Clause("80% of unseen entities are asked for exactly", "exact, unseen", "linking", None, 0.8),
    Clause("linking gains 80 points on unseen entities", "exact, unseen", "linking", "generation", 0.8),
    Clause("linking gains 5 points on seen entities", "exact, combinations", "linking", "generation", 0.05),
)
