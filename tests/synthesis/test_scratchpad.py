"""Scratchpads of sums and programs, their checker, and the states of running Python (Nye et al. 2021)."""

import ast
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora import datasets
from phloem.corpora import scratchpad_arithmetic as arithmetic
from phloem.corpora.scratchpad_polynomials import polynomial
from phloem.corpora.scratchpad_programs import straight_line
from phloem.execute.line_states import line_states, scratch_text
from phloem.learn.objectives.completion_only import CompletionOnly
from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.represent.completions import completions
from phloem.tasks import scratchpad as task
from phloem.tasks.scratchpad import CLOSE, SYMBOLS

PRINTED = {"answer": "8 6", "lines": ("2 9 + 5 7 , C: 0", "2 + 5 , 6 C: 1", ", 8 6 C: 0", "0 8 6")}


@pytest.mark.row("S183", 1)
def test_a_sum_is_written_as_the_paper_writes_it():
    worked = arithmetic.addition(29, 57)
    assert (worked.scratch, worked.answer) == (PRINTED["lines"], PRINTED["answer"])
    assert arithmetic.addition(48, 76).scratch == ("4 8 + 7 6 , C: 0", "4 + 7 , 4 C: 1", ", 2 4 C: 1", "1 2 4")
    assert arithmetic.addition(7, 105).scratch[0] == "0 0 7 + 1 0 5 , C: 0"


@pytest.mark.row("S183", 1)
def test_scratchpads_of_all_pairs_below_a_thousand_replay_to_the_right_sum():
    for left in range(1000):
        for right in range(left, 1000):
            worked = arithmetic.addition(left, right)
            assert int(worked.scratch[-1].replace(" ", "")) == left + right
    rng = np.random.default_rng(0)
    for left, right in [*rng.integers(0, 1000, (5000, 2)).tolist(), *((a, b) for a in range(50) for b in range(50))]:
        question, lines, answer = arithmetic.addition(left, right)
        line, replayed = lines[0], []  # as a machine would, which reads the line before alone
        while line is not None:
            replayed.append(line)
            line = arithmetic.following(line)
        assert tuple(replayed) == lines
        assert arithmetic.is_right(question, lines, answer)
        assert answer.replace(" ", "") == str(left + right)
        assert arithmetic.addition(right, left).scratch[-1] == lines[-1]


@pytest.mark.row("S183", 1)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_change_of_a_digit_or_carry_is_found(left, right):
    question, lines, answer = arithmetic.addition(left, right)
    for number, line in enumerate(lines):
        for place, character in enumerate(line):
            if character.isdecimal():
                other = str((int(character) + 1 + (left + place) % 9) % 10)
                changed = line[:place] + other + line[place + 1 :]
                assert not arithmetic.is_right(question, [*lines[:number], changed, *lines[number + 1 :]], answer)
    assert not arithmetic.is_right(question, lines[:-1], answer)
    assert not arithmetic.is_right(question, [*lines, lines[-1]], answer)
    assert not arithmetic.is_right(question, lines, arithmetic.spaced(str(left + right + 1)))


def test_polynomials_are_evaluated_term_by_term():
    worked = polynomial([5, 7, -7], 1)
    assert worked.question == "evaluate -7*x**2 + 7*x + 5 at x = 1"
    assert worked.scratch == ("-7*x**2: -7", "7*x: 7", "5: 5")
    assert worked.answer == "total: 5"
    rng = np.random.default_rng(0)
    for _ in range(200):
        question, scratch, answer = task.polynomials()(rng)
        text, _, x = question.removeprefix("evaluate ").partition(" at x = ")
        scope = {"x": int(x)}
        assert eval(text, {}, scope) == int(answer.removeprefix("total: "))
        assert all(eval(term, {}, scope) == int(value) for term, value in (line.split(": ") for line in scratch))


RECORDER = r"""
import bdb, json, sys

class Recorder(bdb.Bdb):
    def __init__(self, most):
        super().__init__()
        self.most, self.seen = most, []
    def user_line(self, frame):
        if frame.f_code.co_filename == "<program>":
            if len(self.seen) >= self.most:
                self.seen.append("too long")
                raise bdb.BdbQuit
            variables = {}
            for name in frame.f_locals:
                try:
                    variables[name] = json.dumps(frame.f_locals[name], sort_keys=True, allow_nan=False)
                except Exception:
                    continue
            self.seen.append([frame.f_lineno - 1, variables])

sys.set_int_max_str_digits(4300)
for program, expression in json.load(sys.stdin):
    space, recorder = {"__name__": "program"}, Recorder(120)
    try:
        exec(compile(program, "<program>", "exec"), space)
        recorder.runeval(expression, space, space)
    except BaseException:
        pass
    print(json.dumps(recorder.seen))
"""


def _solutions(count):
    """(program, a call of it) from tests of MBPP that are `assert call == value`, with what is imported in programs."""
    found = []
    for split in ("test", "train", "validation"):
        for example in datasets.load("mbpp", split):
            call = _call(example["test_list"][0])
            if call and "input(" not in example["code"] and "random" not in example["code"]:
                found.append((example["code"].replace("\r\n", "\n"), call))
    return found[:count]


def _call(test):
    statement = ast.parse(test).body[0]
    if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
        return ast.unparse(statement.test.left)
    return None


@pytest.mark.row("S183", 2)
@pytest.mark.skipif(not os.environ.get("PHLOEM_DATA"), reason="PHLOEM_DATA names no folder with MBPP")
def test_traces_equal_an_independent_recording_of_500_solutions():
    jobs = _solutions(500)
    assert len(jobs) == 500
    traced = line_states(jobs, most=120, seconds=60.0, memory=1 << 30)
    done = subprocess.run(
        [sys.executable, "-c", RECORDER],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    recorded = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(recorded) == 500
    compared = 0
    for ours, theirs, job in zip(traced, recorded, jobs, strict=True):
        if "too long" in theirs:
            assert ours.ended == "too long"
            theirs = theirs[: theirs.index("too long")]
        assert [[step.line, step.variables] for step in ours.steps] == theirs, job
        compared += len(theirs)
    assert compared > 3000


def _rerun(line, variables):
    scope = {name: json.loads(text) for name, text in variables.items()}
    exec(line, {}, scope)
    return {name: json.dumps(value) for name, value in scope.items()}


@pytest.mark.row("S183", 2)
def test_a_line_run_again_from_its_state_gives_the_next_state():
    rng = np.random.default_rng(0)
    straight = ["\n".join(straight_line(rng, 5).lines) for _ in range(40)]
    loops = [
        f"n = {int(n)}\ntotal = {int(t)}\nseen = []\nwhile n > 0:\n    total = total + n * n\n    seen = seen + [n]\n"
        f"    n = n - {int(s)}\ntotal = total * 2"
        for n, t, s in rng.integers(1, 9, (20, 3))
    ]
    traced = line_states([(program, None) for program in straight + loops])
    for program, found in zip(straight + loops, traced, strict=True):
        assert found.ended == "returned"
        lines = program.splitlines()
        after = [step.variables for step in found.steps[1:]] + [found.value]
        for step, following in zip(found.steps, after, strict=True):
            source = lines[step.line].strip()
            again = step.variables if source.startswith("while") else _rerun(source, step.variables)
            assert again == following


def test_traces_say_how_a_call_ended():
    program = "def f(n):\n    s = {n}\n    return 10 // n\n"
    jobs = [(program, "f(2)"), (program, "f(0)"), ("def g():\n    while True:\n        pass\n", "g()")]
    right, raised, long = line_states(jobs, most=50)
    assert scratch_text(program, right).splitlines()[-3:] == ['state: {"n": 2}', "line: return 10 // n", "output: 5"]
    assert scratch_text(program, raised).endswith("exception: ZeroDivisionError")
    assert long.ended == "too long"
    assert len(long.steps) == 50


@pytest.mark.row("S183", 3)
def test_direct_and_scratchpad_share_questions_and_answers():
    makes = [task.additions(1, 5), task.polynomials(), task.programs(3)]
    for make in makes:
        one, other = np.random.default_rng(3), np.random.default_rng(3)
        for _ in range(50):
            asked, short = task.draw(make, "direct")(one)
            again, long = task.draw(make, "scratchpad")(other)
            assert asked == again
            assert long[long.index(SYMBOLS.ids[CLOSE]) + 1 :] == short
            assert task.answered(long).answer == task.answered(short).answer
            assert task.answered(long).scratch


@pytest.mark.row("S183", 3)
def test_loss_is_on_every_unit_after_the_question_and_nowhere_else():
    rng = np.random.default_rng(0)
    pairs = [task.draw(task.additions(1, 3), way)(rng) for way in ("direct", "scratchpad", "direct")]
    batch = completions(pairs)
    for row, (prompt, rest) in enumerate(pairs):
        learned = batch.learned[row].nonzero()[:, 0].tolist()
        assert learned == list(range(len(prompt), len(prompt) + len(rest) + 1))  # the end too
    torch.manual_seed(0)
    model = PromptedDecoder(len(SYMBOLS), width=16, layers=1, heads=2)
    kept = {}

    def keep(tokens):
        kept["logits"] = model(tokens)
        kept["logits"].retain_grad()
        return kept["logits"]

    CompletionOnly()(keep, batch).value.backward()
    reached = kept["logits"].grad.abs().sum(-1) > 0
    assert torch.equal(reached[:, :-1], batch.learned[:, 1:])
    assert not reached[:, -1].any()
