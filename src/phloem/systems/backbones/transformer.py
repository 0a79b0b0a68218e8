"""The recipe of the small Transformer: subtokens in, words out.

Vaswani et al., "Attention Is All You Need" (NeurIPS 2017); one of the baselines of Alon et al. (code2seq, 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

from phloem.decode.beam import Beam
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.nn.models.transformer import Transformer
from phloem.represent.base import START, UNK
from phloem.represent.token_view import TokenView, view_config
from phloem.tasks.recipe import Recipe


@dataclass(frozen=True)
class TransformerConfig:
    """The view's settings (see `TokenViewConfig`), the sizes of the model, its dropout, and its search.

    The published base model has width 512, 8 heads, 6 layers and inner 2048.
    """

    target: str = "name"
    length: int = 200
    value_subtokens: int = 5
    target_words: int = 6
    subtoken_limit: int = 20_000
    word_limit: int = 8_000
    least: int = 2
    width: int = 96
    heads: int = 4
    layers: int = 2
    inner: int = 384
    dropout: float = 0.1
    label_smoothing: float = 0.0
    beam: int = 5


def view(config: TransformerConfig) -> TokenView:
    return TokenView(view_config(config))


def model(config: TransformerConfig, view: TokenView) -> Transformer:
    return Transformer(
        len(view.values),
        len(view.words),
        width=config.width,
        heads=config.heads,
        layers=config.layers,
        inner=config.inner,
        dropout=config.dropout,
    )


def objective(config: TransformerConfig) -> SequenceCrossEntropy:
    return SequenceCrossEntropy(config.label_smoothing)


def search(config: TransformerConfig) -> Beam:
    """An unknown word is of no use in an answer, so none is written."""
    return Beam(config.beam, forbid=(UNK, START))


RECIPE = Recipe("transformer", TransformerConfig, view, TokenView.from_state, model, objective, search)
