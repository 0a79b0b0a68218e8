"""The same small network pretrained with one objective after another, and what its vectors are good for.

The network has T5's shape; every arm reads the same functions for the same time with one of the objectives of the
matrix (`phloem.analysis.survey_objectives`) that need code and its documentation alone. Then the encoder is frozen, and
the mean of its vectors answers four questions:

    search    which function does a text describe? (reciprocal rank by cosine among the test functions)
    clones    do two functions compute the same? (a linear layer over |u - v| and u ⊙ v)
    naming    what is a function called? (the name of the nearest training function, in subtokens)
    defects   was a bug put into it? (a linear layer over u)

An encoder that learned nothing stands beside them. Objectives that need data flow, syntax trees or traces have systems
of their own, which the matrix names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import normalize

from phloem.analysis import survey_objectives
from phloem.languages.subtokens import split as subtokens
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.contrastive import Contrastive
from phloem.learn.objectives.denoising import Noise
from phloem.learn.objectives.prefix_lm import causal_pair
from phloem.learn.objectives.span_corruption import Pair
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Subset, Task, paired, rows_of_units
from phloem.measure.bootstrap import with_count
from phloem.measure.ranking import ranks, reciprocal
from phloem.measure.subtoken_f1 import count_all
from phloem.nn.models.code_encoder_decoder import CodeEncoderDecoder
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.marked_code import MarkedFunction
from phloem.represent.token_view import TokenBatch
from phloem.systems.claims import ACCURACY, F1, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.codet5 import pretraining_tasks
from phloem.systems.understanding.sequence_pretraining import (
    TINY,
    Functions,
    Sizes,
    functions_of,
    marked,
    name_hidden,
    phase,
    small_t5,
)
from phloem.tasks.bug_injection import inject
from phloem.tasks.clone_pairs import generated
from phloem.tasks.comment_classifiers import logistic

EXTRA = ("<clm>",)
LEARNED = {"MSP": "spans", "IT": "tags", "MIP": "names", "DNS": "denoising", "CLM": "causal", "CL": "contrast"}
ASKED = 500  # functions of each probe
PUBLISHED = Sizes(units=32_000, width=768, heads=12, layers=12, inner=3072, code=512, text=128, target=256, rate=2e-4)
Vectors = Float[np.ndarray, "texts width"]


class Described(NamedTuple):
    """Texts and codes of the same functions."""

    text: Int64[Tensor, "pairs time"]
    text_lengths: Int64[Tensor, " pairs"]
    code: Int64[Tensor, "pairs time"]
    code_lengths: Int64[Tensor, " pairs"]
    query_key: Int64[Tensor, " pairs"]
    code_key: Int64[Tensor, " pairs"]


def pooled(model: CodeEncoderDecoder, tokens: Tensor, lengths: Tensor) -> Float[Tensor, "rows width"]:
    """The mean of the encoder's vectors over real units, of length 1."""
    states = model.body.encode(tokens, lengths)
    real = (torch.arange(tokens.shape[1]) < lengths[:, None])[:, :, None]
    return normalize((states * real).sum(1) / real.sum(1).clamp(min=1), dim=1)


def described(items: Sequence[MarkedFunction], units: BytePairs, sizes: Sizes, named: bool) -> Described:
    """Documentation, or the words of the name where that is what describes, and code with its own name hidden."""
    texts = [said(item, units, named) for item in items]
    codes = [name_hidden(item, units).source for item in items]
    sides, keys = [], []
    for sequences, most in ((texts, sizes.text), (codes, sizes.code)):
        rows, lengths = rows_of_units(sequences, most)
        sides += [torch.from_numpy(rows), torch.from_numpy(lengths).clamp(min=1)]
        keys.append(torch.tensor([crc32(one.tobytes()) for one in sequences]))
    return Described(*sides, *keys)


def said(item: MarkedFunction, units: BytePairs, named: bool) -> np.ndarray:
    return np.array(units.encode(" ".join(subtokens(item.name))), np.int32) if named else item.text


class Contrast:
    """The two sides of a batch, pulled together by the same encoder."""

    def __init__(self) -> None:
        self.loss = Contrastive()

    def __call__(self, model: Any, batch: Described) -> Loss:
        def sides(asked: Described) -> tuple[Tensor, Tensor]:
            text = pooled(model, asked.text, asked.text_lengths)
            return text, pooled(model, asked.code, asked.code_lengths)

        return self.loss(sides, batch)


def objectives(units: BytePairs, sizes: Sizes, named: bool) -> dict[str, Task]:
    """The tasks of pretraining by the matrix's abbreviations."""
    generate, noise = TokenCrossEntropy(), Noise(units.sentinel(0), units.size // 2, units.size)

    def written(make: Callable[[MarkedFunction, np.random.Generator], Pair]) -> Any:
        def batch(items: list[MarkedFunction], rng: np.random.Generator) -> TokenBatch:
            return paired([make(item, rng) for item in items], source=sizes.code, target=sizes.target)

        return batch

    spans, tags, names = pretraining_tasks(units, sizes)
    denoise = written(lambda item, rng: Pair(noise(item.code.ids, rng).ids, item.code.ids))
    causal = written(lambda item, rng: causal_pair(item.code.ids, units.mark("<clm>"), rng))
    contrast = Task("CL", lambda items, _: described(items, units, sizes, named), Contrast())
    found = (spans, tags, names, Task("DNS", denoise, generate), Task("CLM", causal, generate), contrast)
    return dict(zip(("MSP", "IT", "MIP", "DNS", "CLM", "CL"), found, strict=True))


class Probes:
    """Questions to a frozen encoder over the functions of one view."""

    def __init__(self, functions: Functions, data: Any, units: BytePairs, sizes: Sizes) -> None:
        self.functions, self.units, self.sizes = functions, units, sizes
        self.named = functions.folder is None
        index = np.arange(len(data["test"])) if self.named else data["test"].documented()
        self.test = data["test"].items(index[:ASKED])
        self.known = data["train"].items(np.arange(min(len(data["train"]), 4 * ASKED)))

    @torch.no_grad()
    def vectors(self, model: CodeEncoderDecoder, sequences: Sequence[np.ndarray]) -> Vectors:
        found = []
        for start in range(0, len(sequences), 64):
            rows, lengths = rows_of_units(sequences[start : start + 64], self.sizes.code)
            found.append(pooled(model, torch.from_numpy(rows), torch.from_numpy(lengths).clamp(min=1)))
        return torch.cat(found).numpy()

    def read(self, sources: Sequence[bytes]) -> list[np.ndarray]:
        return [np.array(self.units.encode(source.decode("utf-8", "replace")), np.int32) for source in sources]

    def search(self, model: CodeEncoderDecoder) -> np.ndarray:
        texts = self.vectors(model, [said(item, self.units, self.named) for item in self.test])
        codes = self.vectors(model, [name_hidden(item, self.units).source for item in self.test])
        return with_count(reciprocal(ranks(texts @ codes.T, np.arange(len(self.test)))))

    def naming(self, model: CodeEncoderDecoder) -> np.ndarray:
        asked, known = (
            self.vectors(model, [name_hidden(item, self.units).source for item in some])
            for some in (self.test, self.known)
        )
        near = (asked @ known.T).argmax(axis=1)
        wanted = [subtokens(item.name) for item in self.test]
        return count_all(wanted, [subtokens(self.known[int(one)].name) for one in near]).astype(float)

    def clones(self, model: CodeEncoderDecoder) -> np.ndarray:
        pairs = generated(2 * ASKED, 0)
        one, two = (
            self.vectors(model, self.read([side.tree.source for side in sides]))
            for sides in ([pair.one for pair in pairs], [pair.other for pair in pairs])
        )
        return self.parted(np.concatenate([abs(one - two), one * two], axis=1), [pair.clones for pair in pairs])

    def defects(self, model: CodeEncoderDecoder) -> np.ndarray:
        rng, sources, labels = np.random.default_rng(0), list[bytes](), list[bool]()
        for example in self.functions.of("test"):
            if len(sources) >= 2 * ASKED:
                break
            if (bug := inject(example, rng)) is not None:
                wrong = len(sources) % 2 == 1
                sources.append(bug.source if wrong else example.tree.source)
                labels.append(wrong)
        return self.parted(self.vectors(model, self.read(sources)), labels)

    def parted(self, x: Vectors, labels: Sequence[bool]) -> np.ndarray:
        """Hits of a linear layer on the second half, learned on the first."""
        y, half = np.array(labels), len(labels) // 2
        scale = x[:half].std(axis=0) + 1e-6
        own = ((x - x[:half].mean(axis=0)) / scale).astype(np.float32)
        return with_count((logistic(own[:half], y[:half], 0)(own[half:]) > 0.5) == y[half:])

    def all(self, model: CodeEncoderDecoder) -> dict[str, np.ndarray]:
        model.eval()
        return {name: getattr(self, name)(model) for name in ("search", "clones", "naming", "defects")}


def probe(job: Job, functions: Functions, sizes: Sizes, budget: dict[str, Any], short: str) -> Outcome:
    """Pretrain with one objective ("" with none), freeze, and ask."""
    view, data = marked(functions, sizes, job, EXTRA)
    units, asked = view.units, Probes(functions, data, view.units, sizes)
    model = fresh(lambda: small_t5(units.size, sizes), job.seed).eval()
    facts: dict[str, Any] = {"matrix": survey_objectives.matrix().splitlines()}
    untrained = float(asked.search(model)[:, 0].mean())
    if short:
        items: Any = data["train"]
        if short == "CL" and not asked.named:
            items = Subset(items, items.documented())
        task = objectives(units, sizes, asked.named)[short]
        facts |= phase(model, items, [task], job, "pretraining", sizes=sizes, budget=budget)
    return Outcome(asked.all(model), {"search": untrained}, facts)


@system("survey-nci-plm", row="S097", room="understanding")
def survey_nci_plm(scale: Scale) -> Claim:
    """Xu, Zhu: A Survey on Pretrained Language Models for Neural Code Intelligence (arXiv 2212.10079, 2022).

    Six objectives, one network, four probes of frozen vectors; the laptop scale needs mined shards (--data).
    """
    functions = functions_of(scale, "survey-nci-plm", train=24_000)
    sizes = {"smoke": TINY, "laptop": Sizes(), "paper": PUBLISHED}[scale.name]
    budget = scale.budget(smoke=8, laptop=2.0, paper=20)

    def arm(short: str) -> Arm:
        run = partial(probe, functions=functions, sizes=sizes, budget=budget, short=short)
        return Arm(LEARNED.get(short, "nothing"), run, {"objective": short, **asdict(sizes)})

    arms = arm("CL"), *(arm(short) for short in LEARNED if short != "CL"), arm("")
    return Claim(
        kind="trained",
        task="four questions to frozen vectors of Python functions",
        metrics={"search": ACCURACY, "clones": ACCURACY, "naming": F1, "defects": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("functions are found by their names' words", "search", "contrast", None, 0.2),
        budget=budget,
        data=functions.facts(),
        launch="phloem reproduce survey-nci-plm --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("contrast finds what an untrained encoder does not", "search", "contrast", "nothing", 0.05),
    *(
        Clause(f"damaged spans are no worse than nothing for {task}", task, "spans", "nothing", 0.0)
        for task in ("search", "clones", "naming", "defects")
    ),
)
