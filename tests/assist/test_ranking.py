"""The order of suggestions and what their probabilities say."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.assist.cards import record
from phloem.assist.engines import TorchEngine
from phloem.assist.models import load
from phloem.assist.ranking import Ranking, ranking_of
from phloem.assist.ranking_fit import PENALTIES, fit_ranking, no_worse, rank
from phloem.decode.base import Hypothesis
from phloem.measure.calibration import calibration_error, logistic

hypotheses = st.lists(
    st.builds(Hypothesis, st.lists(st.integers(3, 9), max_size=6).map(tuple), st.floats(-30, -0.01), st.none()),
    max_size=6,
)
rankings = st.builds(Ranking, st.sampled_from(PENALTIES), st.just(0), st.floats(0.1, 3), st.floats(-3, 3))


@given(rankings, hypotheses)
def test_the_order_and_the_probabilities_agree(ranking: Ranking, found: list[Hypothesis]) -> None:
    ordered = ranking.ordered(found)
    told = [ranking.probability(each.score, len(each.value)) for each in ordered if each.value]
    assert told == sorted(told, reverse=True)
    assert all(0 <= share <= 1 for share in told)
    assert sorted(map(repr, ordered)) == sorted(map(repr, found))
    assert [bool(each.value) for each in ordered] == sorted((bool(each.value) for each in ordered), reverse=True)


def test_a_penalty_puts_longer_names_first() -> None:
    short, long = Hypothesis((3,), math.log(0.2)), Hypothesis((3, 4, 5), math.log(0.1))
    assert Ranking().ordered([long, short]) == [short, long]
    assert Ranking(0.7).ordered([short, long]) == [long, short]


def test_a_model_without_a_ranking_tells_the_sequences_own_probability() -> None:
    assert ranking_of({}) == Ranking()
    assert Ranking().probability(math.log(0.25), 3) == pytest.approx(0.25)
    assert ranking_of({"ranking": {"length_penalty": 0.5, "slope": 1.0, "offset": 0.0, "tried": []}}).slope == 1.0


def test_logistic_calibration_finds_the_function_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(-4, 2, 40_000)
    share = 1 / (1 + np.exp(-(0.8 * value + 1.5)))
    right = rng.random(len(value)) < share
    slope, offset = logistic(value, right.astype(float))
    assert slope == pytest.approx(0.8, abs=0.05)
    assert offset == pytest.approx(1.5, abs=0.15)
    told = 1 / (1 + np.exp(-(slope * value + offset)))
    assert calibration_error(told, right) < 0.01 < calibration_error(np.exp(np.minimum(value, 0)), right)


def test_logistic_calibration_is_finite_where_values_separate() -> None:
    slope, offset = logistic(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert 1 < slope < 100
    assert abs(offset) < 1


def test_a_ranking_is_chosen_on_validation_and_kept_with_the_model(
    names_model: Path, small_shards: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(names_model, copy)
    before = load(copy)
    record(copy, {"ranking": {}})
    assert load(copy).ranking == Ranking()
    found = rank(str(copy), str(small_shards))
    about = json.loads((copy / "model.json").read_text())
    assert about["facts"]["ranking"]["tried"] == found["tried"]
    assert len(found["tried"]) == len(PENALTIES)
    chosen = next(row for row in found["tried"] if row["length_penalty"] == found["length_penalty"])
    plain = found["tried"][0]
    assert chosen["f1"] >= plain["f1"]
    share = plain["exact_match"]
    assert chosen["exact_match"] >= share - np.sqrt(1 / found["examples"])
    assert "Suggestions are ordered by" in (copy / "MODEL_CARD.md").read_text()
    source = "def get_name(self):\n    return self.name\n\ndef add(a, b):\n    return a + b\n"
    after = load(copy)
    assert after.ranking == pytest.approx(before.ranking, rel=0.01)  # chosen in training, before weights were rounded
    for old, new in zip(before.predict(source), after.predict(source), strict=True):
        assert (old.flagged, old.per_word) == (new.flagged, new.per_word)
        shares = [each.probability for each in new.suggestions]
        assert shares == sorted(shares, reverse=True)


def test_as_many_right_but_for_a_standard_error() -> None:
    before = np.array([1.0] * 50 + [0.0] * 50)
    assert no_worse(before, before)
    assert no_worse(np.roll(before, 3), before)  # three won, three lost
    assert no_worse(np.array([0.0] * 5 + [1.0] * 48 + [0.0] * 47), before)  # five lost, three won
    assert not no_worse(np.array([1.0] * 40 + [0.0] * 60), before)


def test_no_functions_give_no_ranking(names_model: Path, tmp_path: Path) -> None:
    model = load(names_model)
    empty = model.view.compile([], tmp_path / "empty")
    assert fit_ranking("names", model.net, model.view, empty, 6) == {}


def test_a_summarizer_reads_names_copies_and_keeps_what_it_believes_in(summaries_model: Path) -> None:
    model = load(summaries_model)
    config = model.view.config
    assert (config.preset, config.copying) == ("tree-sitter-named", True)
    assert 0 < model.ranking.least < 1
    assert 0 < model.facts["ranking"]["suggested"] <= 1
    text = (summaries_model / "MODEL_CARD.md").read_text()
    assert "are suggested only on request" in text
    assert "| steps | functions read | minutes | bleu | rouge_l |" in text


def test_copies_are_written_without_torch_as_with_it(summaries_model: Path) -> None:
    source = "def get_zebra(self):\n    return self.zebra\n\ndef set_kettle(self, kettle):\n    self.kettle = kettle\n"
    ours, theirs = load(summaries_model), load(summaries_model)
    theirs.engine = TorchEngine(theirs.net, theirs.saved.view)
    found = [model.predict(source) for model in (ours, theirs)]
    for one, other in zip(*found, strict=True):
        assert [each.text for each in one.suggestions] == [each.text for each in other.suggestions]
        for left, right in zip(one.suggestions, other.suggestions, strict=True):
            assert left.probability == pytest.approx(right.probability, abs=1e-4)
