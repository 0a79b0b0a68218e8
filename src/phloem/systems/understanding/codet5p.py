"""CodeT5+: code alone first, then texts and codes together, and a second look at what search puts on top.

Stage 1 reads code: damaged spans, and the two forms of causal modelling. Stage 2 reads pairs with four losses at once:
contrast against the queues of a slow copy, matching with hard negatives, and generation in both directions. The claim
asks whether the matching decoder improves the first 16 that the vectors of the same model find, and what stage 1 is
worth when stage 2 alone has the whole time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from phloem.languages.subtokens import split as subtokens
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.dual_generation import to_code, to_text
from phloem.learn.objectives.identifier_deobfuscation import hide_names
from phloem.learn.objectives.matching import Matching
from phloem.learn.objectives.prefix_lm import causal_pair
from phloem.learn.objectives.queue_contrastive import QueueContrast
from phloem.learn.objectives.span_corruption import corrupt, whole_word_spans
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Subset, Task, paired, rows_of_units
from phloem.measure.bootstrap import with_count
from phloem.measure.ranking import ranks, reciprocal
from phloem.nn.models.codet5p import CodeT5Plus, PairBatch
from phloem.nn.models.t5 import T5
from phloem.represent.byte_pairs import END, START, BytePairs
from phloem.represent.marked_code import MarkedFunction
from phloem.represent.token_view import TokenBatch
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.sequence_pretraining import (
    TINY,
    Functions,
    Sizes,
    functions_of,
    kept_for,
    marked,
    phase,
    small_t5,
    stage,
)
from phloem.tasks.reranking import reranked

EXTRA = ("<match>", "<clm>", "<en>", "<code>")
QUEUE = 1024
SECOND_LOOK = 16
AMONG = 500  # functions that are searched
PUBLISHED = Sizes(
    units=32_100, width=768, heads=12, layers=12, inner=3072, code=360, text=64, target=360, batch=256, rate=1e-4
)


@dataclass(frozen=True)
class Course:
    """What a contender learns: stage 1 or not, queues or the batch's own negatives, and whether it looks twice."""

    first: bool = True
    queue: int = QUEUE
    second_look: bool = True


class Described:
    """Functions with a text; `named` takes the words of the name as the text, and hides the name in the code."""

    def __init__(self, units: BytePairs, named: bool) -> None:
        self.units, self.named = units, named

    def text(self, item: MarkedFunction) -> np.ndarray:
        if self.named:
            return np.array(self.units.encode(" ".join(subtokens(item.name))), np.int32)
        return item.text

    def code(self, item: MarkedFunction) -> np.ndarray:
        if self.named and item.own >= 0:
            return hide_names(item.code, np.array([item.own]), self.units).source
        return item.code.ids

    def batch(self, items: Sequence[MarkedFunction], sizes: Sizes) -> PairBatch:
        """Both sides between START and END, as keys and as tasks of generation."""
        texts, codes = [self.text(item) for item in items], [self.code(item) for item in items]
        text, text_lengths = _closed(texts, sizes.text)
        code, code_lengths = _closed(codes, sizes.code)
        english, program = self.units.mark("<en>"), self.units.mark("<code>")
        both = list(zip(texts, codes, strict=True))
        written = [to_text(*sides, english) for sides in both]
        coded = [to_code(*sides, program) for sides in both]
        return PairBatch(
            text,
            text_lengths,
            code,
            code_lengths,
            _keys(texts),
            _keys(codes),
            paired(written, source=sizes.code, target=sizes.text),
            paired(coded, source=sizes.text, target=sizes.target),
        )


def _closed(rows: Sequence[np.ndarray], most: int) -> tuple[Tensor, Tensor]:
    """Rows between START and END, and their lengths."""
    whole = [np.concatenate([[START], ids[: most - 2], [END]]) for ids in rows]
    tokens, lengths = rows_of_units(whole, most)
    return torch.from_numpy(tokens), torch.from_numpy(lengths)


def _keys(rows: Sequence[np.ndarray]) -> Int64[torch.Tensor, " rows"]:
    return torch.tensor([crc32(row.tobytes()) for row in rows])


class PairLosses:
    """Contrast, matching, and generation in both directions, on one batch."""

    def __init__(self) -> None:
        self.contrast, self.matching, self.generate = QueueContrast(), Matching(hard=True), TokenCrossEntropy()

    def __call__(self, model: Any, batch: PairBatch) -> Loss:
        parts = {
            "contrast": self.contrast(model, batch).value,
            "matching": self.matching(model, batch).value,
            "to_text": self.generate(model, batch.to_text).value,
            "to_code": self.generate(model, batch.to_code).value,
        }
        return Loss(
            torch.stack(list(parts.values())).sum(), {name: float(value.detach()) for name, value in parts.items()}
        )


def first_stage(units: BytePairs, sizes: Sizes) -> list[Task]:
    """Damaged spans and causal modelling, each as likely."""
    generate, task = TokenCrossEntropy(), units.mark("<clm>")

    def damaged(items: list[MarkedFunction], rng: np.random.Generator) -> TokenBatch:
        pairs = [
            corrupt(item.code.ids, whole_word_spans(item.code.word, rng)[: units.sentinels - 1], units.sentinel)
            for item in items
        ]
        return paired(pairs, source=sizes.code, target=sizes.target)

    def causal(items: list[MarkedFunction], rng: np.random.Generator) -> TokenBatch:
        return paired([causal_pair(item.code.ids, task, rng) for item in items], source=sizes.code, target=sizes.target)

    return [Task("damaged", damaged, generate), Task("causal", causal, generate)]


def make_model(units: BytePairs, sizes: Sizes, queue: int, seed: int) -> CodeT5Plus:
    """A fresh model; equal seeds have equal bodies."""

    def body() -> T5:
        made = small_t5(units.size, sizes).body
        assert isinstance(made, T5)
        return made

    return CodeT5Plus(fresh(body, seed), units.mark("<match>"), queue=queue)


def trained_course(
    job: Job, items: Any, described: Described, sizes: Sizes, budget: dict[str, Any], course: Course
) -> tuple[CodeT5Plus, dict[str, Any]]:
    """The model after its stages, each trained once a seed for all arms that share it."""
    units, facts = described.units, {}
    tag = f"{'both stages' if course.first else 'second stage'}, {course.queue}"
    plain = small_t5(units.size, sizes)
    if course.first:
        plain = fresh(lambda: small_t5(units.size, sizes), job.seed)
        weights, facts["first stage"] = stage(
            job,
            "first stage",
            lambda: plain,
            lambda net, own: phase(
                net, items, first_stage(units, sizes), own, "run", sizes=sizes, budget=budget["first"], part=(0.0, 0.5)
            ),
        )
        plain.load_state_dict(weights)
    model = make_model(units, sizes, course.queue, job.seed)
    if course.first:
        model.body.load_state_dict(plain.body.state_dict())
        if model.slow is not None:
            model.slow.model.load_state_dict(model.embed.state_dict())
    task = Task("pairs", lambda chosen, _: described.batch(chosen, sizes), PairLosses())
    pairs = items if described.named else Subset(items, items.documented())
    weights, facts["second stage"] = stage(
        job,
        tag,
        lambda: model,
        lambda net, own: phase(
            net,
            pairs,
            [task],
            own,
            "run",
            sizes=sizes,
            budget=budget["second" if course.first else "whole"],
            part=(0.5 if course.first else 0.0, 0.9),
        ),
    )
    model.load_state_dict(weights)
    return model, facts


def search(
    model: CodeT5Plus, items: Sequence[MarkedFunction], described: Described, sizes: Sizes, second_look: bool
) -> Float[np.ndarray, "queries 2"]:
    """Reciprocal ranks of each function's code for its text, among all of them."""
    model.eval()
    with torch.no_grad():
        batches = [described.batch(items[start : start + 32], sizes) for start in range(0, len(items), 32)]
        found = [model.vectors(batch) for batch in batches]
        scores = (torch.cat([texts for texts, _ in found]) @ torch.cat([codes for _, codes in found]).T).numpy()
    if second_look:
        scores = reranked(scores, SECOND_LOOK, lambda first: logits(model, items, described, sizes, first))
    return with_count(reciprocal(ranks(scores, np.arange(len(items)))))


@torch.no_grad()
def logits(
    model: CodeT5Plus,
    items: Sequence[MarkedFunction],
    described: Described,
    sizes: Sizes,
    first: Int64[np.ndarray, "queries k"],
) -> Float[np.ndarray, "queries k"]:
    """The raw logit of "match" of each query with its candidates."""
    rows = []
    for query, candidates in enumerate(first.tolist()):
        asked = described.batch([items[query]], sizes)
        codes = described.batch([items[each] for each in candidates], sizes)
        count = len(candidates)
        memory = model.body.encode(asked.text, asked.text_lengths).expand(count, -1, -1)
        found = model.classes(memory, asked.text_lengths.expand(count), codes.code, codes.code_lengths)
        rows.append(found[:, 1].numpy())
    return np.stack(rows)


def train_codet5p(job: Job, functions: Functions, budget: dict[str, Any], sizes: Sizes, course: Course) -> Outcome:
    """Train the course and search the test's functions by their texts."""
    view, data = marked(functions, sizes, job, EXTRA)
    job = kept_for(job, functions.facts(), asdict(sizes), budget)
    described = Described(view.units, named=functions.folder is None)
    index = np.arange(len(data["test"])) if described.named else data["test"].documented()
    items = data["test"].items(index[: 100 if described.named else AMONG])
    before = make_model(view.units, sizes, course.queue, job.seed)
    untrained = search(before, items, described, sizes, second_look=False).mean(axis=0)[0]
    model, facts = trained_course(job, data["train"], described, sizes, budget, course)
    facts["parameters"] = sum(each.numel() for each in model.parameters() if each.requires_grad)
    return Outcome(
        {"mrr": search(model, items, described, sizes, course.second_look)}, {"mrr": float(untrained)}, facts
    )


@system("codet5p", row="S174", room="understanding")
def codet5p(scale: Scale) -> Claim:
    """Wang, Le, Gotmare, Bui, Li, Hoi: CodeT5+: Open Code Large Language Models (EMNLP 2023).

    Search by vectors and a second look by matching; the laptop scale needs mined shards (--data).
    """
    functions = functions_of(scale, "codet5p", train=24_000, test=2_500)
    sizes = {"smoke": TINY, "laptop": Sizes(code=160, target=128), "paper": PUBLISHED}[scale.name]
    budget = budgets(scale)

    def arm(name: str, course: Course) -> Arm:
        run = partial(train_codet5p, functions=functions, budget=budget, sizes=sizes, course=course)
        return Arm(name, run, {**asdict(sizes), **asdict(course)})

    few = 64 if scale.smoke else QUEUE
    arms = (
        arm("both stages", Course(queue=few)),
        arm("both stages, one look", Course(queue=few, second_look=False)),
        arm("second stage alone", Course(first=False)),
        arm("negatives of the batch", Course(queue=0)),
    )
    return Claim(
        kind="trained",
        task="functions found by the words of their names" if scale.smoke else "functions found by what they do",
        metrics={"mrr": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("functions are found", "mrr", "both stages", None, 0.3),
        budget=budget,
        data=functions.facts(),
        launch="phloem mine SOURCES --out shards && phloem reproduce codet5p --scale paper --data shards",
    )


def budgets(scale: Scale) -> dict[str, Any]:
    """Five minutes a stage at the laptop scale, ten for the second one alone; `--minutes` is the whole."""
    if scale.smoke:
        return {"first": {"epochs": 2}, "second": {"epochs": 9}, "whole": {"epochs": 11}}
    if scale.name == "paper":
        return {"first": {"epochs": 10}, "second": {"epochs": 10}, "whole": {"epochs": 20}}
    minutes = scale.minutes or 10.0
    shares = {"first": 0.5, "second": 0.5, "whole": 1.0}
    return {name: {"minutes": minutes * share, "clock": "processor"} for name, share in shares.items()}


CLAUSES = (
    Clause("a second look gains 1 point of MRR", "mrr", "both stages", "both stages, one look", 0.01),
    Clause("code alone first is no loss", "mrr", "both stages", "second stage alone", 0.0),
)
