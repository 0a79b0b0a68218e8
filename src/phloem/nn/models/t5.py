"""The encoder-decoder of T5's shape.

Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (JMLR 2020, section
2.1): no biases, RMS norms before each part, scores that are not scaled (the first values of W_q are instead), and
relative positions as a number added to the scores, one table for all blocks of a stack. One table of unit vectors
serves both sides and, times 1/√width, the output; version 1.1 has an output of its own and a gated feed-forward net.
CodeT5 and CodeT5+ have this shape.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.multihead_attention import MultiHeadAttention
from phloem.nn.models.blocks import Block, FeedForward, RMSNorm
from phloem.nn.models.encoder_decoder import EncoderDecoder, encoder_bias
from phloem.nn.positions.t5_relative_bias import RelativeBias


@dataclass(frozen=True)
class T5Config:
    """Sizes (those of CodeT5-base unless given). `size` is a head's; `tied` says that the table of unit vectors is
    the output, `scaled` that what it is multiplied by is divided by √width; `begin` and `end` are a target's marks."""

    vocabulary: int = 32100
    width: int = 768
    layers: int = 12
    decoder_layers: int = 12
    heads: int = 12
    size: int = 64
    inner: int = 3072
    buckets: int = 32
    most_distance: int = 128
    activation: str = "relu"
    gated: bool = False
    tied: bool = True
    scaled: bool = True
    epsilon: float = 1e-6
    dropout: float = 0.0
    pad: int = 0
    begin: int = 0
    end: int = 2


class T5(EncoderDecoder):
    """Sequences to sequences; `encode`, `decode`, `logits`, and decoding word by word."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config, self.width = config, config.width
        self.pad, self.begin, self.end = config.pad, config.begin, config.end
        self.table = nn.Embedding(config.vocabulary, config.width)
        self.encoder_positions = RelativeBias(config.heads, buckets=config.buckets, most=config.most_distance)
        self.decoder_positions = RelativeBias(
            config.heads, buckets=config.buckets, most=config.most_distance, both_directions=False
        )
        self.encoder = nn.ModuleList(_block(config, memory=False) for _ in range(config.layers))
        self.decoder = nn.ModuleList(_block(config, memory=True) for _ in range(config.decoder_layers))
        self.encoder_norm, self.decoder_norm = (RMSNorm(config.width, config.epsilon) for _ in range(2))
        self.output = None if config.tied else nn.Linear(config.width, config.vocabulary, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self._initialise()

    def _initialise(self) -> None:
        """As the paper's code (Mesh TensorFlow): what keeps the scale of sums, the queries' with 1/√size in them."""
        config = self.config
        nn.init.normal_(self.table.weight, std=1.0)
        for block in [*self.encoder, *self.decoder]:
            for attention in (block.attention, block.memory_attention):
                if attention is not None:
                    nn.init.normal_(attention.query.weight, std=(config.width * config.size) ** -0.5)
                    nn.init.normal_(attention.key.weight, std=config.width**-0.5)
                    nn.init.normal_(attention.value.weight, std=config.width**-0.5)
                    nn.init.normal_(attention.out.weight, std=(config.heads * config.size) ** -0.5)
            for linear in (block.feed_forward.up, block.feed_forward.gate):
                if linear is not None:
                    nn.init.normal_(linear.weight, std=config.width**-0.5)
            nn.init.normal_(block.feed_forward.down.weight, std=config.inner**-0.5)

    def encode(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        lengths: Int64[Tensor, " batch"] | None = None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        *,
        embeddings: Float[Tensor, "batch time width"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """The memory. Row r of `mask` says whom place r reads, padding left out in any case."""
        return self.states(tokens, lengths, mask, embeddings=embeddings)[-1]

    def states(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        lengths: Int64[Tensor, " batch"] | None = None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        *,
        embeddings: Float[Tensor, "batch time width"] | None = None,
        bias: Float[Tensor, "#batch #heads time time"] | None = None,
    ) -> list[Float[Tensor, "batch time width"]]:
        """The vectors that go into the encoder's first block, then those after each block, the last ones normed."""
        if embeddings is None:
            if tokens is None:
                raise ValueError("give units or embeddings")
            embeddings = self.table(tokens)
        x = self.dropout(embeddings)
        near = self.encoder_positions(x.shape[1], x.shape[1])
        reads = encoder_bias(mask, lengths, near if bias is None else near + bias, x)
        states = [x]
        for block in self.encoder:
            x, _ = block(x, reads)
            states.append(x)
        return [*states[:-1], self.dropout(self.encoder_norm(x))]

    def embed_target(self, tokens: Int64[Tensor, "rows steps"], past: int) -> Float[Tensor, "rows steps width"]:
        return self.dropout(self.table(tokens))

    def position_bias(self, queries: int, past: int) -> Float[Tensor, "1 heads queries keys"]:
        return self.decoder_positions(queries, past + queries, past)

    def decoded(self, x: Float[Tensor, "rows steps width"]) -> Float[Tensor, "rows steps width"]:
        return self.dropout(self.decoder_norm(x))

    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places vocabulary"]:
        """Of the word at each place."""
        if self.config.scaled:
            states = states * self.width**-0.5
        return states @ (self.table.weight if self.output is None else self.output.weight).T


def _block(config: T5Config, *, memory: bool) -> Block:
    def attention() -> MultiHeadAttention:
        return MultiHeadAttention(
            config.width, config.heads, size=config.size, biases=False, scaled=False, dropout=config.dropout
        )

    feed_forward = FeedForward(
        config.width,
        config.inner,
        activation=config.activation,
        gated=config.gated,
        biases=False,
        dropout=config.dropout,
    )
    return Block(
        attention(),
        feed_forward,
        lambda: RMSNorm(config.width, config.epsilon),
        memory_attention=attention() if memory else None,
        norm_first=True,
        dropout=config.dropout,
    )
