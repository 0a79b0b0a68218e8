"""Sequence models of compositional generalisation: whole words, and the same answers for the same seed."""

import pytest

from phloem.systems.claims import Job
from phloem.systems.synthesis.compositional_writers import Writer, written
from phloem.tasks.compositional import Problem

PAIRS = [
    (f"{verb} {times}", f"DO_{verb} " * (times == "twice") + f"DO_{verb}")
    for verb in "abcd"
    for times in ("once", "twice")
]
ASKED = Problem("words", PAIRS * 8, PAIRS[:2], [*PAIRS[4:], ("never_seen once", "DO_never_seen")])


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_both_kinds_write_whole_words_of_training(kind, tmp_path) -> None:
    writer = Writer(kind, width=16, layers=1, dropout=0.0, batch_size=8, learning_rate=3e-2)
    budget = {"epochs": 5}
    answers, facts = written(ASKED, writer, budget, Job(0, tmp_path / "one", tmp_path / "data", lambda done: None))
    words = {word for _, target in PAIRS for word in target.split()}
    assert len(answers) == len(ASKED.test)
    assert {word for answer in answers for word in answer.split()} <= words
    assert all(len(answer.split()) <= ASKED.longest for answer in answers)
    assert facts["words"] == [3 + 4 + 2, 3 + 4]  # with the padding, unknown and start marks
    again, _ = written(ASKED, writer, budget, Job(0, tmp_path / "two", tmp_path / "data", lambda done: None))
    assert again == answers
    if kind == "lstm":
        assert answers[0] == PAIRS[4][1]
