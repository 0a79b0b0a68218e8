"""Latent programs: leave one out, search that never falls, the divergence, rows that wrap, and the generator."""

import math

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from phloem.corpora import pattern_task
from phloem.decode.latent_search import gradient_search, random_search
from phloem.learn.objectives.leave_one_out import LeaveOneOut, divergence, mean_of_others
from phloem.nn.models.latent_program import GridBatch, LatentProgram, full
from phloem.tasks import patterns
from phloem.tasks.patterns import Patterns

SIZES = {"colours": 5, "latent": 6, "width": 16, "heads": 2, "inner": 16}


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def network(rows: int = 4, columns: int = 4) -> LatentProgram:
    torch.manual_seed(0)
    return LatentProgram(rows, columns, **SIZES)


def tasks(count: int = 3, pairs: int = 4) -> GridBatch:
    data = Patterns(epoch=1, pairs=pairs, canvas=4, size=2, colours=4)
    return data.drawn(np.random.default_rng(0), count)


@pytest.mark.row("S008", 1)
def test_a_pair_is_explained_by_the_others_alone() -> None:
    net, batch = network(), tasks()
    noise = torch.randn(3, 4, SIZES["latent"])

    def latents(given: GridBatch) -> torch.Tensor:
        mean, log_variance = net.encode(given)
        return mean_of_others(mean + (0.5 * log_variance).exp() * noise)

    before, rows = latents(batch), net.decode(batch, latents(batch)).rows
    for i in range(4):
        outputs = batch.outputs.clone()
        outputs[:, i, 0, 0] = (outputs[:, i, 0, 0] + 1) % 5
        changed = batch._replace(outputs=outputs)
        after = latents(changed)
        assert torch.equal(after[:, i], before[:, i])
        assert torch.equal(net.decode(changed, after).rows[:, i], rows[:, i])
        for j in range(4):
            assert j == i or not torch.equal(after[:, j], before[:, j])


@pytest.mark.row("S008", 1)
def test_a_latent_has_no_gradient_in_its_own_pair() -> None:
    embedded = torch.randn(2, 4, 5, 6, requires_grad=True)  # tasks, pairs, time, width: what an encoder reads
    z = mean_of_others(torch.tanh(embedded).mean(2))
    for i in range(4):
        (gradient,) = torch.autograd.grad(z[:, i].sum(), embedded, retain_graph=True)
        assert (gradient[:, i] == 0).all()
        assert all((gradient[:, j] != 0).any() for j in range(4) if j != i)
    net, batch = network(), tasks()
    kept = []
    real = net.embedded

    def remembered(*arguments, **options):
        found = real(*arguments, **options)
        found.retain_grad() if found.requires_grad else None
        kept.append(found)
        return found

    net.embedded = remembered
    mean_of_others(net.encode(batch)[0])[:, 1].sum().backward()
    for sequence in kept:
        by_pair = sequence.grad.unflatten(0, (3, 4))
        assert (by_pair[:, 1] == 0).all()
        assert (by_pair[:, 0] != 0).any()


@pytest.mark.row("S008", 2)
@pytest.mark.parametrize("method", ["gradient", "random"])
def test_a_search_never_returns_less_than_its_start(method: str) -> None:
    net, batch = network().eval(), tasks(5)
    given, asked = patterns.split(batch)
    none = patterns.fitted(net, given, steps=0, method=method)
    found = patterns.fitted(net, given, steps=12, method=method)
    assert (found.score >= none.score).all()
    assert (found.curve.diff(dim=0) >= 0).all()
    assert (found.score > none.score).any()
    mean = net.encode(given)[0].mean(1)
    assert torch.equal(none.best, mean)
    outputs, _ = net.generate(asked.inputs[:, 0], asked.input_shapes[:, 0], none.best)
    again, _ = net.generate(asked.inputs[:, 0], asked.input_shapes[:, 0], mean)
    assert torch.equal(outputs, again)
    pairs = given.inputs.shape[1]
    score = net.log_likelihood(given, found.best[:, None].expand(-1, pairs, -1)).sum(1)
    assert torch.allclose(score, found.score)


@pytest.mark.row("S008", 2)
def test_ascent_finds_the_top_of_a_hill_that_samples_miss() -> None:
    top = torch.randn(3, 8) * 2
    found = gradient_search(lambda z: -(z - top).square().sum(1), torch.zeros(3, 8), 100)
    drawn = random_search(lambda z: -(z - top).square().sum(1), torch.zeros(3, 8), 100)
    assert (found.best - top).abs().max() < 0.2
    assert (found.score > drawn.score).all()
    assert (found.score >= -(found.second - top).square().sum(1)).all()


@pytest.mark.row("S008", 3)
def test_the_divergence_is_that_of_two_gaussians() -> None:
    mean, log_variance = torch.randn(2, 3, 6), torch.randn(2, 3, 6)
    expected = [
        sum(
            0.5 * (m * m + math.exp(v) - 1 - v)
            for m, v in zip(mean[t, p].tolist(), log_variance[t, p].tolist(), strict=True)
        )
        for t in range(2)
        for p in range(3)
    ]
    assert float(divergence(mean, log_variance)) == pytest.approx(sum(expected) / 6, abs=1e-6)
    normal = torch.distributions.Normal
    told = torch.distributions.kl_divergence(normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0))
    assert float(divergence(mean, log_variance)) == pytest.approx(float(told.sum(-1).mean()))


class Stored(LeaveOneOut):
    """Adds steps that were computed before."""

    def step(self, model, batch, z):
        return self.__dict__["steps_made"].pop(0)


@pytest.mark.row("S008", 3)
def test_the_gradient_does_not_go_through_a_step() -> None:
    net, batch = network().eval(), tasks(2)
    plain = LeaveOneOut(steps=1)
    with torch.no_grad():
        z = mean_of_others(net.encode(batch)[0])
    made = plain.step(net, batch, z)
    stored = Stored(steps=1)
    object.__setattr__(stored, "steps_made", [made])
    encoder = [p for name, p in net.named_parameters() if name.startswith(("encoder", "mean", "begin"))]

    def gradients(objective: LeaveOneOut) -> torch.Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            found = torch.autograd.grad(objective(net, batch).value, encoder, allow_unused=True)
        return torch.cat([each.flatten() for each in found if each is not None])

    stopped = gradients(plain)
    assert torch.allclose(stopped, gradients(stored), atol=1e-6)
    assert (stopped - gradients(LeaveOneOut(steps=1, through=True))).abs().max() > 1e-6
    assert (made.abs() > 0).any()


@pytest.mark.row("S008", 4)
def test_rows_wrap_around_padding() -> None:
    torch.manual_seed(1)
    large, small = network(10, 10).eval(), network(3, 2).eval()
    weights = large.state_dict()
    for name, tensor in small.state_dict().items():
        weights_here = weights[name]
        if weights_here.shape != tensor.shape:
            weights_here = weights_here[tuple(slice(size) for size in tensor.shape)]
        tensor.copy_(weights_here)
    cells = torch.randint(1, 5, (2, 1, 1, 3, 2))
    shape = torch.tensor([[[3, 2]]])
    padded = [torch.zeros(1, 1, 10, 10, dtype=torch.long) for _ in range(2)]
    for canvas, grid in zip(padded, cells, strict=True):
        canvas[:, :, :3, :2] = grid
    z = torch.randn(1, 1, SIZES["latent"])
    wide = GridBatch(padded[0], padded[1], shape, shape)
    narrow = full(cells[0], cells[1])
    expected = small.decode(narrow, z).cells.log_softmax(-1)
    found = large.decode(wide, z).cells.log_softmax(-1)[:, :, :3, :2]
    assert (found - expected).abs().max() < 1e-5
    flat = GridBatch(*(part.flatten(0, 1) for part in wide))
    logits = large.heads[2](large.norms[2](large.states(flat, z[:, 0])[:, 2:]))
    for row in (1, 2):
        behind = logits[:, 1 + (row - 1) * 10 + 9].log_softmax(-1)  # the padding before the row's first cell
        assert (behind - expected[0, :, row, 0]).abs().max() > 1e-3
    assert torch.allclose(logits[:, 0].log_softmax(-1), expected[0, :, 0, 0], atol=1e-5)


def test_padding_is_never_read_and_later_cells_are_not_seen() -> None:
    net, shape = network().eval(), torch.tensor([[[2, 3]]])
    cells = torch.randint(0, 5, (2, 1, 1, 4, 4))
    z = torch.randn(1, 1, SIZES["latent"])
    batch = GridBatch(cells[0], cells[1], shape, shape)
    expected, coded = net.decode(batch, z), net.encode(batch)[0]
    noisy = cells.clone()
    noisy[..., 2:, :] = 4
    noisy[..., 3] = 0
    other = GridBatch(noisy[0], noisy[1], shape, shape)
    assert torch.allclose(net.decode(other, z).cells[:, :, :2, :3], expected.cells[:, :, :2, :3])
    assert torch.allclose(net.encode(other)[0], coded)
    later = batch.outputs.clone()
    later[:, :, 1, 1] = (later[:, :, 1, 1] + 1) % 5
    after = net.decode(batch._replace(outputs=later), z).cells
    assert torch.allclose(after[:, :, 0], expected.cells[:, :, 0])
    assert torch.allclose(after[:, :, 1, :2], expected.cells[:, :, 1, :2])
    assert not torch.allclose(after[:, :, 1, 2], expected.cells[:, :, 1, 2])


def test_what_is_generated_is_the_likeliest_of_each_step() -> None:
    net, batch = network().eval(), tasks(4, 1)
    z = torch.randn(4, SIZES["latent"])
    outputs, shapes = net.generate(batch.inputs[:, 0], batch.input_shapes[:, 0], z)
    told = net.decode(GridBatch(batch.inputs, outputs[:, None], batch.input_shapes, shapes[:, None]), z[:, None])
    for i in range(4):
        rows, columns = shapes[i].tolist()
        assert int(told.rows[i, 0].argmax()) + 1 == rows
        assert int(told.columns[i, 0].argmax()) + 1 == columns
        assert (told.cells[i, 0, :rows, :columns].argmax(-1) == outputs[i, :rows, :columns]).all()


@pytest.mark.row("S008", 5)
def test_the_generator() -> None:
    rng = np.random.default_rng(0)
    made = pattern_task.grids(rng, pattern_task.patterns(rng, 500), 4)
    places = set()
    for task in range(500):
        for pair in range(4):
            (mark,) = np.argwhere(made.inputs[task, pair])
            assert made.inputs[task, pair][tuple(mark)] == 1
            row, column = mark.tolist()
            places.add((row, column))
            output = made.outputs[task, pair]
            assert (output != 0).sum() == 16
            assert (output[row : row + 4, column : column + 4] == made.patterns[task]).all()
    assert places == {(row, column) for row in range(7) for column in range(7)}
    sparse = pattern_task.patterns(rng, 400, density=0.5)
    assert abs((sparse != 0).mean() - 0.5) < 0.03
    held = Patterns(epoch=1, held=5)
    seen = held.drawn(np.random.default_rng(1), 200)
    unseen = held.drawn(np.random.default_rng(1), 50, only_unseen=True)

    def blocks(batch: GridBatch) -> set[bytes]:
        found = set()
        for grid_in, grid in zip(batch.inputs.flatten(0, 1).numpy(), batch.outputs.flatten(0, 1).numpy(), strict=True):
            row, column = np.argwhere(grid_in)[0]
            found.add(np.ascontiguousarray(grid[row : row + 2, column : column + 2]).tobytes())
        return found

    assert blocks(unseen) <= held.unseen()
    assert not blocks(seen) & held.unseen()
