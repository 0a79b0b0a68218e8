"""A decoder that goes on from prompts: steps equal the whole, whatever lies beside or behind."""

import pytest
import torch

from phloem.decode.greedy import greedy
from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.represent.base import PAD
from phloem.represent.completions import Symbols, completions, prompts


@pytest.mark.parametrize("places", ["rotary", "none"])
def test_greedy_in_a_padded_batch_is_greedy_by_whole_passes(places):
    torch.manual_seed(0)
    model = PromptedDecoder(20, width=32, layers=2, heads=4, places=places).eval().double()
    torch.nn.init.normal_(model.table.weight)
    asked = [[4, 5, 6], [7], [3, 4, 5, 6, 7, 8], [9, 9, 12, 13]]
    found = greedy(model, prompts(asked), length=7)
    for prompt, best in zip(asked, found, strict=True):
        written = list(prompt)
        for _ in range(7):
            likeliest = int(model(torch.tensor([written]))[0, -1].argmax())
            if likeliest == PAD:
                break
            written.append(likeliest)
        assert best[0].value == tuple(written[len(prompt) :])


@pytest.mark.parametrize("places", ["rotary", "none"])
def test_reordered_rows_and_steps_give_the_logits_of_the_whole(places):
    torch.manual_seed(1)
    model = PromptedDecoder(20, width=16, layers=2, heads=2, places=places).eval().double()
    batch = completions([([3, 4, 5], [6, 7]), ([8], [9, 10, 11, 12])])
    whole = model(batch.tokens)
    state = model.start(prompts([[3, 4, 5], [8]]))
    state = model.reorder(state, torch.tensor([1, 0]))
    first, state = model.next(torch.zeros(2, dtype=torch.long), state)
    assert torch.allclose(first, torch.stack([whole[1, 0], whole[0, 2]]))
    second, _ = model.next(torch.tensor([9, 6]), state)
    assert torch.allclose(second, torch.stack([whole[1, 1], whole[0, 3]]))


def test_without_places_a_first_unit_is_read_alike_wherever_it_stands():
    torch.manual_seed(2)
    model = PromptedDecoder(9, width=16, layers=1, heads=2, places="none").eval()
    logits = model(torch.full((1, 6), 4))
    assert torch.allclose(logits, logits[:, :1].expand_as(logits), atol=1e-6)
    turned = PromptedDecoder(9, width=16, layers=1, heads=2).eval()
    mixed = turned(torch.tensor([[4, 5, 5]]))[0, -1], turned(torch.tensor([[5, 4, 5]]))[0, -1]
    assert not torch.allclose(*mixed, atol=1e-6)  # order matters with places


def test_alphabets_refuse_what_is_not_in_them():
    symbols = Symbols("ab")
    assert symbols.decode(symbols.encode("abba")) == list("abba")
    with pytest.raises(Exception, match="not in the alphabet"):
        symbols.encode("c")
    with pytest.raises(ValueError, match="empty prompt"):
        prompts([[1], []])
