"""What the systems that learn to write computations have in common: a small decoder, trained for a number of units.

Contenders that write long and short completions are kept equal by their units: the batch of each holds so many examples
that all batches have about the same number of units, and all contenders take the same number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from phloem.decode.greedy import greedy
from phloem.learn.objectives.completion_only import CompletionOnly
from phloem.learn.settings import TrainingSettings
from phloem.nn.models.prompted_decoder import Places, PromptedDecoder
from phloem.represent.completions import Drawn, Pair, completions, prompts
from phloem.systems.claims import Job, Scale
from phloem.systems.training import fresh, trained

Draw = Callable[[np.random.Generator], Pair]
SAMPLE = 300  # examples from which the mean length of a contender's is measured


@dataclass(frozen=True)
class Sizes:
    """A decoder and its training: `units` a batch, `steps` of gradient descent."""

    width: int
    layers: int
    heads: int
    units: int
    steps: int
    rate: float = 1e-3
    places: Places = "rotary"

    def for_minutes(self, scale: Scale, usual: float) -> Sizes:
        """As many steps as `--minutes` buys where `usual` minutes buy ours."""
        steps = self.steps if scale.minutes is None else max(1, round(self.steps * scale.minutes / usual))
        return Sizes(**(asdict(self) | {"steps": steps}))


def decoder(symbols: int, sizes: Sizes) -> PromptedDecoder:
    """The model of these sizes over so many symbols."""
    return PromptedDecoder(symbols, width=sizes.width, layers=sizes.layers, heads=sizes.heads, places=sizes.places)


def batch_of(draw: Draw, units: int) -> tuple[int, float]:
    """How many examples make a batch of about `units` units, and an example's mean length."""
    rng = np.random.default_rng(1)
    mean = float(np.mean([len(prompt) + len(rest) + 1 for prompt, rest in (draw(rng) for _ in range(SAMPLE))]))
    return max(1, round(units / mean)), mean


def train_writer(
    job: Job,
    symbols: int,
    draw: Draw,
    sizes: Sizes,
    validation: Sequence[Pair],
    *,
    batch: int = 0,
    name: str = "writer",
    start: PromptedDecoder | None = None,
) -> tuple[PromptedDecoder, dict[str, Any]]:
    """A decoder that completes what `draw` draws, after `sizes.steps` steps; the weights are those of the last step.

    `batch`: examples a batch in place of as many as `sizes.units` asks. `start`: a model whose weights are gone on
    from, with a fresh optimiser. The facts have the units that were read.
    """
    fitting, mean = batch_of(draw, sizes.units)
    batch = batch or fitting
    settings = TrainingSettings(
        seed=job.seed,
        epochs=1,
        batch_size=batch,
        learning_rate=sizes.rate,
        schedule="cosine",
        warmup_steps=max(1, sizes.steps // 20),
        clip=1.0,
        metric="step",
        evaluate_every=sizes.steps,
        evaluate_unit="steps",
    )

    def make() -> PromptedDecoder:
        model = decoder(symbols, sizes)
        if start is not None:
            model.load_state_dict(start.state_dict())
        return model

    def evaluate(model: Any) -> dict[str, float]:
        return {"step": 0.0, "unit accuracy": float(unit_accuracy(model, validation)[:, 0].mean())}

    own = job._replace(folder=job.folder / name)
    data = Drawn(batch * sizes.steps, draw)
    model, facts = trained(make, data, CompletionOnly(), settings, own, evaluate=evaluate)
    return model, facts | {"batch": batch, "mean length": round(mean, 1), "units": round(batch * sizes.steps * mean)}


def untrained(job: Job, symbols: int, sizes: Sizes) -> PromptedDecoder:
    """The model as it is before training."""
    return fresh(lambda: decoder(symbols, sizes), job.seed).eval()


@torch.no_grad()
def unit_accuracy(model: PromptedDecoder, pairs: Sequence[Pair], rows: int = 64) -> np.ndarray:
    """For each pair (units of the completion that are likeliest given those before, 1), the first as a share."""
    found = []
    for start in range(0, len(pairs), rows):
        batch = completions(pairs[start : start + rows])
        right = (model(batch.tokens)[:, :-1].argmax(-1) == batch.tokens[:, 1:]) & batch.learned[:, 1:]
        share = right.sum(1).double() / batch.learned.sum(1)
        found.append(torch.stack([share, torch.ones_like(share)], 1).numpy())
    return np.concatenate(found)


def completed(
    model: PromptedDecoder, asked: Sequence[Sequence[int]], *, length: int, rows: int = 64
) -> list[tuple[int, ...]]:
    """The greedy completion of each prompt, at most `length` units."""
    order = sorted(range(len(asked)), key=lambda number: len(asked[number]))
    found: dict[int, tuple[int, ...]] = {}
    for start in range(0, len(order), rows):
        some = order[start : start + rows]
        for number, best in zip(some, greedy(model, prompts([asked[n] for n in some]), length=length), strict=True):
            found[number] = best[0].value
    return [found[number] for number in range(len(asked))]
