"""Looped transformers compute what SUBLEQ, FLEQ and Newton's iteration say, by lookups as sharp as was promised."""

import numpy as np
import pytest
import torch

from phloem.errors import PhloemError
from phloem.nn.mixers.base import Info
from phloem.synthesis.looped_vm import fleq
from phloem.synthesis.looped_vm.fleq import Fleq, FleqComputer, FleqProgram
from phloem.synthesis.looped_vm.inverse import MatrixInverse
from phloem.synthesis.looped_vm.machine import LayerPlan, Rows, build, signs, sufficient_sharpness
from phloem.synthesis.looped_vm.subleq import SubleqComputer
from phloem.synthesis.subleq_assembler import (
    assemble,
    bubble_sort,
    gcd,
    halts_at,
    multiply,
    random_program,
    trace,
    wrapped,
)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def programs(rng, columns, count):
    made = []
    for _ in range(count):
        cells = int(rng.integers(3, columns // 2))
        made.append(random_program(rng, cells, int(rng.integers(2, columns - cells))))
    return made


def wrong(computer, many, loops):
    """Programs whose memory differs from the interpreter's after any loop, and the largest error of a bit."""
    cells = [len(program.memory) for program in many]
    truth = [trace(program, loops) for program in many]
    run = computer.loops(torch.stack([computer.encode(program) for program in many]), cells)
    bad, largest = np.zeros(len(many), dtype=bool), 0.0
    for number in range(loops):
        state = next(run)
        largest = max(largest, state.largest_error)
        for row, program in enumerate(many):
            expected = [value % 256 for value in truth[row][number].memory]
            bad[row] |= state.memory[row, : len(program.memory)].tolist() != expected
    return int(bad.sum()), largest


@pytest.mark.row("S015", 1)
@pytest.mark.parametrize(("columns", "count", "loops"), [(8, 300, 12), (16, 184, 12), (32, 16, 60)])
def test_500_random_programs_leave_the_interpreters_memory_after_every_loop(columns, count, loops):
    many = programs(np.random.default_rng(columns), columns, count)
    assert wrong(SubleqComputer(columns), many, loops) == (0, pytest.approx(0, abs=0.1))


@pytest.mark.row("S015", 2)
def test_sufficient_sharpness_makes_attention_a_lookup():
    sharpness = sufficient_sharpness(32, 0.1)
    assert sharpness == pytest.approx(np.log(32**3 / 0.1))
    computer = SubleqComputer(32, sharpness=sharpness)
    x = computer.encode(multiply(7, 5))[None]
    weights = computer.net.stack()[0].weights(x)[0, 0]
    exact = torch.eye(32, dtype=torch.float64)
    at = int(computer.counters(x))
    exact[0, 0] = exact[0, at] = exact[at, 0] = exact[at, at] = 0.5
    assert (weights - exact).abs().max() < 1e-9
    many = programs(np.random.default_rng(1), 32, 20)
    assert wrong(SubleqComputer(32, sharpness=sharpness / 2), many, 20)[0] == 0


@pytest.mark.row("S015", 2)
def test_soft_attention_goes_wrong():
    many = programs(np.random.default_rng(2), 32, 50)
    assert wrong(SubleqComputer(32, sharpness=0.3), many, 10)[0] >= 1


def in_numpy(net):
    """One application of the network as the equations have it: the fast form of small loops, and another reference."""
    layers = []
    for layer in net.stack():
        attention, size = layer.attention, layer.attention.size
        query, key, value = attention.inputs.weight.detach().numpy().reshape(3, attention.heads, size, -1)
        heads = [
            (query[head], key[head], value[head], attention.out.weight.detach().numpy()[:, head * size :][:, :size])
            for head in range(layer.used_heads())
        ]
        up, down = layer.feed_forward.up, layer.feed_forward.down
        net_weights = [part.detach().numpy() for part in (up.weight.T, up.bias, down.weight.T, down.bias)]
        layers.append((heads, size, net_weights))

    def run(x):
        before = x
        for number, (heads, size, (first, first_bias, second, second_bias)) in enumerate(layers):
            if number == len(layers) - 1:
                before = x
            mixed = x
            for query, key, value, out in heads:
                scores = (x @ query.T) @ (x @ key.T).T / np.sqrt(size)
                weights = np.exp(scores - scores.max(axis=1, keepdims=True))
                mixed = mixed + weights / weights.sum(axis=1, keepdims=True) @ x @ value.T @ out.T
            x = mixed + np.maximum(mixed @ first + first_bias, 0) @ second + second_bias
        return x, before

    return run


@pytest.mark.row("S015", 2)
def test_errors_do_not_pile_up_in_10000_loops():
    endless = assemble("x: 3\nt: 0\nzero: 0\nagain: sub x t\nsub t x\nsub zero zero again\n")
    computer = SubleqComputer(8, sharpness=10.0)
    memory, run = list(computer.rows["memory"]), in_numpy(computer.net)
    x = computer.encode(endless)
    with torch.no_grad():
        whole = computer.net(x[None])[0].numpy()
    x, largest = x.numpy(), 0.0
    np.testing.assert_allclose(run(x)[0], whole, atol=1e-12)
    for _ in range(10_000):
        x, before = run(x)
        largest = max(largest, np.abs(np.abs(before[1:4, memory]) - 1).max())
    assert 0 < largest < 0.1
    cells = [int(sum(1 << bit for bit, value in enumerate(row) if value > 0)) for row in x[1:4, memory]]
    assert cells == [value % 256 for value in trace(endless, 10_000)[-1].memory]


@pytest.mark.row("S015", 3)
def test_weights_and_layers_do_not_depend_on_the_program():
    computer = SubleqComputer(32)
    before = {name: value.clone() for name, value in computer.net.state_dict().items()}
    one, other = computer.encode(multiply(3, 4)), computer.encode(gcd(12, 18))
    assert not torch.equal(one, other)
    for program in (multiply(3, 4), gcd(12, 18)):
        assert wrong(computer, [program], 30)[0] == 0
    assert all(torch.equal(before[name], value) for name, value in computer.net.state_dict().items())
    assert computer.facts.layers == len(computer.net.stack()) == 6  # the paper: 9
    assert computer.facts.heads == 2


@pytest.mark.parametrize(
    ("program", "loops", "cell", "result"),
    [
        (multiply(7, 5), 20, "result", 35),
        (multiply(-6, 9), 40, "result", -54),
        (gcd(12, 18), 60, "y", 6),
        (gcd(35, 21), 60, "y", 7),
    ],
)
def test_programs_written_by_hand(program, loops, cell, result):
    computer = SubleqComputer(32)
    assert wrong(computer, [program], loops)[0] == 0
    last = trace(program, loops)[-1]
    assert dict(zip(program.names, last.memory, strict=True))[cell] == result
    assert last.place in halts_at(program)


def test_bubble_sort():
    program = bubble_sort([9, -4, 2])
    assert wrong(SubleqComputer(64), [program], 40)[0] == 0
    last = trace(program, 40)[-1]
    assert (last.memory[:3], last.place in halts_at(program)) == ((-4, 2, 9), True)


@pytest.mark.row("S015", 4)
def test_the_calculator_agrees_with_python_in_twos_complement():
    rng, computer = np.random.default_rng(4), FleqComputer()
    operands = [(int(a), int(b)) for a, b in rng.integers(-128, 128, (60, 2))] + [(-128, 127), (127, 127), (5, 5)]
    meaning = {"add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "compare": lambda a, b: int(a > b)}
    for name, function in meaning.items():
        halt = Fleq("add", 3, 3, 3, 3, 1)
        many = [FleqProgram((Fleq(name, 0, 1, 2, 3, 1), halt), (a, b, 0, 0)) for a, b in operands]
        results = [memory[2] for memory in computer.run(many, 2)]
        assert results == [wrapped(function(a, b), 8) for a, b in operands]
    factors = [(int(a), int(b)) for a, b in zip(rng.integers(-128, 128, 20), rng.integers(0, 9, 20), strict=True)]
    products = computer.run([fleq.multiply(a, b) for a, b in factors], 30)
    assert [memory[2] for memory in products] == [wrapped(a * b, 8) for a, b in factors]


@pytest.mark.row("S015", 4)
def test_matrices_are_inverted():
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(30, 4, 4, generator=generator, dtype=torch.float64)
    left, _, right = torch.linalg.svd(random)
    values = 1 + 9 * torch.rand(30, 4, generator=generator, dtype=torch.float64)
    matrices = left @ torch.diag_embed(values) @ right
    assert torch.linalg.cond(matrices).max() <= 10
    assert (MatrixInverse().run(matrices, 20) - torch.linalg.inv(matrices)).abs().max() < 1e-3


def read_all(own_position):
    """What the scratchpad reads from each of 32 addresses; its own position is 0, or that of address 0."""
    rows = Rows({"position": 5, "scratch": 1, "source": 5, "pointer": 5, "target": 5, "buffer": 5})
    plan = LayerPlan(rows, 10.0)
    plan.read("pointer", [("source", "target")])
    net = build(rows, [plan])
    x = torch.zeros(32, 33, net.width, dtype=torch.float64)
    for address in range(32):
        x[:, 1 + address, rows["position"]] = signs(address, 5)
        x[:, 1 + address, rows["source"]] = signs(address, 5)  # so that what is read says where from
        x[address, 0, rows["pointer"]] = signs(address, 5)
    x[:, 0, rows["scratch"]] = 1
    if own_position:
        x[:, 0, rows["position"]] = signs(0, 5)
    with torch.no_grad():
        return net(x)[:, 0, rows["target"]]


@pytest.mark.row("S015", 5)
def test_a_scratchpad_with_a_position_of_its_own_reads_wrong_values():
    expected = torch.stack([signs(address, 5) for address in range(32)])
    assert (read_all(own_position=False) - expected).abs().max() < 1e-3
    error = (read_all(own_position=True) - expected).abs().amax(dim=1)
    far = [address for address in range(32) if address.bit_count() >= 2]
    assert len(far) == 26
    assert error[far].min() > 0.5


def test_layers_compute_what_self_attention_computes():
    computer = SubleqComputer(8)
    x = computer.encode(random_program(np.random.default_rng(0), 3, 3))[None]
    layer = computer.net.stack()[1]
    still = torch.zeros(1, 8, dtype=torch.long)
    mixed = x + layer.attention(x, None, Info(positions=still))[0]
    torch.testing.assert_close(layer(x), mixed + layer.feed_forward(mixed), rtol=0, atol=1e-12)


def test_wrong_programs_are_told():
    for source, message in (
        ("x: 1\n", "needs an instruction"),
        ("x: 1\nadd x x\n", "line 2: expected"),
        ("sub x x\n", "no cell is called 'x'"),
        ("x: 1\nsub x x nowhere\n", "no instruction is called 'nowhere'"),
    ):
        with pytest.raises(PhloemError, match=message):
            assemble(source)
    with pytest.raises(PhloemError, match="more columns"):
        SubleqComputer(8).encode(gcd(1, 2))
    with pytest.raises(PhloemError, match="4, 8, 16"):
        SubleqComputer(12)
    with pytest.raises(PhloemError, match="behind its last"):
        trace(assemble("x: 1\ny: 5\nsub x y\n"), 2)
