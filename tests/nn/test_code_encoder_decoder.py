"""The encoder-decoder of CodeT5: T5's positions and logits, the tagging head, decoding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from phloem.decode.greedy import greedy
from phloem.nn.models import hub_layout
from phloem.nn.models.code_encoder_decoder import CodeEncoderDecoder
from phloem.nn.models.t5 import T5, T5Config
from phloem.nn.positions.t5_relative_bias import bucket
from phloem.represent.base import PAD, START
from phloem.represent.token_view import TokenBatch

UNITS = 50


@pytest.mark.row("S117", 4)
def test_relative_buckets_are_those_of_t5() -> None:
    t5 = pytest.importorskip("transformers.models.t5.modeling_t5")
    offsets = torch.arange(-300, 301)
    for both in (True, False):
        for buckets, most in ((32, 128), (16, 64)):
            wanted = t5.T5Attention._relative_position_bucket(offsets, both, buckets, most)
            assert torch.equal(bucket(offsets, buckets, most, both_directions=both), wanted)
    assert bucket(torch.tensor([0, 1, -1, 7, 8, 300, -300])).tolist() == [0, 17, 1, 23, 24, 31, 15]


@pytest.mark.row("S117", 4)
def test_logits_are_those_of_t5_on_random_weights(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    shape = transformers.T5Config(
        vocab_size=UNITS,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_decoder_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
        initializer_factor=0.5,
    )
    theirs = transformers.T5ForConditionalGeneration(shape).eval()
    theirs.save_pretrained(tmp_path)
    ours = hub_layout.load(tmp_path).model
    tokens, read = torch.randint(3, UNITS, (2, 180)), torch.randint(3, UNITS, (2, 160))
    lengths = torch.tensor([180, 70])
    real = (torch.arange(180) < lengths[:, None]).long()
    with torch.no_grad():
        wanted = theirs(input_ids=tokens, attention_mask=real, decoder_input_ids=read).logits
        found = ours.logits(ours.decode(read, ours.encode(tokens, lengths), lengths))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_a_batch_has_logits_a_label_each_unit_and_an_answer() -> None:
    torch.manual_seed(0)
    config = T5Config(UNITS, 32, 1, 1, 4, 8, 64, pad=PAD, begin=START, end=PAD)
    net = CodeEncoderDecoder(T5(config), 32).double().eval()
    batch = TokenBatch(
        torch.randint(5, UNITS, (3, 7)), torch.tensor([7, 4, 2]), torch.tensor([[8, 9, 0], [7, 0, 0], [6, 5, 0]])
    )
    assert net(batch).shape == (3, 3, UNITS)
    labels = net.identifier(batch.tokens, batch.lengths)
    longer = net.identifier(torch.nn.functional.pad(batch.tokens, (0, 4)), batch.lengths)
    torch.testing.assert_close(longer[1, :4], labels[1, :4])
    for row, best in enumerate(greedy(net, batch, length=4)):
        written = list(best[0].value)
        target = torch.tensor([[*written, PAD]])
        alone = batch._replace(tokens=batch.tokens[[row]], lengths=batch.lengths[[row]], target=target)
        log = net(alone).log_softmax(dim=2)[0].gather(1, target[0, :, None]).sum()
        assert float(log.detach()) == pytest.approx(best[0].score, abs=1e-6)
