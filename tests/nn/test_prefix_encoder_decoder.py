"""Prefixes of keys and values: what they change, and what they must leave alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from phloem.decode.beam import Beam
from phloem.decode.greedy import greedy
from phloem.nn.models.encoder_decoder import DecoderState
from phloem.nn.models.prefix_encoder_decoder import PrefixedT5, prefix_for
from phloem.nn.models.t5 import T5, T5Config
from phloem.represent.token_view import TokenBatch

LENGTH = 3
CONFIG = T5Config(
    vocabulary=23, width=16, layers=2, decoder_layers=2, heads=2, size=8, inner=24, buckets=8, pad=0, begin=2, end=0
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def models(**options: float) -> tuple[T5, PrefixedT5]:
    body = T5(CONFIG)
    for positions in (body.encoder_positions, body.decoder_positions):
        torch.nn.init.normal_(positions.table.weight)
    model = PrefixedT5(body, prefix_for(body, LENGTH), **options)
    for part in (model.prefix.encoder, model.prefix.decoder, model.prefix.memory):
        torch.nn.init.normal_(part.net[2].weight, std=0.3)
    return body.eval(), model.eval()


def sources() -> TokenBatch:
    tokens = torch.randint(3, 23, (2, 7))
    tokens[1, 4:] = 0
    return TokenBatch(tokens, torch.tensor([7, 4]), torch.randint(3, 23, (2, 5)))


@pytest.mark.row("S039", 1)
def test_a_prefix_that_is_not_read_changes_nothing() -> None:
    body, model = models(offset=-math.inf)
    batch = sources()
    torch.testing.assert_close(model(*batch), body(*batch), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(model.encode(*batch[:2]), body.encode(*batch[:2]), atol=1e-6, rtol=1e-6)


@pytest.mark.row("S039", 1)
def test_a_prefix_takes_attention_even_where_its_values_are_0() -> None:
    body, model = models()
    batch = sources()
    real = model(*batch)
    assert (real - body(*batch)).abs().max() > 1e-2
    for part in (model.prefix.encoder, model.prefix.decoder, model.prefix.memory):
        weight, bias = part.net[2].weight, part.net[2].bias
        with torch.no_grad():  # values 0, keys as they are
            weight.view(CONFIG.layers, 2, -1, weight.shape[1])[:, 1] = 0
            bias.view(CONFIG.layers, 2, -1)[:, 1] = 0
        assert all(value.abs().max() == 0 and key.abs().max() > 0 for key, value in part())
    empty = model(*batch)
    assert (empty - body(*batch)).abs().max() > 1e-2
    assert (empty - real).abs().max() > 1e-2


@pytest.mark.row("S039", 2)
def test_states_are_those_of_explicit_attention() -> None:
    """One row without padding, the first encoder block, head by head; then the first decoder block over all."""
    body, model = models()
    tokens = torch.randint(3, 23, (1, 6))
    x = body.table(tokens)
    key, value = model.prefix.encoder()[0]
    expected = explicit(body.encoder[0], x, x, key, value, body.encoder_positions(6, 6)[0])
    seen: list[Tensor] = []
    body.encoder[0].register_forward_hook(lambda block, given, out: seen.append(out[0]))
    model.encode(tokens, None)
    torch.testing.assert_close(seen[0], expected, atol=1e-6, rtol=1e-5)
    assert (expected - body.encoder[0](x, body.encoder_positions(6, 6))[0]).abs().max() > 1e-2


def explicit(block: torch.nn.Module, x: Tensor, z: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """x + f(x) twice, with [P_K;K] and [P_V;V] written out."""
    attention, normed = block.attention, block.attention_norm(x)
    heads = []
    for head in range(CONFIG.heads):
        part = slice(head * CONFIG.size, (head + 1) * CONFIG.size)
        q, k, v = (linear(normed)[0][:, part] for linear in (attention.query, attention.key, attention.value))
        keys, values = torch.cat([key[head], k]), torch.cat([value[head], v])
        scores = q @ keys.T + torch.cat([torch.zeros(len(q), LENGTH), bias[head]], dim=1)
        heads.append(scores.softmax(dim=1) @ values)
    x = x + attention.out(torch.cat(heads, dim=1))[None]
    return x + block.feed_forward(block.feed_forward_norm(x))


@pytest.mark.row("S039", 2)
def test_places_and_biases_of_real_words_are_unchanged() -> None:
    body, model = models()
    asked: list[tuple[int, int]] = []
    plain = body.position_bias
    body.position_bias = lambda queries, past: asked.append((queries, past)) or plain(queries, past)  # type: ignore[method-assign]
    state = model.start(sources())
    for step in range(3):
        _, state = model.next(torch.tensor([2, 5]), state)
        assert state.past == step + 1
    assert asked == [(1, 0), (1, 1), (1, 2)]
    widened = model.widened(plain(3, 1))
    assert torch.equal(widened[..., LENGTH:], plain(3, 1))
    assert widened[..., :LENGTH].abs().max() == 0


@pytest.mark.row("S039", 2)
def test_real_words_stay_in_causal_order_and_padding_stays_unread() -> None:
    _, model = models()
    batch = sources()
    logits = model(*batch)
    changed = batch.target.clone()
    changed[:, 3] = (changed[:, 3] + 1) % 20 + 3
    later = model(batch.tokens, batch.lengths, changed)
    assert torch.equal(later[:, :4], logits[:, :4])
    assert (later[:, 4] - logits[:, 4]).abs().max() > 1e-4
    padded = batch.tokens.clone()
    padded[1, 4:] = 9
    torch.testing.assert_close(model(padded, batch.lengths, batch.target), logits, atol=1e-6, rtol=1e-6)


@pytest.mark.row("S039", 4)
def test_beam_of_one_is_greedy() -> None:
    _, model = models()
    batch = sources()
    one, same = Beam(1)(model, batch, length=6), greedy(model, batch, length=6)
    assert [found[0].value for found in one] == [found[0].value for found in same]
    assert [found[0].score for found in one] == pytest.approx([found[0].score for found in same], abs=1e-5)


class Recomputed:
    """The same model without a cache: every step reads all words again."""

    def __init__(self, model: PrefixedT5) -> None:
        self.model = model

    def start(self, source: TokenBatch) -> tuple[Tensor, ...]:
        return source.tokens, source.lengths, source.tokens[:, :0]

    def next(
        self, tokens: Tensor, state: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        source, lengths, written = state
        written = torch.cat([written, tokens[:, None]], dim=1)
        states = self.model.decode(written, self.model.encode(source, lengths), lengths)
        return self.model.logits(states[:, -1]), (source, lengths, written)

    def reorder(self, state: tuple[Tensor, ...], index: Tensor) -> tuple[Tensor, ...]:
        return tuple(part[index] for part in state)

    def trace(self, state: object) -> None:
        return None


@pytest.mark.row("S039", 4)
def test_beams_with_the_cache_equal_those_without() -> None:
    _, model = models()
    batch = sources()
    kept, again = (Beam(3)(each, batch, length=6) for each in (model, Recomputed(model)))
    for one, other in zip(kept, again, strict=True):
        assert len(one) == 3
        assert [found.value for found in one] == [found.value for found in other]
        assert [found.score for found in one] == pytest.approx([found.score for found in other], abs=1e-5)


@pytest.mark.row("S039", 4)
@pytest.mark.parametrize("keep", ["sources", "single"])
def test_a_prefix_that_is_not_repeated_with_the_rows_fails(keep: str) -> None:
    _, model = models()
    reorder: Callable[[DecoderState, Tensor], DecoderState] = model.reorder

    def forgetful(state: DecoderState, index: Tensor) -> DecoderState:
        """Words are repeated for each row of the beam, the prefix before them is not."""
        moved = reorder(state, index)
        count = 1 if keep == "single" else 2
        caches = tuple(
            new._replace(key=old.key[:count], value=old.value[:count])
            for old, new in zip(state.caches, moved.caches, strict=True)
        )
        return moved._replace(caches=caches)

    model.reorder = forgetful  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="must match"):
        Beam(3)(model, sources(), length=6)
