"""In-context language learning: machines, n-gram heads, linear attention, scores and references."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from phloem.corpora.probabilistic_automata import (
    NOTHING,
    SEPARATOR,
    SYMBOLS,
    UNITS,
    Draw,
    Machine,
    legal_next,
    machines,
    minimised,
    raw_edges,
    sequence,
    splits,
    walk,
)
from phloem.nn.mixers.base import Info
from phloem.nn.mixers.linear_attention import LinearAttention
from phloem.nn.mixers.ngram_head import NgramHead, followers
from phloem.nn.models.induction_ngram import InductionLM
from phloem.tasks.icll import LanguagePrompts, NextSymbol, scores, total_variation
from phloem.tasks.icll_references import HiddenMarkov, baum_welch, ngram_predictions

AB = Machine((((0, 1), (1, 0)), ((1, 0),)))  # after a 0 only 1


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def ids(text: str) -> torch.Tensor:
    return torch.tensor([[ord(one) - ord("a") for one in text]])


@pytest.mark.row("S126", 1)
def test_known_heads():
    assert followers(ids("abcab"), 2)[0, 4].nonzero().flatten().tolist() == [2]
    assert followers(ids("abaca"), 1)[0, 4].nonzero().flatten().tolist() == [1, 3]
    torch.manual_seed(0)
    for n, text, read in ((2, "abcab", [2]), (1, "abaca", [1, 3])):
        head, h = NgramHead(4, n), torch.randn(1, 5, 4)
        torch.nn.init.zeros_(head.followed.bias)
        torch.nn.init.zeros_(head.own.bias)
        y = head(h, ids(text))
        own = h @ head.own.weight.T
        torch.testing.assert_close(y[0, 4], own[0, 4] + head.followed.weight @ h[0, read].mean(dim=0))
        torch.testing.assert_close(y[0, :2], own[0, :2])  # nothing came before
    assert not followers(ids("aaaa"), 3)[0, :2].any()
    assert not followers(ids("ab"), 5).any()


@pytest.mark.row("S126", 2)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_heads_are_the_loop(n):
    torch.manual_seed(n)
    head, h, tokens = NgramHead(6, n).double(), torch.randn(3, 40, 6).double(), torch.randint(3, (3, 40))
    expected = torch.zeros_like(h)
    for row, t in product(range(3), range(40)):
        places = []
        for s in range(t):
            shifted = [(s - k, t - k + 1) for k in range(1, n + 1)]
            if all(low >= 0 and high >= 0 and tokens[row, low] == tokens[row, high] for low, high in shifted):
                places.append(s)
        read = h[row, places].mean(dim=0) if places else torch.zeros(6).double()
        expected[row, t] = head.followed(read) + head.own(h[row, t])
    torch.testing.assert_close(head(h, tokens), expected, rtol=0, atol=1e-6)
    assert {name for name, _ in head.named_parameters()} == {
        "followed.weight",
        "followed.bias",
        "own.weight",
        "own.bias",
    }
    later, other = h.clone(), tokens.clone()
    later[:, 25:] += 1
    other[:, 25:] = (other[:, 25:] + 1) % 3
    assert torch.equal(head(h, tokens)[:, :25], head(later, other)[:, :25])


@pytest.mark.row("S126", 3)
def test_raw_machines_keep_the_rules_of_the_draw():
    rng = np.random.default_rng(0)
    sizes = set()
    for _ in range(300):
        edges = raw_edges(rng)
        sizes.add(len(edges))
        assert len({symbol for one in edges for symbol in one}) <= SYMBOLS
        for state, one in enumerate(edges):
            assert 1 <= len(one) <= 3
            assert len(set(one.values())) == len(one)
            assert state not in one.values()
    assert sizes == set(range(4, 13))


def language(machine: Machine, state: int, depth: int) -> frozenset[tuple[int, ...]]:
    """All strings up to a length."""
    words = {()}
    if depth:
        for symbol, end in machine.edges[state]:
            words |= {(symbol, *word) for word in language(machine, end, depth - 1)}
    return frozenset(words)


@pytest.mark.row("S126", 3)
def test_minimal_machines_are_reached_and_their_states_differ():
    rng = np.random.default_rng(1)
    few = Draw(states=(4, 6), symbols=(2, 3), alphabet=3, edges=(1, 2))
    loops = 0
    for _ in range(100):
        edges = raw_edges(rng, few)
        machine = minimised(edges)
        reached = {0} | {end for one in machine.edges for _, end in one}
        assert reached == set(range(len(machine.edges)))
        depth = len(machine.edges)  # states that differ do so by a string shorter than their number
        words = [language(machine, state, depth) for state in reached]
        assert len(set(words)) == len(words)
        loops += any(state == end for state, one in enumerate(machine.edges) for _, end in one)
        raw = Machine(tuple(tuple(sorted(one.items())) for one in edges))
        assert language(raw, 0, 6) == language(machine, 0, 6)
        order = rng.permutation(len(edges))  # other numbers, the same language, the same machine
        renamed = [{}] * len(edges)
        for state, one in enumerate(edges):
            renamed[order[state]] = {symbol: int(order[end]) for symbol, end in one.items()}
        assert minimised(renamed, int(order[0])) == machine
    assert loops


@pytest.mark.row("S126", 3)
def test_problems_are_different_and_strings_have_all_lengths():
    made = splits(0, {"train": 300, "validation": 30, "test": 30})
    everything = [machine for many in made.values() for machine in many]
    assert len(everything) == len(set(everything)) == 360
    few = Draw(states=(4, 4), symbols=(4, 4), alphabet=4, edges=(1, 1))
    assert len(set(machines(np.random.default_rng(0), 20, few))) == 20
    rng, lengths, counts = np.random.default_rng(2), set(), set()
    for _ in range(300):
        strings = "".join(chr(token) for token in sequence(everything[0], rng)).split(chr(SEPARATOR))
        lengths |= set(map(len, strings))
        counts.add(len(strings))
    assert lengths == set(range(1, 50))
    assert counts == set(range(10, 20))


def prompts(count: int = 4):
    return LanguagePrompts(machines(np.random.default_rng(3), count), seed=0).batch(np.arange(count), None)


@pytest.mark.row("S126", 4)
def test_the_oracle_and_the_uniform_model_have_known_scores():
    batch = prompts()
    truth = batch.legal.double() / batch.legal.sum(dim=-1, keepdim=True).clamp(min=1)
    variation, legal, count = scores(truth, batch).T
    assert variation.max() == 0
    assert (legal == count).all()
    uniform = torch.full_like(truth, 1 / SYMBOLS)
    expected = 1 - batch.legal.sum(dim=-1) / SYMBOLS
    torch.testing.assert_close(total_variation(uniform, batch.legal)[batch.scored], expected[batch.scored].double())
    assert (count == ((batch.target != SEPARATOR) & (batch.target != NOTHING)).sum(dim=1).numpy()).all()
    assert (batch.target == SEPARATOR).any()
    changed = uniform.clone()
    changed[~batch.scored] = 0
    assert (scores(changed, batch) == scores(uniform, batch)).all()


def test_targets_are_legal_and_separators_go_back_to_the_start():
    batch = prompts()
    places = batch.scored
    assert batch.legal[places].gather(1, batch.target[places][:, None]).all()
    rows = legal_next(AB, [1, 0, SEPARATOR, 1])
    assert [row.nonzero()[0].tolist() for row in rows] == [[0, 1], [1], [0, 1], [0, 1]]
    assert len(walk(AB, np.random.default_rng(0), 7)) == 7


def test_the_loss_leaves_separators_out():
    batch = prompts(2)
    model = InductionLM(UNITS, "gru", width=8, layers=1)
    logs = model(batch.tokens).log_softmax(dim=-1)
    nats = [-logs[row, place, batch.target[row, place]] for row, place in batch.scored.nonzero().tolist()]
    torch.testing.assert_close(NextSymbol()(model, batch).value, torch.stack(nats).mean())


@pytest.mark.parametrize("kind", ["transformer", "gru", "linear attention"])
def test_models_know_only_the_past(kind):
    torch.manual_seed(4)
    model, tokens = InductionLM(5, kind, width=8, layers=2, grams=(1, 2)), torch.randint(5, (2, 20))
    later = tokens.clone()
    later[:, 12:] = (later[:, 12:] + 1) % 5
    torch.testing.assert_close(model(tokens)[:, :12], model(later)[:, :12])


def close(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


def test_linear_attention_keeps_the_contract_of_mixers():
    torch.manual_seed(5)
    mixer, x = LinearAttention(8, 2).double(), torch.randn(3, 9, 8).double().requires_grad_()
    whole, last = mixer(x)
    state, outputs = mixer.initial_state(3), []
    for time in range(9):
        y, state = mixer.step(x[:, time], state)
        outputs.append(y)
    close((whole, last), (torch.stack(outputs, dim=1), state))
    upstream = torch.randn_like(whole)
    gradients = [
        torch.autograd.grad((one * upstream).sum(), [x, *mixer.parameters()], retain_graph=True)
        for one in (whole, torch.stack(outputs, dim=1))
    ]
    close(*gradients)
    first, state = mixer(x[:, :4])
    second, end = mixer(x[:, 4:], state)
    close((whole, last), (torch.cat([first, second], dim=1), end))
    for tokens in (64, 512):
        state = mixer(torch.randn(2, tokens, 8).double())[1]
        assert sum(part.numel() for part in state) == 2 * mixer.facts.state_size(tokens)


def test_linear_attention_heeds_resets_and_lengths():
    torch.manual_seed(6)
    mixer, x = LinearAttention(8, 2).double(), torch.randn(2, 9, 8).double()
    resets = torch.zeros(2, 9, dtype=torch.bool)
    resets[0, 4] = resets[1, 0] = resets[1, 7] = True
    _, before = mixer(torch.randn(2, 3, 8).double())
    packed, end = mixer(x, before, Info(resets=resets))
    close(packed[:1, 4:], mixer(x[:1, 4:])[0])
    close(packed[1:, :7], mixer(x[1:, :7])[0])
    close(packed[:1, :4], mixer(x[:1, :4], type(before)(*(part[:1] for part in before)))[0])
    close(tuple(part[1:] for part in end), tuple(mixer(x[1:, 7:])[1]))
    short, stopped = mixer(x, before, Info(lengths=torch.tensor([9, 5])))
    assert (short[1, 5:] == 0).all()
    alone = mixer(x[1:, :5], type(before)(*(part[1:] for part in before)))
    close(short[1:, :5], alone[0])
    close(tuple(part[1:] for part in stopped), tuple(alone[1]))


def test_grams_back_off():
    rows = ngram_predictions([0, 1, 0], 2, symbols=4)
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    single = (np.array([2, 1, 0, 0]) + 2 * 0.25) / 5
    np.testing.assert_allclose(rows[2], (np.array([0, 1, 0, 0]) + 1 * single) / 2)
    np.testing.assert_allclose(ngram_predictions([0, 1, 0], 1, symbols=4)[2], single)
    again = ngram_predictions([0, 1, SEPARATOR, 0, 1], 3, symbols=4)
    assert again[3].argmax() == 1


def test_grams_of_the_prompt_come_near_the_truth():
    batch = LanguagePrompts([AB], seed=0).batch(np.arange(1), None)
    distances = []
    for order in (1, 2, 3):
        predicted = torch.from_numpy(ngram_predictions(batch.tokens[0].tolist(), order))[None]
        variation, _, count = scores(predicted, batch)[0]
        distances.append(variation / count)
    assert distances[1] < 0.15 < distances[0]


def test_expectation_maximisation_never_lowers_the_likelihood():
    rng = np.random.default_rng(7)
    strings = [walk(AB, rng, 20) for _ in range(8)]
    model = HiddenMarkov(rng, 3)
    likelihoods = [model.log_likelihood(strings)]
    for _ in range(8):
        model.improve(strings, smoothing=0.0)
        likelihoods.append(model.log_likelihood(strings))
    assert (np.diff(likelihoods) > -1e-9).all()
    short = HiddenMarkov(rng, 2, symbols=2)
    paths = product(range(2), repeat=3)
    brute = sum(
        short.start[a]
        * short.emission[a, 0]
        * short.transition[a, b]
        * short.emission[b, 1]
        * short.transition[b, c]
        * short.emission[c, 1]
        for a, b, c in paths
    )
    assert short.log_likelihood([[0, 1, 1]]) == pytest.approx(np.log(brute))
    fitted = baum_welch(strings, rng, states=3, iterations=60)
    predicted = fitted.predictions(walk(AB, rng, 30))
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert predicted[:, :2].sum(axis=1).min() > 0.99
