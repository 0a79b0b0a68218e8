"""Encoders with exits: cut ones are the whole one's, gradients go where they should, windows hold together."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phloem.learn.objectives.multi_exit_sum import depth_weights, last_only, multi_exit_sum
from phloem.nn.models.multi_exit_encoder import MultiExitConfig, MultiExitEncoder
from phloem.represent.repository_windows import collate_windows, windows
from phloem.represent.subwords import CLS, SEP
from phloem.systems.understanding.mose import padded

CONFIG = MultiExitConfig(50, width=32, layers=6, heads=4, inner=48, exits=(2, 4, 6))


def model(config: MultiExitConfig = CONFIG) -> MultiExitEncoder:
    torch.manual_seed(0)
    made = MultiExitEncoder(config)
    for projection in made.projections:
        torch.nn.init.normal_(projection.weight, std=0.2)
    return made.double().eval()


def rows(seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(4, 50, size).tolist() for size in (3, 9, 14)]


@pytest.mark.row("S078", 1)
def test_a_cut_model_gives_the_exits_embedding_wherever_the_padding_is():
    whole = model()
    for number, depth in enumerate(CONFIG.exits):
        cut = whole.truncated(number)
        assert torch.allclose(cut.embed(*padded(rows())), whole.embed(*padded(rows()), number), atol=1e-6)
        assert len(cut.layers) == depth
        assert not any(name.startswith(f"layers.{depth}.") for name in cut.state_dict())
        assert len(cut.projections) == cut.exit_embedding.num_embeddings == number + 1
        left = cut.float().embed(*padded(rows(), left=True))
        assert torch.allclose(left, cut.embed(*padded(rows())), atol=1e-5)
    one = torch.cat([whole.embed(*padded([row])) for row in rows()])
    assert torch.allclose(one, whole.embed(*padded(rows())), atol=1e-10), "padding is not read"


@pytest.mark.row("S078", 2)
def test_gradients_of_exits():
    tokens, real = padded(rows())
    target = torch.randn(3, 32, dtype=torch.float64)

    def gradients(weights: tuple[float, ...], net: MultiExitEncoder) -> dict[str, torch.Tensor | None]:
        net.zero_grad(set_to_none=True)
        states = net(tokens, real)
        multi_exit_sum(lambda e: (net.projected(states[e], real, e) * target).sum(), weights).backward()
        return {name: parameter.grad for name, parameter in net.named_parameters()}

    whole = model()
    middle = gradients((0.0, 1.0, 0.0), whole)
    for name, gradient in middle.items():
        if name.startswith(("layers.4.", "layers.5.")):
            assert gradient is None or not gradient.any()
        if name.startswith(("layers.0.", "layers.3.")):
            assert gradient is not None
    weights = depth_weights(CONFIG.exits, CONFIG.layers)
    assert weights == (2 / 6, 4 / 6, 1.0)
    parts = [gradients(tuple(float(e == k) for e in range(3)), whole) for k in range(3)]
    total = gradients(weights, whole)
    for name, gradient in total.items():
        if name.startswith("layers.0."):
            wanted = sum(weight * part[name] for weight, part in zip(weights, parts, strict=True))
            assert torch.allclose(gradient, wanted, rtol=1e-6, atol=1e-12)
    plain = MultiExitEncoder(MultiExitConfig(50, width=32, layers=6, heads=4, inner=48, exits=(6,))).double()
    state = whole.state_dict()
    state["exit_embedding.weight"] = state["exit_embedding.weight"][2:]
    state["projections.0.weight"], state["projections.0.bias"] = (
        state[f"projections.2.{x}"] for x in ("weight", "bias")
    )
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    single, last = gradients_of_plain(plain, tokens, real, target), gradients(last_only(CONFIG.exits), whole)
    for name, gradient in single.items():
        if name.startswith(("layers.", "table", "norm")):
            assert torch.allclose(gradient, last[name], rtol=1e-6, atol=1e-12)
    with pytest.raises(ValueError, match="some exit"):
        multi_exit_sum(lambda e: torch.zeros(()), (0.0, 0.0))


def gradients_of_plain(net, tokens, real, target):
    (net.projected(net(tokens, real)[-1], real, 0) * target).sum().backward()
    return {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}


@pytest.mark.row("S078", 2)
def test_the_exit_vector_is_all_that_heads_know_of_the_exit():
    whole = model()
    states, real = torch.randn(2, 5, 32, dtype=torch.float64), torch.ones(2, 5, dtype=torch.bool)
    assert not torch.allclose(whole.words(states, 0), whole.words(states, 1))
    torch.nn.init.zeros_(whole.exit_embedding.weight)
    for number in (1, 2):
        assert torch.equal(whole.words(states, 0), whole.words(states, number))
        assert torch.equal(whole.same_repository(states, real, 0), whole.same_repository(states, real, number))


@pytest.mark.row("S078", 3)
@given(st.integers(0, 1000), st.integers(24, 80))
def test_windows_hold_whole_snippets_of_one_repository_or_more(seed, size):
    rng = np.random.default_rng(seed)
    snippets = [rng.integers(4, 50, rng.integers(1, 30)).tolist() for _ in range(40)]
    repositories = rng.integers(0, 4, 40)
    found = windows(snippets, repositories, size=size, count=20, rng=rng)
    assert sum(window.one_repository for window in found) == 10
    for window in found:
        sources = {int(repositories[number]) for number in window.snippets}
        assert (len(sources) == 1) == window.one_repository
        assert len(window.snippets) >= 2
        assert len(window.tokens) <= size
        assert window.tokens[0] == CLS
        for number, start in zip(window.snippets, window.starts, strict=True):
            stop = start + len(snippets[number])
            assert window.tokens[start:stop].tolist() == snippets[number]
            assert window.tokens[stop] == SEP
    batch = collate_windows(found)
    assert torch.equal(batch.real.sum(dim=1), torch.tensor([len(window.tokens) for window in found]))
    ends = batch.tokens.gather(1, batch.real.sum(dim=1, keepdim=True) - 1)
    assert (ends == SEP).all(), "no snippet reaches over the border of the padding"


@pytest.mark.row("S078", 4)
def test_the_work_of_an_exit_is_linear_in_its_depth():
    # The property speaks of time; here multiplications are counted, benchmarks/early_exit.py times them.
    config = MultiExitConfig(50, width=64, layers=8, heads=4, inner=128, exits=tuple(range(1, 9)))
    whole = MultiExitEncoder(config).eval()
    tokens, real = padded([[5] * 40] * 4)
    work: list[int] = []
    counted: list[int] = []
    for part in whole.modules():
        if isinstance(part, torch.nn.Linear):
            part.register_forward_hook(lambda own, read, made: counted.append(made.numel() * own.in_features))
    for number in range(8):
        with torch.no_grad():
            whole.embed(tokens, real, number)
        work.append(sum(counted))
        counted.clear()
    depths = np.arange(1, 9)
    slope, offset = np.polyfit(depths, work, 1)
    assert np.allclose(offset + slope * depths, work, rtol=1e-6)
    assert 0 <= offset < 0.1 * work[-1]
    assert work[3] <= 0.65 * work[-1]


def test_exits_must_be_depths():
    for exits in ((), (3, 2), (0, 2), (2, 9)):
        with pytest.raises((ValueError, IndexError)):
            MultiExitEncoder(MultiExitConfig(50, layers=8, exits=exits))
