"""Questions about symbolic scenes for models that see features: noisy projections of attributes and places.

Images are not at hand, so an object's features are a fixed random projection of its attributes (one-hot) and its place,
with noise. Word vectors come from `GLOSSARY`, our own sentences that explain the words of CLEVR and their synonyms in
common words: what a reader of a dictionary knows of a word that no question has shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from phloem.corpora.clevr_programs import (
    KINDS,
    RELATIONS,
    Asked,
    Compare,
    Count,
    Describe,
    Exists,
    Forall,
    Program,
    Scene,
    words_of,
)
from phloem.learn.objectives.base import Loss
from phloem.nn.models.concept_composer import decided
from phloem.represent.word_vectors import word_vectors

FEATURES = 128
NOISE = 0.1
GLOSSARY = """
sphere round rolls curved globe solid shape
ball round rolls curved globe toy shape
cube square faces edges corners box solid shape
block square faces edges corners box brick shape
cylinder tube can barrel ends long solid shape
small little short size low height
tiny little short size low height
large great tall size high height
big great tall size high height
rubber dull soft elastic surface stuff
matte dull soft flat surface stuff
metal gleaming hard steel surface stuff
shiny gleaming hard bright surface stuff
gray ash stone colour
red blood rose colour
blue sky sea colour
green grass leaf colour
brown earth wood colour
purple violet plum colour
cyan teal aqua colour
yellow lemon sun colour
left west side
right east side
behind back far
front near before
"""


class Batch(NamedTuple):
    """Questions with the features of their scenes."""

    features: list[Tensor]
    asked: list[Asked]


def one_hot(words: Sequence[str]) -> dict[str, Tensor]:
    """A dimension for each word that training has; entries have variance 1 in the mean, as in the other vectors."""
    return dict(zip(words, torch.eye(len(words)) * len(words) ** 0.5, strict=True))


def glossary_vectors(size: int = 32) -> dict[str, Tensor]:
    """Vectors of the words of CLEVR and their synonyms, from the glossary."""
    sentences = [line.split() for line in GLOSSARY.strip().splitlines()]
    found = word_vectors(sentences, size)
    return {word: torch.from_numpy(vector * size**0.5).float() for word, vector in found.items()}


def known_words() -> list[str]:
    """The words that training questions have."""
    return [*(word for words in KINDS.values() for word in words), *RELATIONS]


def features(scene: Scene, rng: np.random.Generator) -> Float[Tensor, "objects features"]:
    """What a model sees of a scene."""
    facts = np.array(
        [
            [
                *(float(getattr(thing, kind) == word) for kind, words in KINDS.items() for word in words),
                thing.x,
                thing.y,
            ]
            for thing in scene
        ]
    )
    projection = np.random.default_rng(0).normal(scale=0.5, size=(facts.shape[1], FEATURES))
    seen = facts @ projection + rng.normal(scale=NOISE, size=(len(scene), FEATURES))
    return torch.from_numpy(seen).float()


class Questions:
    """Questions as a data set; the noise of a scene is drawn once."""

    def __init__(self, asked: Sequence[Asked], seed: int) -> None:
        self.asked = list(asked)
        rng = np.random.default_rng(seed)
        self.features = [features(each.scene, rng) for each in self.asked]

    def __len__(self) -> int:
        return len(self.asked)

    @property
    def sizes(self) -> np.ndarray:
        """Words of each program: short ones make batches of their own."""
        return np.array([len(words_of(each.program)) for each in self.asked])

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Batch:
        return Batch([self.features[i] for i in index], [self.asked[i] for i in index])


class AnswerLoss:
    """Cross-entropy of described words, binary cross-entropy of sentences, and smooth L1 of counts, averaged."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        programs = [each.program for each in batch.asked]
        values = model.answers(batch.features, programs, list(map(words_of, programs)))
        losses = [loss(value, each) for value, each in zip(values, batch.asked, strict=True)]
        return Loss(torch.stack(losses).mean(), {})


def loss(value: Tensor, asked: Asked) -> Tensor:
    """How wrong a program's value is."""
    program: Program = asked.program
    if isinstance(program, Describe):
        return F.cross_entropy(value[None], torch.tensor([KINDS[program.kind].index(str(asked.answer))]))
    wanted = torch.tensor(float(asked.answer))
    if isinstance(program, Count):
        return F.smooth_l1_loss(value, wanted)
    assert isinstance(program, Exists | Forall | Compare)
    return F.binary_cross_entropy(value.clamp(1e-4, 1 - 1e-4), wanted)


@torch.no_grad()
def right(model: Any, questions: Questions) -> Float[np.ndarray, " questions"]:
    """1 for each question that is answered right."""
    training = model.training
    model.eval()
    found: list[float] = []
    for start in range(0, len(questions), 100):
        batch = questions.batch(np.arange(start, min(start + 100, len(questions))), None)
        programs = [each.program for each in batch.asked]
        values = model.answers(batch.features, programs, list(map(words_of, programs)))
        pairs = zip(values, batch.asked, strict=True)
        found += [float(decided(value, each.program) == each.answer) for value, each in pairs]
    model.train(training)
    return np.array(found)
