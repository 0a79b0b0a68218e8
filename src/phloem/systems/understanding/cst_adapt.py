"""Adaptation to structure: a model pretrained on text learns syntax trees briefly, then translates trees.

All arms begin with one encoder-decoder that restored spans of Java and C# text. One route goes on with trees (subtrees
and labels hidden, text to tree, tree to text), the other with more text, both for the same minutes over the same
methods; then both learn from few pairs to translate Java into C#, as trees or as text. A tree that a model leaves open
is closed before it is read, and the text route's brackets likewise: the share of outputs that parse is measured with
and without.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from phloem.languages import by_name
from phloem.languages.tree import error_count
from phloem.learn.objectives.masked_subtree import masked_nodes, masked_subtrees, text_and_tree
from phloem.learn.objectives.span_corruption import Pair, corrupt, segmented_spans
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Listed, Task, paired
from phloem.measure.bootstrap import with_count
from phloem.measure.text import bleu, bleu_addends
from phloem.nn.models.code_encoder_decoder import CodeEncoderDecoder
from phloem.nn.models.grown import grown
from phloem.nn.models.t5 import T5
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.cst_units import BLANK, CstUnits
from phloem.represent.serialized_cst import Element, Open, closed, detokenised, is_closed, serialized
from phloem.represent.token_view import TokenBatch
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.plbart import java_accessor
from phloem.systems.understanding.sequence_pretraining import (
    TINY,
    Functions,
    Sizes,
    answers,
    functions_of,
    kept_for,
    phase,
    small_t5,
    stage,
)
from phloem.tasks.accessors import accessors
from phloem.tasks.rows import rows

CLOSING = {"(": ")", "[": "]", "{": "}"}
PUBLISHED = Sizes(
    units=32_000, width=768, heads=12, layers=12, inner=3072, code=1024, text=1024, target=1024, batch=256, rate=1e-4
)


class Sample(NamedTuple):
    """A method as text (leaves alone) and as tree, both in units."""

    text: np.ndarray
    tree: np.ndarray


@dataclass(frozen=True)
class Route:
    """Whether structure is learned, and from how many pairs translation is."""

    trees: bool
    pairs: int


def elements_of(code: str, language: str) -> list[Element]:
    known = by_name(language)
    return serialized(known.parse(code.encode()), known)


def leaves(elements: Sequence[Element]) -> list[str]:
    return [element for element in elements if isinstance(element, str)]


def code_pairs(scale: Scale, split: str) -> list[tuple[str, str]]:
    """Source texts of both sides."""
    if scale.smoke:
        made = [(each.tree.source.decode(), java_accessor(each.name)) for each in accessors(split)]
        return made if split == "train" else made[:20]
    found = rows("java_csharp", {"validation": "valid"}.get(split, split), None)
    return [(row["java"], row["cs"]) for row in found]


def languages_of(scale: Scale) -> tuple[str, str]:
    return ("python", "java") if scale.smoke else ("java", "csharp")


def vocabulary_of(scale: Scale, functions: Functions, sizes: Sizes, shared: Path) -> tuple[CstUnits, list[Sample]]:
    """Units, labels and the methods to read before translation, made once for all arms: those of the corpus, and the
    C# side of the pairs."""
    file = shared / "trees.json"
    if not file.exists():
        sides = code_pairs(scale, "train")
        target = languages_of(scale)[1]
        methods = [elements_of(code, target) for _, code in sides]
        if not scale.smoke:
            for each in functions.of("train"):
                known = by_name(each.language)
                methods.append(serialized(known.parse(each.tree.source), known))
        sources = [elements_of(code, languages_of(scale)[0]) for code, _ in sides]
        units = BytePairs.fit(
            (" " + " ".join(leaves(each)) for each in methods + sources),
            sizes.units,
            sentinels=sizes.sentinels,
            extra=(BLANK,),
        )
        kinds = sorted({element.kind for each in methods + sources for element in each if isinstance(element, Open)})
        own = CstUnits(units, kinds)
        kept = [[own.encode(leaves(each)).tolist(), own.encode(each).tolist()] for each in methods]
        shared.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".part")
        beside.write_text(json.dumps({"units": units.state(), "kinds": kinds, "samples": kept}))
        beside.rename(file)
    facts = json.loads(file.read_text())
    samples = [Sample(*(np.array(side, np.int32) for side in sample)) for sample in facts["samples"]]
    return CstUnits(BytePairs.from_state(facts["units"]), facts["kinds"]), [
        sample for sample in samples if len(sample.tree) <= sizes.code
    ]


def text_task(units: BytePairs, sizes: Sizes) -> Task:
    """Spans of text."""

    def make(items: list[Sample], rng: np.random.Generator) -> TokenBatch:
        pairs = [
            corrupt(item.text, segmented_spans(len(item.text), rng)[: units.sentinels - 1], units.sentinel)
            for item in items
        ]
        return paired(pairs, source=sizes.code, target=sizes.target)

    return Task("text", make, TokenCrossEntropy())


def tree_tasks(vocabulary: CstUnits, sizes: Sizes) -> list[Task]:
    """Subtrees, labels, and text to tree or back, each as likely."""

    def task(name: str, make: Any) -> Task:
        def batch(items: list[Sample], rng: np.random.Generator) -> TokenBatch:
            return paired([make(item, rng) for item in items], source=sizes.code, target=sizes.code)

        return Task(name, batch, TokenCrossEntropy())

    return [
        task("subtrees", lambda item, rng: masked_subtrees(item.tree, vocabulary, rng)),
        task("labels", lambda item, rng: masked_nodes(item.tree, vocabulary, rng)),
        task("both", lambda item, rng: text_and_tree(item.text, item.tree, rng)),
    ]


def with_trees(model: CodeEncoderDecoder, vocabulary: CstUnits) -> CodeEncoderDecoder:
    """The model with the units of trees behind its own."""
    assert isinstance(model.body, T5)
    return CodeEncoderDecoder(grown(model.body, vocabulary.pieces()), model.body.width)


def adapted(
    job: Job,
    vocabulary: CstUnits,
    samples: Sequence[Sample],
    sizes: Sizes,
    budget: dict[str, Any],
    trees: bool,
) -> tuple[CodeEncoderDecoder, dict[str, Any]]:
    """The model after text, and after trees or more text; each stage is trained once a seed."""
    items = Listed(samples, lambda sample: len(sample.tree))
    text = [text_task(vocabulary.units, sizes)]
    model = fresh(lambda: small_t5(vocabulary.units.size, sizes), job.seed)
    run = partial(phase, items=items, name="run", sizes=sizes)
    weights, first = stage(
        job,
        "text",
        lambda: model,
        lambda net, own: run(net, tasks=text, job=own, budget=budget["text"], part=(0.0, 0.4)),
    )
    model.load_state_dict(weights)
    if trees:
        model = with_trees(model, vocabulary)
    tasks = tree_tasks(vocabulary, sizes) if trees else text
    weights, second = stage(
        job,
        "trees" if trees else "more text",
        lambda: model,
        lambda net, own: run(net, tasks=tasks, job=own, budget=budget["adaptation"], part=(0.4, 0.8)),
    )
    model.load_state_dict(weights)
    return model, {"text": first, "adaptation": second}


def train_route(
    job: Job, scale: Scale, functions: Functions, budget: dict[str, Any], sizes: Sizes, route: Route
) -> Outcome:
    """Adapt, fine-tune on pairs, translate the test and read what was written."""
    job = kept_for(job, functions.facts(), asdict(sizes), budget)
    vocabulary, samples = vocabulary_of(scale, functions, sizes, job.shared)
    model, facts = adapted(job, vocabulary, samples, sizes, budget, route.trees)
    languages = languages_of(scale)

    def pair(code: tuple[str, str]) -> Pair:
        sides = [elements_of(side, language) for side, language in zip(code, languages, strict=True)]
        return Pair(*(vocabulary.encode(side if route.trees else leaves(side)) for side in sides))

    test = code_pairs(scale, "test")
    wanted = [leaves(elements_of(code, languages[1])) for _, code in test]
    length = sizes.code if route.trees else sizes.target
    untrained = fresh(lambda: small_t5(vocabulary.size, sizes), job.seed)
    first = read_all(answers(untrained, test[:10], pair, sizes=sizes, length=length), vocabulary, route, languages[1])
    train = [pair(code) for code in code_pairs(scale, "train")[: route.pairs]]
    task = Task("translation", lambda items, _: paired(items, source=sizes.code, target=length), TokenCrossEntropy())
    listed = Listed(train, lambda each: len(each.source))
    facts["tuning"] = phase(model, listed, [task], job, "tuning", sizes=sizes, budget=budget["tuning"], part=(0.8, 1.0))
    given = read_all(answers(model, test, pair, sizes=sizes, length=length), vocabulary, route, languages[1])
    begun = float(bleu(_bleu(wanted[:10], first).sum(axis=0)))
    measured = {
        "bleu": _bleu(wanted, given),
        "parses": with_count(np.array([float(each.mended) for each in given])),
        "parses unmended": with_count(np.array([float(each.plain) for each in given])),
    }
    return Outcome(measured, {"bleu": begun}, facts)


class Read(NamedTuple):
    """What was written: its leaves, and whether it parses with brackets closed and as it is."""

    leaves: list[str]
    mended: bool
    plain: bool


def read_all(outputs: Sequence[Sequence[int]], vocabulary: CstUnits, route: Route, language: str) -> list[Read]:
    """The outputs of a route as text."""
    found = []
    for output in outputs:
        elements = vocabulary.decode(output)
        if route.trees:
            whole = closed(elements)
            mended = parses(detokenised(whole, language), language)
            found.append(Read(leaves(whole), mended, mended and is_closed(elements)))
        else:
            words = leaves(elements)
            text = written(words)
            plain = parses(text, language)  # and needs no bracket, though one in a string may look left open
            found.append(Read(words, plain or parses(text + missing(words), language), plain))
    return found


def written(words: Sequence[str]) -> str:
    """Leaves as a text: blanks between them, but none where C# and Java let none be, in a character and before a
    string that has a mark."""
    return re.sub(r"' (\S+) '", r"'\1'", re.sub(r"([$@]) (?=[\"$@])", r"\1", " ".join(words)))


def parses(code: str, language: str) -> bool:
    """Whether a member of a class is whole."""
    return bool(code.strip()) and error_count(by_name(language).parse(f"class C {{\n{code}\n}}".encode())) == 0


def missing(words: Sequence[str]) -> str:
    """The closing brackets that a text lacks at its end."""
    open_: list[str] = []
    for word in words:
        if word in CLOSING:
            open_.append(CLOSING[word])
        elif open_ and word == open_[-1]:
            open_.pop()
    return "".join(reversed(open_))


def _bleu(wanted: Sequence[Sequence[str]], given: Sequence[Read]) -> np.ndarray:
    return bleu_addends([" ".join(each) for each in wanted], [" ".join(each.leaves) for each in given])


@system("cst-adapt", row="S050", room="understanding")
def cst_adapt(scale: Scale) -> Claim:
    """Agarwal et al.: Structured Code Representations Enable Data-Efficient Adaptation of Code Models (arXiv, 2024).

    Trees or more text before translation from Java to C# with 200 pairs; the laptop scale needs mined shards of Java
    (--data) and the pairs java_csharp in PHLOEM_DATA.
    """
    functions = functions_of(scale, "cst-adapt", train=20_000, languages=("java",))
    small = Sizes(**{**asdict(TINY), "code": 128, "batch": 16})
    sizes = {"smoke": small, "laptop": Sizes(code=320, target=160), "paper": PUBLISHED}[scale.name]
    budget = budgets(scale)

    def arm(name: str, route: Route) -> Arm:
        run = partial(train_route, scale=scale, functions=functions, budget=budget, sizes=sizes, route=route)
        return Arm(name, run, {**asdict(sizes), **asdict(route)})

    arms = (
        arm("trees, 200 pairs", Route(True, 200)),
        arm("text, 200 pairs", Route(False, 200)),
        arm("trees, 5,000 pairs", Route(True, 5000)),
        arm("text, 5,000 pairs", Route(False, 5000)),
    )
    return Claim(
        kind="trained",
        task="translation of generated methods" if scale.smoke else "translation from Java to C# with few pairs",
        metrics={"bleu": Metric(bleu), "parses": ACCURACY, "parses unmended": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("methods are translated", "bleu", "trees, 200 pairs", None, 10.0),
        budget=budget,
        data={**functions.facts(), "pairs": "generated" if scale.smoke else "java_csharp"},
        launch="phloem mine JDK --out shards && PHLOEM_DATA=DIR phloem reproduce cst-adapt --scale paper --data shards",
    )


def budgets(scale: Scale) -> dict[str, Any]:
    """Of the phases: 3, 4 and 2 minutes at the laptop scale; `--minutes` is their sum."""
    if scale.smoke:
        return {"text": {"epochs": 1}, "adaptation": {"epochs": 1}, "tuning": {"epochs": 34}}
    if scale.name == "paper":
        return {"text": {"epochs": 10}, "adaptation": {"epochs": 5}, "tuning": {"epochs": 50}}
    minutes = scale.minutes or 9.0
    shares = {"text": 3 / 9, "adaptation": 4 / 9, "tuning": 2 / 9}
    return {name: {"minutes": minutes * share, "clock": "processor"} for name, share in shares.items()}


CLAUSES = (
    Clause("BLEU gains 1 with 200 pairs", "bleu", "trees, 200 pairs", "text, 200 pairs", 1.0),
    Clause("10 points more outputs parse", "parses", "trees, 200 pairs", "text, 200 pairs", 0.10),
)
