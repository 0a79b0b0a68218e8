"""NS3's network: modules put together as a query's actions are, over the units of a code.

Arakelyan et al., "NS3" (NeurIPS 2022, sections 3.3 and 3.4). An action masks one argument and says where it is; with s
the scores of that argument and ŝ the action's,

    f = ŝ · s / (|ŝ| |s|), in [0, 1]        score(query, code) = Π over all actions f

An argument that is an action itself has that one's ŝ as its scores (`pass_up`); in the released code it passes nothing
up, and is scored on its own. The masked argument is the second, or the only one; with `mask="each"` each in turn, and f
is the mean. Scores of phrases are not trained here: entity discovery learns before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from phloem.nn.models.ns3_modules import Actions, EntityDiscovery, real_places
from phloem.nn.models.text_encoder import TextEncoder, text_pairs
from phloem.represent.query_parse import Action, Argument

Layout = tuple[Action, ...]


class Step(NamedTuple):
    """An action of a pair. `inputs` are places of phrases (counted from 0) or of earlier steps (from -1 downwards)."""

    row: int
    verb: str
    prepositions: tuple[str, ...]
    inputs: tuple[int, ...]
    height: int


class Plan(NamedTuple):
    """What is computed for a batch: phrases with the row of their code, and steps, inner ones before outer ones."""

    phrases: list[tuple[int, str]]
    steps: list[Step]


class Prediction(NamedTuple):
    """ŝ and s of a masked argument, over the units of the code; `step` is the action's place in the plan."""

    step: int
    row: int
    predicted: Float[Tensor, " units"]
    wanted: Float[Tensor, " units"]


def plan(layouts: Sequence[Layout], *, pass_up: bool = True) -> Plan:
    """The plan of one layout a row."""
    made = Plan([], [])
    for row, layout in enumerate(layouts):
        for action in layout:
            _add(made, row, action, pass_up)
    return made


def _add(made: Plan, row: int, action: Action, pass_up: bool) -> int | None:
    """Add an action and those within it; its place among the steps, None where none of its arguments is left."""
    read: list[tuple[Argument, int]] = []
    height = 0
    for argument in action.arguments:
        if isinstance(argument.value, str):
            made.phrases.append((row, argument.value))
            read.append((argument, len(made.phrases) - 1))
            continue
        inner = _add(made, row, argument.value, pass_up)
        if pass_up and inner is not None:
            read.append((argument, -1 - inner))
            height = max(height, made.steps[inner].height + 1)
    if not read:
        return None
    prepositions = tuple(argument.preposition for argument, _ in read)
    made.steps.append(Step(row, action.verb, prepositions, tuple(place for _, place in read), height))
    return len(made.steps) - 1


class NeuralModuleNetwork(nn.Module):
    """`entity` finds phrases; `encoder` reads codes, verbs and prepositions for the actions. `units` are a text's.

    `inner` is the width within the feed-forward nets of the action modules."""

    def __init__(
        self,
        entity: EntityDiscovery,
        encoder: TextEncoder,
        units: Callable[[str], list[int]],
        *,
        pass_up: bool = True,
        mask: Literal["second", "each"] = "second",
        inner: int = 2048,
    ) -> None:
        super().__init__()
        self.entity, self.encoder = entity, encoder
        self.actions = Actions(encoder.table.embedding_dim, inner=inner)
        self.units, self.pass_up, self.mask = units, pass_up, mask

    def found(self, phrases: Sequence[tuple[int, str]], codes: list[list[int]]) -> Float[Tensor, "phrases units"]:
        """Scores of phrases over the codes of their rows, without a gradient."""
        with torch.no_grad():
            texts = [self.units(phrase) for _, phrase in phrases]
            scores = self.entity(texts, [codes[row] for row, _ in phrases])
        return nn.functional.pad(scores, (0, max(map(len, codes)) - scores.shape[1]))

    def code_states(self, codes: list[list[int]]) -> Float[Tensor, "codes units width"]:
        """c of each code, which is read alone."""
        batch = text_pairs([[] for _ in codes], codes, most=max(map(len, codes)) + 3)
        return self.encoder(batch.tokens, batch.lengths)[:, 1:-1]

    def word_vectors(self, words: Sequence[str]) -> Float[Tensor, "words width"]:
        """The first state of each word read alone; 0 for the empty word."""
        batch = text_pairs([[] for _ in words], [self.units(word) for word in words], most=16)
        there = torch.tensor([bool(word) for word in words])
        return self.encoder(batch.tokens, batch.lengths)[:, 0] * there[:, None]

    def predictions(self, layouts: Sequence[Layout], codes: list[list[int]]) -> list[Prediction]:
        """Of every step, one for each argument that is masked in turn. Row r pairs layout r with code r."""
        made = plan(layouts, pass_up=self.pass_up)
        scores = list(self.found(made.phrases, codes))
        states, real = self.code_states(codes), real_places(codes, max(map(len, codes)))
        names = sorted({word for step in made.steps for word in (step.verb, *step.prepositions)})
        vector = dict(zip(names, self.word_vectors(names), strict=True))
        given: dict[int, Tensor] = {}
        done: list[Prediction] = []
        alike: dict[tuple[int, int], list[int]] = {}
        for place, step in enumerate(made.steps):
            alike.setdefault((step.height, len(step.inputs)), []).append(place)
        for _, places in sorted(alike.items()):  # inner actions before those that read them
            steps = [made.steps[place] for place in places]
            read = torch.stack(
                [torch.stack([scores[i] if i >= 0 else given[-1 - i] for i in step.inputs]) for step in steps]
            )
            predicted, wanted = self._predict(steps, read, vector, states, real)
            given |= dict(zip(places, predicted.mean(dim=0), strict=True))
            done += [
                Prediction(place, step.row, predicted[turn, number], wanted[turn, number])
                for turn in range(len(predicted))
                for number, (place, step) in enumerate(zip(places, steps, strict=True))
            ]
        return done

    def _predict(
        self,
        steps: list[Step],
        read: Float[Tensor, "steps arguments units"],
        vector: dict[str, Float[Tensor, " width"]],
        states: Float[Tensor, "codes units width"],
        real: Bool[Tensor, "codes units"],
    ) -> tuple[Float[Tensor, "turns steps units"], Float[Tensor, "turns steps units"]]:
        """ŝ and s of steps with equally many arguments, for each argument that is masked in turn."""
        count = read.shape[1]
        verbs = torch.stack([torch.stack([vector[step.verb]] * count) for step in steps])
        prepositions = torch.stack([torch.stack([vector[word] for word in step.prepositions]) for step in steps])
        told = self.actions.tell(torch.cat([verbs, prepositions], dim=2))
        rows = torch.tensor([step.row for step in steps])
        turns = range(count) if self.mask == "each" else (min(1, count - 1),)
        masks: list[Int64[Tensor, " steps"]] = [torch.full((len(steps),), turn) for turn in turns]
        module = self.actions.of[count - 1]
        predicted = torch.stack([module(told, read, masked, states[rows], real[rows]) for masked in masks])
        return predicted, torch.stack([read[:, turn] for turn in turns])

    def forward(self, layouts: Sequence[Layout], codes: list[list[int]]) -> Float[Tensor, " pairs"]:
        """The score of each pair of a layout and a code, in [0, 1]."""
        done = self.predictions(layouts, codes)
        fits = cosine_similarity(
            torch.stack([one.predicted for one in done]), torch.stack([one.wanted for one in done]), dim=1
        )
        by_step: dict[int, list[Tensor]] = {}
        by_row: dict[int, list[Tensor]] = {row: [] for row in range(len(codes))}
        for one, fit in zip(done, fits, strict=True):
            by_step.setdefault(one.step, []).append(fit)
        for one in {one.step: one for one in done}.values():
            by_row[one.row].append(torch.stack(by_step[one.step]).mean())
        return torch.stack([torch.stack(factors).prod() for factors in by_row.values()])
