"""Semantic probing: does a language model of programs hold what the programs do?

A decoder learns texts of worlds and Karel programs. At checkpoints it writes programs for new worlds; a linear probe of
its vectors is asked for the states that its own programs pass through (the direction, and whether there is a wall
ahead: questions whose answers are as many, and as frequent, whatever the actions mean). The same probe on the same
vectors is asked for the states under another meaning of the actions, and on the vectors of an untrained model for the
true ones.

The source's model has 350M parameters, worlds of 6 x 6 cells with markers, programs of 6 to 10 actions and 80,000
steps; its loss is the mean over the whole text. Here the mean over the program's words is added to it: in minutes,
the many cells would drown them.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from phloem.analysis import semantic_intervention, semantic_probe
from phloem.analysis.semantic_intervention import Written
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.causal_lm import next_unit_loss
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.program_lm import ProgramLM, ProgramText
from phloem.synthesis.languages.karel import CYCLE, ORIGINAL
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import karel
from phloem.tasks.karel import SMALL, KarelSpec, KarelTexts, Kind

ASKED = ("facing", "wall ahead")
TEST_SEED = 3_000_017
WHOLE = Metric(lambda sums: sums[..., 0])
"""A figure of a run as a whole."""


class Sizes(NamedTuple):
    """What differs between the scales. `probed` specs train the probes, `tests` score them."""

    kind: Kind
    model: dict[str, int]
    batch: int
    epoch: int
    rate: float
    checkpoints: int
    probed: int
    tests: int
    steps: int


def sizes(scale: Scale) -> Sizes:
    if scale.smoke:
        model = {"width": 48, "layers": 2, "heads": 4}
        kind = Kind(2, 1, 1, 2, SMALL.actions, False)
        return Sizes(kind, model, 32, 32 * 60, 3e-3, 2, 100, 100, 100)
    if scale.name == "laptop":
        return Sizes(SMALL, {"width": 208, "layers": 3, "heads": 4}, 16, 16 * 20, 2e-3, 10, 700, 300, 300)
    model = {"width": 1024, "layers": 20, "heads": 16}
    return Sizes(Kind(), model, 16, 16 * 2_000, 5e-5, 40, 5_000, 5_000, 2_000)


class WholeAndProgram:
    """The mean loss of all units of a text, plus that of its program's."""

    def __call__(self, model: Any, batch: ProgramText) -> Loss:
        tokens, lengths, logits, first = model.causal(batch)
        whole, program = next_unit_loss(logits, tokens, lengths), next_unit_loss(logits, tokens, lengths, first)
        return Loss(whole + program, {"program_loss": float(program.detach())})


def make(size: Sizes) -> ProgramLM:
    return ProgramLM(karel.VOCABULARY, places=size.kind.places, **size.model)


def checkpoints(job: Job, budget: dict[str, Any], size: Sizes) -> tuple[list[Path], dict[str, Any]]:
    """The weights of a seed's model, evenly spaced over its training, the last ones last; trained once."""
    about = json.dumps({"size": size, "budget": budget, "seed": job.seed}, default=vars, sort_keys=True)
    folder = job.shared / hashlib.sha256(about.encode()).hexdigest()[:16]
    facts_file = folder / "facts.json"
    if not facts_file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        taken = len(list(folder.glob("*.safetensors")))

        def keep(net: nn.Module) -> dict[str, float]:
            nonlocal taken
            taken += 1
            save_file({name: part.contiguous() for name, part in net.state_dict().items()}, _weights(folder, taken))
            return {"checkpoint": float(taken)}

        settings = TrainingSettings(
            seed=job.seed,
            **budget,
            batch_size=size.batch,
            learning_rate=size.rate,
            schedule="linear",
            warmup_steps=20,
            clip=1.0,
            metric="checkpoint",  # the last one
        )
        data = KarelTexts(size.kind, examples=size.epoch, seed=job.seed)
        _, facts = trained(partial(make, size), data, WholeAndProgram(), settings, job, evaluate=keep)
        facts_file.write_text(json.dumps(facts))
    files = sorted(folder.glob("*.safetensors"))
    chosen = np.linspace(0, len(files) - 1, min(size.checkpoints, len(files))).round().astype(int)
    return [files[i] for i in chosen], json.loads(facts_file.read_text())


def _weights(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.safetensors"


def loaded(file: Path, size: Sizes) -> ProgramLM:
    net = make(size)
    net.load_state_dict(load_file(file))
    return net.eval()


def specs(size: Sizes) -> list[KarelSpec]:
    """Specs that no training has seen, those of the probes' training first."""
    rng = Random(TEST_SEED)
    return [karel.spec(rng, size.kind) for _ in range(size.probed + size.tests)]


@torch.inference_mode()
def words(net: ProgramLM, asked: list[KarelSpec]) -> np.ndarray:
    """Of each spec's own program: words that are the likeliest after those before, and words in all."""
    batch = karel.texts(asked)
    found = net.causal(batch)[2].argmax(-1)[:, batch.prompt - 1 : -1]
    counted = torch.arange(batch.prompt, batch.tokens.shape[1]) < batch.lengths[:, None]
    right = (found == batch.tokens[:, batch.prompt :]) & counted
    return torch.stack([right.sum(1), counted.sum(1)], 1).double().numpy()


def probed(net: ProgramLM, written: Written, size: Sizes, *, alternative: bool = False) -> np.ndarray:
    """Right answers and questions of each test spec, by a linear probe of the vectors of `net`."""
    read = semantic_intervention.vectors(net, written)
    meaning = CYCLE if alternative else ORIGINAL
    every = semantic_intervention.samples(read, written, size.kind, ASKED, semantics=meaning)
    in_training = every.unit < size.probed
    train, test = (
        semantic_probe.balanced(semantic_probe.Samples(*(part[chosen] for part in every)))
        for chosen in (in_training, ~in_training)
    )
    probe = semantic_probe.train_probe(train, semantic_intervention.classes(size.kind, ASKED), steps=size.steps)
    return semantic_probe.hits(probe, test._replace(unit=test.unit - size.probed), size.tests)


def contend(job: Job, scale: Scale, budget: dict[str, Any], probe: str) -> Outcome:
    """Probe the last checkpoint; the original meaning is probed at all, beside how often the programs are right."""
    size = sizes(scale)
    files, facts = checkpoints(job, budget, size)
    asked = specs(size)
    last = loaded(files[-1], size)
    written = semantic_intervention.write(last, asked, size.kind)
    units = {"generative": with_count(written.right[size.probed :])}
    blank = fresh(partial(make, size), job.seed).eval()
    if probe != "original":
        net = blank if probe == "untrained" else last
        units["probe"] = probed(net, written, size, alternative=probe == "alternative")
        return Outcome(units, facts=facts)
    curve = []
    for file in files:
        net = loaded(file, size)
        each = semantic_intervention.write(net, asked, size.kind)
        units["probe"] = probed(net, each, size)
        curve.append((float(each.right.mean()), float(ACCURACY.of(units["probe"].sum(0)))))
    correlation = pearson(np.array(curve))
    units["correlation"] = np.array([[correlation]])
    lengths = [len(program) for program in written.programs]
    facts |= {
        "generative and probe accuracy by checkpoint": [[round(value, 4) for value in row] for row in curve],
        "mean length written": float(np.mean(lengths)),
        "mean length in training": (size.kind.shortest + size.kind.longest) / 2,
    }
    units["words"] = words(last, asked[size.probed :])
    untrained = semantic_intervention.write(blank, asked[size.probed :], size.kind)
    before = {
        "generative": float(untrained.right.mean()),
        "words": float(ACCURACY.of(words(blank, asked[size.probed :]).sum(0))),
    }
    return Outcome(units, before, facts)


@system("semantic-probing", row="S003", room="synthesis")
def semantic_probing(scale: Scale) -> Claim:
    """Jin, Rinard: Evidence of Meaning in Language Models Trained on Programs (2023; ICML 2024, as "Emergent
    Representations of Program Semantics in Language Models Trained on Programs").

    States of a grid world read from a language model's vectors: as it learns to write right programs; under the true
    meaning of actions against a permuted one; against the vectors of an untrained model.
    """
    torch.set_num_threads(1)
    budget = scale.budget(smoke=3, laptop=6.0, paper=40)
    names = ("original",) if scale.smoke else ("original", "alternative", "untrained")
    size = sizes(scale)
    settings = size._asdict() | {"kind": vars(size.kind), "asked": list(ASKED)}
    arms = tuple(
        Arm(name, partial(contend, scale=scale, budget=budget, probe=name), {"probe": name, **settings})
        for name in names
    )
    return Claim(
        kind="trained",
        task="states of Karel programs, from the vectors of their model",
        metrics={"probe": ACCURACY, "generative": ACCURACY, "words": ACCURACY, "correlation": WHOLE},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("programs are foreseen but for their actions", "words", "original", None, 0.6),
        budget=budget,
        data={"programs": "generated", **vars(size.kind)},
        launch="phloem reproduce semantic-probing --scale paper",
    )


def pearson(curve: np.ndarray) -> float:
    """Of two columns; 0 where one of them does not vary."""
    return 0.0 if len(curve) < 2 or (curve.std(0) == 0).any() else float(np.corrcoef(curve.T)[0, 1])


CLAUSES = (
    Clause("probe and generative accuracy correlate by 0.8", "correlation", "original", None, 0.8),
    Clause("10 points above another meaning of the actions", "probe", "original", "alternative", 0.10),
    Clause("5 points above an untrained model", "probe", "original", "untrained", 0.05),
)
