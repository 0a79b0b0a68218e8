"""NS3's modules and the network of them: what is read and what is not, and that the order of arguments counts."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity

from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.nn.models.ns3_modules import ActionModule, EntityDiscovery
from phloem.nn.models.ns3_network import NeuralModuleNetwork, plan
from phloem.nn.models.text_encoder import TextEncoder
from phloem.represent.query_parse import parse
from phloem.represent.subwords import Subwords, words
from phloem.systems.understanding.ns3 import PairsAsWhole, Parsed, ParsedPairs, with_phrase
from phloem.tasks.bm25 import BM25
from phloem.tasks.multi_step_reasoning import generated

PAIRS = generated("train")[:20]
UNITS = Subwords.fit((f"{pair.query} {pair.code}" for pair in PAIRS), 330)
WIDTH, MOST, MOST_TEXT = 16, 64, 12


def layout(query: str):
    found = parse(query)
    assert found is not None
    return found


def codes(*texts: str) -> list[list[int]]:
    return [UNITS.units(text, MOST - MOST_TEXT - 3) for text in texts]


def network(**options) -> NeuralModuleNetwork:
    torch.manual_seed(0)
    make = lambda: TextEncoder(UNITS.size, width=WIDTH, layers=1, heads=2, inner=16, most=MOST)  # noqa: E731
    entity = EntityDiscovery(make(), most=MOST, most_text=MOST_TEXT)
    return NeuralModuleNetwork(entity, make(), UNITS.units, inner=32, **options).double().eval()


@pytest.mark.row("S060", 2)
def test_scores_of_a_phrase_are_of_the_code_and_of_the_phrase_alone():
    model, (one, two) = network(), codes(PAIRS[0].code, "x = 1")
    scores = model.entity([UNITS.units("file"), UNITS.units("archive")], [one, two])
    assert scores.shape == (2, len(one))
    assert bool(((scores >= 0) & (scores <= 1)).all())
    assert bool((scores[0] > 0).all())
    assert not scores[1, len(two) :].any()
    asked = ("copy file to archive", "copy file to the whole table of names")
    plans = [plan([layout(query)]) for query in asked]
    assert [phrase for _, phrase in plans[1].phrases] == ["file", "the whole table of names"]
    first, other = (model.found(made.phrases, [one])[0] for made in plans)
    assert torch.allclose(first, other, atol=1e-12)


@pytest.mark.row("S060", 2)
def test_scores_are_products_of_cosines():
    model, (code,) = network(), codes(PAIRS[0].code)
    both = layout("remove duplicates and sort list by key")
    with torch.no_grad():
        one, two, whole = model([both[:1], both[1:], both], [code] * 3)
        fits = [cosine_similarity(each.predicted, each.wanted, dim=0) for each in model.predictions([both], [code])]
    assert 0 <= whole <= min(one, two) <= 1
    assert torch.allclose(whole, one * two)
    assert torch.allclose(whole, fits[0] * fits[1])


def inputs(count: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(count)
    told = torch.randn(2, count, 7, generator=generator)
    scores = torch.rand(2, count, 9, generator=generator)
    return told, scores, torch.randn(2, 9, 24, generator=generator), torch.arange(9) < torch.tensor([[9], [6]])


@pytest.mark.row("S060", 3)
@pytest.mark.parametrize(("count", "masked"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_the_masked_scores_are_not_read(count: int, masked: int):
    torch.manual_seed(0)
    module = ActionModule(24, count).eval()
    told, scores, states, real = inputs(count)
    scores.requires_grad_()
    which = torch.full((2,), masked)
    predicted = module(told, scores, which, states, real)
    predicted.sum().backward()
    for argument in range(count):
        slope = scores.grad[0, argument]  # type: ignore[index]
        assert bool((slope == 0).all()) == (argument == masked)
    other = scores.detach().clone()
    other[:, masked] = torch.rand(2, 9)
    assert torch.equal(module(told, other, which, states, real), predicted)
    changed = told.clone()
    changed[:, masked] += 1
    assert not torch.equal(module(changed, scores, which, states, real), predicted)  # its verb and preposition stay
    assert not predicted[1, 6:].any()


@pytest.mark.row("S060", 3)
@pytest.mark.parametrize(("count", "width"), [(1, 32), (2, 40), (3, 48)])
def test_sizes_grow_by_eight_an_argument(count: int, width: int):
    module = ActionModule(24, count)
    assert module.layer.self_attn.in_proj_weight.shape == (3 * width, width)
    assert module.layer.self_attn.num_heads == 8
    assert module.layer.linear1.weight.shape == (2048, width)
    assert module.score[0].weight.shape == (width // 2, width)
    assert not module.layer.norm_first
    with pytest.raises(ValueError, match="do not part"):
        ActionModule(20, count)


def test_what_is_shared_and_what_a_missing_preposition_is():
    model = network()
    assert [part.weight.shape for part in model.actions.tell if hasattr(part, "weight")] == [(512, 2 * WIDTH), (7, 512)]
    vectors = model.word_vectors(["", "from"])
    assert not vectors[0].any()
    assert bool(vectors[1].any())


def test_inner_actions_are_done_first_and_pass_up_or_not():
    nested = layout("remove duplicates by sorting list on disk")
    made = plan([nested])
    assert [(step.verb, step.height, step.inputs) for step in made.steps] == [
        ("sort", 0, (1, 2)),
        ("remove", 1, (0, -1)),
    ]
    apart = plan([nested], pass_up=False)
    assert [(step.verb, step.height, step.inputs) for step in apart.steps] == [("sort", 0, (1, 2)), ("remove", 0, (0,))]
    (code,) = codes(PAIRS[0].code)
    with torch.no_grad():
        up, flat, each = (network(**own)([nested], [code]) for own in ({}, {"pass_up": False}, {"mask": "each"}))
    assert up != flat
    assert up != each


def test_a_batch_is_its_pairs_one_by_one():
    model = network()
    asked = [layout(pair.query) for pair in PAIRS[:6]] + [layout("remove duplicates by sorting list")]
    read = codes(*(pair.code for pair in PAIRS[:6]), "a.sort()")
    with torch.no_grad():
        alone = torch.cat([model([one], [code]) for one, code in zip(asked, read, strict=True)])
        assert torch.allclose(model(asked, read), alone, atol=1e-9)


@pytest.mark.row("S060", 4)
def test_swapped_arguments_change_the_score_but_not_that_of_a_bag_of_words(tmp_path):
    tokens = [[(word, unit) for word in words(pair.code) for unit in UNITS.units(word)] for pair in PAIRS]
    parsed = [
        Parsed(layout(pair.query), [unit for _, unit in own], [word for word, _ in own])
        for pair, own in zip(PAIRS, tokens, strict=True)
    ]
    model = network().float()
    settings = TrainingSettings(epochs=2, batch_size=10, threads=1)
    train(model, ParsedPairs(parsed), PairsAsWhole(), settings, folder=tmp_path)
    right, wrong = "copy file to archive", "copy archive to file"
    (code,) = codes("def f(file, archive):\n    archive.write(file.read())\n")
    with torch.no_grad():
        one, two = model([layout(right), layout(wrong)], [code] * 2)
    assert abs(float(one - two)) > 1e-5
    index = BM25([words(one.code) for one in PAIRS])
    assert abs(index.scores(words(right)) - index.scores(words(wrong))).max() < 1e-9


def test_a_wrong_phrase_stands_in_the_masked_place():
    assert with_phrase(layout("copy file to archive"), "table") == layout("copy file to table")
    assert with_phrase(layout("copy file"), "table") == layout("copy table")
    nested = layout("remove duplicates by sorting list")
    assert with_phrase(nested, "table") == nested
