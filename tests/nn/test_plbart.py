"""PLBART's marks of language, its decoding, and its shape against the published class."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from phloem.decode.greedy import greedy
from phloem.nn.models import hub_layout
from phloem.nn.models.plbart import LanguageBatch, LanguageEncoderDecoder, Plbart, PlbartConfig, language_shifted
from phloem.represent.base import PAD, START

JAVA, PYTHON, END = 5, 6, PAD
UNITS = 40
SMALL = PlbartConfig(
    vocabulary=UNITS,
    width=32,
    layers=2,
    decoder_layers=2,
    heads=4,
    decoder_heads=4,
    inner=64,
    decoder_inner=64,
    places=32,
    pad=PAD,
    begin=START,
    end=PAD,
)


@pytest.fixture(scope="module")
def model() -> LanguageEncoderDecoder:
    torch.manual_seed(0)
    net = LanguageEncoderDecoder(Plbart(SMALL)).double().eval()
    torch.nn.init.normal_(net.body.table.weight, std=0.3)  # type: ignore[union-attr,arg-type]
    return net


def batch(language: int = JAVA, padding: int = 0) -> LanguageBatch:
    rng = torch.Generator().manual_seed(1)
    tokens = torch.randint(7, UNITS, (3, 9), generator=rng)
    lengths = torch.tensor([9, 5, 7])
    for row, length in enumerate(lengths.tolist()):
        tokens[row, length - 1] = language
        tokens[row, length:] = PAD
    target = F.pad(torch.randint(7, UNITS, (3, 6), generator=rng), (0, 1), value=END)
    return LanguageBatch(F.pad(tokens, (0, padding), value=PAD), lengths, target, torch.full((3,), language))


@pytest.mark.row("S009", 3)
def test_the_language_closes_the_source_and_begins_the_target(model: LanguageEncoderDecoder) -> None:
    one = batch()
    read = language_shifted(one.target, one.language)
    assert (read[:, 0] == JAVA).all()
    assert torch.equal(read[:, 1:], one.target[:, :-1]), "the target is what is read, shifted left by one"
    assert (one.tokens.gather(1, (one.lengths - 1)[:, None]) == JAVA).all()
    moved = model(one) - model(one._replace(language=torch.full((3,), PYTHON)))
    assert moved.abs().max() > 1e-3


@pytest.mark.row("S009", 3)
def test_another_language_makes_a_trained_model_write_another_text() -> None:
    """Two 'languages' say the same thing by other units; a model that learned both obeys the mark."""
    torch.manual_seed(0)
    net = LanguageEncoderDecoder(Plbart(replace(SMALL, layers=1, decoder_layers=1, inner=32, decoder_inner=32)))
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)

    def pairs(rows: int, language: Tensor) -> LanguageBatch:
        words = torch.randint(10, 20, (rows, 2))
        written = F.pad(words + 10 * (language == PYTHON)[:, None], (0, 1), value=END)
        source = torch.cat([words, language[:, None]], dim=1)
        return LanguageBatch(source, torch.full((rows,), 3), written, language)

    for _ in range(90):
        made = pairs(32, torch.where(torch.rand(32) < 0.5, JAVA, PYTHON))
        loss = F.cross_entropy(net(made).flatten(0, 1), made.target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    asked = pairs(20, torch.full((20,), JAVA))
    other = asked._replace(language=torch.full((20,), PYTHON), tokens=asked.tokens.clone())
    other.tokens[:, -1] = PYTHON
    java, python = ([best[0].value for best in greedy(net, each, length=6)] for each in (asked, other))
    assert sum(one != two for one, two in zip(java, python, strict=True)) >= 18
    assert all(unit < 20 for value in java for unit in value)
    assert all(unit >= 20 for value in python for unit in value)


@pytest.mark.row("S009", 4)
def test_words_one_by_one_are_words_all_at_once(model: LanguageEncoderDecoder) -> None:
    one = batch()
    whole = model(one)
    state, word = model.start(one), torch.full((3,), START)
    for step in range(7):
        logits, state = model.next(word, state)
        torch.testing.assert_close(logits, whole[:, step], atol=1e-5, rtol=0)
        word = one.target[:, step]


@pytest.mark.row("S009", 4)
def test_the_memory_does_not_know_the_decoder_and_padding_is_not_read(model: LanguageEncoderDecoder) -> None:
    one = batch()
    memory = model.body.encode(one.tokens, one.lengths)
    changed = one._replace(target=one.target.roll(1, dims=0))
    model(changed)
    assert torch.equal(model.body.encode(changed.tokens, changed.lengths), memory)
    assert (model(changed) - model(one)).abs().max() > 1e-3
    torch.testing.assert_close(model(batch(padding=6)), model(one), atol=1e-5, rtol=0)


@pytest.mark.row("S009", 5)
def test_logits_are_those_of_the_published_class(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    shape = transformers.PLBartConfig(
        vocab_size=UNITS,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=32,
        scale_embedding=True,
        init_std=0.2,
    )
    theirs = transformers.PLBartForConditionalGeneration(shape).eval()
    for part in theirs.modules():
        if isinstance(part, torch.nn.LayerNorm):  # fresh ones are idempotent: a second norm would change nothing
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias)
    theirs.save_pretrained(tmp_path)
    plain = hub_layout.load(tmp_path).model
    tokens, read = torch.randint(7, UNITS, (2, 9)), torch.randint(7, UNITS, (2, 6))
    with torch.no_grad():
        wanted = theirs(input_ids=tokens, attention_mask=torch.ones_like(tokens), decoder_input_ids=read).logits

    def logits(**changes: object) -> Tensor:
        own = Plbart(PlbartConfig(**{**asdict(plain.config), **changes}))  # type: ignore[arg-type]
        own.load_state_dict(plain.state_dict(), strict=False)
        with torch.no_grad():
            return own.eval().logits(own.decode(read, own.encode(tokens)))

    torch.testing.assert_close(logits(), wanted, atol=1e-4, rtol=0)
    assert (logits(final_norm=True) - wanted).abs().max() > 1e-2
    assert (logits(scaled=False) - wanted).abs().max() > 1e-2
