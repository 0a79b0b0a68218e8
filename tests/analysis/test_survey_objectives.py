"""Every pretraining task of the matrix, answered by an oracle: right labels cost it nothing, shuffled ones do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from phloem.analysis import survey_objectives, taxonomy
from phloem.analysis.survey_objectives import TASKS, PretrainingTask
from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.learn.objectives.causal_lm import CausalLM
from phloem.learn.objectives.contrastive import Contrastive
from phloem.learn.objectives.denoising import Noise, denoising_pair
from phloem.learn.objectives.edge_prediction import Question, edge_question, pair_loss
from phloem.learn.objectives.identifier_deobfuscation import hide_names
from phloem.learn.objectives.identifier_tagging import IdentifierTagging, Tagged, identifier_labels
from phloem.learn.objectives.masked_lm import MaskedLM
from phloem.learn.objectives.masked_subtree import masked_nodes, masked_subtrees
from phloem.learn.objectives.matching import Matching
from phloem.learn.objectives.node_alignment import alignment_question
from phloem.learn.objectives.replaced_token_detection import Corrupted, ReplacedTokenDetection
from phloem.learn.objectives.span_corruption import Pair, corrupt, whole_word_spans
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import paired
from phloem.nn.models.prefix_mode_transformer import Sequences
from phloem.nn.models.text_encoder import TextPairs, text_pairs
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.cst_units import BLANK, CstUnits
from phloem.represent.data_flow_view import NODE, DataFlowBatch, DataFlowView, DataFlowViewConfig, collate
from phloem.represent.marked_code import MarkedCodeConfig, MarkedCodeView, MarkedFunction
from phloem.systems import registry
from phloem.tasks.accessors import accessors

SURE = 30.0
Losses = tuple[float, float]  # on the right labels, on shuffled ones


@pytest.fixture(scope="module")
def view() -> MarkedCodeView:
    return MarkedCodeView(MarkedCodeConfig(480, 20, (BLANK,), code=64, text=16)).fit(accessors("train")[:120])


@pytest.fixture(scope="module")
def functions(view: MarkedCodeView) -> list[MarkedFunction]:
    chosen = accessors("train")[:120:11]
    return [view.encode(each) for each in chosen]


class World(NamedTuple):
    """What oracles are made of."""

    units: BytePairs
    functions: list[MarkedFunction]
    rng: np.random.Generator

    def rows(self) -> TextPairs:
        """Codes of one length, so that rows can change places."""
        return text_pairs([[] for _ in self.functions], [each.code.ids[:12].tolist() for each in self.functions])

    def written(self, make: Callable[[MarkedFunction], Pair], **options: Any) -> Losses:
        """An oracle of targets, its answers in order and out of order."""
        batch = paired([make(each) for each in self.functions], source=128, target=128)
        answers = SURE * one_hot(batch.target, self.units.size + 400).float()
        loss = TokenCrossEntropy(**options)
        return (
            loss(lambda asked: answers, batch).value.item(),
            loss(lambda asked: answers, batch._replace(target=batch.target.roll(1, 0))).value.item(),
        )


def sure(truth: Tensor) -> Tensor:
    """Logits of a yes or no."""
    return (truth.float() * 2 - 1) * SURE


def masked_units(world: World) -> Losses:
    batch = world.rows()

    class Oracle:
        """Its states are what stands at each place in truth."""

        def __call__(self, tokens: Tensor, lengths: Tensor) -> Tensor:
            return SURE * one_hot(batch.tokens, world.units.size).float()

        def words(self, states: Tensor) -> Tensor:
            return states

    loss = MaskedLM(world.units.size)
    return (
        loss(Oracle(), batch).value.item(),
        loss(Oracle(), batch._replace(tokens=batch.tokens.roll(1, 0))).value.item(),
    )


def replaced_units(world: World) -> Losses:
    batch = world.rows()
    original = torch.rand(batch.tokens.shape, generator=torch.Generator().manual_seed(0)) < 0.5

    class Fixed(ReplacedTokenDetection):
        def __init__(self, labels: Tensor) -> None:
            self.labels = labels

        def corrupt(self, asked: TextPairs) -> Corrupted:
            return Corrupted(asked.tokens, self.labels)

    class Oracle:
        def __call__(self, tokens: Tensor, lengths: Tensor) -> Tensor:
            return tokens

        def original(self, states: Tensor) -> Tensor:
            return sure(original)

    return (
        Fixed(original)(Oracle(), batch).value.item(),
        Fixed(original.roll(1, 0))(Oracle(), batch).value.item(),
    )


def denoised(world: World) -> Losses:
    noise = Noise(world.units.sentinel(0), 40, world.units.size)
    return world.written(lambda each: denoising_pair(each.code.ids, world.units.sentinel(1), noise, world.rng))


def damaged_spans(world: World) -> Losses:
    def make(each: MarkedFunction) -> Pair:
        return corrupt(each.code.ids, whole_word_spans(each.code.word, world.rng), world.units.sentinel)

    return world.written(make)


def hidden_identifiers(world: World) -> Losses:
    return world.written(lambda each: hide_names(each.code, np.arange(len(each.code.names)), world.units))


def traces(world: World) -> Losses:
    """States of variables written after a program; its easy marks weigh less."""
    easy = (world.units.sentinel(0),)

    def make(each: MarkedFunction) -> Pair:
        values = world.rng.integers(40, 400, 6)
        return Pair(each.code.ids, np.insert(values, [0, 3], easy[0]).astype(np.int32))

    return world.written(make, weight=10.0, easy=easy)


def subtrees(make: Callable[..., Pair]) -> Callable[[World], Losses]:
    def both(world: World) -> Losses:
        vocabulary = CstUnits(world.units, [f"kind{number}" for number in range(20)])
        first = vocabulary.first_label

        def of(each: MarkedFunction) -> Pair:
            """Leaves of a function under four constituents of random kinds."""
            parts = []
            for leaves in np.array_split(each.code.ids, 4):
                label = first + int(world.rng.integers(20))
                parts += [[vocabulary.open, label], leaves, [vocabulary.close]]
            return make(np.concatenate(parts).astype(np.int32), vocabulary, world.rng)

        return world.written(of)

    return both


def tagged(world: World) -> Losses:
    batch, labels = world.rows(), [identifier_labels(each.code)[:12] for each in world.functions]
    truth = torch.zeros(batch.tokens.shape, dtype=torch.bool)
    truth[batch.code] = torch.tensor([label for row in labels for label in row])

    class Oracle:
        def identifier(self, tokens: Tensor, lengths: Tensor) -> Tensor:
            return sure(truth)

    right = Tagged(batch.tokens, batch.lengths, truth, batch.code)
    mixed = truth.clone()
    mixed[batch.code] = truth[batch.code].roll(1)
    loss = IdentifierTagging()
    return loss(Oracle(), right).value.item(), loss(Oracle(), right._replace(identifier=mixed)).value.item()


def flow(world: World) -> DataFlowBatch:
    source = (
        b"def f(a, b):\n    x = a\n    y = b\n    if a > b:\n        x = y\n    z = x + y\n    return z\n"
        b"def g(p, q):\n    r = p\n    for s in q:\n        r = r + s\n    return r\n"
    )
    reader = DataFlowView(world.units, DataFlowViewConfig())
    return collate([reader.encode(each) for each in examples_of(source, by_name("python"))])


def one_way(question: Question) -> Question:
    """Without places paired with themselves, and without pairs that are asked the other way round with another answer:
    an inner product knows no direction."""
    answers = {
        tuple(pair): label for pair, label in zip(question.pairs.tolist(), question.target.tolist(), strict=True)
    }
    kept = [one != two and answers.get((two, one), label) == label for (one, two), label in answers.items()]
    pairs = [pair for pair, keep in zip(answers, kept, strict=True) if keep]
    return question._replace(pairs=torch.tensor(pairs), target=torch.tensor([answers[pair] for pair in pairs]))


def asked_pairs(make: Callable[[DataFlowBatch, Tensor], Question]) -> Callable[[World], Losses]:
    """The pairs that a question holds, answered by an oracle that has a vector for each place."""

    def both(world: World) -> Losses:
        batch = flow(world)
        question = one_way(make(batch, batch.are(NODE).flatten()))
        assert question.target.any()
        assert not question.target.all()
        kernel = torch.zeros(batch.tokens.numel(), batch.tokens.numel())
        one, other = question.pairs.T
        kernel[one, other] = kernel[other, one] = sure(question.target)
        # any symmetric matrix plus enough of the identity is a matrix of inner products
        values, vectors = torch.linalg.eigh((kernel + 20 * SURE * torch.eye(len(kernel))).double())
        states = (vectors * values.clamp(min=0).sqrt()).view(*batch.tokens.shape, -1)
        wrong = question._replace(target=question.target.roll(1))
        return pair_loss(states, question).item(), pair_loss(states, wrong).item()

    return both


class Keyed(NamedTuple):
    query_key: Tensor
    code_key: Tensor


def contrasted(world: World) -> Losses:
    keys = torch.arange(8)
    vectors = torch.eye(8)
    loss = Contrastive()
    right = loss(lambda batch: (vectors[batch.query_key], vectors[batch.code_key]), Keyed(keys, keys))
    wrong = loss.of(vectors, vectors.roll(1, 0))
    return right.value.item(), wrong.value.item()


def matched(world: World) -> Losses:
    truth = torch.arange(8)

    class Oracle:
        def __init__(self, codes: Tensor) -> None:
            self.codes = codes  # what each place of the batch holds

        def match(self, batch: Keyed, texts: Tensor, codes: Tensor) -> Tensor:
            return sure(truth[texts] == self.codes[codes])

    batch, loss = Keyed(truth, truth), Matching()
    return loss(Oracle(truth), batch).value.item(), loss(Oracle(truth.roll(1)), batch).value.item()


def continued(world: World) -> Losses:
    batch = world.rows()
    logits = SURE * one_hot(batch.tokens.roll(-1, 1), world.units.size).float()

    class Oracle:
        def causal(self, asked: Sequences) -> tuple[Tensor, Tensor, Tensor, int]:
            return asked.tokens, asked.lengths, logits, 1

    right, loss = Sequences(batch.tokens, batch.lengths), CausalLM()
    mixed = right._replace(tokens=batch.tokens.roll(1, 0))
    return loss(Oracle(), right).value.item(), loss(Oracle(), mixed).value.item()


ORACLES: dict[str, Callable[[World], Losses]] = {
    "MLM": masked_units,
    "RTD": replaced_units,
    "DNS": denoised,
    "MSP": damaged_spans,
    "IT": tagged,
    "MIP": hidden_identifiers,
    "EP": asked_pairs(edge_question),
    "NA": asked_pairs(alignment_question),
    "CL": contrasted,
    "TCM": matched,
    "CLM": continued,
    "TG": traces,
    "MST": subtrees(masked_subtrees),
    "MNP": subtrees(masked_nodes),
}


@pytest.mark.row("S097", 1)
@pytest.mark.parametrize("task", TASKS, ids=[task.short for task in TASKS])
def test_an_objective_falls_for_right_labels_and_not_for_shuffled_ones(
    task: PretrainingTask, view: MarkedCodeView, functions: list[MarkedFunction]
) -> None:
    torch.manual_seed(0)
    right, shuffled = ORACLES[task.short](World(view.units, functions, np.random.default_rng(0)))
    assert right < 0.01
    assert shuffled > 0.5


@pytest.mark.row("S097", 1)
def test_each_task_declares_what_it_needs_and_wrong_declarations_stop_the_import() -> None:
    assert ORACLES.keys() == {task.short for task in TASKS}
    assert all(task.inputs for task in TASKS)
    task = TASKS[0]
    for wrong, said in (
        (task._replace(inputs=()), "declares no inputs"),
        (task._replace(inputs=("tokens", "smells")), "smells, for which there is no column"),
        (task._replace(loss="masked_lm.Oracle"), "masked_lm.Oracle, which is not there"),
        (task._replace(made_by="nothing.Nothing"), "nothing.Nothing, which is not there"),
    ):
        with pytest.raises(ValueError, match=said):
            survey_objectives.check([*TASKS, wrong])


@pytest.mark.row("S097", 2)
def test_the_matrix_is_generated_from_the_tasks() -> None:
    lines = survey_objectives.matrix().splitlines()
    head = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert len(lines) == len(TASKS) + 2
    for task, line in zip(TASKS, lines[2:], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[:2] == [task.short, task.name]
        assert {name for name, cell in zip(head, cells, strict=True) if cell == "×"} == set(task.inputs)
    more = survey_objectives.matrix([*TASKS, TASKS[0]._replace(short="NEW", inputs=("pairs",))])
    assert more.splitlines()[:-1] == lines
    assert "NEW" in more.splitlines()[-1]


def test_each_task_is_measured_by_a_system_that_uses_its_loss() -> None:
    for task in TASKS:
        module = registry.card(task.measured_in).claim.__module__.removeprefix("phloem.")
        used = {one for each in taxonomy.builds_on(module) for one in taxonomy.read(each).imports}
        used |= {one for each in tuple(used) if each.startswith("learn.") for one in taxonomy.read(each).imports}
        assert f"learn.objectives.{task.loss.split('.')[0]}" in used, task


def test_what_a_corpus_allows() -> None:
    assert survey_objectives.possible(["tokens"]) == ["MLM", "RTD", "DNS", "MSP", "CLM"]
    assert "TCM" in survey_objectives.possible(["tokens", "pairs"])
    assert survey_objectives.possible([]) == []
