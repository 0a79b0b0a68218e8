"""TBCNN: which problem a program solves, from the shape of its syntax tree.

Node types get vectors by the coding criterion, a tree convolution reads every node with its children, max pooling
makes one vector of a program, a hidden layer and a softmax classify it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from phloem.learn.objectives.coding_criterion import CodingCriterion
from phloem.learn.objectives.cross_entropy import CrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.nn.encoders.node_bags import BagOfNodes, MeanOfNodes
from phloem.nn.encoders.tree_convolution import TreeConvolutionEncoder
from phloem.nn.models.classifier import Classifier
from phloem.represent.node_types import NodeTypeView
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import Splits, compiled, fresh, shortened, trained
from phloem.tasks import classification

FEATURES, HIDDEN = 30, 600  # N_f, and both N_c and the hidden layer
PRETRAINING = 0.1  # share of the budget that the coding criterion takes
RATES = (1e-3, 3e-3, 1e-2)  # tried for every contender, chosen on the validation programs
Make = Callable[[int, int], Classifier]  # of the numbers of node types and classes


def tree_convolution(kinds: int, classes: int, *, convolved: int = HIDDEN) -> Classifier:
    """The published sizes."""
    encoder = TreeConvolutionEncoder(kinds, features=FEATURES, convolved=convolved)
    return Classifier(encoder, classes, hidden=convolved)


def bag_of_node_types(kinds: int, classes: int) -> Classifier:
    """Logistic regression over log counts."""
    return Classifier(BagOfNodes(kinds), classes)


def mean_of_node_vectors(kinds: int, classes: int) -> Classifier:
    """A hidden layer over the mean of learned vectors."""
    return Classifier(MeanOfNodes(kinds, FEATURES), classes, hidden=HIDDEN)


def train_classifier(job: Job, scale: Scale, budget: dict[str, Any], make: Make, pretrain: float = 0.0) -> Outcome:
    """Train one contender on the programs of the scale and count its hits on the test programs.

    `pretrain` is the share of the budget that goes to the coding criterion first.
    """
    view, data = compiled(NodeTypeView(), _splits(scale), job.shared, scale.name)
    end = {name: value for name, value in budget.items() if name in ("minutes", "epochs", "clock")}
    settings = TrainingSettings(seed=job.seed, **end, batch_size=32, clip=None, metric="accuracy")
    facts: dict[str, Any] = {}

    def begin() -> Classifier:
        return make(len(view.kinds), len(view.classes))

    if pretrain:
        coding = replace(settings, optimizer="nesterov", learning_rate=0.01, **shortened(settings, pretrain))
        settings = replace(settings, **shortened(settings, 1 - pretrain))
        told = fresh(begin, job.seed)
        history = train(told, data["train"], CodingCriterion(), coding, folder=job.folder / "coding")
        facts["pretraining"] = {"steps": history.step, "seconds": round(history.seconds, 1)}
        vectors = told.state_dict()

        def start() -> Classifier:
            model = begin()
            model.load_state_dict(vectors)
            return model
    else:
        start = begin
    untrained = classification.evaluate(fresh(begin, job.seed), data["test"])["accuracy"]
    model, done = trained(
        start,
        data["train"],
        CrossEntropy(),
        settings,
        job,
        evaluate=lambda net: classification.evaluate(net, data["validation"]),
        rates=budget.get("rates", ()),
    )
    return Outcome({"accuracy": classification.hits(model, data["test"])}, {"accuracy": untrained}, {**facts, **done})


def _splits(scale: Scale) -> Splits:
    if scale.smoke:
        counts = {"train": 200, "validation": 40, "test": 100}
        return {
            split: partial(classification.shaped_programs, count, seed)
            for seed, (split, count) in enumerate(counts.items())
        }

    def part(number: int) -> list[Any]:
        return classification.split_by_class(classification.judged_programs(_set(scale), "train", scale.data))[number]

    return {
        "train": partial(part, 0),
        "validation": partial(part, 1),
        "test": partial(classification.judged_programs, _set(scale), "test", scale.data),
    }


def _set(scale: Scale) -> str:
    return "poj_104" if scale.name == "paper" else "poj_sample"


@system("tbcnn", row="S033", room="understanding")
def tbcnn(scale: Scale) -> Claim:
    """Mou, Li, Zhang, Wang, Jin: Convolutional Neural Networks over Tree Structures (AAAI 2016).

    Program classification by node types alone: tree convolution against classifiers that do not see the tree's shape.
    """
    budget = scale.budget(smoke=10, laptop=3.0, paper=60)
    if scale.name == "laptop":
        budget["rates"] = RATES

    def arm(name: str, make: Make, **options: Any) -> Arm:
        run = partial(train_classifier, scale=scale, budget=budget, make=make, **options)
        return Arm(name, run, {"features": FEATURES, "hidden": HIDDEN, **options})

    pretrained = arm("tbcnn", tree_convolution, pretrain=PRETRAINING)
    arms = (
        pretrained,
        arm("tbcnn, not pretrained", tree_convolution),
        arm("bag of node types", bag_of_node_types),
        arm("mean of node vectors", mean_of_node_vectors),
    )
    return Claim(
        kind="trained",
        task="the problem that a program solves, from its node types: "
        + ("two generated shapes" if scale.smoke else "students' solutions of the POJ judge"),
        metrics={"accuracy": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("the shape of a tree is learned", "accuracy", "tbcnn", None, 0.8),
        budget=budget,
        data={"programs": "generated" if scale.smoke else _set(scale)},
        launch="phloem reproduce tbcnn --scale paper --data DIR  # DIR/poj_104/{train,test}.jsonl.gz",
    )


CLAUSES = (
    Clause("5 points above the bag of node types", "accuracy", "tbcnn", "bag of node types", 0.05),
    Clause("5 points above the mean of node vectors", "accuracy", "tbcnn", "mean of node vectors", 0.05),
)
