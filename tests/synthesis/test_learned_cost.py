"""Self-play, the value classifier, and the same model without torch."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from phloem.errors import PhloemError
from phloem.learn.objectives.binary_cross_entropy import BinaryCrossEntropy
from phloem.nn.models.value_classifier import (
    CATEGORIES,
    FEATURES,
    SignatureDataset,
    ValueClassifier,
    accuracy,
    judged_right,
)
from phloem.represent.property_signature import example_signature, value_signature
from phloem.synthesis import selfplay
from phloem.synthesis.base import Spec
from phloem.synthesis.guides import LearnedCost, Reweighting, weight_delta
from phloem.synthesis.languages import spreadsheet
from phloem.synthesis.program import STRING, Call, nodes, run
from phloem.tasks import spreadsheet_formulas


@pytest.fixture(scope="module")
def search() -> selfplay.Search:
    return selfplay.Search(Random(4), candidates=10_000)


def test_parts_are_those_of_the_program(search: selfplay.Search) -> None:
    rng = Random(0)
    for head, row in rng.sample(search.built[STRING], 30):
        program = search.bank.program(head, row)
        calls = {each for each in nodes(program) if isinstance(each, Call)}
        parts = search.parts((head, row))
        assert {search.bank.program(*part) for part in parts} == calls
        for part in parts:
            values = tuple(run(search.bank.program(*part), inputs) for inputs in search.spec.inputs)
            assert search.values(part) == values


def test_labels_say_what_is_a_part(search: selfplay.Search) -> None:
    rng = Random(1)
    for _ in range(40):
        drawn = search._drawn(rng)
        if drawn is not None:
            target, part, other = drawn
            assert part in search.parts(target) - {target}
            assert other not in search.parts(target)
    labelled = search.labelled(Random(2), 30)
    assert labelled.signatures.shape == (len(labelled.useful), FEATURES)
    assert labelled.useful.mean() == 0.5
    again = search.labelled(Random(2), 30)
    assert (again.signatures == labelled.signatures).all()


def test_inputs_have_forms() -> None:
    rng = Random(0)
    for _ in range(200):
        rows = selfplay.inputs(rng)
        assert 2 <= len(rows) <= 6
        assert len({len(row) for row in rows}) == 1
        assert all(1 <= len(text) <= selfplay.LONGEST for row in rows for text in row)


def signatures(count: int, tasks: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, CATEGORIES, (count, FEATURES)).astype(np.int8)
    drawn[:, :160] = drawn[rng.integers(0, tasks, count), :160]
    return drawn


def test_the_learned_cost_is_the_torch_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = ValueClassifier((16, 8)).eval()
    drawn = signatures(60, 3)
    batch = SignatureDataset(drawn, np.zeros(60, bool)).batch(np.arange(60), None)
    expected = torch.sigmoid(model(batch)).detach().numpy()
    save_file(model.weights(), tmp_path / "cost.safetensors")
    cost = LearnedCost.load(tmp_path / "cost.safetensors")
    assert np.allclose(cost(drawn), expected, atol=1e-6)
    assert np.allclose(LearnedCost(cost.weights())(drawn), expected, atol=1e-6)
    same = drawn[:, :160] == drawn[0, :160]
    assert np.allclose(cost.scored(drawn[0, :160], drawn[same.all(1), 160:]), expected[same.all(1)], atol=1e-6)
    assert len(cost(drawn[:0])) == 0


def test_files_that_are_no_learned_cost(tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match="cannot read"):
        LearnedCost.load(tmp_path / "missing.safetensors")
    weights = ValueClassifier((4, 4)).weights()
    with pytest.raises(PhloemError, match=r"second\.bias"):
        LearnedCost({name: array for name, array in weights.items() if name != "second.bias"})
    with pytest.raises(PhloemError, match="206 features"):
        LearnedCost(ValueClassifier((4, 4), features=10).weights())


def test_a_guide_leaves_inputs_and_constants_and_moves_values_by_their_probability() -> None:
    spec = Spec(("x",), (STRING,), (("ab",), ("c",)), ("AB!", "C!"), STRING)
    values = [("AB", "C"), ("ab!", "c!"), ("", "")]
    probabilities = iter([0.95, 0.5, 0.05])
    guide = Reweighting(spec, lambda rows: np.array([next(probabilities) for _ in rows]))
    assert guide(STRING, values, 1) == [1, 1, 1]
    assert guide(STRING, values, 3) == [3 + weight_delta(p) for p in (0.95, 0.5, 0.05)]
    cost = LearnedCost(ValueClassifier((8, 4)).weights())
    examples = example_signature(spec.inputs, spec.outputs)
    whole = np.stack([np.concatenate([examples, value_signature(value, spec.outputs)]) for value in values])
    assert Reweighting(spec, cost)(STRING, values, 2) == [2 + weight_delta(float(p)) for p in cost(whole)]


def test_binary_cross_entropy_and_accuracy_count_the_same() -> None:
    torch.manual_seed(1)
    drawn, useful = signatures(50, 5), np.random.default_rng(1).random(50) < 0.5
    dataset, model = SignatureDataset(drawn, useful), ValueClassifier((8, 4)).eval()
    loss = BinaryCrossEntropy()(model, dataset.batch(np.arange(50), None))
    p = LearnedCost(model.weights())(drawn).astype(float)
    assert float(loss.value.detach()) == pytest.approx(-np.log(np.where(useful, p, 1 - p)).mean(), rel=1e-5)
    figures = accuracy(model, dataset)
    assert figures["accuracy"] == loss.logs["accuracy"] == judged_right(p, useful).mean()
    assert figures["loss"] == pytest.approx(float(loss.value.detach()), rel=1e-6)


def test_a_model_that_knows_the_solution_saves_candidates() -> None:
    spec = Spec(("x",), (STRING,), (("ada l",), ("alan t",)), ("(ADA L)", "(ALAN T)"), STRING)
    solution = spreadsheet.parse('CONCATENATE("(", CONCATENATE(UPPER(x), ")"))', ["x"], [STRING])
    parts = {tuple(run(each, row) for row in spec.inputs) for each in nodes(solution)}

    def told(type: str, values: list, weight: int) -> list[int]:
        return [weight + weight_delta(1.0 if value in parts else 0.0) for value in values]

    plain, guided = (spreadsheet_formulas.first(spec, guide, 200_000) for guide in (None, told))
    assert plain is not None
    assert guided is not None
    assert guided.tried < plain.tried / 2
    assert spreadsheet_formulas.first(spec, None, plain.tried) is not None
    assert spreadsheet_formulas.first(spec, None, plain.tried - 1) is None
