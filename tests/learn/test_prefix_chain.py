"""The course of a prefix through its source tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from phloem.errors import PhloemError
from phloem.learn import prefix_chain
from phloem.nn.models.prefix_encoder_decoder import PrefixedT5, prefix_for
from phloem.nn.models.t5 import T5, T5Config

CONFIG = T5Config(
    vocabulary=12, width=8, layers=1, decoder_layers=1, heads=2, size=4, inner=8, pad=0, begin=2, end=0, buckets=4
)


def fresh(theta: dict[str, Tensor]) -> PrefixedT5:
    body = T5(CONFIG)
    body.load_state_dict(theta)
    return PrefixedT5(body, prefix_for(body, 2, inner=4))


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.row("S039", 3)
def test_the_prefix_goes_on_and_the_models_begin_anew(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theta = prefix_chain.copied(T5(CONFIG).state_dict())
    first = prefix_chain.copied(fresh(theta).prefix.state_dict())
    visits, befores, afters = [], [], []

    def learn(model: nn.Module, task: int, number: int) -> None:
        assert isinstance(model, PrefixedT5)
        assert equal(model.body.state_dict(), theta), "each task starts from the pretrained weights"
        befores.append(prefix_chain.copied(model.prefix.state_dict()))
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        tokens = torch.randint(3, 12, (4, 5), generator=torch.Generator().manual_seed(task))
        loss = model(tokens, None, tokens).logsumexp(-1).mean()
        loss.backward()
        optimizer.step()
        assert not equal(model.body.state_dict(), theta)
        afters.append(prefix_chain.copied(model.prefix.state_dict()))
        visits.append((number, task))

    final = prefix_chain.source_training(first, lambda: fresh(theta), [10, 11, 12], learn, rounds=2)
    assert visits == [(number, task) for number in range(2) for task in (10, 11, 12)]
    assert equal(befores[0], first)
    for after, before in zip(afters, befores[1:], strict=False):
        assert equal(after, before)
        assert not equal(after, first)
    assert equal(final, afters[-1])
    file = tmp_path / "universal.safetensors"
    prefix_chain.save(final, file)
    written = load_file(file)
    assert equal(written, afters[-1])
    assert written.keys() == first.keys(), "parameters of the prefix only"
    model = fresh(theta)
    prefix_chain.load(model.prefix, file)
    assert equal(prefix_chain.copied(model.prefix.state_dict()), final)
    assert equal(model.body.state_dict(), theta), "the second stage begins with the pretrained weights"


def test_rounds_may_have_orders_of_their_own() -> None:
    torch.manual_seed(0)
    theta = prefix_chain.copied(T5(CONFIG).state_dict())
    visits: list[int] = []
    prefix_chain.source_training(
        fresh(theta).prefix.state_dict(),
        lambda: fresh(theta),
        range(4),
        lambda model, task, number: visits.append(task),
        rounds=3,
        shuffle=np.random.default_rng(0),
    )
    orders = [tuple(visits[start : start + 4]) for start in (0, 4, 8)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(set(orders)) > 1


def test_wrong_files_and_models_are_refused(tmp_path: Path) -> None:
    theta = prefix_chain.copied(T5(CONFIG).state_dict())
    model = fresh(theta)
    prefix_chain.save(prefix_for(model.body, 3, inner=4).state_dict(), tmp_path / "longer.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    for name in ("longer", "text", "absent"):
        with pytest.raises(PhloemError, match="no prefix of this model's shape"):
            prefix_chain.load(model.prefix, tmp_path / f"{name}.safetensors")
    with pytest.raises(PhloemError, match="0 prefixes"):
        prefix_chain.prefix_of(T5(CONFIG))
