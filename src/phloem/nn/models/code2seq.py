"""Code2seq: the path encoder and the attention decoder as one model (Alon et al., ICLR 2019)."""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.decoders.lstm import AttentionDecoder, DecoderState
from phloem.nn.encoders.paths import PathEncoder
from phloem.represent.path_batch import PathBatch


class Code2Seq(nn.Module):
    """Bags of path contexts to word sequences; a `Decodable` over `PathBatch`."""

    def __init__(self, encoder: PathEncoder, decoder: AttentionDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, batch: PathBatch) -> Float[Tensor, "batch time words"]:
        """Logits with the target's words fed in; zeros behind the end mark."""
        return self.decoder(self.encoder(batch), batch.offsets, batch.target)

    def packed(self, batch: PathBatch) -> tuple[Float[Tensor, "packed words"], Int64[Tensor, " packed"]]:
        """Logits of words and end marks only, and their positions in the flattened target."""
        return self.decoder.packed(self.encoder(batch), batch.offsets, batch.target)

    def start(self, source: PathBatch) -> DecoderState:
        return self.decoder.start(self.encoder(source), source.offsets)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: DecoderState
    ) -> tuple[Float[Tensor, "rows words"], DecoderState]:
        return self.decoder.next(tokens, state)

    def reorder(self, state: DecoderState, index: Int64[Tensor, " rows"]) -> DecoderState:
        return self.decoder.reorder(state, index)

    def trace(self, state: DecoderState) -> Float[Tensor, "rows positions"] | None:
        return self.decoder.trace(state)
