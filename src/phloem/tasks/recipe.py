"""A recipe says who answers a task: a view, a model over it, an objective and a search."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import nn


class Recipe(NamedTuple):
    """The parts of a trainable system. Configurations are frozen dataclasses that JSON can hold.

    `view(config)` is unfitted; `restore(state)` is the view of a saved state; `model(config, view)` is fresh;
    `objective(config)` maps (model, batch) to a loss; `search(config)` decodes.
    """

    name: str
    config: type
    view: Callable[[Any], Any]
    restore: Callable[[dict[str, Any]], Any]
    model: Callable[[Any, Any], nn.Module]
    objective: Callable[[Any], Any]
    search: Callable[[Any], Any]
