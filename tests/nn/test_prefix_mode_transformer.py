"""One Transformer in three modes: who reads whom, the vector of a text, and decoding with what is kept."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from phloem.decode.beam import Beam
from phloem.decode.greedy import greedy
from phloem.nn.mixers.mode_masks import MODES, Mode, mode_mask
from phloem.nn.models.prefix_mode_transformer import Marks, PrefixModeTransformer, follow, laid_out
from phloem.nn.models.roberta import RobertaConfig
from phloem.represent.base import PAD
from phloem.represent.token_view import TokenBatch

UNITS = 40
MARKS = Marks(2, 3, (4, 5, 6))


@pytest.fixture(scope="module")
def model() -> PrefixModeTransformer:
    torch.manual_seed(0)
    config = RobertaConfig(vocabulary=UNITS, width=32, layers=2, heads=4, inner=64, places=64, pad=PAD)
    net = PrefixModeTransformer(config, MARKS).double().eval()
    torch.nn.init.normal_(net.body.table.weight, std=0.5)
    return net


def units(rows: int, count: int, seed: int = 0) -> Tensor:
    return torch.randint(7, UNITS, (rows, count), generator=torch.Generator().manual_seed(seed))


def changed(net: PrefixModeTransformer, mode: Mode, place: int, sources: Tensor | None = None) -> list[bool]:
    """Which states change when the unit at `place` does."""
    tokens = units(1, 12)
    other = tokens.clone()
    other[0, place] = 7 + (int(tokens[0, place]) - 6) % (UNITS - 7)
    lengths = torch.tensor([12])
    before, after = (net.states(each, lengths, mode, sources) for each in (tokens, other))
    assert not torch.equal(tokens, other)
    return ((before - after).abs().amax(dim=2)[0] > 0).tolist()


@pytest.mark.row("S037", 2)
def test_each_mode_reads_what_it_may(model: PrefixModeTransformer) -> None:
    for place in (0, 5, 11):
        assert changed(model, "decoder-only", place) == [False] * place + [True] * (12 - place)
        assert all(changed(model, "encoder-only", place))
        both = changed(model, "encoder-decoder", place, torch.tensor([7]))
        if place < 7:
            assert all(both), "a source unit changes the source and the target"
        else:
            assert both == [False] * place + [True] * (12 - place)


@pytest.mark.row("S037", 2)
def test_a_flat_mask_given_to_a_decoder_flagged_backbone_is_caught() -> None:
    """The mistake: a library that is told which places are real makes the encoder causal without a word."""
    transformers = pytest.importorskip("transformers")
    config = transformers.RobertaConfig(
        vocab_size=UNITS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=66,
        is_decoder=True,
        attn_implementation="eager",
    )
    torch.manual_seed(0)
    theirs = transformers.RobertaModel(config, add_pooling_layer=False).eval()
    tokens = units(1, 12)
    other = tokens.clone()
    other[0, 11] = 7 + (int(tokens[0, 11]) - 6) % (UNITS - 7)
    flat = torch.ones(1, 12, dtype=torch.long)
    square = mode_mask("encoder-only", torch.tensor([12]), 12)
    with torch.no_grad():
        flat_moved, square_moved = (
            (theirs(tokens, attention_mask=mask)[0] - theirs(other, attention_mask=mask)[0]).abs().amax(dim=2)[0, 0]
            for mask in (flat, torch.where(square, 0.0, torch.finfo(torch.float32).min)[:, None])
        )
    assert float(flat_moved) == 0.0, "the last unit is not seen from the first place: no encoder"
    assert float(square_moved) > 0.0


@pytest.mark.row("S037", 2)
def test_masks_by_hand() -> None:
    lengths, sources = torch.tensor([4, 3]), torch.tensor([2, 2])
    assert mode_mask("encoder-only", lengths, 4)[1].int().tolist() == [[1, 1, 1, 0]] * 3 + [[1, 0, 0, 0]]
    assert mode_mask("decoder-only", lengths, 4)[0].int().tolist() == torch.ones(4, 4).tril().int().tolist()
    rows = [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert mode_mask("encoder-decoder", lengths, 4, sources)[0].int().tolist() == rows
    assert mode_mask("encoder-decoder", lengths, 4, sources)[1].int().tolist() == [*rows[:3], [1, 0, 0, 0]]
    for mode in MODES:
        assert mode_mask(mode, lengths, 6, sources).any(dim=2).all(), "no row reads nothing"
    with pytest.raises(ValueError, match="lengths of its sources"):
        mode_mask("encoder-decoder", lengths, 4)
    with pytest.raises(ValueError, match="no mode"):
        mode_mask("both", lengths, 4)  # type: ignore[arg-type]


@pytest.mark.row("S037", 3)
def test_the_vector_is_the_mean_of_all_real_states(model: PrefixModeTransformer) -> None:
    rows = [laid_out(units(1, count, count)[0].tolist(), "encoder-only", MARKS, 64) for count in (5, 9)]
    assert rows[0][:3] == [2, 4, 3]
    assert rows[0][-1] == 3
    tokens = torch.tensor([row + [PAD] * (14 - len(row)) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    found = model.vectors(tokens, lengths)
    for number, row in enumerate(rows):
        alone = model.body(torch.tensor([row]))[0]
        torch.testing.assert_close(found[number], alone.mean(dim=0), atol=1e-10, rtol=0)
        assert (found[number] - alone[3:-1].mean(dim=0)).abs().max() > 1e-4, "marks are in the mean"
    wider = torch.nn.functional.pad(tokens, (0, 7), value=PAD)
    torch.testing.assert_close(model.vectors(wider, lengths), found, atol=1e-5, rtol=0)


def sources(mode: Mode) -> TokenBatch:
    """Three sources of different length, laid out and padded."""
    rows = [laid_out(units(1, count, count)[0].tolist(), mode, MARKS, 64) for count in (6, 2, 9)]
    width = max(map(len, rows)) + 2
    tokens = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    return TokenBatch(tokens, torch.tensor([len(row) for row in rows]), torch.zeros(3, 1, dtype=torch.long))


@pytest.mark.row("S037", 4)
@pytest.mark.parametrize("mode", ["encoder-decoder", "decoder-only"])
def test_cached_steps_are_the_whole_prefix_read_again(model: PrefixModeTransformer, mode: Mode) -> None:
    model.decodes = mode
    batch, target = sources(mode), units(3, 8, 5)
    whole = model(batch._replace(target=target))
    state = model.start(batch)
    tokens = torch.full((3,), 2)
    for step in range(8):
        logits, state = model.next(tokens, state)
        torch.testing.assert_close(logits, whole[:, step], atol=1e-5, rtol=0)
        if step == 3:  # rows may change places on the way
            turned = torch.tensor([2, 0, 1])
            other, _ = model.next(target[turned, step], model.reorder(state, turned))
            torch.testing.assert_close(other, whole[turned, step + 1], atol=1e-5, rtol=0)
        tokens = target[:, step]
    for row in range(3):
        joined, lengths = follow(batch.tokens[row : row + 1], batch.lengths[row : row + 1], target[row : row + 1])
        alone = model.logits(model.states(joined, lengths, mode, batch.lengths[row : row + 1]))[0]
        torch.testing.assert_close(alone[int(batch.lengths[row]) - 1 : -1], whole[row], atol=1e-5, rtol=0)


@pytest.mark.row("S037", 4)
@pytest.mark.parametrize("mode", ["encoder-decoder", "decoder-only"])
def test_greedy_outputs_are_those_of_recomputation(model: PrefixModeTransformer, mode: Mode) -> None:
    model.decodes = mode
    batch = sources(mode)
    found = [best[0].value for best in greedy(model, batch, length=7)]
    for row in range(3):
        own = TokenBatch(batch.tokens[row : row + 1], batch.lengths[row : row + 1], torch.zeros(1, 1).long())
        written: list[int] = []
        while len(written) < 7:
            target = torch.tensor([[*written, 0]])
            unit = int(model(own._replace(target=target))[0, -1].argmax())
            if unit == PAD:
                break
            written.append(unit)
        assert tuple(written) == found[row]
    assert [best[0].value for best in Beam(1)(model, batch, length=7)] == found
    scores = [[each.score for each in best] for best in Beam(5)(model, batch, length=7)]
    assert all(row == sorted(row, reverse=True) for row in scores)


def test_too_long_inputs_lose_their_end_or_their_beginning() -> None:
    many = list(range(7, 30))
    assert laid_out(many, "encoder-only", MARKS, 10) == [2, 4, 3, *many[:6], 3]
    assert laid_out(many, "encoder-decoder", MARKS, 10) == [2, 6, 3, *many[:6], 3]
    assert laid_out(many, "decoder-only", MARKS, 10) == [2, 5, 3, *many[-7:]]


def test_targets_follow_their_own_sources() -> None:
    tokens = torch.tensor([[7, 8, 9, 0, 0], [7, 0, 0, 0, 0]])
    joined, lengths = follow(tokens, torch.tensor([3, 1]), torch.tensor([[20, 21], [22, 23]]))
    assert joined.tolist() == [[7, 8, 9, 20, 21], [7, 22, 23, 0, 0]]
    assert lengths.tolist() == [5, 3]
