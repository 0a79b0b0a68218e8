"""Decoders against an encoder in code search: as they are, made to read both directions, and fine-tuned.

Chen et al., "Are Decoder-Only Large Language Models the Silver Bullet for Code Search?", 2024. At this size all weights
are trained, where the paper adapts large models by low-rank changes (`phloem.learn.lora`); vectors are means. The
decoder that reads both directions learns to by masked next-token prediction, which comes out of its fine-tuning's time.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.causal_lm import Sequences
from phloem.learn.objectives.hard_negatives import SCALE, hard_negative_loss
from phloem.learn.objectives.masked_next_token import MaskedNextToken
from phloem.learn.objectives.masked_units import SHARE, hidden_units, unit_loss
from phloem.learn.trainer import train
from phloem.measure import bootstrap, ranking
from phloem.nn.models.cross_encoder import UnitPairs
from phloem.nn.models.decoder_bi_encoder import DecoderBiEncoder
from phloem.nn.models.gpt2 import Gpt2
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import END, PAD, SPECIALS, START
from phloem.represent.function_units import padded_rows
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, shortened
from phloem.systems.understanding.search_pairs import PairUnits
from phloem.systems.understanding.sgpt import SIZES, World, settings_of
from phloem.tasks import retrieval

BLOCK = {"smoke": 100, "laptop": 1000, "paper": 1000}
PRETRAINING = 1.6  # times the minutes of fine-tuning, once for all seeds
ADAPTATION = 0.2  # of the fine-tuning's time, for the decoder that learns to read both directions
MISSED = Metric(lambda sums: 1 - sums[..., 0] / sums[..., 1])
"""One minus the mean reciprocal rank."""


class EncoderVectors(nn.Module):
    """Means of an encoder's states, as `DecoderBiEncoder` gives those of a decoder."""

    def __init__(self, encoder: Roberta, most: int) -> None:
        super().__init__()
        self.encoder, self.most = encoder, most

    def vectors(self, rows: list[list[int]], side: str) -> torch.Tensor:
        """Of length 1."""
        table, count = padded_rows([row[: self.most] or [END] for row in rows], PAD)
        tokens, lengths = torch.from_numpy(table), torch.from_numpy(count)
        states = self.encoder(tokens, lengths=lengths)
        real = torch.arange(tokens.shape[1]) < lengths[:, None]
        mean = (states * real[:, :, None]).sum(dim=1) / lengths[:, None]
        return nn.functional.normalize(mean, dim=1)

    def forward(self, batch: UnitPairs) -> tuple[torch.Tensor, torch.Tensor]:
        return self.vectors(batch.texts, "query"), self.vectors(batch.codes, "document")


class QueryToCode:
    """The stage that the paper calls supervised contrast: in-batch, one direction, 50 times the cosine."""

    def __call__(self, model: Any, batch: UnitPairs) -> Loss:
        queries, codes = model(batch)
        return Loss(hard_negative_loss(queries, codes, scale=SCALE), {})


def sequences(batch: UnitPairs) -> Sequences:
    """<s> code </s> text </s>."""
    rows = [[START, *code, END, *text, END] for text, code in zip(batch.texts, batch.codes, strict=True)]
    table, lengths = padded_rows(rows, PAD)
    return Sequences(torch.from_numpy(table), torch.from_numpy(lengths))


class HiddenUnits:
    """The encoder's pretraining."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, model: Any, batch: UnitPairs) -> Loss:
        tokens, lengths = sequences(batch)
        real = torch.arange(tokens.shape[1]) < lengths[:, None]
        chosen = real & (torch.rand(tokens.shape) < SHARE)
        states = model(hidden_units(tokens, chosen, self.size), lengths=lengths)
        return Loss(unit_loss(model, states, tokens, chosen), {})


def pretrained_encoder(world: World, budget: dict[str, Any], job: Job) -> Roberta:
    """Of the decoder's sizes and pretraining time, once for all seeds."""
    sizes = {name: world.sizes[name] for name in ("width", "layers", "heads", "inner")}
    config = RobertaConfig(world.units.size, **sizes, places=4 * world.sizes["most"], first_place=1, pad=PAD)
    key = crc32(repr((config, budget, world.scale.corpus())).encode())
    file = job.shared / f"encoder-{key:08x}.safetensors"
    if not file.exists():
        model = fresh(lambda: Roberta(config), 0)
        settings = settings_of(0, budget, 2e-3)
        train(
            model,
            world.data,
            HiddenUnits(world.units.size),
            settings,
            folder=file.with_suffix(""),
            progress=lambda done: job.progress(done.fraction),
        )
        save_file(model.state_dict(), file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
    model = Roberta(config)
    model.load_state_dict(load_file(file))
    return model


def run_arm(job: Job, scale: Scale, budget: dict[str, Any], pretraining: dict[str, Any], *, reader: str) -> Outcome:
    """The zero-shot and the fine-tuned ranks of a "causal" or "bidirectional" decoder, or of an "encoder"."""
    world = World(scale, pretraining, job, share=1.0)
    test, most = world.rows(world.test), world.sizes["most"]
    settings = settings_of(job.seed, budget, 1e-3)
    if reader == "encoder":
        model: Any = EncoderVectors(pretrained_encoder(world, pretraining, job), most)
    else:  # zero-shot is causal in any case
        model = DecoderBiEncoder(world.decoder(), pooling="mean", most=most)
    zero = ranked(model.eval(), test, BLOCK[scale.name])
    if reader == "bidirectional":
        adapt(model.decoder, world, replace(settings, **shortened(settings, ADAPTATION)), job)
        model.causal = False
        settings = replace(settings, **shortened(settings, 1 - ADAPTATION))
    torch.manual_seed(job.seed)
    history = train(
        model,
        world.data,
        QueryToCode(),
        settings,
        folder=job.folder / "contrast",
        progress=lambda done: job.progress(done.fraction),
    )
    units = {"zero_shot": zero, "missed": zero, "mrr": ranked(model, test, BLOCK[scale.name])}
    facts = {"steps": history.step, "parameters": sum(each.numel() for each in model.parameters())}
    return Outcome(units, {"mrr": float(ACCURACY.of(zero.sum(axis=0)))}, facts)


def adapt(decoder: Gpt2, world: World, settings: Any, job: Job) -> None:
    """Teach a decoder to read both directions."""
    objective = MaskedNextToken(world.units.encode("_")[0], world.units.size, first=len(SPECIALS))
    data = PairUnits(world.data.texts, world.data.codes, sequences)
    train(decoder, data, objective, settings, folder=job.folder / "both-directions")


@torch.inference_mode()
def ranked(model: Any, data: PairUnits, size: int) -> np.ndarray:
    """Reciprocal ranks of queries among the codes of their block; an incomplete block is dropped."""

    def vectors(rows: list[list[int]], side: str) -> np.ndarray:
        parts = [rows[at : at + 128] for at in range(0, len(rows), 128)]
        return torch.cat([model.vectors(part, side) for part in parts]).numpy()

    rank = retrieval.block_ranks(vectors(data.texts, "query"), vectors(data.codes, "document"), size=size)
    return bootstrap.with_count(ranking.reciprocal(rank))


@system("decoder-search", row="S203", room="understanding")
def decoder_search(scale: Scale) -> Claim:
    """Chen et al.: Are Decoder-Only Large Language Models the Silver Bullet for Code Search? (2024).

    A table: one small decoder as it is and reading both directions, and an encoder of its size, before and after
    fine-tuning.
    """
    budget = scale.budget(smoke=10, laptop=5.0, paper=3)
    pretraining = budget | ({"minutes": PRETRAINING * budget["minutes"]} if "minutes" in budget else {})
    sizes = SIZES[scale.name]

    def arm(reader: str) -> Arm:
        run = partial(run_arm, scale=scale, budget=budget, pretraining=pretraining, reader=reader)
        return Arm(reader, run, {**sizes, "reader": reader, "block": BLOCK[scale.name]})

    arms = tuple(map(arm, ("bidirectional", "causal", "encoder")))
    return Claim(
        kind="trained",
        task="the code that a sentence describes in blocks of codes from projects that were not seen; names left out",
        metrics={"mrr": ACCURACY, "zero_shot": ACCURACY, "missed": MISSED},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("a decoder that reads both directions learns to search", "mrr", "bidirectional", None, 0.3),
        budget=budget,
        data={
            "pairs": "generated methods" if scale.smoke else "mined Python",
            "pretraining": pretraining,
            **scale.corpus(),
        },
        launch="phloem reproduce decoder-search --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("the decoder as it is below 5 points of MRR", "missed", "causal", None, 0.95),
    Clause("the fine-tuned decoder within 5 points of the encoder", "mrr", "bidirectional", "encoder", -0.05),
    Clause("both directions not below one", "mrr", "bidirectional", "causal", 0.0),
)
