"""Quasi-synchronous grammars: counts, inside scores, induction, splits."""

import random
from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
import torch

from phloem.corpora import scan
from phloem.errors import PhloemError
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train as learn
from phloem.nn.models.nqg_scorer import log_partition
from phloem.synthesis.qcfg_induction import Induction, State, candidates, complete
from phloem.synthesis.qcfg_parser import best, derivations, writing
from phloem.synthesis.synchronous_grammar import (
    Grammar,
    Rule,
    SharedForest,
    derives,
    forest,
    outputs,
    pair,
    substitute,
    total,
    well_formed,
)
from phloem.tasks.compositional_parsing import DerivationData, DerivationLikelihood, Parser, learn_grammar

SCAN = Induction(word_cost=32, shared_words=False)


def random_grammar(rng: random.Random) -> Grammar:
    """Up to eight rules over two source and two target words."""
    rules = set()
    while len(rules) < rng.randint(3, 8):
        rank = rng.choice((0, 0, 1, 2))
        source = [*range(1, rank + 1), *rng.choices("ab", k=rng.randint(rank < 2, 2))]
        numbers = iter(range(1, rank + 1))
        rng.shuffle(source)
        source = [next(numbers) if isinstance(symbol, int) else symbol for symbol in source]
        target = [*range(1, rank + 1), *rng.choices([*"xy", *range(1, rank + 1)], k=rng.randint(0, 2))]
        rng.shuffle(target)
        rule = Rule(tuple(source), tuple(target))
        if well_formed(rule):
            rules.add(rule)
    return Grammar(sorted(rules, key=str))


def brute_force(grammar: Grammar, words: tuple) -> Counter:
    """Targets of all derivations, found by dividing the words among the symbols of each source in every way."""
    found = Counter()
    for rule in grammar:
        for parts in divisions(words, len(rule.source)):
            fits = all(isinstance(s, int) or p == (s,) for s, p in zip(rule.source, parts, strict=True))
            if not fits:
                continue
            children = [brute_force(grammar, p) for s, p in zip(rule.source, parts, strict=True) if isinstance(s, int)]
            for chosen in product(*(child.items() for child in children)):
                count = 1
                for _, times in chosen:
                    count *= times
                found[substitute(rule.target, tuple(target for target, _ in chosen))] += count
    return found


def divisions(words: tuple, parts: int):
    if parts == 1:
        if words:
            yield (words,)
        return
    for cut in range(1, len(words)):
        for rest in divisions(words[cut:], parts - 1):
            yield (words[:cut], *rest)


@pytest.mark.row("S179", 3)
def test_counts_equal_brute_force_on_200_random_grammars():
    rng = random.Random(0)
    derived = 0
    for _ in range(200):
        grammar = random_grammar(rng)
        words = tuple(rng.choices("ab", k=rng.randint(1, 5)))
        expected, chart = brute_force(grammar, words), forest(grammar, words)
        assert outputs(chart) == expected
        assert total(chart) == sum(expected.values())
        for target, count in expected.items():
            assert outputs(chart, within=target)[target] == count
        derived += bool(expected)
    assert derived > 60


def test_the_shared_forest_is_the_forest_that_the_root_uses():
    rng = random.Random(1)
    for _ in range(100):
        grammar = random_grammar(rng)
        shared = SharedForest(grammar)
        for _ in range(5):
            words = tuple(rng.choices("ab", k=rng.randint(1, 6)))
            assert outputs(shared(words)) == outputs(forest(grammar, words))


@pytest.mark.row("S179", 3)
def test_the_gradient_of_the_inside_score_is_that_of_finite_differences():
    rng, checked = random.Random(2), 0
    while checked < 20:
        found = derivations(forest(random_grammar(rng), tuple(rng.choices("ab", k=5))))
        if found is None or total(found.forest) < 2:
            continue
        checked += 1
        scores = torch.tensor([rng.gauss(0, 1) for _ in found.applications], dtype=torch.float64, requires_grad=True)
        graphs = [found.graph, writing(found, min(outputs(found.forest)))]
        assert torch.autograd.gradcheck(lambda s, g=graphs: log_partition(s, [0, 0], g), scores, eps=1e-6, atol=1e-6)
        right = log_partition(torch.zeros_like(scores), [0, 0], graphs).exp().tolist()
        counts = outputs(found.forest)
        assert right == pytest.approx([total(found.forest), counts[min(counts)]])


def test_the_best_target_is_that_of_the_best_derivation():
    rng, checked = random.Random(3), 0
    while checked < 30:
        found = derivations(forest(random_grammar(rng), tuple(rng.choices("ab", k=4))))
        if found is None:
            continue
        checked += 1
        scores = {each: rng.gauss(0, 1) for each in found.applications}
        ranked = all_derivations(found.forest, found.forest.root, scores)
        if len({target for _, target in ranked}) > 8:  # more than a span keeps
            continue
        target, score = best(found, list(scores.values()))
        assert score == pytest.approx(max(ranked)[0])
        assert target in {target for value, target in ranked if value == pytest.approx(score)}
        assert best(found, list(scores.values()), accepts=lambda _: False) is None


def all_derivations(found, span, scores) -> list:
    """(score, target) of every derivation of a span, one by one."""
    made = []
    for edge in found.edges[span]:
        children = [all_derivations(found, child, scores) for child in edge.children]
        for chosen in product(*children):
            value = scores[(edge.rule, span)] + sum(score for score, _ in chosen)
            made.append((value, substitute(edge.rule.target, tuple(target for _, target in chosen))))
    return made


def scan_pairs(split: str, part: str) -> list:
    return [(tuple(each.words.split()), each.actions) for each in scan.split(split, part)]


@pytest.mark.row("S179", 1)
def test_scan_jump_is_learned_whole(tmp_path):
    train, test = scan_pairs("jump", "train"), scan_pairs("jump", "test")
    grammar = learn_grammar(train, SCAN, shortest_pairs=500)
    assert len(grammar) <= 30
    shared = SharedForest(grammar)
    assert all(target in outputs(shared(source), target) for source, target in set(train))
    parser = Parser(grammar, {word for source, _ in train for word in source}, width=32)
    unique = sorted(set(train))
    random.Random(0).shuffle(unique)
    torch.manual_seed(0)
    model = parser.make()
    settings = TrainingSettings(epochs=8, batch_size=16, learning_rate=1e-2)
    learn(model, DerivationData(parser, unique[:600]), DerivationLikelihood(), settings, folder=tmp_path)
    assert parser.evaluate(model, test) == {"exact": 1.0}


def small_set(rng: random.Random) -> list:
    """Forty commands that are short enough for a grammar of a few steps."""
    pairs = [pair for pair in scan_pairs("simple", "train") if len(pair[0]) <= 4]
    return rng.sample(sorted(pairs), 40)


@pytest.mark.row("S179", 2)
@pytest.mark.parametrize("seed", [0, 1])
def test_steps_keep_every_pair_derivable_and_shorten_the_description(seed):
    pairs = small_set(random.Random(seed))
    state, steps = State(pairs, replace(SCAN, word_cost=8, sample=None)), 0
    for step in state.steps():
        assert step.after < step.before
        assert step.after == pytest.approx(step.before - step.gain)
        assert all(derives(state.grammar, *pair) for pair in pairs)
        steps += 1
    assert steps > 5
    assert len(state.grammar) < len(pairs)


@pytest.mark.row("S179", 2)
def test_estimated_steps_keep_every_pair_derivable():
    pairs = small_set(random.Random(2))
    state = State(pairs, Induction(word_cost=8, repeated=False, balanced=True, sample=3))
    for step in state.steps():
        assert step.added in state.grammar
        assert all(derives(state.grammar, *pair) for pair in pairs)
    outside = scan_pairs("simple", "test")[:20]
    complete(state.grammar, outside)
    assert all(derives(state.grammar, *pair) for pair in outside)


def test_candidates_split_a_rule_in_two():
    grammar = Grammar([pair("jump", "JUMP"), pair("jump twice", "JUMP JUMP")])
    assert candidates(grammar, pair("jump twice", "JUMP JUMP"), SCAN) == {
        Rule((1, "twice"), (1, 1)), Rule((1, "twice"), (1, "JUMP")), Rule((1, "twice"), ("JUMP", 1)),
    }  # fmt: skip
    grammar.add(Rule((1, "and", 2), (1, 2)))
    assert candidates(grammar, pair("jump and run", "JUMP RUN"), SCAN) == {
        pair("run", "RUN"), Rule((1, "and", "run"), (1, "RUN")),
    }  # fmt: skip


def test_a_rule_that_is_none_is_refused():
    for source, target in (((1,), (1, "x")), (("a",), (1,)), ((2, "a"), (2,)), ((1, "a", 2, 3), (1, 2, 3))):
        with pytest.raises(PhloemError, match="is no rule"):
            Grammar([Rule(source, target)])
