"""Countdown: the game, its searches as text, the checks of such text, and the splits (Gandhi et al. 2024)."""

import re
from collections import Counter, deque

import numpy as np
import pytest
import torch

from phloem.learn.objectives.advantage_alignment import AdvantageAlignment, Rated, generalised_advantages
from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.represent.completions import completions
from phloem.synthesis.languages import countdown, countdown_check, countdown_traces
from phloem.synthesis.languages.countdown import Operation, Problem
from phloem.synthesis.languages.countdown_traces import STRATEGIES, Strategy
from phloem.tasks import countdown as task


def _problems(count, numbers=4, seed=0):
    rng = np.random.default_rng(seed)
    return [countdown.random_problem(rng, list(range(10, 51)), numbers, 20) for _ in range(count)]


def _true(text):
    left, sign, right, result = re.fullmatch(r"(\d+)([-+*/])(\d+)=(\d+)", text).groups()
    if sign == "/" and int(right) == 0:
        return False
    return eval(f"{left}{sign}{right} == {result}")


def _alternatives(text):
    """The same equation with each number and the sign changed in turn."""
    left, sign, right, result = re.fullmatch(r"(\d+)([-+*/])(\d+)=(\d+)", text).groups()
    for delta in (1, 7):
        yield f"{int(left) + delta}{sign}{right}={result}"
        yield f"{left}{sign}{int(right) + delta}={result}"
        yield f"{left}{sign}{right}={int(result) + delta}"
    yield from (f"{left}{other}{right}={result}" for other in "+-*/" if other != sign)


@pytest.mark.row("S176", 1)
def test_every_search_that_reaches_the_goal_is_accepted_and_edits_of_its_path_are_not():
    rng, solved, edited = np.random.default_rng(1), 0, 0
    for problem in [*_problems(4), *_problems(10, numbers=3, seed=9)]:
        for strategy in STRATEGIES:
            trace = countdown_traces.searched(problem, strategy, rng)
            text = "\n".join(trace.lines)
            assert countdown_check.all_lines_right(problem, text)
            assert countdown_check.path_is_right(problem, text) == trace.solved
            solved += trace.solved
            if trace.solved and len(trace.lines) < 60:
                edited += _edit_path(problem, trace.lines)
    assert solved > 50
    assert edited > 500


def test_numbers_without_end_are_wrong_and_no_error():
    problem = Problem((1, 2, 3), 6)
    state = "Current State: 6:[1, 2, 3], Operations: []"
    text = f"{state}\nExploring Operation: {'9' * 5000}+1=2, Resulting Numbers: [1]\n6,6 equal: Goal Reached"
    assert not countdown_check.path_is_right(problem, text)
    assert not countdown_check.all_lines_right(problem, text)
    assert countdown_check.visited(f"{state}\n{'7' * 5000},6 unequal: No Solution") == {(1, 2, 3)}


def _edit_path(problem, lines):
    """Changes every equation of the goal's path, in one line and in all; counts the edits that had to be refused."""
    text = "\n".join(lines)
    told = re.findall(r"'([^']+)'", next(line for line in lines[::-1] if line.startswith("Current State")))
    final = re.search(r"Operation: (\S+),", lines[-2])[1]
    refused = 0
    for operation in [*told, final]:
        for other in _alternatives(operation):
            everywhere = text.replace(operation, other)
            if not _true(other):
                assert not countdown_check.path_is_right(problem, everywhere)
                refused += 1
    goal = next(line for line in lines[::-1] if line.startswith("Moving")).removeprefix("Moving to Node #").split(",")
    for depth, operation in enumerate(told, start=2):  # in the lines that made the nodes of the path, one at a time
        node = ",".join(goal[:depth])
        maker = next(number for number, line in enumerate(lines) if line.startswith(f"Generated Node #{node}:"))
        state = lines.index(f"Moving to Node #{node}") + 1
        for number in (maker - 1, maker, state):
            for other in _alternatives(operation):
                once = [*lines[:number], lines[number].replace(operation, other), *lines[number + 1 :]]
                assert not countdown_check.path_is_right(problem, "\n".join(once))
                refused += 1
    off = [*lines[:-1], lines[-1].replace(f"{problem.target},", f"{problem.target + 1},")]
    assert not countdown_check.path_is_right(problem, "\n".join(off))
    return refused


@pytest.mark.row("S176", 1)
def test_a_number_used_twice_but_there_once_is_refused():
    problem = Problem((3, 5, 7), 15)
    text = (
        "Current State: 15:[3, 5, 7], Operations: []\n"
        "Exploring Operation: 3+5=8, Resulting Numbers: [7, 8]\n"
        "Generated Node #0,0: 15:[7, 8] Operation: 3+5=8\n"
        "Moving to Node #0,0\n"
        "Current State: 15:[7, 8], Operations: ['3+5=8']\n"
        "Exploring Operation: 7+8=15, Resulting Numbers: [15]\n"
        "15,15 equal: Goal Reached"
    )
    assert countdown_check.path_is_right(problem, text)
    twice = text.replace("7+8=15", "3*5=15")  # true, of numbers that were there once and are used up
    assert not countdown_check.path_is_right(problem, twice)
    doubled = text.replace("3+5=8", "5+5=10").replace("7, 8", "7, 10").replace("7+8=15", "5+10=15")
    assert not countdown_check.path_is_right(problem, doubled)
    assert countdown_check.path_is_right(Problem((2, 2, 7), 28), _straight(Problem((2, 2, 7), 28), "+"))
    assert countdown_check.path_is_right(Problem((2, 2, 7), 28), _straight(Problem((2, 2, 7), 28), "*"))


def _straight(problem, sign):
    first, second = Operation(2, sign, 2, 4), Operation(7, "*", 4, 28)
    return "\n".join(countdown_traces.along(problem, [first, second]).lines)


@pytest.mark.row("S176", 1)
def test_only_the_strict_reading_refuses_edits_of_dead_branches():
    rng, compared = np.random.default_rng(2), 0
    for problem in _problems(40, seed=3):
        lines = countdown_traces.depth_first(problem, countdown.sum_heuristic).lines
        if not lines[-1].endswith("Goal Reached") or len(lines) > 150:
            continue
        dead = [number for number, line in enumerate(lines) if line.endswith("unequal: No Solution")]
        for number in rng.permutation(dead)[:3].tolist():
            operation = re.search(r"Operation: (\S+),", lines[number - 1])[1]
            for other in _alternatives(operation):
                if not _true(other):
                    edited = [*lines[: number - 1], lines[number - 1].replace(operation, other), *lines[number:]]
                    assert countdown_check.path_is_right(problem, "\n".join(edited))
                    assert not countdown_check.all_lines_right(problem, "\n".join(edited))
                    compared += 1
    assert compared > 50


def _independent(problem, strategy, shuffled):
    """The states that a search is in or ends in, by another search: sorted tuples, a queue or a stack of its own."""
    target = problem.target

    def distance(numbers):
        if strategy.heuristic == "sum":
            return float(np.mean([abs(number - target) for number in numbers]))
        divisors = [d for d in range(2, target + 1) if target % d == 0]
        return sum(min(abs(number - d) for d in divisors) for number in numbers)

    def below(numbers):
        found = []
        for i in range(len(numbers)):
            for j in range(i + 1, len(numbers)):
                rest = [number for k, number in enumerate(numbers) if k not in (i, j)]
                high, low = max(numbers[i], numbers[j]), min(numbers[i], numbers[j])
                values = [high + low, high - low, high * low] + ([high // low] if low and high % low == 0 else [])
                found += [(*rest, value) for value in values]
        return found

    seen, waiting = set(), deque([problem.numbers])
    while waiting:
        numbers = waiting.popleft() if strategy.width else waiting.pop()
        seen.add(tuple(sorted(numbers)))
        if len(numbers) == 1:
            if numbers[0] == target:
                break
            continue
        ordered = sorted(below(numbers), key=distance)
        if strategy.width:
            kept = [ordered[: strategy.width][place] for place in shuffled(min(strategy.width, len(ordered)))]
            if len(numbers) == 2:  # leaves are read where they are made
                for leaf in kept:
                    seen.add(leaf)
                    if leaf[0] == target:
                        return seen
                continue
            waiting.extend(kept)
        else:
            waiting.extend(reversed([each for each in ordered if distance(each) <= target]))
    return seen


@pytest.mark.row("S176", 2)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_traces_visit_what_an_independent_search_visits(strategy):
    for number, problem in enumerate([*_problems(8), *_problems(8, numbers=3, seed=5)]):
        trace = countdown_traces.searched(problem, strategy, np.random.default_rng(number))
        again = np.random.default_rng(number)
        states = _independent(problem, strategy, lambda count, rng=again: rng.permutation(count).tolist())
        assert countdown_check.visited("\n".join(trace.lines)) == states
        assert trace.solved == ((problem.target,) in states)


@pytest.mark.row("S176", 3)
def test_heuristics_are_those_of_the_paper():
    assert countdown.sum_heuristic((8, 2), 10) == 5
    assert countdown.sum_heuristic((7,), 10) == 3
    assert countdown.mult_heuristic((8, 5), 24) == 1
    assert countdown.mult_heuristic((8,), 24) == 0
    assert countdown.mult_heuristic((1,), 24) == 1
    assert (countdown.ways(3), countdown.ways(4)) == (48, 1152)


@pytest.mark.row("S176", 4)
def test_held_targets_and_validation_solutions_are_not_in_training():
    data = task.splits(seed=1, count=120, tests=20, numbers=3, most=30, targets=(10, 50))
    again = task.splits(seed=1, count=120, tests=20, numbers=3, most=30, targets=(10, 50))
    assert data == again
    assert data != task.splits(seed=2, count=120, tests=20, numbers=3, most=30, targets=(10, 50))
    held = {problem.target for problem in data.held}
    trained = {problem.target for problem in data.train}
    assert held
    assert not held & trained
    assert {problem.target for problem in data.validation} <= set(range(10, 51)) - data.held_targets
    known = {task.solution_text(problem) for problem in data.train}
    assert not known & {task.solution_text(problem) for problem in data.validation}
    assert len(data.held_targets) == 4  # a tenth of 41


def test_traces_become_units_and_back():
    rng = np.random.default_rng(0)
    for problem in _problems(20, numbers=3):
        trace = countdown_traces.searched(problem, countdown_traces.random_strategy(rng), rng)
        prompt, rest = task.pair(problem, trace)
        assert task.text_of([*prompt, *rest]).replace(" ", "") == "\n".join(trace.lines).replace(" ", "")
        assert task.prompt(problem) == prompt
        assert countdown_check.all_lines_right(problem, task.text_of([*prompt, *rest]))


def test_shorter_right_searches_are_rated_higher():
    problem = _problems(1, numbers=3)[0]
    straight = "\n".join(countdown_traces.optimal(problem).lines)
    assert countdown_check.rating(problem, straight) == pytest.approx(1 - 3 / 48)
    wrong = straight.replace("equal: Goal Reached", "unequal: No Solution")
    assert countdown_check.rating(problem, wrong) == 0
    assert countdown_check.overlap(straight, straight) == 1
    strategy = "breadth 2, sum"
    own = countdown_traces.searched(problem, Strategy("sum", 2), np.random.default_rng(0))
    assert task.likeness([problem], ["\n".join(own.lines)])[strategy] == 1
    assert Counter(map(type, STRATEGIES)) == {Strategy: 12}


def test_advantages_and_alignment():
    rewards, values = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.2, 0.4, 0.5])
    assert torch.allclose(generalised_advantages(rewards, values, 1.0, 1.0), 1.0 - values)  # Monte Carlo
    one_step = generalised_advantages(rewards, values, 0.9, 0.0)
    assert torch.allclose(one_step, torch.tensor([0.9 * 0.4 - 0.2, 0.9 * 0.5 - 0.4, 0.5]))
    torch.manual_seed(0)
    model = PromptedDecoder(12, width=16, layers=1, heads=2)
    batch = Rated(*completions([([3, 4], [5, 6]), ([3, 7], [8])]), torch.tensor([0.5, -0.5]))
    objective = AdvantageAlignment(model, weight=1.0)
    assert objective(model, batch).value.item() == pytest.approx(0.25, rel=1e-4)  # the policy hasn't moved: A^2
    still = Rated(*completions([([3, 4], [5, 6])]), torch.zeros(1))
    assert objective(model, still).value.item() == pytest.approx(0, abs=1e-8)
