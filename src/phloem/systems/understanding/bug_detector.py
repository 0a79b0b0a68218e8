"""The detector of `phloem review`: one network for all checks, trained on injected bugs.

The tasks of CuBERT (Kanade et al. 2020) as one: with a bug of a random kind in half of the functions, say where it is,
if anywhere, and what was there. Cheaper than six fine-tuned models, and one pass judges a function.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from phloem.learn.objectives.bug_detection import BugDetection
from phloem.nn.models.bug_detector import BugDetector
from phloem.represent.bug_slots import CHECKS
from phloem.represent.review_view import SHAPES, ReviewView, ReviewViewConfig
from phloem.tasks.recipe import Recipe

NAME = "bug_detector"


@dataclass(frozen=True)
class BugDetectorConfig:
    """Sizes."""

    view: ReviewViewConfig = field(default_factory=ReviewViewConfig)
    width: int = 128
    layers: int = 3
    heads: int = 4
    inner: int = 256
    dropout: float = 0.0


def model(config: BugDetectorConfig, view: ReviewView) -> BugDetector:
    """A fresh detector."""
    return BugDetector(
        view.size,
        SHAPES,
        len(CHECKS),
        torch.from_numpy(view.closed.classes()),
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        inner=config.inner,
        dropout=config.dropout,
    )


def begin_with(detector: BugDetector, vectors: torch.Tensor) -> None:
    """Give the units the vectors of another model, turned to their principal axes as far as the width reaches, and as
    large as fresh ones (the units are the first rows)."""
    centred = vectors.float() - vectors.float().mean(dim=0)
    _, _, axes = torch.linalg.svd(centred[:8192], full_matrices=False)
    turned = centred @ axes[: detector.width].T
    with torch.no_grad():
        scale = detector.table.weight.std() / turned.std()
        detector.table.weight[: len(turned), : turned.shape[1]] = turned * scale
        detector.table.weight[0] = 0.0  # of padding


def _no_search(config: Any) -> Any:
    raise TypeError("a detector of bugs judges places: there is nothing to decode")


RECIPE = Recipe(
    name=NAME,
    config=BugDetectorConfig,
    view=lambda config: ReviewView(config.view),
    restore=ReviewView.from_state,
    model=model,
    objective=lambda config: BugDetection(),
    search=_no_search,
)
