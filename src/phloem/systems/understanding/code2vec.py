"""Code2vec: a whole name from an attention-pooled bag of paths; the baseline of code2seq.

Alon, Zilberstein, Levy and Yahav, "code2vec: Learning Distributed Representations of Code", POPL 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

from phloem.decode.beam import Beam
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.nn.encoders.code2vec import Code2VecEncoder
from phloem.nn.models.code2vec import Code2Vec
from phloem.represent.base import START, UNK
from phloem.represent.path_view import PathView
from phloem.systems.understanding.code2seq import view_config
from phloem.tasks.recipe import Recipe


@dataclass(frozen=True)
class Code2VecConfig:
    """The view's settings, the sizes of the model and its dropout; values, paths and names are atoms."""

    preset: str = "tree-sitter"
    kept: int = 1000
    contexts: int = 200
    subtoken_limit: int = 20_000  # whole values
    path_limit: int = 40_000
    word_limit: int = 10_000  # whole names
    least: int = 2
    width: int = 64
    code: int = 192
    drop: float = 0.25
    beam: int = 5


def view(config: Code2VecConfig) -> PathView:
    return PathView(view_config(config, target="whole-name", target_words=1, whole=True))


def model(config: Code2VecConfig, view: PathView) -> Code2Vec:
    encoder = Code2VecEncoder(len(view.values), len(view.nodes), width=config.width, out=config.code, drop=config.drop)
    return Code2Vec(encoder, len(view.words))


def objective(config: Code2VecConfig) -> SequenceCrossEntropy:
    return SequenceCrossEntropy()


def search(config: Code2VecConfig) -> Beam:
    """An unknown word is of no use in an answer, so none is written."""
    return Beam(config.beam, forbid=(UNK, START))


RECIPE = Recipe("code2vec", Code2VecConfig, view, PathView.from_state, model, objective, search)
