"""What listeners and speakers of regular expressions read and write, and the simulated user."""

from random import Random

import numpy as np

from phloem.synthesis.languages.pragmatic_regex import Example, consistent, equivalent
from phloem.tasks import regex_examples
from phloem.tasks.regex_examples import NEGATIVE, NEXT, POSITIVE, Pair, RegexPairs, characters

SPEC = (Example("ab1", True), Example("", False))


def test_labels_stand_behind_for_the_listener_and_before_for_the_speaker() -> None:
    heard = regex_examples.listener_source(SPEC)
    assert heard == [NEXT, *characters("ab1"), POSITIVE, NEGATIVE]
    said = regex_examples.speaker_source("[a-z]+1", SPEC[:1])
    assert said == [*characters("[a-z]+1"), NEXT, POSITIVE, *characters("ab1")]
    for each in SPEC:
        label = POSITIVE if each.positive else NEGATIVE
        assert regex_examples.example_of([label, *characters(each.text)]) == each
    assert regex_examples.example_of([]) is None
    assert regex_examples.example_of(characters("a")) is None
    assert regex_examples.example_of([POSITIVE, NEXT]) is None
    assert regex_examples.text_of(characters("[A-Z]{2}|\\.")) == "[A-Z]{2}|\\."


def test_prefixes_of_pairs() -> None:
    pairs = [Pair("[a-z]+1", SPEC)]
    listener, speaker = (RegexPairs(role, pairs=pairs) for role in ("listener", "speaker"))
    assert [length for _, length in listener.prefixes] == [1, 2]
    assert [length for _, length in speaker.prefixes] == [0, 1]
    batch = speaker.batch(np.array([1]), None)
    assert batch.target[0].tolist() == [NEGATIVE, 0]
    heard = listener.batch(np.array([0, 1]), None)
    assert heard.target[0].tolist() == heard.target[1].tolist() == [*characters("[a-z]+1"), 0]
    assert heard.lengths.tolist() == [5, 6]


def test_random_pairs_are_drawn_afresh_and_are_true() -> None:
    data = RegexPairs("listener", epoch=64, regexes=["a{2}", "b?c"])
    first = data.batch(np.arange(6), np.random.default_rng(0))
    again = data.batch(np.arange(6), np.random.default_rng(0))
    other = data.batch(np.arange(6), np.random.default_rng(1))
    assert (first.tokens == again.tokens).all()
    assert first.tokens.shape != other.tokens.shape or not (first.tokens == other.tokens).all()
    assert len(data) == 64


def test_the_space_has_no_two_of_one_meaning_and_the_user_speaks_the_truth() -> None:
    space = regex_examples.space(30, 0, longest=10)
    assert len(set(space)) == 30
    assert not any(equivalent(a, b) for i, a in enumerate(space) for b in space[:i])
    rng, left = Random(0), []
    for target in space[:10]:
        spec = regex_examples.simulated_user(target, space, rng, 2)
        assert consistent(target, spec)
        left.append(sum(consistent(each, spec) for each in space))
    assert np.mean(left) < 3
