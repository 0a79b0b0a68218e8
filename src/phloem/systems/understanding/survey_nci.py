"""What each generation of models buys: names of functions from structure, from pretraining, from language modelling.

One model or two of each of the survey's phases learn to name the same Python functions: code2vec and code2seq from
paths of the syntax tree; a small CodeT5, pretrained on damaged spans, tags and hidden names; and a small decoder, that
first models code as text and then writes the name behind it. Those that are pretrained come twice, with pretraining in
their time and with as much again before it; `phloem.analysis.survey_phases` makes the two tables of the result and
refuses rows that had other data or more time.

Of the row's models the tree LSTM, the GGNN, CodeBERT and UniXcoder are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from phloem.analysis.taxonomy import PHASES
from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Task, paired, rows_of_units
from phloem.measure.subtoken_f1 import count_all
from phloem.nn.models.decoder_lm import DecoderLM
from phloem.represent.base import PAD
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.marked_code import MarkedCodeConfig, MarkedCodeDataset, MarkedCodeView, MarkedFunction
from phloem.systems.claims import F1, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import compiled, fresh
from phloem.systems.understanding.code2seq_claim import Corpus, contenders, train_namer
from phloem.systems.understanding.codet5 import fine_tuned_name, pretraining_tasks
from phloem.systems.understanding.sequence_pretraining import TINY, Sizes, answers, name_hidden, phase, small_t5

EXTRA = ("<name>",)
NAME = 16  # units of a name
PUBLISHED = Sizes(units=32_000, width=768, heads=12, layers=12, inner=3072, code=512, text=64, target=256, rate=2e-4)


@dataclass(frozen=True)
class Share:
    """The minutes (or epochs) of pretraining and of the task."""

    pretraining: float
    task: float
    unit: str  # "minutes" or "epochs"

    def budget(self, amount: float) -> dict[str, Any]:
        return {"minutes": amount, "clock": "processor"} if self.unit == "minutes" else {"epochs": round(amount)}

    def facts(self, which: str, corpus: Corpus) -> dict[str, Any]:
        """What the comparison of phases asks of a run."""
        return {
            "phase": which,
            "data": corpus.facts(),
            "minutes": self.task,
            "pretraining minutes": self.pretraining,
        }


class Written(NamedTuple):
    """Code, a mark and a name as one sequence; a loss counts the places of `counted`."""

    tokens: Int64[Tensor, "batch time"]
    counted: Tensor


class NextUnit:
    """Cross-entropy of each counted unit after those before it; `model` is a DecoderLM."""

    def __call__(self, model: Any, batch: Written) -> Loss:
        logits, places = model(batch.tokens[:, :-1]), batch.counted[:, 1:]
        return Loss(cross_entropy(logits[places], batch.tokens[:, 1:][places]), {})


def written(
    items: Sequence[MarkedFunction], _: np.random.Generator, *, units: BytePairs, sizes: Sizes, whole: bool
) -> Written:
    """Functions with their names hidden, and the names behind them, which count alone. With `whole` functions as they
    are, of which every unit counts: the task is not yet asked."""
    mark, end = np.array([units.mark("<name>")]), np.array([PAD])
    if whole:
        rows = [np.concatenate([item.code.ids[: sizes.code], end]) for item in items]
        first = np.zeros(len(items), np.int64)
    else:
        pairs = [name_hidden(item, units) for item in items]
        sources = [pair.source[: sizes.code] for pair in pairs]
        rows = [
            np.concatenate([source, mark, pair.target[:NAME], end]) for source, pair in zip(sources, pairs, strict=True)
        ]
        first = np.array([len(source) + 1 for source in sources])
    tokens, lengths = rows_of_units(rows, sizes.code + NAME + 2)
    place = np.arange(tokens.shape[1])
    counted = (place >= first[:, None]) & (place < lengths[:, None])
    return Written(torch.from_numpy(tokens), torch.from_numpy(counted))


@torch.no_grad()
def named(model: DecoderLM, items: Sequence[MarkedFunction], units: BytePairs, sizes: Sizes) -> list[list[int]]:
    """The likeliest name of each function, unit by unit; what stands behind a row's end changes nothing before it."""
    model.eval()
    found: list[list[int]] = []
    for start in range(0, len(items), 64):
        sources = [name_hidden(item, units).source[: sizes.code] for item in items[start : start + 64]]
        prompts = [np.append(source, units.mark("<name>")) for source in sources]
        tokens, lengths = rows_of_units(prompts, sizes.code + 1)
        rows = np.pad(tokens, ((0, 0), (0, NAME)))
        at = np.arange(len(rows))
        for step in range(NAME):
            logits = model(torch.from_numpy(rows[:, : int(lengths.max()) + step]))
            rows[at, lengths + step] = logits[at, lengths + step - 1].argmax(-1).numpy()
        for row, length in zip(rows, lengths.tolist(), strict=True):
            name = row[length : length + NAME].tolist()
            found.append(name[: name.index(PAD)] if PAD in name else name)
    return found


def marked(corpus: Corpus, sizes: Sizes, job: Job) -> tuple[MarkedCodeView, dict[str, MarkedCodeDataset]]:
    """The functions of the corpus in units, made once for all arms."""
    config = MarkedCodeConfig(sizes.units, sizes.sentinels, EXTRA, sizes.code, sizes.text)
    splits = {split: partial(corpus.functions, split) for split in shards.SHARD_SPLITS}
    return compiled(MarkedCodeView(config), splits, job.shared, corpus.facts())


def _outcome(
    items: Sequence[MarkedFunction], units: BytePairs, before: list[list[int]], after: list[list[int]]
) -> tuple[dict[str, Any], float]:
    """Subtokens found on each function, and the F1 before training."""
    counts = []
    for given in (before, after):
        pairs = [fine_tuned_name(item, output, units) for item, output in zip(items, given, strict=True)]
        counts.append(count_all([wanted for wanted, _ in pairs], [found for _, found in pairs]).astype(float))
    return {"f1": counts[1]}, float(F1.of(counts[0].sum(axis=0)))


def structure(job: Job, which: str, scale: Scale, corpus: Corpus, share: Share) -> Outcome:
    """A model of paths, trained on the task alone."""
    recipe, config = contenders(scale)[which]
    outcome = train_namer(job, corpus, share.budget(share.task), recipe, config)
    return Outcome({"f1": outcome.units["f1"]}, outcome.untrained, outcome.facts | share.facts(PHASES[0], corpus))


def pretrained(job: Job, corpus: Corpus, sizes: Sizes, share: Share) -> Outcome:
    """CodeT5's pretraining, then names."""
    view, data = marked(corpus, sizes, job)
    units, items = view.units, data["test"].items(np.arange(len(data["test"])))
    model = fresh(lambda: small_t5(units.size, sizes), job.seed)

    def asked() -> list[list[int]]:
        return answers(model, items, lambda item: name_hidden(item, units), sizes=sizes, length=NAME)

    task = Task(
        "naming",
        lambda chosen, _: paired([name_hidden(one, units) for one in chosen], source=sizes.code, target=NAME),
        TokenCrossEntropy(),
    )
    before, train = asked(), data["train"]
    facts: dict[str, Any] = {"pretraining": _phase(model, train, pretraining_tasks(units, sizes), job, 0, sizes, share)}
    facts["naming"] = _phase(model, train, [task], job, 1, sizes, share)
    measured, untrained = _outcome(items, units, before, asked())
    return Outcome(measured, {"f1": untrained}, facts | share.facts(PHASES[1], corpus))


def language_model(job: Job, corpus: Corpus, sizes: Sizes, share: Share) -> Outcome:
    """Code as text, then names behind it."""
    view, data = marked(corpus, sizes, job)
    units, items = view.units, data["test"].items(np.arange(len(data["test"])))
    model = fresh(
        lambda: DecoderLM(units.size, width=sizes.width, layers=2 * sizes.layers, heads=sizes.heads, inner=sizes.inner),
        job.seed,
    )
    before, facts = named(model, items, units, sizes), dict[str, Any]()
    for number, name in enumerate(("pretraining", "naming")):
        make = partial(written, units=units, sizes=sizes, whole=number == 0)
        facts[name] = _phase(model, data["train"], [Task(name, make, NextUnit())], job, number, sizes, share)
    measured, untrained = _outcome(items, units, before, named(model, items, units, sizes))
    return Outcome(measured, {"f1": untrained}, facts | share.facts(PHASES[2], corpus))


def _phase(
    model: nn.Module, items: Any, tasks: list[Task], job: Job, number: int, sizes: Sizes, share: Share
) -> dict[str, Any]:
    """Pretraining (0) or the task (1); none where it has no time."""
    amount = (share.pretraining, share.task)[number]
    if not amount:
        return {"steps": 0}
    name, part = ("pretraining", "naming")[number], ((0.0, 0.5), (0.5, 1.0))[number]
    return phase(model, items, tasks, job, name, sizes=sizes, budget=share.budget(amount), part=part)


def _corpus(scale: Scale) -> Corpus:
    if scale.smoke:
        return Corpus(None)
    if scale.data is None:
        raise PhloemError("survey-nci needs mined functions: phloem mine SRC --out shards, then --data shards")
    shards.info(scale.data)
    return Corpus(scale.data, test=1_500)


@system("survey-nci", row="S161", room="understanding")
def survey_nci(scale: Scale) -> Claim:
    """Sun et al.: A Survey of Neural Code Intelligence: Paradigms, Advances and Beyond (arXiv 2403.14734, 2024).

    Names of Python functions by a model of each phase, same functions and minutes; the laptop scale needs mined shards
    (--data).
    """
    corpus, sizes = _corpus(scale), {"smoke": TINY, "laptop": Sizes(), "paper": PUBLISHED}[scale.name]
    whole = {"smoke": 8.0, "laptop": scale.minutes or 10.0, "paper": 50.0}[scale.name]
    unit = "minutes" if scale.name == "laptop" else "epochs"
    alone, counted, free = Share(0.0, whole, unit), Share(whole / 2, whole / 2, unit), Share(whole, whole, unit)
    if scale.smoke:
        counted = Share(3.0, 10.0, unit)

    def arm(name: str, run: Any, share: Share, **options: Any) -> Arm:
        own = partial(run, corpus=corpus, share=share, **options)
        return Arm(name, own, {**asdict(sizes), **asdict(share)})

    arms = (
        arm("decoder", language_model, counted, sizes=sizes),
        arm("decoder, pretraining free", language_model, free, sizes=sizes),
        arm("CodeT5", pretrained, counted, sizes=sizes),
        arm("CodeT5, pretraining free", pretrained, free, sizes=sizes),
        arm("code2vec", structure, alone, which="code2vec", scale=scale),
        arm("code2seq", structure, alone, which="code2seq", scale=scale),
    )
    return Claim(
        kind="trained",
        task="names of Python functions, "
        + ("generated ones" if scale.smoke else "of projects never seen in training"),
        metrics={"f1": F1},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("a decoder writes names", "f1", "decoder", None, 0.35),
        budget={unit: whole},
        data=corpus.facts(),
        launch="phloem reproduce survey-nci --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("structure wins where pretraining is counted: CodeT5", "f1", "code2seq", "CodeT5", 0.0),
    Clause("structure wins where pretraining is counted: decoder", "f1", "code2seq", "decoder", 0.0),
    Clause("pretraining wins where it is not", "f1", "CodeT5, pretraining free", "code2seq", 0.0),
)
