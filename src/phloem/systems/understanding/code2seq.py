"""Code2seq: sequences from bags of paths of a syntax tree.

Alon, Brody, Levy and Yahav, "code2seq: Generating Sequences from Structured Representations of Code", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from phloem.decode.beam import Beam
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.nn.decoders.lstm import AttentionDecoder
from phloem.nn.decoders.pointer import Pointer
from phloem.nn.encoders.paths import PathEncoder
from phloem.nn.models.code2seq import Code2Seq
from phloem.represent.base import START, UNK
from phloem.represent.path_view import PathView, PathViewConfig
from phloem.tasks.recipe import Recipe


@dataclass(frozen=True)
class Code2SeqConfig:
    """The view's settings (see `PathViewConfig`), the sizes of the model, its dropout, and its search.

    The defaults are phloem's: small enough to be shipped, any language. `OFFICIAL` and `CAPTIONING` are the release's.
    """

    preset: str = "tree-sitter"
    target: str = "name"
    kept: int = 1000
    contexts: int = 200
    value_subtokens: int = 5
    target_words: int = 6
    subtoken_limit: int = 20_000
    word_limit: int = 8_000
    least: int = 2
    width: int = 96  # of subtokens and of the target's words
    nodes: int = 64  # of node labels
    path: int = 96  # of each direction of the path LSTM
    decoder: int = 256
    drop: float = 0.25  # on [tok; path; tok]
    shared_dropout: bool = True
    output_drop: float = 0.5  # on a_t before the output
    squash: bool = False  # the paper's tanh around a_t
    official_padding: int = 0
    label_smoothing: float = 0.0
    beam: int = 5
    copying: bool = False  # words of the source can be written too


OFFICIAL = Code2SeqConfig(
    preset="official-java",
    subtoken_limit=190_000,
    word_limit=27_000,
    least=1,
    width=128,
    nodes=128,
    path=128,
    decoder=320,
    shared_dropout=False,
    official_padding=200,
    beam=1,
)
"""Method names in Java, as released."""

CAPTIONING = Code2SeqConfig(
    target="summary",
    target_words=20,
    subtoken_limit=190_000,
    word_limit=27_000,
    least=1,
    width=128,
    nodes=128,
    path=256,
    decoder=512,
    drop=0.7,
    shared_dropout=False,
    official_padding=200,
    beam=1,
)
"""Captions, with the sizes and dropout that the paper gives for C#."""


def view_config(config: Any, **changes: Any) -> PathViewConfig:
    """The part of a system's configuration that concerns its view."""
    names = {field.name for field in fields(config)}
    shared = {field.name: getattr(config, field.name) for field in fields(PathViewConfig) if field.name in names}
    return PathViewConfig(**(shared | changes))


def view(config: Code2SeqConfig) -> PathView:
    return PathView(view_config(config))


def model(config: Code2SeqConfig, view: PathView) -> Code2Seq:
    encoder = PathEncoder(
        len(view.values),
        len(view.nodes),
        width=config.width,
        nodes=config.nodes,
        path=config.path,
        out=config.decoder,
        drop=config.drop,
        shared_dropout=config.shared_dropout,
    )
    decoder = AttentionDecoder(
        len(view.words),
        width=config.decoder,
        embedding=config.width,
        drop=config.output_drop,
        squash=config.squash,
        official_padding=config.official_padding,
    )
    return Code2Seq(encoder, decoder, Pointer(config.width, config.decoder) if config.copying else None)


def objective(config: Code2SeqConfig) -> SequenceCrossEntropy:
    if config.copying and config.label_smoothing:
        raise ValueError("label_smoothing spreads over words that a source doesn't offer: set it to 0 with copying")
    return SequenceCrossEntropy(config.label_smoothing)


def search(config: Code2SeqConfig) -> Beam:
    """An unknown word is of no use in an answer, so none is written."""
    return Beam(config.beam, forbid=(UNK, START))


RECIPE = Recipe("code2seq", Code2SeqConfig, view, PathView.from_state, model, objective, search)
