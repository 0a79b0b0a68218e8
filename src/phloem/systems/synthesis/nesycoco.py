"""NeSyCoCo: questions as first-order programs over predicates that are grounded by the vectors of their words.

Symbolic scenes with noisy features, programs given (the paper lets a language model write them, from the question and
its dependency parse). What is compared: vectors of a glossary against one-hot vectors, on words that training has and
on synonyms that it lacks; and normalised against unnormalised composition, on programs longer than any of training.
The grounding network is the paper's with narrower layers; word vectors are trained here, on `GLOSSARY`, which explains
the synonyms by the same common words: with vectors of a large text the gain on synonyms would be another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from phloem.corpora import clevr_programs
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.concept_composer import ConceptComposer, Logic
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import concept_questions as task
from phloem.tasks.concept_questions import AnswerLoss, Questions

TRAINED_SIZES, LONGER = (1, 2, 3), (5, 6, 7)


@dataclass(frozen=True)
class Composer:
    """Sizes and training."""

    train: int = 2000
    tests: int = 500
    projected: int = 64
    hidden: tuple[int, ...] = (64, 32)
    batch_size: int = 32
    learning_rate: float = 1e-3
    sizes: tuple[int, ...] = TRAINED_SIZES


PUBLISHED = Composer(projected=512, hidden=(1024, 1024, 512, 256, 128))


def questions(sizes: Composer) -> dict[str, Questions]:
    """The same for every seed: training, validation, and three kinds of tests."""
    return {
        "train": Questions(clevr_programs.questions(sizes.train, sizes.sizes, 1), 1),
        "validation": Questions(clevr_programs.questions(200, sizes.sizes, 2), 2),
        "seen": Questions(clevr_programs.questions(sizes.tests, sizes.sizes, 3), 3),
        "synonyms": Questions(clevr_programs.synonym_questions(sizes.tests, 4), 4),
        "longer": Questions(clevr_programs.questions(sizes.tests, LONGER, 5), 5),
    }


def train_on(job: Job, named: str, logic: Logic, sizes: Composer, budget: Mapping[str, Any]) -> Outcome:
    """Train on answers alone, short programs first within each batch of batches, and answer the tests."""
    vectors = task.glossary_vectors() if named == "glossary" else task.one_hot(task.known_words())
    asked = questions(sizes)

    def make() -> ConceptComposer:
        return ConceptComposer(vectors, task.FEATURES, logic, sizes.projected, sizes.hidden)

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=sizes.batch_size,
        bucket=4,
        learning_rate=sizes.learning_rate,
        metric="right",
    )
    before = task.right(fresh(make, job.seed), asked["seen"]).mean()
    model, facts = trained(
        make,
        asked["train"],
        AnswerLoss(),
        settings,
        job,
        evaluate=lambda net: {"right": float(task.right(net, asked["validation"]).mean())},
    )
    units = {name: with_count(task.right(model, asked[name])) for name in ("seen", "synonyms", "longer")}
    return Outcome(units, {"seen": float(before)}, facts)


@system("nesycoco", row="S119", room="synthesis")
def nesycoco(scale: Scale) -> Claim:
    """Kamali, Barezi, Kordjamshidi: NeSyCoCo: A Neuro-Symbolic Concept Composer (AAAI 2025).

    Scenes and programs: vectors of words against one-hot ones, and two ways to compose scores.
    """
    budget = scale.budget(smoke=10, laptop=4.0, paper=100)
    sizes = PUBLISHED if scale.name == "paper" else Composer()
    if scale.smoke:
        sizes = Composer(500, 200, projected=32, hidden=(32,), batch_size=16, learning_rate=1e-2, sizes=(1,))

    def arm(name: str, named: str, logic: Logic) -> Arm:
        run = partial(train_on, named=named, logic=logic, sizes=sizes, budget=budget)
        return Arm(name, run, {"vectors": named, **asdict(logic), **asdict(sizes)})

    arms = (
        arm("glossary", "glossary", Logic()),
        arm("one-hot", "one-hot", Logic()),
        arm("unnormalised", "glossary", Logic(normalised=False)),
    )
    return Claim(
        kind="trained",
        task="questions about symbolic scenes",
        metrics={"seen": ACCURACY, "synonyms": ACCURACY, "longer": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("questions are answered", "seen", "glossary", None, 0.5),
        budget=budget,
        data={"scenes and questions": "generated"},
        launch="phloem reproduce nesycoco --scale paper",
    )


CLAUSES = (
    Clause("vectors lose at most 2 points on known words", "seen", "glossary", "one-hot", -0.02),
    Clause("vectors gain 30 points on synonyms", "synonyms", "glossary", "one-hot", 0.3),
    Clause("normalising gains 5 points on longer programs", "longer", "glossary", "unnormalised", 0.05),
)
