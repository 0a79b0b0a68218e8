"""Code2seq: the path encoder and the attention decoder as one model (Alon et al., ICLR 2019).

With a `Pointer` it also copies words from the source (`nn.decoders.pointer`); a copied word that the vocabulary lacks
is fed back as the unknown word.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtyping import Float, Int64
from torch import Tensor, arange, nn

from phloem.nn.decoders.lstm import AttentionDecoder, DecoderState
from phloem.nn.decoders.pointer import Offers, Pointer
from phloem.nn.dropout import dropout
from phloem.nn.encoders.paths import PathEncoder
from phloem.represent.base import UNK
from phloem.represent.path_batch import PathBatch


class CopyingState(NamedTuple):
    """The decoder's state, and what its rows copy from."""

    decoder: DecoderState
    offers: Offers
    source: Int64[Tensor, " rows"]


class Code2Seq(nn.Module):
    """Bags of path contexts to word sequences; a `Decodable` over `PathBatch`, which has `copies` for a pointer."""

    def __init__(self, encoder: PathEncoder, decoder: AttentionDecoder, pointer: Pointer | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.pointer = pointer

    def forward(self, batch: PathBatch) -> Float[Tensor, "batch time words"]:
        """Logits with the target's words fed in; zeros behind the end mark."""
        logits, positions = self.packed(batch)
        padded = logits.new_zeros(batch.target.numel(), logits.shape[1]).index_copy(0, positions, logits)
        return padded.view(*batch.target.shape, -1)

    def packed(self, batch: PathBatch) -> tuple[Float[Tensor, "packed words"], Int64[Tensor, " packed"]]:
        """Logits of words and end marks only, and their positions in the flattened target."""
        contexts, decoder = self.encoder(batch), self.decoder
        if self.pointer is None:
            return decoder.packed(contexts, batch.offsets, batch.target)
        target = self._read(batch.target)
        fed, _, pack = decoder.outputs(contexts, batch.offsets, target)
        fed = dropout(fed, decoder.drop, self.training)
        logits, offers = decoder.output(fed), self._offers(self.pointer, batch)
        return self.pointer.packed(logits, fed, offers, pack.positions, target.shape[1]), pack.positions

    def start(self, source: PathBatch) -> DecoderState | CopyingState:
        state = self.decoder.start(self.encoder(source), source.offsets)
        if self.pointer is None:
            return state
        return CopyingState(state, self._offers(self.pointer, source), arange(len(state.hidden)).to(state.source))

    def next(self, tokens: Int64[Tensor, " rows"], state: Any) -> tuple[Float[Tensor, "rows words"], Any]:
        if self.pointer is None:
            return self.decoder.next(tokens, state)
        logits, after = self.decoder.next(self._read(tokens), state.decoder)
        logits = self.pointer(logits, after.fed, state.offers, state.source)
        return logits, state._replace(decoder=after)

    def reorder(self, state: Any, index: Int64[Tensor, " rows"]) -> Any:
        if self.pointer is None:
            return self.decoder.reorder(state, index)
        decoder = self.decoder.reorder(state.decoder, index)
        return CopyingState(decoder, state.offers, state.source.index_select(0, index))

    def trace(self, state: Any) -> Float[Tensor, "rows positions"] | None:
        return self.decoder.trace(state if self.pointer is None else state.decoder)

    def _offers(self, pointer: Pointer, batch: PathBatch) -> Offers:
        if batch.copies is None:
            raise ValueError("a model that copies needs batches of a view that does (copying=True)")
        return pointer.offers(batch.copies, self.encoder.subtokens.weight)

    def _read(self, tokens: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
        """Ids as the decoder's embedding knows them."""
        return tokens.masked_fill(tokens >= self.decoder.output.out_features, UNK)
