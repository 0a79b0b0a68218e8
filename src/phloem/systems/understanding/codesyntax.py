"""CodeSyntax: do heads of attention point from a token to what depends on it better than fixed distances do?

The programs are functions of Python's standard library, labelled exactly. Heads, distances and keywords have the same
right: the best of each is chosen for each relation on the evaluated programs, as published; what becomes of a choice
made on other programs is measured beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from phloem.analysis.attention_heads import ranks_by_relation, units_of_tokens
from phloem.analysis.offset_keyword_baselines import keyword_hits, larger, offset_hits, scores
from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.measure import bootstrap
from phloem.measure.topk_accuracy import accuracy, best_by_relation, chosen_by_relation
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.data_flow_view import learn_units
from phloem.represent.syntax_edges import CHILDREN, LabelledProgram, labelled
from phloem.systems.claims import Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.understanding.tiny_encoders import (
    MODULES,
    SIZES,
    mined_functions,
    pretrained,
    random_encoder,
    standard_functions,
)

MOST = 20  # the largest k
NODES = ("If", "For", "While", "Try", "BinOp", "BoolOp", "Compare", "Call", "IfExp", "Attribute", "Subscript", "Assign")
AVERAGED = (*NODES, "AugAssign")  # and the children: what the published average runs over
PROGRAMS = {"test": 600, "validation": 300}
TRAINED_ON = 12_000
PUBLISHED = 0.499  # offset and keyword, Python, first token, top 1
READING = "first"
FEWEST = 10  # edges of a relation that is averaged

Found = dict[str, Float[np.ndarray, " most"]]


def programs(examples: Sequence[Example]) -> list[LabelledProgram]:
    """Those that this Python reads."""
    found = []
    for example in examples:
        try:
            found.append(labelled(example.tree.source.decode()))
        except (SyntaxError, UnicodeDecodeError):
            continue
    return found


def asked(smoke: bool) -> tuple[Example, ...]:
    """The functions that test and validation programs are taken from."""
    if smoke:
        return standard_functions(10_000, MODULES)[:300]
    return standard_functions(100_000)[: 2 * sum(PROGRAMS.values())]


@cache
def evaluated(smoke: bool) -> dict[str, list[LabelledProgram]]:
    """Test and validation programs; of a long one no head can be asked."""
    found = [one for one in programs(asked(smoke)) if len(one.tokens) < 250]
    test = found[: 100 if smoke else PROGRAMS["test"]]
    return {"test": test, "validation": found[len(test) : len(test) + PROGRAMS["validation"]]}


def relations(many: Sequence[LabelledProgram]) -> list[str]:
    """Those of the published average that occur often enough, in alphabetical order."""
    counts: dict[str, int] = {}
    for program in many:
        for edge in program.edges:
            counts[edge.relation] = counts.get(edge.relation, 0) + 1
    wanted = {name for name, count in counts.items() if count >= FEWEST}
    return sorted(name for name in wanted if name == CHILDREN or name.partition(":")[0] in AVERAGED)


@lru_cache(maxsize=1)
def vocabulary(folder: Path) -> BytePairs:
    """The units of all encoders."""
    return learn_units(training_functions(folder)[:4000], size=8192)


@lru_cache(maxsize=1)
def readable(scale: Scale) -> dict[str, list[LabelledProgram]]:
    """The programs that every contender is asked about: those that the encoders can read. Raises PhloemError."""
    if scale.smoke:
        return evaluated(True)
    if scale.data is None:
        raise PhloemError("codesyntax needs --data: mined Python shards to train its encoders on (`phloem mine`)")
    units = vocabulary(scale.data)
    return {split: [one for one in many if fits(units, one)] for split, many in evaluated(False).items()}


def outcome(on_test: Found, by_validation: Found, facts: dict[str, Any], scale: Scale) -> Outcome:
    """Relations are the units: each counts alike."""
    names = relations(readable(scale)["test"])
    units = {}
    for metric, found in (("top 1", on_test), ("top 1, chosen on validation", by_validation)):
        units[metric] = np.array([[found[name][0] if name in found else 0.0, 1.0] for name in names])
    units["as published"] = units["top 1"]
    facts["averages"] = {
        k: round(float(np.mean([on_test[name][k - 1] for name in names])), 4) for k in (1, 3, 10, MOST)
    }
    facts["relations"] = {name: round(float(on_test[name][0]), 4) for name in names}
    facts["programs"] = len(readable(scale)["test"])
    return Outcome(units, {"top 1": blind(readable(scale)["test"])}, facts)


def blind(test: Sequence[LabelledProgram]) -> float:
    """What ranking all tokens alike finds, the first ones first."""
    names = relations(test)
    hits: dict[str, list[bool]] = {}
    for program in test:
        for edge in program.edges:
            hits.setdefault(edge.relation, []).append(edge.first == 0)
    return float(np.mean([np.mean(hits[name]) for name in names]))


def guesses(job: Job, *, scale: Scale) -> Outcome:
    """Distances and keywords."""
    test, validation = (readable(scale)[split] for split in ("test", "validation"))
    offsets, words = offset_hits(test, READING), keyword_hits(test, READING)
    chosen = [scores(hits(test, READING), MOST, hits(validation, READING)) for hits in (offset_hits, keyword_hits)]
    parts = {"offset": scores(offsets, MOST), "keyword": scores(words, MOST)}
    names = relations(test)
    facts = {name: round(float(np.mean([part[one][0] for one in names])), 4) for name, part in parts.items()}
    return outcome(larger(*parts.values()), larger(*chosen), facts, scale)


@lru_cache(maxsize=1)
def training_functions(folder: Path) -> list[Example]:
    """Mined functions to train encoders on; a corpus that holds Python's library gives none that is asked about."""
    tested = {example.tree.source for example in asked(False)}
    return [one for one in mined_functions(folder, "train", TRAINED_ON) if one.tree.source not in tested]


def heads(job: Job, *, scale: Scale, budget: dict[str, Any], trained: bool, structure: bool) -> Outcome:
    """Heads of attention of a small encoder."""
    many = readable(scale)
    assert scale.data is not None
    functions, units = training_functions(scale.data), vocabulary(scale.data)
    facts: dict[str, Any] = {}
    if trained:
        model, facts = pretrained(functions, units, job, sizes=SIZES, budget=budget, structure=structure)
    else:
        model = random_encoder(units, SIZES, job.seed)
    ranks = {split: ranks_by_relation(model, units, own, READING) for split, own in many.items()}
    names = relations(many["test"])
    best = {name: int(accuracy(ranks["test"][name], 1)[0].argmax()) for name in names}
    facts["best heads"] = {name: f"{head // SIZES['heads']}.{head % SIZES['heads']}" for name, head in best.items()}
    on_test = best_by_relation(ranks["test"], MOST)
    return outcome(on_test, chosen_by_relation(ranks["validation"], ranks["test"], MOST), facts, scale)


def fits(units: BytePairs, program: LabelledProgram) -> bool:
    """Whether a model of 512 places can read a program."""
    return sum(map(len, units_of_tokens(units, program.tokens))) + 2 < SIZES["places"]


@system("codesyntax", row="S023", room="understanding")
def codesyntax(scale: Scale) -> Claim:
    """Shen et al., "Benchmarking Language Models for Code Syntax Understanding" (Findings of EMNLP 2022).

    Few heads of attention find what depends on a token better than a fixed distance or the next keyword does.
    """
    budget = {} if scale.smoke else scale.budget(smoke=1, laptop=4.0, paper=20)

    def arm(name: str, trained: bool, structure: bool) -> Arm:
        run = partial(heads, scale=scale, budget=budget, trained=trained, structure=structure)
        return Arm(name, run, {"trained": trained, "structure": structure, **SIZES})

    arms = (
        Arm("offset and keyword", partial(guesses, scale=scale), {"reading": READING}),
        arm("random encoder", False, False),
        arm("masked units", True, False),
        arm("data flow", True, True),
    )
    return Claim(
        kind="table",
        task="from a head token of a relation to its dependent; the best head or guess of each relation, averaged over"
        " relations: functions of Python's standard library",
        metrics={"top 1": TOP, "top 1, chosen on validation": TOP, "as published": NEAR},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("distances and keywords find dependents", "top 1", "offset and keyword", None, 0.35),
        budget=budget,
        data={
            "programs": "standard library",
            "averaged over": [*AVERAGED, CHILDREN],
            "reading": READING,
            **scale.corpus(),
        },
        launch="phloem reproduce codesyntax --scale paper --data SHARDS",
    )


TOP = Metric(bootstrap.mean)
NEAR = Metric(lambda sums: -np.abs(sums[..., 0] / sums[..., 1] - PUBLISHED))
CLAUSES = (
    Clause("guesses within 10 points of the published ones", "as published", "offset and keyword", None, -0.10),
    Clause("a random encoder's heads stay below guesses", "top 1", "offset and keyword", "random encoder", 0.0),
    Clause("heads trained on masked units stay below guesses", "top 1", "offset and keyword", "masked units", 0.0),
    Clause("heads trained on data flow stay below guesses", "top 1", "offset and keyword", "data flow", 0.0),
    Clause("training lifts heads above random ones", "top 1", "masked units", "random encoder", 0.0),
    Clause("data flow lifts heads above masked units alone", "top 1", "data flow", "masked units", 0.0),
)
