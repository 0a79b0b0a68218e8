"""Soft logic over grounded predicates: classical where scores are crisp, monotone, blind to what words are called."""

import random
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora import clevr_programs as clevr
from phloem.corpora.clevr_programs import All, Both, Compare, Count, Describe, Either, Exists, Filter, Other, Relate
from phloem.nn.models.concept_composer import ConceptComposer, Executor, Logic, decided, equal, greater, iota, less
from phloem.represent.word_vectors import word_vectors
from phloem.tasks import concept_questions as task


def crisp(scene: clevr.Scene, logic: Logic, testing: bool = False) -> Executor:
    """An executor that knows the truth."""

    def unary(word: str) -> torch.Tensor:
        return torch.tensor([float(clevr.is_true(word, thing)) for thing in scene], dtype=torch.float64)

    def binary(word: str) -> torch.Tensor:
        return torch.tensor(
            [[float(clevr.related(word, one, other)) for other in scene] for one in scene], dtype=torch.float64
        )

    return Executor(unary, binary, logic, testing, torch.zeros(len(scene), dtype=torch.float64))


def noisy(seed: int, objects: int, logic: Logic) -> Executor:
    """An executor with random scores, the same for the same word."""

    def table(word: str, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng([seed, *word.encode()]).random(shape))

    return Executor(
        lambda word: table(word, (objects,)),
        lambda word: table(word, (objects, objects)),
        logic,
        bool(seed % 2),
        torch.zeros(objects, dtype=torch.float64),
    )


def thing(shape: str, x: float, color: str = "red") -> clevr.Thing:
    return clevr.Thing(color, shape, "small", "rubber", x, 0.0)


@pytest.mark.row("S119", 1)
def test_crisp_scores_are_classical_logic() -> None:
    rng = random.Random(0)
    checked = 0
    while checked < 5000:
        scene, program = clevr.scene(rng), clevr.random_program(rng, rng.randint(1, 6))
        right = clevr.answer(program, scene)
        if right is None:
            continue
        checked += 1
        logic = Logic(strongest=checked % 2 == 0, product=checked % 3 == 0)
        value = crisp(scene, logic, testing=checked % 5 == 0).run(program)
        assert decided(value, program) == right
        if isinstance(program, Count):
            assert float(value) == right
        elif not isinstance(program, Compare | Describe):
            assert float(value) == float(right)
        elif isinstance(program, Compare):
            assert 0 < float(value) < 1


@pytest.mark.row("S119", 2)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**30), size=st.integers(1, 7))
def test_truth_stays_in_the_unit_interval(seed: int, size: int) -> None:
    inner = clevr.random_set(random.Random(seed), size)
    scores = noisy(seed, 5, Logic(strongest=True)).members(inner)
    assert ((scores >= 0) & (scores <= 1)).all()
    twice = noisy(seed, 5, Logic()).members(Other(Other(inner)))
    assert torch.allclose(twice, noisy(seed, 5, Logic()).members(inner), atol=1e-6)


@pytest.mark.row("S119", 2)
def test_the_sum_over_two_referents_exceeds_one() -> None:
    scene = (thing("cube", 0.0), thing("sphere", 0.5), thing("sphere", 0.9))
    left_of_spheres = Relate("left", Filter("sphere", All()))
    assert float(crisp(scene, Logic()).members(left_of_spheres)[0]) == 2.0
    assert float(crisp(scene, Logic(strongest=True)).members(left_of_spheres)[0]) == 1.0
    assert (crisp(scene, Logic()).members(Relate("left", Filter("cylinder", All()))) == 0).all()


@pytest.mark.row("S119", 2)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**30), join=st.sampled_from([Both, Either]), product=st.booleans())
def test_and_and_or_are_monotone(seed: int, join: type, product: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = {word: torch.from_numpy(rng.random(4) * 0.99) for word in ("small", "large")}
    program = join(Filter("small", All()), Filter("large", All()))

    def members(tables: dict[str, torch.Tensor]) -> torch.Tensor:
        executor = Executor(tables.__getitem__, tables.__getitem__, Logic(product=product), False, scores["small"])
        return executor.members(program)

    before = members(scores)
    for word in scores:
        for place in range(4):
            raised = {name: table.clone() for name, table in scores.items()}
            raised[word][place] += 0.01
            assert (members(raised) - before >= 0).all()


@pytest.mark.row("S119", 2)
@pytest.mark.parametrize("testing", [False, True])
def test_no_referent_gives_zeros_and_no_nan(testing: bool) -> None:
    none = torch.zeros(4, requires_grad=True)
    assert (iota(none, testing) == 0).all()
    iota(none, testing).sum().backward()
    assert none.grad is not None
    assert torch.isfinite(none.grad).all()
    scene = (thing("cube", 0.0), thing("cube", 0.5))
    for program in (Exists(Relate("left", Filter("sphere", All()))), Describe("color", Filter("sphere", All()))):
        assert torch.isfinite(crisp(scene, Logic(), testing).run(program)).all()
    assert iota(torch.tensor([0.2, 0.4]), True).tolist() == pytest.approx([0.5, 1.0])


def composer(vectors: dict[str, torch.Tensor]) -> ConceptComposer:
    torch.manual_seed(0)
    return ConceptComposer(vectors, task.FEATURES, projected=16, hidden=(16,)).eval()


@pytest.mark.row("S119", 3)
def test_a_word_is_its_vector() -> None:
    vectors = task.glossary_vectors()
    vectors["dingy"] = vectors["small"].clone()
    model = composer(vectors)
    rng = random.Random(3)
    for _ in range(30):
        scene, inner = clevr.scene(rng), Filter("small", clevr.random_set(rng, 3))
        seen = task.features(scene, np.random.default_rng(0))
        values = []
        renamed = clevr.renamed(inner, {"small": "dingy"})
        assert "dingy" in clevr.words_of(renamed)
        for each in (inner, renamed):
            words = clevr.words_of(each)
            values.append(model.answers([seen], [Exists(each)], [words])[0])
        assert torch.equal(*values)


@pytest.mark.row("S119", 3)
def test_unknown_names_are_one_name_under_one_hot_vectors() -> None:
    model = composer(task.one_hot(task.known_words()))
    asked, rng = [], random.Random(5)
    while len(asked) < 200:  # of a pair of unseen names one is true of something and the other is not
        scene = clevr.scene(rng)
        one, other = rng.sample(list(clevr.SYNONYMS), 2)
        answers = [clevr.answer(Exists(Filter(word, All())), scene) for word in (one, other)]
        if answers[0] is not answers[1]:
            asked += [
                clevr.Asked(scene, Exists(Filter(word, All())), bool(right))
                for word, right in zip((one, other), answers, strict=True)
            ]
    for first, second in zip(asked[::2], asked[1::2], strict=True):
        seen = task.features(first.scene, np.random.default_rng(0))
        values = [model.answers([seen], [each.program], [clevr.words_of(each.program)])[0] for each in (first, second)]
        assert torch.equal(*values)
    questions = task.Questions(asked, 0)
    questions.features[1::2] = questions.features[::2]
    majority = max(np.mean([each.answer for each in asked]), np.mean([not each.answer for each in asked]))
    assert abs(task.right(model, questions).mean() - majority) <= 0.05


@pytest.mark.row("S119", 4)
def test_comparisons_of_counts() -> None:
    two, one, three = (torch.tensor(float(number)) for number in (2, 1, 3))
    assert float(greater(two, one)) == pytest.approx(0.8808, abs=1e-4)
    assert float(greater(one, one)) == pytest.approx(0.1192, abs=1e-4)
    assert float(equal(three, three)) == pytest.approx(0.9820, abs=1e-4)
    assert float(equal(three, two)) == pytest.approx(0.0180, abs=1e-4)
    assert float(less(one, two)) == float(greater(two, one))


@cache
def vectors() -> dict[str, np.ndarray]:
    return {word: vector.numpy() for word, vector in task.glossary_vectors().items()}


def test_synonyms_are_nearest_to_what_they_stand_for() -> None:
    known = [word for words in clevr.KINDS.values() for word in words]
    for synonym, meaning in clevr.SYNONYMS.items():
        assert max(known, key=lambda word: vectors()[synonym] @ vectors()[word]) == meaning


def test_vectors_of_a_text_are_deterministic_and_of_length_one() -> None:
    sentences = [["a", "b", "c"], ["a", "b"], ["d", "c"]]
    found = word_vectors(sentences, 8)
    assert set(found) == set("abcd")
    for word, vector in found.items():
        assert np.linalg.norm(vector) == pytest.approx(1.0)
        assert (vector == word_vectors(sentences, 8)[word]).all()


def test_questions_are_answerable_and_balanced() -> None:
    asked = clevr.questions(200, (1, 2, 3), seed=4)
    assert all(clevr.answer(each.program, each.scene) == each.answer for each in asked)
    for form in (Exists, clevr.Forall):
        sentences = [each.answer for each in asked if isinstance(each.program, form)]
        assert abs(sum(map(bool, sentences)) - len(sentences) / 2) <= 1
    asked = clevr.synonym_questions(60)
    assert sum(bool(each.answer) for each in asked) == 30
    assert all(set(clevr.words_of(each.program)) & set(clevr.SYNONYMS) for each in asked)
