"""Optimisers by name, and the state of one as named tensors.

adam: Kingma and Ba (2015), with decoupled weight decay (Loshchilov and Hutter 2019) where there is any.
nesterov: gradient descent with Nesterov momentum 0.95, as code2seq was released.
sgd: plain gradient descent, as in Sutskever et al. (2014).
lion: the sign of an interpolated gradient (Chen et al. 2023; see `learn.lion`); rates are 3 to 10 times lower.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from phloem.errors import PhloemError
from phloem.learn.lion import Lion

OPTIMIZERS = ("adam", "nesterov", "sgd", "lion")
NESTEROV_MOMENTUM = 0.95


def optimizer(name: str, parameters: Iterable[nn.Parameter], rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """The optimiser `name` over the parameters that ask for a gradient.

    Raises:
        PhloemError: the name is none of `OPTIMIZERS`.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if name == "adam":
        return torch.optim.AdamW(trained, lr=rate, weight_decay=weight_decay, fused=True)
    if name == "nesterov":
        return torch.optim.SGD(trained, lr=rate, momentum=NESTEROV_MOMENTUM, nesterov=True, weight_decay=weight_decay)
    if name == "sgd":
        return torch.optim.SGD(trained, lr=rate, weight_decay=weight_decay)
    if name == "lion":
        return Lion(trained, lr=rate, weight_decay=weight_decay)
    raise PhloemError(f"unknown optimizer {name!r}: take one of {', '.join(OPTIMIZERS)}")


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Moments and counters, named "parameter number.name"; rates are not state, the schedule gives them anew."""
    return {
        f"{number}.{name}": value
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def load_state_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `state_tensors`, into an optimiser over the same parameters in the same order."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
