"""One Transformer that is an encoder, a decoder or both, as the prefix of its input says.

Guo et al., "UniXcoder: Unified Cross-Modal Pre-training for Code Representation" (ACL 2022, section 3.1). The body has
RoBERTa's shape; a sequence begins with <s>, the mark of its mode, and </s>, the encoder modes' end with </s>, too:

    <s> <encoder-only> </s> x </s>         <s> <decoder-only> </s> x         <s> <encoder-decoder> </s> x </s> y

and the mode's mask (`phloem.nn.mixers.mode_masks`) says who reads whom; weights are the same in all modes. The output
is the table of unit vectors, without a bias. The vector of a text is the mean of its last states, marks included and
padding left out (`vectors`).

While decoding, the first unit is predicted from the last state of the source and each further one from that of the unit
before; keys and values are kept, so a step reads one unit. Sources of a batch may differ in length: a target follows
its own source in places, and padding between is never read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.mode_masks import MODES, Mode, mode_mask
from phloem.nn.mixers.multihead_attention import additive, real_keys
from phloem.nn.models.blocks import Block, BlockCache
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.token_view import TokenBatch


class Marks(NamedTuple):
    """The ids of <s>, of </s>, and of the modes in the order of MODES."""

    begin: int
    end: int
    modes: tuple[int, int, int]

    def prefix(self, mode: Mode) -> list[int]:
        """What a sequence of the mode begins with."""
        return [self.begin, self.modes[MODES.index(mode)], self.end]


class Sequences(NamedTuple):
    """Padded sequences of units."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]


class ModeState(NamedTuple):
    """What decoding keeps a row: keys and values, which of them are real, the place of the next unit, and, before the
    first step, the logits that the source gave."""

    caches: tuple[BlockCache, ...]
    real: Bool[Tensor, "rows past"]
    place: Int64[Tensor, " rows"]
    first: Float[Tensor, "rows vocabulary"] | None


def laid_out(units: list[int], mode: Mode, marks: Marks, most: int) -> list[int]:
    """A sequence of the mode in at most `most` units: encoders keep the first of too many, a decoder the last."""
    prefix = marks.prefix(mode)
    if mode == "decoder-only":
        room = most - len(prefix)
        return prefix + (units[-room:] if len(units) > room else units)
    return [*prefix, *units[: most - len(prefix) - 1], marks.end]


class PrefixModeTransformer(nn.Module):
    """A `Decodable` over sources that are laid out for `decodes`, "encoder-decoder" unless set otherwise."""

    def __init__(self, config: RobertaConfig, marks: Marks) -> None:
        super().__init__()
        self.body = Roberta(config)
        self.body.words.requires_grad_(False)  # the output is the table alone
        self.marks = marks
        self.decodes: Mode = "encoder-decoder"

    def states(
        self,
        tokens: Int64[Tensor, "batch time"],
        lengths: Int64[Tensor, " batch"],
        mode: Mode,
        sources: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """The last states of laid-out sequences; `sources` are the lengths of the sources in encoder-decoder mode."""
        return self.body(tokens, mode_mask(mode, lengths, tokens.shape[1], sources))

    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places vocabulary"]:
        return states @ self.body.table.weight.T

    def vectors(
        self, tokens: Int64[Tensor, "batch time"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch width"]:
        """The mean state of each sequence that is laid out for the encoder, padding left out."""
        states = self.states(tokens, lengths, "encoder-only")
        real = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        return (states * real[:, :, None]).sum(dim=1) / lengths[:, None]

    def forward(self, batch: TokenBatch) -> Float[Tensor, "batch steps vocabulary"]:
        """Teacher-forced logits of the targets; the sources are laid out for `decodes`."""
        sources, steps = batch.lengths, batch.target.shape[1]
        joined, lengths = follow(batch.tokens, sources, batch.target[:, :-1])
        states = self.states(joined, lengths, self.decodes, sources)
        places = sources[:, None] - 1 + torch.arange(steps, device=sources.device)
        return self.logits(states.gather(1, places[:, :, None].expand(-1, -1, states.shape[2])))

    def causal(
        self, batch: Sequences
    ) -> tuple[Int64[Tensor, "batch joined"], Int64[Tensor, " batch"], Float[Tensor, "batch joined vocabulary"], int]:
        """The sequences behind the decoder's prefix, their lengths, the logits at each place, and the first place whose
        unit is predicted."""
        prefix = torch.tensor(self.marks.prefix("decoder-only"), device=batch.tokens.device)
        tokens = torch.cat([prefix.expand(len(batch.tokens), -1), batch.tokens], dim=1)
        lengths = batch.lengths + len(prefix)
        return tokens, lengths, self.logits(self.states(tokens, lengths, "decoder-only")), len(prefix)

    def start(self, source: Any) -> ModeState:
        """Read the sources once; columns that no source needs are cut off."""
        lengths = source.lengths
        tokens = source.tokens[:, : int(lengths.max())]
        time = tokens.shape[1]
        x = self._embed(tokens, torch.arange(time, device=tokens.device).expand(len(tokens), -1))
        bias = additive(mode_mask(self.decodes, lengths, time, lengths), None, x.dtype)
        caches = []
        for block in self.body.blocks:
            x, cache = _run(block, x, bias, None)
            caches.append(cache)
        last = x.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, x.shape[2]))[:, 0]
        real = real_keys(lengths, time)
        assert real is not None
        return ModeState(tuple(caches), real[:, 0], lengths.clone(), self.logits(last))

    def next(
        self, tokens: Int64[Tensor, " rows"], state: ModeState
    ) -> tuple[Float[Tensor, "rows vocabulary"], ModeState]:
        """Logits of the unit after `tokens`; at the first step of the one after the source, `tokens` unread."""
        if state.first is not None:
            return state.first, state._replace(first=None)
        real = torch.cat([state.real, torch.ones_like(state.real[:, :1])], dim=1)
        x = self._embed(tokens[:, None], state.place[:, None])
        bias = additive(real[:, None], None, x.dtype)
        caches = []
        for block, cache in zip(self.body.blocks, state.caches, strict=True):
            x, kept = _run(block, x, bias, cache)
            caches.append(kept)
        return self.logits(x[:, 0]), ModeState(tuple(caches), real, state.place + 1, None)

    def reorder(self, state: ModeState, index: Int64[Tensor, " rows"]) -> ModeState:
        first = None if state.first is None else state.first[index]
        caches = tuple(cache.rows(index) for cache in state.caches)
        return ModeState(caches, state.real[index], state.place[index], first)

    def trace(self, state: ModeState) -> None:
        """Attention is spread over heads and blocks, so no one row of it explains a step."""
        return None

    def _embed(
        self, tokens: Int64[Tensor, "rows steps"], places: Int64[Tensor, "rows steps"]
    ) -> Float[Tensor, "rows steps width"]:
        body = self.body
        return body.dropout(body.norm(body.positions(body.embed(tokens), places) + body.segments.weight[0]))


def follow(
    tokens: Int64[Tensor, "batch time"], sources: Int64[Tensor, " batch"], target: Int64[Tensor, "batch steps"]
) -> tuple[Int64[Tensor, "batch joined"], Int64[Tensor, " batch"]]:
    """Each row's source with its target right behind it, and the length of both. What follows a target's end is kept:
    nothing before it reads that."""
    time, steps = int(sources.max()), target.shape[1]
    place = torch.arange(time + steps, device=tokens.device).expand(len(tokens), -1)
    behind = place - sources[:, None]
    own = tokens[:, :time].gather(1, place.clamp(max=time - 1))
    if not steps:
        return own, sources
    further = target.gather(1, behind.clamp(0, steps - 1))
    joined = torch.where(behind < 0, own, torch.where(behind < steps, further, 0))
    return joined, sources + steps


def _run(block: nn.Module, x: Tensor, bias: Tensor | None, cache: BlockCache | None) -> tuple[Tensor, BlockCache]:
    assert isinstance(block, Block)
    x, kept = block(x, bias, block.empty(x) if cache is None else cache)
    assert kept is not None
    return x, kept
