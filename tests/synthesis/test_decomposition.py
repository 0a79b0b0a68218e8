"""Plans in steps: every released plan is read and written back, steps only look back, and their order matters."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.corpora import decu
from phloem.errors import PhloemError
from phloem.tasks import decomposition as task
from phloem.tasks import decomposition_plans as plans


def released() -> tuple[list[decu.Elementary], list[decu.Complex]]:
    try:
        elementary = [each for part in ("train", "dev", "test") for each in decu.elementary(part)]
        items = [each for part in ("train", "test") for each in decu.complex_items(part)]
    except PhloemError as error:
        pytest.skip(str(error))
    return elementary, items


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.row("S141", 1)
def test_every_released_plan_is_read_and_written_back() -> None:
    elementary, items = released()
    lines = [each.plan for each in elementary] + [plan for each in items for plan in each.plans]
    assert len(elementary) >= 840
    for line in lines:
        assert squeezed(plans.write(plans.parse(line))) == squeezed(line)
        assert plans.parse(plans.write(plans.parse(line))) == plans.parse(line)


@pytest.mark.row("S141", 1)
def test_items_without_annotation_are_left_out() -> None:
    _, items = released()
    assert decu.unannotated("test") > 0
    assert decu.unannotated("train") == 0
    assert all(each.steps and len(each.steps) == len(each.plans) for each in items)
    assert all(plan.strip() for each in items for plan in each.plans)
    assert len(list(decu.complex_items("test"))) + decu.unannotated("test") == 140


@pytest.mark.row("S141", 2)
def test_gold_steps_look_back_alone() -> None:
    _, items = released()
    for each in items:
        for number, plan in enumerate(each.plans, 1):
            assert plans.checked_step(plan, number).name == f"s{number}"


@pytest.mark.row("S141", 2)
@pytest.mark.parametrize(
    ("line", "number", "message"),
    [
        ("val s2 = s2.size", 2, "mentions s2"),
        ("val s1 = deleteEvent(s3)", 1, "mentions s3"),
        ("val s2 = s1.map(x => respond(x, s10))", 2, "mentions s10"),
        ("val s3 = s1", 2, "names s3, not s2"),
        ("s1.size", 2, "names nothing, not s2"),
        ("val s2 = s1.(", 2, "expected"),
    ],
)
def test_forward_references_are_rejected(line: str, number: int, message: str) -> None:
    with pytest.raises(PhloemError, match=message):
        plans.checked_step(line, number)


@pytest.mark.row("S141", 2)
def test_the_loop_stops_at_a_step_that_looks_ahead() -> None:
    programs = {"find it": "findEvents0", "count it": "s1.size", "look ahead": "s4.size"}
    steps, found = task.run("", task.given(["find it", "look ahead", "count it"]), lambda step, _: programs[step])
    assert (steps, found) == (["find it"], ["val s1 = findEvents0"])
    _, found = task.run("", task.given(["find it", "count it"]), lambda step, _: programs[step])
    assert found == ["val s1 = findEvents0", "val s2 = s1.size"]
    assert len(task.run("", lambda *_: "find it", lambda step, _: programs[step])[0]) == task.MOST_STEPS


@pytest.mark.row("S141", 3)
def test_gold_steps_and_a_memory_rebuild_every_plan() -> None:
    _, items = released()
    reordered = 0
    for each in items:
        known = {step: plan.split("=", 1)[1].strip() for step, plan in zip(each.steps, each.plans, strict=True)}
        if len(known) < len(each.steps):  # the same words twice are told apart by their place
            known = {}

        def memory(step: str, number: int, known=known, each=each) -> str:
            return known.get(step) or each.plans[number - 1].split("=", 1)[1].strip()

        steps, found = task.run(each.utterance, task.given(each.steps), memory)
        assert steps == list(each.steps)
        assert plans.same(found, each.plans)
        if known and len(each.steps) > 1:
            reordered += 1
            rng = random.Random(each.utterance)
            order = list(each.steps)
            while order == list(each.steps):
                rng.shuffle(order)
            assert not plans.same(task.run(each.utterance, task.given(order), memory)[1], each.plans)
    assert reordered > 50


def test_what_is_copied_comes_back() -> None:
    elementary, _ = released()
    copied = 0
    for each in elementary:
        written = task.target(each.utterance, each.plan)
        copied += "text_0" in written
        found = squeezed(task.plan_of(each.utterance, written)).lower()
        assert found == squeezed(each.plan).lower().replace("_", "") or found.replace("_", "") == squeezed(
            each.plan
        ).lower().replace("_", "")
    assert copied > 100


@pytest.mark.parametrize(
    ("utterance", "steps"),
    [
        ("If I am free, book a room", ["Check if I am free", "If s1 is true, book a room"]),
        ("Call Tom and then leave", ["Call Tom", "leave"]),
        ("Find the event. Delete it.", ["Find the event", "Delete it"]),
        ("delete everything", ["delete everything"]),
    ],
)
def test_patterns(utterance: str, steps: list[str]) -> None:
    assert task.compiled(utterance) == steps


@given(text=st.text(alphabet='ab1.(){}[],=>+-! "`val s', max_size=30))
def test_any_text_is_a_plan_or_refused(text: str) -> None:
    try:
        plan = plans.parse(text)
    except PhloemError:
        assert not plans.well_formed(text)
        return
    assert plans.well_formed(text)
    assert plans.parse(plans.write(plan)) == plan
    assert squeezed(plans.write(plan)) == squeezed(text)


def test_deep_plans_are_refused() -> None:
    for text in ("(" * 500 + "a" + ")" * 500, "!" * 500 + "a"):
        with pytest.raises(PhloemError, match="nested more than"):
            plans.parse(text)


def test_generated_parts_are_apart() -> None:
    made = task.generated()
    held = {each.utterance for each in (*made.validation, *made.test)}
    shown = {each.utterance for each in made.train} | {step for each in made.examples for step in each.steps}
    assert not held & shown
    assert {step for each in made.complex for step in each.steps} <= {each.utterance for each in made.test}


def test_overlap_counts_tokens() -> None:
    assert task.overlap(["val s1 = a(b)"], ["val s1 = a(c)"]) == (6, 1, 1)
    assert task.overlap(["a"], []) == (0, 0, 1)
