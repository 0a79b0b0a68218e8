"""A model that calls itself: the runtime, the training pairs, the loss, and whether returns are read (ACL 2024)."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from phloem.analysis.recursion_reading import answers_to_planted, reads_returns
from phloem.corpora import recursion_calls as calls
from phloem.decode.recursive_calls import solve
from phloem.learn.objectives.completion_only import CompletionOnly
from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.represent.completions import completions
from phloem.tasks import recursive_calls as task


def _reading(contexts):
    """What a perfect model of addition writes after each context: it reads what was returned."""
    return [_write(context, _returned(context)) for context in contexts]


def _recomputing(contexts):
    """The same without reading what was returned."""
    return [_write(context, _recomputed(context)) for context in contexts]


def _problem(context):
    return context.partition("\n")[0].split(" + ")


def _returned(context):
    if calls.RETURN not in context:
        return None
    carry, _, output = context.split(calls.RETURN)[1].split("\n")[0].removeprefix("Carry ").partition(", Output ")
    return int(carry), output


def _recomputed(context):
    left, right = _problem(context)
    if calls.RETURN not in context:
        return None
    value = f"{int(left[1:]) + int(right[1:]):0{len(left)}}"
    return int(value[0]), value[1:]


def _write(context, below):
    left, right = _problem(context)
    if len(left) > 1 and below is None:
        return f"Call: {left[1:]} + {right[1:]}\n"
    carry, output = below or (0, "")
    carry, digit = divmod(int(left[0]) + int(right[0]) + carry, 10)
    return f"Carry {carry}, Output {digit}{output}"


@pytest.mark.row("S167", 1)
def test_an_oracle_adds_exactly_in_short_contexts():
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(980):
        digits = rng.integers(1, 61, 2).tolist()
        pairs.append(tuple(int("".join(map(str, rng.integers(0, 10, many).tolist()))) for many in digits))
    pairs += [(int("9" * many), 1 if many % 2 else int("9" * many)) for many in range(1, 61, 3)]
    assert len(pairs) == 1000
    problems = [" + ".join(calls.padded(*pair)) for pair in pairs]
    for (left, right), solved in zip(pairs, solve(_reading, problems, limit=120), strict=True):
        digits = max(len(str(left)), len(str(right)))
        assert calls.total(solved.answer) == str(left + right)
        assert solved.depth == digits
        assert solved.generations == 2 * digits - 1
        assert solved.longest <= 6 * digits + 80


def test_calls_that_never_end_are_stopped():
    assert solve(lambda texts: ["Call: 1 + 1\n" for _ in texts], ["12 + 34"], limit=10)[0].answer is None
    assert solve(lambda texts: [f"Call: 1{t}\n".replace("\nS", "S") for t in texts], ["1 + 3"], limit=5)[0].depth == 5
    assert solve(lambda texts: ["7" for _ in texts], [], limit=5) == []


@pytest.mark.row("S167", 2)
def test_only_completions_have_a_gradient():
    pieces = calls.pieces(calls.addition("274", "158"))
    batch = completions([task.encoded(piece) for piece in pieces])
    torch.manual_seed(0)
    model, kept = PromptedDecoder(len(task.SYMBOLS), width=16, layers=1, heads=2), {}

    def keep(tokens):
        kept["logits"] = model(tokens)
        kept["logits"].retain_grad()
        return kept["logits"]

    CompletionOnly()(keep, batch).value.backward()
    reached = kept["logits"].grad.abs().sum(-1) > 0
    called = 0
    for row, piece in enumerate(pieces):
        prompt, whole = len(piece.prompt), len(piece.prompt) + len(piece.completion)
        assert not reached[row, : prompt - 1].any()  # targets of the prompt, returned text among it
        assert reached[row, prompt - 1]  # predicts the first unit of the completion
        assert reached[row, prompt - 1 : whole].all()
        assert reached[row, whole - 1]  # predicts the end, behind a call too
        assert not reached[row, whole:].any()
        called += piece.completion.startswith(calls.CALL)
        if calls.RETURN in piece.prompt:
            start = piece.prompt.index(calls.RETURN)
            assert not reached[row, start - 1 : prompt - 1].any()
    assert called == 2


def _other_digit(value):
    head, _, output = value.partition(", Output ")
    return f"{head}, Output {(int(output[0]) + 1) % 10}{output[1:]}"


def _other_carry(value):
    return f"Carry {1 - int(value[6])}{value[7:]}"


@pytest.mark.row("S167", 3)
def test_planted_returns_change_the_answers_of_a_completer_that_reads():
    left, right = "52740618", "31584907"
    problem, digits = f"{left} + {right}", len(left)
    depths = range(2, digits + 1)
    right_answer = solve(_reading, [problem], limit=20)[0].answer
    changed = answers_to_planted(_reading, problem, _other_digit, depths, limit=20)
    for depth, answer in changed.items():
        places = [place for place, (one, other) in enumerate(zip(answer, right_answer, strict=True)) if one != other]
        assert places == [len(answer) - digits + depth - 1]  # the planted digit, and no other
    for depth, answer in answers_to_planted(_reading, problem, _other_carry, depths, limit=20).items():
        assert answer != right_answer
        below = digits - depth + 1
        assert answer[len(answer) - below :] == right_answer[len(right_answer) - below :]
    assert reads_returns(_reading, problem, _other_digit, depths, limit=20)
    assert reads_returns(_reading, problem, _other_carry, depths, limit=20)
    assert not reads_returns(_recomputing, problem, _other_digit, depths, limit=20)
    assert set(answers_to_planted(_recomputing, problem, _other_digit, depths, limit=20).values()) == {right_answer}


@pytest.mark.row("S167", 4)
@pytest.mark.parametrize("kind", ["addition", "parity", "choice"])
def test_pieces_of_a_call_tree_join_to_the_oracles_trace(kind):
    rng = np.random.default_rng(1)
    for size in range(1, 7):
        tree = task.MAKE[kind](rng, size)
        told = {piece.prompt: piece.completion for piece in calls.pieces(tree)}
        seen = {}

        def oracle(texts, told=told, seen=seen):
            for text in texts:
                seen[text] = text + told[text]
            return [told[text] for text in texts]

        solved = solve(oracle, [tree.problem], limit=20)[0]
        assert solved.answer == tree.answer
        for context in calls.contexts(tree):
            own = calls.pieces_of(context)
            joined = own[0].prompt
            for piece, call in itertools.zip_longest(own, context.calls):
                assert piece.prompt == joined
                joined += piece.completion
                if call is not None:
                    joined += f"{calls.RETURN}{call.answer}{calls.ANSWER}"
            assert joined == calls.trace(context)
            assert seen[own[-1].prompt] == joined


def test_answers_are_those_of_other_oracles():
    rng = np.random.default_rng(2)
    for size in range(1, 9):
        bits = rng.integers(0, 2, size).tolist()
        assert calls.parity(bits).answer == str(sum(bits) % 2)
        numbers = rng.integers(-5, 6, size).tolist()
        chosen = [int(each) for each in calls.best_choice(numbers).answer.strip("[]").split(", ")]
        assert not any(one == other == 1 for one, other in itertools.pairwise(chosen))
        possible = [
            sum(number for number, taken in zip(numbers, some, strict=True) if taken)
            for some in itertools.product([0, 1], repeat=size)
            if not any(a and b for a, b in itertools.pairwise(some))
        ]
        assert sum(number for number, mark in zip(numbers, chosen, strict=True) if mark == 1) == max(possible)


def test_all_sizes_of_calls_are_equally_likely_and_all_ways_share_their_alphabet():
    rng = np.random.default_rng(3)
    drawn = [calls.balanced_piece(rng, calls.random_addition, 5) for _ in range(4000)]
    sizes = Counter(piece.prompt.index(" ") for piece in drawn)
    assert set(sizes) == {1, 2, 3, 4, 5}
    assert all(700 < count < 900 for count in sizes.values())
    for kind in ("addition", "parity", "choice"):
        for way in ("calls", "scratchpad", "direct"):
            for _ in range(20):
                prompt, completion = task.draw(kind, way, 4)(rng)
                assert prompt
                assert completion


@pytest.mark.parametrize("way", ["scratchpad", "direct"])
@pytest.mark.parametrize("kind", ["addition", "parity"])
def test_answers_are_read_from_what_is_written(kind, way):
    asked = task.tests(kind, 4, 5, 0)
    told = {each.problem + calls.SOLUTION: task.written_at_once(each, kind, way).completion for each in asked}
    given = task.answers(lambda texts: [told[text] for text in texts], way, asked, 4)
    assert task.hits(asked, given)[:, 0].all()
