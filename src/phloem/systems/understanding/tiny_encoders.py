"""The small encoders that probes look into: RoBERTa's shape, pretrained on functions with masked units, with or without
the data flow graph beside the code."""

from __future__ import annotations

import json
import sysconfig
import zlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phloem.corpora import shards
from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.learn.objectives.data_flow_pretraining import DataFlowPretraining
from phloem.learn.settings import TrainingSettings
from phloem.nn.models.data_flow_encoder import DataFlowEncoder
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.data_flow_view import DataFlowRows, DataFlowView, DataFlowViewConfig
from phloem.systems.claims import Job
from phloem.systems.training import trained

SIZES: dict[str, Any] = {"width": 128, "layers": 4, "heads": 4, "inner": 256, "places": 512, "pad": 0}
SMALL: dict[str, Any] = {**SIZES, "width": 48, "layers": 2, "inner": 96}
LONGEST = 4000  # bytes of a function
# Modules of the standard library that every Python has, for what needs no data.
MODULES = ("textwrap", "shlex", "heapq", "bisect", "configparser", "fractions", "statistics", "difflib", "calendar")


@cache
def standard_functions(most: int, modules: tuple[str, ...] = ()) -> tuple[Example, ...]:
    """Functions of Python's own library: of the named modules, or of all that are no tests; the file is the project."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = [root / f"{name}.py" for name in modules] if modules else sorted(root.rglob("*.py"))
    left_out = {"site-packages", "test", "tests", "idlelib", "turtledemo", "lib2to3"}
    found: list[Example] = []
    for file in files:
        if left_out & set(file.relative_to(root).parts) or not file.is_file():
            continue
        examples = examples_of(file.read_bytes(), by_name("python"), str(file), str(file.relative_to(root)))
        found += [example for example in examples if len(example.tree.source) <= LONGEST]
    found.sort(key=lambda example: zlib.crc32(f"{example.project}:{example.line}".encode()))
    return tuple(found[:most])


def held_out(example: Example, every: int = 5) -> bool:
    """Whether the example's project is one of the few that are not trained on."""
    return zlib.crc32(example.project.encode()) % every == 0


def mined_functions(folder: Path, split: str, most: int, language: str = "python") -> list[Example]:
    """Functions of a split of mined shards, of many projects, that are not too long; fewer are the first of more.

    Raises PhloemError where there are none."""
    short = (example for example in shards.spread(folder, split, (language,)) if len(example.tree.source) <= LONGEST)
    if not (found := list(islice(short, most))):
        raise PhloemError(f"{folder} has no functions of {language} in its split {split}")
    return found


def random_encoder(units: BytePairs, sizes: dict[str, Any], seed: int) -> Roberta:
    """An encoder that was never trained."""
    torch.manual_seed(seed)
    return Roberta(RobertaConfig(units.size, **sizes)).eval()


def pretrained(
    examples: Sequence[Example],
    units: BytePairs,
    job: Job,
    *,
    sizes: dict[str, Any],
    budget: dict[str, Any],
    structure: bool = False,
) -> tuple[Roberta, dict[str, Any]]:
    """An encoder after the budget, and the facts to publish; every 20th function is for validation."""
    view = DataFlowView(units, DataFlowViewConfig(with_nodes=structure, code=192))
    rows = [view.encode(example) for example in examples]
    train, held = DataFlowRows([row for n, row in enumerate(rows) if n % 20]), DataFlowRows(rows[::20])
    objective = DataFlowPretraining(units.size, structure=structure)
    settings = TrainingSettings(
        seed=job.seed, **budget, batch_size=16, learning_rate=1e-3, clip=1.0, metric="-loss", bucket=8
    )
    model, facts = trained(
        lambda: DataFlowEncoder(Roberta(RobertaConfig(units.size, **sizes))),
        train,
        objective,
        settings,
        job,
        evaluate=partial(validation_loss, objective=objective, rows=held),
    )
    return model.roberta.eval(), facts


def kept_encoder(
    functions: Callable[[], Sequence[Example]], units: BytePairs, job: Job, *, sizes: dict[str, Any], minutes: float
) -> Roberta:
    """An encoder that is pretrained once, with seed 0, for all runs of a system on the same units."""
    model = Roberta(RobertaConfig(units.size, **sizes))
    told = zlib.crc32(json.dumps([units.state(), sizes, minutes], sort_keys=True).encode())
    file = job.shared / f"encoder-{told:08x}.safetensors"
    if not file.exists():
        own = job._replace(seed=0, folder=file.with_suffix(""))
        budget = {"minutes": minutes, "clock": "processor"}
        made, _ = pretrained(functions(), units, own, sizes=sizes, budget=budget)
        beside = file.with_suffix(".part")
        save_file(made.state_dict(), beside)
        beside.replace(file)
    model.load_state_dict(load_file(file))
    return model


def validation_loss(model: Any, objective: DataFlowPretraining, rows: DataFlowRows) -> dict[str, float]:
    """What is masked and hidden is drawn alike every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        starts = range(0, min(len(rows), 256), 16)
        batches = [rows.batch(np.arange(start, min(start + 16, len(rows))), None) for start in starts]
        return {"loss": float(np.mean([float(objective(model, batch).value) for batch in batches]))}
