"""Regular expressions as languages, and rational speech acts over them."""

import os
import re
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from phloem.corpora import datasets
from phloem.errors import PhloemError
from phloem.synthesis import rsa
from phloem.synthesis.languages import pragmatic_regex as language
from phloem.synthesis.languages.pragmatic_regex import Example, consistent, difference, equivalent, matches
from phloem.systems.claims import Job
from phloem.systems.synthesis import pragmatic
from phloem.tasks.regex_examples import RegexPairs

TOY = ["a*", "a+", "aa*b?"]
SAID = [Example("", True), Example("a", True), Example("b", False)]


@pytest.mark.row("S007", 1)
def test_the_toy_of_speech_acts() -> None:
    table = rsa.truth(TOY, SAID)
    assert table.tolist() == [[1, 1, 1], [0, 1, 1], [0, 1, 1]]
    speaker, listener = rsa.pragmatic_speaker(table), rsa.literal_listener(table)
    assert int(speaker[0].argmax()) == 0
    assert np.abs(speaker.sum(1) - 1).max() < 1e-9
    assert np.abs(listener.sum(0) - 1).max() < 1e-9
    assert np.abs(rsa.pragmatic_listener(table).sum(0) - 1).max() < 1e-9
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows, columns = rng.permutation(3), rng.permutation(3)
        assert np.allclose(rsa.pragmatic_speaker(table[rows][:, columns]), speaker[rows][:, columns])
    assert rsa.most_informative("a*", TOY[1:], SAID) == SAID[0]
    assert rsa.most_informative("a*", [], SAID) == Example("", True)


def space(count: int) -> list[str]:
    rng, found = Random(1), {}
    while len(found) < count:
        found.setdefault(language.sample(rng, 14))
    return list(found)


SPACE = space(200)


def literal_speaker(target: str, context: tuple) -> list[Example]:
    return list(language.sample_specification(Random(target + str(len(context))), target, 6))


@pytest.mark.row("S007", 2)
def test_self_play_tells_what_is_true_and_leaves_fewest() -> None:
    rng, asked, specifications = Random(0), [], 0
    some = rng.sample(SPACE, 20)
    for number in range(1000):
        target = language.sample(rng, 20)

        def listener(context, asked=asked):
            asked.append(context)
            return some

        spec = rsa.informative_specification(target, listener, literal_speaker, length=1 if number % 10 else 4)
        assert consistent(target, spec)
        specifications += 1
        if number % 20 == 0:
            for step, chosen in enumerate(spec):
                context = spec[:step]
                left = [each for each in some if consistent(each, context) and each != target]
                offered = [each for each in literal_speaker(target, context) if each not in context]
                counts = {each: sum(consistent(regex, [each]) for regex in left) for each in offered}
                assert counts[chosen] == min(counts.values())
    assert specifications == 1000


@pytest.mark.row("S007", 3)
@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("[0-9]{1,}", "[0-9][0-9]{0,}", True),
        ("(a|b)c", "ac|bc", True),
        ("a{2,4}", "aa(a(a)?)?", True),
        ("(a?){3}", "a{0,3}", True),
        ("[^0-9]?", "([A-Za-z]|[^A-Za-z0-9])?", True),
        ("a*", "a+", False),
        ("[A-Z]{2,3}", "[A-Z]{2,}", False),
        ("(ab)*", "(a|b)*", False),
        ("x{3}", "x{2}", False),
    ],
)
def test_equivalence(left: str, right: str, same: bool) -> None:
    assert equivalent(left, right) == same
    witness = difference(left, right)
    assert (witness is None) == same
    if witness is not None:
        assert matches(left, witness) != matches(right, witness)


def small(rng: Random, depth: int = 2) -> str:
    """A random expression over three letters."""
    kind = rng.choice(("letter", "letter", "concatenation", "union", "repeat")) if depth else "letter"
    if kind == "letter":
        return rng.choice(("a", "b", "c", "[ab]", "[a-c]"))
    if kind == "concatenation":
        return small(rng, depth - 1) + small(rng, depth - 1)
    if kind == "union":
        return f"({small(rng, depth - 1)}|{small(rng, depth - 1)})"
    return f"({small(rng, depth - 1)}){rng.choice(('?', '*', '+', '{2}', '{1,2}', '{0,}'))}"


WORDS = ["".join(letters) for length in range(7) for letters in product("abc", repeat=length)]


@pytest.mark.row("S007", 3)
def test_equivalence_agrees_with_brute_force() -> None:
    rng, languages = Random(2), {}
    pool = [small(rng) for _ in range(60)]
    for regex in pool:
        pattern = re.compile(regex)
        languages[regex] = frozenset(word for word in WORDS if pattern.fullmatch(word))
        assert languages[regex] == {word for word in WORDS[:400] if matches(regex, word)} | {
            word for word in languages[regex] if word not in set(WORDS[:400])
        }
    same = 0
    for _ in range(500):
        left, right = rng.choice(pool), rng.choice(pool)
        expected = languages[left] == languages[right]
        assert equivalent(left, right) == expected
        witness = difference(left, right)
        if witness is not None:
            shortest = min(len(word) for word in languages[left] ^ languages[right])
            assert len(witness) == shortest
        same += expected
    assert 5 < same < 495


@pytest.mark.row("S007", 4)
def test_a_uniform_enumerator_makes_exact_incremental_speech_acts() -> None:
    rng = Random(3)
    for target in rng.sample(SPACE, 25):
        utterances = list(language.sample_specification(Random(target), target, 25))
        expected: list[Example] = []
        for _ in range(4):
            left = [each for each in SPACE if consistent(each, expected)]
            ordered = sorted(each for each in utterances if each not in expected)
            if not ordered:
                break
            speaker = rsa.pragmatic_speaker(rsa.truth(left, ordered))[left.index(target)]
            expected.append(ordered[int(np.flatnonzero(speaker >= speaker.max() - 1e-12)[0])])
        for with_target in (True, False):
            known = [each for each in SPACE if with_target or each != target]
            found = rsa.informative_specification(
                target,
                lambda context, known=known: [each for each in known if consistent(each, context)],
                lambda target, context, utterances=utterances: utterances,
                length=4,
            )
            assert list(found) == expected


def test_printing_and_parsing_are_inverse() -> None:
    rng = Random(5)
    for _ in range(300):
        text = language.sample(rng)
        again = language.print(language.parse(text))
        assert language.parse(again) == language.parse(text)
        for _ in range(3):
            example = language.sample_example(rng, text)
            assert example.positive == (re.fullmatch(text, example.text) is not None)
        assert matches(text, language.sample_text(rng, language.parse(text)))


@pytest.mark.parametrize(
    ("text", "message"),
    [("a)", "character 2"), ("(a", "expected )"), ("a{", "number"), ("*", "unexpected"), ("a{3,2}", "smaller"),
     ("a{99}", "up to 12"), ("é", "ASCII"), ("[a", "found the end"), ("(" * 60, "deeper")],
)  # fmt: skip
def test_what_is_no_expression(text: str, message: str) -> None:
    with pytest.raises(PhloemError, match=re.escape(message)):
        language.parse(text)


@pytest.mark.skipif("PHLOEM_DATA" not in os.environ, reason="no data sets here")
def test_released_expressions_and_examples_of_people() -> None:
    for row in list(datasets.load("pragmatic_regex", "target_programs"))[:300]:
        text = row["program"]
        assert language.parse(language.print(language.parse(text))) == language.parse(text)
    agreeing = []
    for row in datasets.load("pragmatic_regex", "human"):
        spec = [Example(each["string"], each["label"] == "+") for each in row["value"]["examples"]]
        (target,) = (each["regex"] for each in row["value"]["options"] if each["ground_truth"])
        agreeing.append(consistent(target, spec))
    assert len(agreeing) == 308
    assert sum(agreeing) / len(agreeing) > 0.8  # people make mistakes


def test_each_round_of_the_literal_listener_draws_its_own_examples(tmp_path: Path) -> None:
    """The rival of self-play must not see the same random examples again in every round."""
    torch.set_num_threads(1)
    size = {"model": {"width": 8, "heads": 2, "layers": 1, "inner": 8}}

    def trained(name: str, turn: int) -> torch.Tensor:
        torch.manual_seed(0)
        net = pragmatic.make(size)
        data = RegexPairs("listener", epoch=64, seed=1, regexes=SPACE[:20])
        job = Job(0, tmp_path / name, tmp_path, lambda done: None)
        pragmatic.learn(net, data, job, 1.0, "round", {"epochs": 1}, turn)
        return torch.nn.utils.parameters_to_vector(net.parameters())

    first = trained("a", 1)
    assert torch.equal(first, trained("b", 1))
    assert not torch.equal(first, trained("c", 2))
