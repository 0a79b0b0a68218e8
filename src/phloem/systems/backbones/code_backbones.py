"""Three small backbones of code over one view: an encoder, an encoder-decoder and a decoder.

Their shapes are RoBERTa's, T5's and GPT-2's, so they are read and written in the layout of the Hugging Face hub, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from phloem.decode.beam import Beam
from phloem.learn.objectives.backbone_pretraining import CausalPretraining, EncoderPretraining, SpanPretraining
from phloem.nn.models.code_encoder import CodeEncoder
from phloem.nn.models.gpt2 import Gpt2, Gpt2Config
from phloem.nn.models.roberta import RobertaConfig
from phloem.nn.models.t5 import T5, T5Config
from phloem.represent.byte_pairs import END, PAD, SPECIALS, START
from phloem.represent.function_units import FunctionUnits, FunctionUnitsConfig
from phloem.tasks.recipe import Recipe

FEWEST_IDS = len(SPECIALS) + 256  # and the sentinels: what every vocabulary has


@dataclass(frozen=True)
class BackboneConfig:
    """Sizes; `layers` are those of each side."""

    view: FunctionUnitsConfig = field(default_factory=FunctionUnitsConfig)
    width: int = 192
    layers: int = 4
    heads: int = 6
    inner: int = 768
    dropout: float = 0.0

    @property
    def places(self) -> int:
        """Units of the longest sequence: documentation, code and three marks."""
        return self.view.code_units + self.view.doc_units + 3


def encoder(config: BackboneConfig, view: FunctionUnits) -> CodeEncoder:
    """Of RoBERTa's shape; place 0 has the row behind the pad's, as the hub's layout has it."""
    return CodeEncoder(
        RobertaConfig(
            view.units.size,
            config.width,
            config.layers,
            config.heads,
            config.inner,
            places=config.places,
            first_place=PAD + 1,
            pad=PAD,
            dropout=config.dropout,
        )
    )


def encoder_decoder(config: BackboneConfig, view: FunctionUnits) -> T5:
    """Of T5's shape; a target begins with PAD and ends with END."""
    return T5(
        T5Config(
            view.units.size,
            config.width,
            config.layers,
            config.layers,
            config.heads,
            config.width // config.heads,
            config.inner,
            dropout=config.dropout,
            pad=PAD,
            begin=PAD,
            end=END,
        )
    )


def decoder(config: BackboneConfig, view: FunctionUnits) -> Gpt2:
    """Of GPT-2's shape; a text begins with START and ends with END."""
    return Gpt2(
        Gpt2Config(
            view.units.size,
            config.width,
            config.layers,
            config.heads,
            config.inner,
            places=config.places,
            dropout=config.dropout,
            begin=START,
            end=END,
        )
    )


def _no_search(config: Any) -> Any:
    raise TypeError("an encoder gives vectors: there is nothing to decode")


def _view(config: BackboneConfig) -> FunctionUnits:
    return FunctionUnits(config.view)


ENCODER = Recipe(
    "code_encoder",
    BackboneConfig,
    _view,
    FunctionUnits.from_state,
    encoder,
    lambda config: EncoderPretraining(FEWEST_IDS + config.view.sentinels),
    _no_search,
)
ENCODER_DECODER = Recipe(
    "code_encoder_decoder",
    BackboneConfig,
    _view,
    FunctionUnits.from_state,
    encoder_decoder,
    lambda config: SpanPretraining(config.view.sentinels),
    lambda config: Beam(5),
)
DECODER = Recipe(
    "code_decoder",
    BackboneConfig,
    _view,
    FunctionUnits.from_state,
    decoder,
    lambda config: CausalPretraining(),
    lambda config: Beam(5),
)
