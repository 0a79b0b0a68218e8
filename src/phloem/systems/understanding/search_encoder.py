"""The encoder of code search: a static bag of units, and a Transformer that refines it, in one space of vectors.

Trained contrastively on pairs of documentation and code (Husain et al., "CodeSearchNet Challenge", 2019; Zhang et al.,
"Code Representation Learning at Scale", 2024), first the bag alone, then the Transformer over the frozen bag, with each
speed's queries against each speed's codes, so that an index of either speed serves queries of either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.contrastive import Contrastive, same_rows
from phloem.nn.encoders.static_bag import StaticBag
from phloem.nn.encoders.transformer_encoder import TransformerEncoder
from phloem.nn.models.dual_encoder import DualEncoder, PairVectors
from phloem.represent.search_view import Sampling, SearchView, SearchViewConfig
from phloem.tasks.recipe import Recipe

NAME = "search_encoder"


@dataclass(frozen=True)
class SearchEncoderConfig:
    """Sizes. `layers` is 0 for the static encoder alone."""

    view: SearchViewConfig = field(default_factory=SearchViewConfig)
    sampling: Sampling = field(default_factory=Sampling)
    width: int = 256  # of vectors
    layers: int = 0
    inside: int = 256  # width of the Transformer
    heads: int = 4
    inner: int = 512
    most_units: int = 128  # that the Transformer reads
    temperature: float = 0.07
    weighting: bool = False


class SearchObjective:
    """InfoNCE of the static vectors; with a Transformer, of its vectors with themselves and with static ones."""

    def __init__(self, config: SearchEncoderConfig) -> None:
        self.contrastive = Contrastive(config.temperature, weighting=config.weighting)

    def __call__(self, model: Any, batch: Any) -> Loss:
        vectors: PairVectors = model(batch)
        same = same_rows(batch.query_key, batch.code_key).to(vectors.static_queries.device)
        if vectors.queries is None or vectors.codes is None:
            return self.contrastive.of(vectors.static_queries, vectors.static_codes, same)
        both = self.contrastive.of(vectors.queries, vectors.codes, same)
        query = self.contrastive.of(vectors.queries, vectors.static_codes, same)
        code = self.contrastive.of(vectors.static_queries, vectors.codes, same)
        logs = {**both.logs, "found_by_query": query.logs["found"], "found_by_code": code.logs["found"]}
        return Loss(both.value * 0.5 + (query.value + code.value) * 0.25, logs)


def model(config: SearchEncoderConfig, view: SearchView) -> DualEncoder:
    """A fresh model."""
    static = StaticBag(view.subwords.size, config.width)
    if not config.layers:
        return DualEncoder(static)
    sizes = {"layers": config.layers, "heads": config.heads, "inner": config.inner}
    return DualEncoder(static, TransformerEncoder(config.inside, **sizes), config.most_units)


def grown(config: SearchEncoderConfig, view: SearchView, static: dict[str, torch.Tensor]) -> DualEncoder:
    """A fresh model over the static part of a trained one."""
    fresh = model(config, view)
    fresh.load_state_dict(static, strict=False)
    return fresh


def _no_search(config: Any) -> Any:
    raise TypeError("an encoder of code search gives vectors: there is nothing to decode")


RECIPE = Recipe(
    name=NAME,
    config=SearchEncoderConfig,
    view=lambda config: SearchView(config.view),
    restore=SearchView.from_state,
    model=model,
    objective=SearchObjective,
    search=_no_search,
)
