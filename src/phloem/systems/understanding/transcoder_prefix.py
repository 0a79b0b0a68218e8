"""A prefix that learned from other tasks, attached to a model that has few examples of its own.

A small T5, pretrained once a seed on damaged spans of Python functions, learns three source tasks beside one prefix:
which C programs solve the same problem, whether a Python function has a bug, and C# from Java. Then it learns to
summarise Python from 500 pairs, with that prefix, with a random one, without any, and without any but with the steps
of the source tasks added to its own.

Tasks of classification are answered with a word, so that all tasks have the same form. What differs from the paper:
the sizes; the clone pairs are POJ programs; the model of the second stage is the pretrained one, as the released
runner's, which was already tuned on the target task, would have had more steps than the others. A clause is decided by
a 95% interval, which is stricter than the row's p < 0.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from phloem.languages.example import Example
from phloem.languages.subtokens import split
from phloem.learn import prefix_chain
from phloem.learn.objectives.dual_generation import to_text
from phloem.learn.objectives.span_corruption import Pair
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Listed, MixedObjective, Mixture, Task, paired
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure.bootstrap import with_count
from phloem.measure.text import codenn_bleu
from phloem.nn.models.code_encoder_decoder import CodeEncoderDecoder
from phloem.nn.models.prefix_encoder_decoder import PrefixedT5, prefix_for
from phloem.nn.models.t5 import T5
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.marked_code import MarkedFunction, unit_text
from phloem.represent.token_view import TokenBatch
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.codet5 import pretraining_tasks
from phloem.systems.understanding.plbart import pairs_of
from phloem.systems.understanding.sequence_pretraining import (
    TINY,
    Functions,
    Sizes,
    answers,
    functions_of,
    kept_for,
    marked,
    name_hidden,
    phase,
    small_t5,
    stage,
)
from phloem.tasks.bug_injection import inject
from phloem.tasks.classification import judged_programs
from phloem.tasks.clone_pairs import generated

EXTRA = ("<en>", "<other>")
LENGTH = 32  # units of a summary or a name
PUBLISHED = Sizes(
    units=32_000, width=768, heads=12, layers=12, inner=3072, code=512, text=128, target=256, batch=32, rate=5e-4
)


@dataclass(frozen=True)
class Course:
    """Places of the prefix; rounds and examples of each source task; epochs and examples of the target task, and
    epochs that are as many steps as the sources and the target together."""

    prefix: int = 16
    rounds: int = 4
    examples: int = 1_920
    target: int = 500
    epochs: int = 20
    longer: int = 65


COURSES = {
    "smoke": Course(prefix=4, rounds=1, examples=160, target=474, epochs=9, longer=10),
    "laptop": Course(),
    "paper": Course(prefix=32, examples=10_000, target=5_000, epochs=10, longer=34),
}
Prefix = Literal["universal", "random", "none"]


def told(text: str, units: BytePairs) -> np.ndarray:
    return np.array(units.encode(text), np.int32)


def clones(scale: Scale, units: BytePairs, count: int) -> list[Pair]:
    """Two programs, and whether they solve the same problem."""
    other = np.array([units.mark("<other>")], np.int32)
    if scale.smoke:
        pairs = [(each.one, each.other, each.clones) for each in generated(count, 0)]
    else:
        rng, programs = np.random.default_rng(0), judged_programs("poj_sample", "train")
        pairs = [(*drawn, drawn[0].name == drawn[1].name) for drawn in _couples(rng, programs, count)]

    def half(example: Example) -> np.ndarray:
        return told(example.tree.source.decode("utf-8", "replace"), units)[: 90 if not scale.smoke else 30]

    return [
        Pair(np.concatenate([half(one), other, half(two)]), told("same" if equal else "different", units))
        for one, two, equal in pairs
    ]


def _couples(rng: np.random.Generator, programs: Sequence[Example], count: int) -> list[tuple[Example, Example]]:
    """Half of them of one class."""
    classes: dict[str, list[Example]] = {}
    for each in programs:
        classes.setdefault(each.name, []).append(each)
    names, found = sorted(name for name, many in classes.items() if len(many) > 1), []
    for number in range(count):
        first, second = rng.choice(len(names), 2, replace=False).tolist()
        one = classes[names[first]]
        chosen = rng.choice(len(one), 2, replace=False).tolist()
        two = classes[names[second]]
        found.append((one[chosen[0]], one[chosen[1]] if number % 2 else two[int(rng.integers(len(two)))]))
    return found


def bugs(functions: Functions, units: BytePairs, count: int) -> list[Pair]:
    """Functions, every second one with a bug put into it, and whether there is one."""
    rng, pairs = np.random.default_rng(1), list[Pair]()
    for example in functions.of("train"):
        if len(pairs) == count:
            break
        bug = inject(example, rng) if len(pairs) % 2 else None
        source = example.tree.source if bug is None else bug.source
        if len(pairs) % 2 == 0 or bug is not None:
            pairs.append(Pair(told(source.decode("utf-8", "replace"), units), told("wrong" if bug else "right", units)))
    return pairs


def translations(scale: Scale, units: BytePairs, count: int) -> list[Pair]:
    return [Pair(told(one, units), told(other, units)) for one, other in pairs_of(scale, "train")[:count]]


def sources(scale: Scale, functions: Functions, units: BytePairs, count: int) -> dict[str, list[Pair]]:
    """The source tasks in their order."""
    found = {"clones": clones(scale, units, count)}
    if not scale.smoke:
        found["bugs"] = bugs(functions, units, count)
    return {**found, "translation": translations(scale, units, count)}


def tune(
    model: CodeEncoderDecoder, pairs: Sequence[Pair], job: Job, name: str, sizes: Sizes, epochs: int
) -> dict[str, Any]:
    """Learn one task of pairs for so many epochs; all weights, those of a prefix too."""

    def make(items: list[Pair], _: np.random.Generator) -> TokenBatch:
        return paired(items, source=sizes.code, target=sizes.target)

    task = Task(name, make, TokenCrossEntropy())
    settings = TrainingSettings(
        seed=job.seed,
        epochs=epochs,
        batch_size=sizes.batch,
        bucket=8,
        learning_rate=sizes.rate,
        schedule="linear",
        warmup_steps=5,
        clip=1.0,
    )
    listed = Listed(pairs, lambda pair: len(pair.source))
    history = train(model, Mixture(listed, [task]), MixedObjective([task]), settings, folder=job.folder / name)
    return {"steps": history.step, "training_seconds": round(history.seconds, 1)}


def dressed(base: dict[str, Tensor], units: BytePairs, sizes: Sizes, prefix: int, seed: int) -> CodeEncoderDecoder:
    """The pretrained model, with a random prefix of so many places, or without one where that is 0."""

    def make() -> CodeEncoderDecoder:
        model = small_t5(units.size, sizes)
        model.load_state_dict(base)
        if prefix:
            assert isinstance(model.body, T5)
            model.body = PrefixedT5(model.body, prefix_for(model.body, prefix))
        return model

    model: CodeEncoderDecoder = fresh(make, seed)
    return model


class Target:
    """The task that there are few examples of: a function's first sentence, or at the smoke scale its name."""

    def __init__(self, scale: Scale, data: Any, units: BytePairs, sizes: Sizes, count: int) -> None:
        self.units, self.sizes, self.named = units, sizes, scale.smoke
        some = np.arange(count) if self.named else data["train"].documented()[:count]
        self.train = [self.pair(item) for item in data["train"].items(some)]
        asked = np.arange(len(data["test"])) if self.named else data["test"].documented()
        self.test = data["test"].items(asked)

    def pair(self, item: MarkedFunction) -> Pair:
        if self.named:
            return name_hidden(item, self.units)
        return to_text(item.text, item.code.ids, self.units.mark("<en>"))

    def bleu(self, model: CodeEncoderDecoder) -> Float[np.ndarray, "functions 2"]:
        """Smoothed sentence BLEU of each test function."""
        given = answers(model, self.test, self.pair, sizes=self.sizes, length=LENGTH)
        wanted = [" ".join(split(i.name)) if self.named else unit_text(self.units, i.text.tolist()) for i in self.test]
        return with_count(codenn_bleu(wanted, [unit_text(self.units, output) for output in given]))


def run(
    job: Job, functions: Functions, scale: Scale, sizes: Sizes, course: Course, prefix: Prefix, epochs: int
) -> Outcome:
    """Source tasks where the prefix is universal, then the target task."""
    view, data = marked(functions, sizes, job, EXTRA)
    units, facts = view.units, dict[str, Any]()
    # made first: a data set that is missing is told before anything is trained
    tasks = sources(scale, functions, units, course.examples) if prefix == "universal" else {}
    pretraining = pretraining_budget(scale)
    job = kept_for(job, functions.facts(), asdict(sizes), pretraining)
    spans = pretraining_tasks(units, sizes, ["spans"])
    base, facts["pretraining"] = stage(
        job,
        "backbone",
        lambda: fresh(lambda: small_t5(units.size, sizes), job.seed),
        lambda net, own: phase(net, data["train"], spans, own, "run", sizes=sizes, budget=pretraining, part=(0.0, 0.3)),
    )
    length = 0 if prefix == "none" else course.prefix
    target = Target(scale, data, units, sizes, course.target)
    model = dressed(base, units, sizes, length, job.seed)
    untrained = float(target.bleu(model)[:, 0].mean())
    if prefix == "universal":
        done = list[str]()

        def learn(net: Any, name: str, number: int) -> None:
            own = job._replace(seed=100 * job.seed + number)
            facts[f"{name} {number}"] = tune(net, tasks[name], own, f"source-{number}-{name}", sizes, 1)
            done.append(name)
            job.progress(0.3 + 0.4 * len(done) / (len(tasks) * course.rounds))

        carried = prefix_chain.source_training(
            prefix_chain.prefix_of(model).state_dict(),
            lambda: dressed(base, units, sizes, length, job.seed),
            list(tasks),
            learn,
            rounds=course.rounds,
        )
        prefix_chain.save(carried, job.folder / "universal.safetensors")
        prefix_chain.load(prefix_chain.prefix_of(model), job.folder / "universal.safetensors")
    facts["target"] = tune(model, target.train, job, "target", sizes, epochs)
    return Outcome({"bleu": target.bleu(model)}, {"bleu": untrained}, facts)


def pretraining_budget(scale: Scale) -> dict[str, Any]:
    """Of the backbone that all arms of a seed begin with."""
    if scale.smoke:
        return {"epochs": 2}
    return {"minutes": scale.minutes or 5.0, "clock": "processor"} if scale.name == "laptop" else {"epochs": 10}


@system("transcoder-prefix", row="S039", room="understanding")
def transcoder_prefix(scale: Scale) -> Claim:
    """Sun et al.: TransCoder: Towards Unified Transferable Code Representation Learning (LREC-COLING 2024).

    A prefix carried through three source tasks helps to summarise from 500 pairs; the laptop scale needs mined Python
    shards (--data) and the sets java_csharp and poj_sample.
    """
    functions = functions_of(scale, "transcoder-prefix", train=24_000)
    sizes = {"smoke": TINY, "laptop": Sizes(rate=5e-4), "paper": PUBLISHED}[scale.name]
    course = COURSES[scale.name]

    def arm(name: str, prefix: Prefix, epochs: int) -> Arm:
        own = partial(run, functions=functions, scale=scale, sizes=sizes, course=course, prefix=prefix, epochs=epochs)
        return Arm(name, own, {**asdict(sizes), **asdict(course), "kind": prefix, "run": epochs})

    arms = (
        arm("universal prefix", "universal", course.epochs),
        arm("random prefix", "random", course.epochs),
        arm("plain", "none", course.epochs),
        arm("plain, steps of the sources too", "none", course.longer),
    )
    return Claim(
        kind="trained",
        task="names of methods from their bodies" if scale.smoke else "summaries of Python functions from 500 pairs",
        metrics={"bleu": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("names are written", "bleu", "universal prefix", None, 35.0),
        budget={"pretraining": pretraining_budget(scale), **asdict(course)},
        data=functions.facts(),
        launch="phloem reproduce transcoder-prefix --scale laptop --data SHARDS --seed 0 --seed 1 --seed 2 --seed 3"
        " --seed 4",
    )


CLAUSES = (
    Clause("a carried prefix is better than a random one", "bleu", "universal prefix", "random prefix", 0.0),
    Clause("and 0.3 BLEU better than no prefix", "bleu", "universal prefix", "plain", 0.3),
)
