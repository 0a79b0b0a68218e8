"""A small detector of bugs, trained in seconds on generated functions, for tests of the jobs over it."""

from __future__ import annotations

from pathlib import Path

import torch

from phloem.assist.review.calibration import calibrated, judged
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.represent.bug_arrays import Injecting, Injection, Injector
from phloem.represent.bug_slots import CHECKS
from phloem.represent.review_view import ReviewView
from phloem.represent.subwords import Subwords
from phloem.systems.understanding import bug_detector
from phloem.systems.understanding.bug_detector import RECIPE, BugDetectorConfig
from phloem.tasks import saved
from phloem.tasks.cubert_tasks import made_functions

ALWAYS = {name: {"slope": 1.0, "offset": 0.0, "threshold": 0.5, "on": True} for name in CHECKS}


def small_detector(folder: Path, *, steps_of: int = 14) -> Path:
    """A detector that knows the generated functions, saved as a model folder."""
    torch.set_num_threads(1)
    functions = made_functions(96, seed=0)
    subwords = Subwords.fit((example.tree.source.decode() for example in functions), 400)
    config = BugDetectorConfig(width=48, layers=2, inner=96)
    view = ReviewView(config.view, subwords).fit(functions)
    dataset = view.compile(functions, folder / "functions")
    torch.manual_seed(0)
    model = bug_detector.model(config, view)
    settings = TrainingSettings(epochs=steps_of, batch_size=16, learning_rate=3e-3, clip=1.0, metric="joint")
    injecting = Injecting(dataset, Injector(view, Injection(undocumented=0.5)))
    train(model, injecting, RECIPE.objective(config), settings, folder=folder / "run")
    found = judged(model.eval(), injecting, 96)
    assert set(calibrated(found)) == set(CHECKS)
    facts = {"task": "review", "languages": ["python"], "checks": ALWAYS, "figures": {}}
    saved.save(folder / "small", recipe=RECIPE, model=model, view=view, config=config, facts=facts, storage="int8")
    return folder / "small"
