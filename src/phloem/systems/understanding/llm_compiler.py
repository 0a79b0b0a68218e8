"""A small language model over LLVM IR that writes the pass list which makes a function smallest.

An autotuner finds a minimal list for each training function. The model reads the normalised function and writes the
list; in training it must also write the counts before and after, and the optimised code. On functions of other packages
its lists are run whole and compared with none, with random ones, and with the one that is best for all of the training
functions. All arms see the same prompts; each part that carries loss weighs the same.

What differs from the source: 4 layers of width 192 in place of 7 billion parameters, 12 passes, functions of at most 40
instructions, lists of at most 8 passes; gains are told against the unoptimised function, since llvmlite has no -Oz. The
smoke scale learns lists for generated functions of four kinds, each of which needs another pass.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from phloem.corpora import shards
from phloem.corpora.llvm_ir import compile_c
from phloem.corpora.llvm_ir_functions import compile_fragments, split_functions
from phloem.corpora.llvm_ir_generated import wasteful_functions
from phloem.errors import PhloemError
from phloem.execute.llvm_passes import run_passes
from phloem.learn.objectives.auxiliary_targets import PartsLoss
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.decoder_lm import DecoderLM
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.llvm_normaliser import normalise
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import corpus_of, fresh, trained
from phloem.systems.understanding.sequence_pretraining import kept_for
from phloem.tasks.pass_ordering import PassSequence
from phloem.tasks.pass_ordering_autotuner import VOCABULARY, autotuned, best_fixed
from phloem.tasks.pass_ordering_lm import (
    PARTS,
    AnsweredProgram,
    Answers,
    answered,
    fit_units,
    row,
    write_counts,
    write_list,
)

COUNTED = 4  # of so many test functions one is asked for its counts
SPLITS = ("train", "validation", "test")


class Sizes(NamedTuple):
    programs: tuple[int, int, int]  # of train, validation and test
    instructions: int  # of a function at most
    tries: int  # random lists a function
    broadcast: int
    list: int  # passes of a list at most
    units: int
    longest: int  # units of an example
    batch: int
    width: int
    layers: int


SIZES = {
    "smoke": Sizes((128, 16, 32), 60, 8, 3, 3, 420, 0, 16, 48, 2),
    "laptop": Sizes((4000, 200, 600), 40, 24, 24, 8, 2048, 768, 16, 192, 4),
    "paper": Sizes((1_000_000, 1_000, 100_000), 1_000, 1_000, 500, 40, 32_000, 2_048, 256, 4096, 32),
}


def _modules(scale: Scale, split: str, count: int, told: Callable[[float], None]) -> list[str]:
    """Normalised functions that are small enough, none twice; generated ones at the smoke scale."""
    sizes = SIZES[scale.name]
    found: dict[str, None] = {}
    if scale.smoke:
        source = wasteful_functions(31 + SPLITS.index(split), count, lengths=(2, 4))
        # with variables in registers, so that prompts are short
        for ir in split_functions(compile_c(source)).values():
            found[normalise(str(run_passes(normalise(ir), ["sroa"])[0]))] = None
        return list(found)
    assert scale.data is not None
    for function in compile_fragments(shards.spread(scale.data, split, ["c"])):
        if function.ir.count("\n  ") <= sizes.instructions:
            try:
                found[normalise(function.ir)] = None
            except PhloemError:  # metadata as an operand
                continue
            told(len(found) / count)
        if len(found) == count:
            break
    return list(found)


def answered_programs(scale: Scale, shared: Path, told: Callable[[float], None]) -> dict[str, list[AnsweredProgram]]:
    """The functions of each split with their lists; each split is made once and kept. None of the test's is in
    training."""
    sizes = SIZES[scale.name]
    found: dict[str, list[AnsweredProgram]] = {}
    seen: set[str] = set()
    for number, (split, count) in enumerate(zip(SPLITS, sizes.programs, strict=True)):
        path = shared / f"{split}-answers.json.gz"
        if not path.is_file():
            programs = [
                ir for ir in _modules(scale, split, count, partial(_told, told, number)) if _anonymous(ir) not in seen
            ]
            lists = autotuned(
                programs,
                seed=number,
                tries=sizes.tries,
                longest=sizes.list,
                broadcast=sizes.broadcast,
                progress=partial(_told, told, number),
            )
            _keep([answered(ir, passes) for ir, passes in zip(programs, lists, strict=True)], path)
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found[split] = [AnsweredProgram(**{**one, "passes": tuple(one["passes"])}) for one in map(json.loads, file)]
        seen |= {_anonymous(one.ir) for one in found[split]}
    return found


def _keep(programs: list[AnsweredProgram], path: Path) -> None:
    """One JSON object a line, compressed; whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with gzip.open(beside, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(one._asdict()) + "\n" for one in programs)
    os.replace(beside, path)


def _told(told: Callable[[float], None], split: int, done: float) -> None:
    """Progress in one of the splits, as progress in all of them."""
    told((split + done) / len(SPLITS))


def _anonymous(ir: str) -> str:
    """A function without its own name: equal ones of two splits count as one."""
    name = next(line for line in ir.splitlines() if line.startswith("define ")).partition("@")[2].partition("(")[0]
    return ir.replace(f"@{name}(", "@(")


class Material(NamedTuple):
    programs: dict[str, list[AnsweredProgram]]
    units: BytePairs
    fixed: PassSequence  # the best list for all training functions


def material(job: Job, scale: Scale) -> Material:
    """Programs, units and the fixed list, once a process."""
    shared = kept_for(job, corpus_of(scale, "llm-compiler"), SIZES[scale.name]).shared
    answered_programs(scale, shared, job.progress)
    return _material(scale, shared)


@cache
def _material(scale: Scale, shared: Path) -> Material:
    programs = answered_programs(scale, shared, lambda done: None)
    train = programs["train"]
    units = fit_units([each.ir for each in train], SIZES[scale.name].units)
    rng = np.random.default_rng(0)
    several = [train[int(one)].ir for one in rng.permutation(len(train))[:200]]
    common = by_frequency(train)
    joined = tuple(dict.fromkeys(name for one in common[:4] for name in one))[: SIZES[scale.name].list]
    return Material(programs, units, best_fixed([*common[:40], joined], several))


def by_frequency(programs: list[AnsweredProgram]) -> list[PassSequence]:
    """The different lists of programs, the most frequent first; the same every time where some are equally so."""
    times = Counter(each.passes for each in programs)
    return sorted(times, key=lambda one: (-times[one], one))


def run_list(program: AnsweredProgram, passes: PassSequence) -> int:
    """The instructions that a list leaves of a function, by a valid module."""
    return run_passes(program.ir, passes, verify=True)[1].counts[-1]


def reductions(programs: list[AnsweredProgram], lists: list[PassSequence]) -> dict[str, np.ndarray]:
    """Instructions taken away over those there were, and over those that the tuned lists take away."""
    taken = [each.before - run_list(each, passes) for each, passes in zip(programs, lists, strict=True)]
    tuned = [each.before - each.after for each in programs]
    return {
        "reduction": np.array([[less, each.before] for less, each in zip(taken, programs, strict=True)], float),
        "share of the tuned": np.array(list(zip(taken, tuned, strict=True)), float),
    }


def learn(job: Job, scale: Scale, budget: dict[str, Any], parts: tuple[str, ...]) -> Outcome:
    """Train a model with loss on some parts of the answers, and run the lists that it writes."""
    sizes, found = SIZES[scale.name], material(job, scale)
    units = found.units
    rows = {split: [row(each, units) for each in found.programs[split]] for split in SPLITS}
    data = {split: Answers(many, sizes.longest) for split, many in rows.items()}
    loss = PartsLoss(tuple((name, PARTS.index(name)) for name in parts))
    settings = TrainingSettings(
        seed=job.seed,
        **{name: value for name, value in budget.items() if name in ("minutes", "epochs", "clock")},
        batch_size=sizes.batch,
        bucket=4,
        learning_rate=5e-3 if scale.smoke else 1e-3,
        schedule="cosine",
        warmup_steps=10 if scale.smoke else 50,
        clip=1.0,
        metric="-list",
        evaluate_every=7 if scale.smoke else 1,
    )

    def evaluate(net: nn.Module) -> dict[str, float]:
        some = data["validation"]
        batches = [some.batch(np.arange(at, min(at + 16, len(some))), None) for at in range(0, len(some), 16)]
        one = PartsLoss((("list", PARTS.index("list")),))
        return {"list": float(np.mean([one(net, batch).logs["list"] for batch in batches]))}

    def begin() -> nn.Module:
        return DecoderLM(units.size, width=sizes.width, layers=sizes.layers, heads=max(1, sizes.width // 48))

    test = found.programs["test"]
    prompts = [each.units[each.part == 0] for each in rows["test"]]
    # writing is slow, and only the smoke scale asks what an untrained model writes
    untrained = written(fresh(begin, job.seed).eval(), prompts, units, sizes.list) if scale.smoke else None
    model, facts = trained(begin, data["train"], loss, settings, job, evaluate=evaluate)
    lists = written(model.eval(), prompts, units, sizes.list)
    units_found = reductions(test, lists)
    if "counts" in parts:
        few = slice(len(test) // COUNTED)  # written unit by unit, which is slow
        said = [write_counts(model, p.tolist(), one, units) for p, one in zip(prompts[few], lists[few], strict=True)]
        true = [(each.before, run_list(each, one)) for each, one in zip(test[few], lists[few], strict=True)]
        units_found["counts right"] = with_count(np.array([a == b for a, b in zip(said, true, strict=True)], float))
        facts["counts right"] = float(ACCURACY.of(units_found["counts right"].sum(axis=0)))
    facts |= {"functions": len(rows["train"]), "passes of a list": float(np.mean([len(one) for one in lists]))}
    floor = {} if untrained is None else reductions(test, untrained)
    return Outcome(units_found, {name: float(ACCURACY.of(each.sum(axis=0))) for name, each in floor.items()}, facts)


def written(model: nn.Module, prompts: list[np.ndarray], units: BytePairs, most: int) -> list[PassSequence]:
    return [write_list(model, prompt.tolist(), units, most) for prompt in prompts]


def without_learning(job: Job, scale: Scale, how: str) -> Outcome:
    """The best list of the training functions for all, or random lists as long as the tuned ones are."""
    found = material(job, scale)
    test = found.programs["test"]
    if how == "fixed":
        return Outcome(reductions(test, [found.fixed] * len(test)), facts={"list": list(found.fixed)})
    rng = np.random.default_rng(job.seed)
    lengths = rng.choice([len(each.passes) for each in found.programs["train"]], size=len(test))
    lists = [tuple(VOCABULARY[int(one)] for one in rng.integers(len(VOCABULARY), size=n)) for n in lengths]
    return Outcome(reductions(test, lists))


LEARNED: dict[str, tuple[str, ...]] = {
    "list, counts and code": ("list", "counts", "code"),
    "list and counts": ("list", "counts"),
    "list alone": ("list",),
}


@system("llm-compiler", row="S166", room="understanding")
def llm_compiler(scale: Scale) -> Claim:
    """Cummins et al.: Large Language Models for Compiler Optimization (2023).

    Pass lists written by a language model that reads a function's IR, with and without auxiliary targets; the laptop
    scale needs mined C shards (--data).
    """
    sizes = SIZES[scale.name]
    budget = scale.budget(smoke=14, laptop=10.0, paper=1)
    arms = (
        *(
            Arm(name, partial(learn, scale=scale, budget=budget, parts=parts), {**sizes._asdict(), "parts": parts})
            for name, parts in LEARNED.items()
        ),
        Arm("best fixed list", partial(without_learning, scale=scale, how="fixed"), sizes._asdict()),
        Arm("random lists", partial(without_learning, scale=scale, how="random"), sizes._asdict()),
    )
    return Claim(
        kind="trained",
        task="instructions that a list of passes takes away",
        metrics={"reduction": ACCURACY, "share of the tuned": ACCURACY},
        arms=arms[1:2] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("lists fit their functions", "share of the tuned", "list and counts", None, 0.75),
        budget=budget,
        data={**corpus_of(scale, "llm-compiler"), **sizes._asdict()},
        launch="phloem mine SOURCES --out shards && phloem reproduce llm-compiler --scale paper --data shards",
    )


CLAUSES = (
    Clause("lists take 10% away", "reduction", "list, counts and code", None, 0.10),
    Clause("10 points above random lists", "reduction", "list, counts and code", "random lists", 0.10),
    Clause("80% of the best fixed list", "reduction", "list, counts and code", "best fixed list", 0.8, form="ratio"),
    Clause("auxiliary targets are no loss", "reduction", "list, counts and code", "list alone", 0.0),
)
