"""How a model of ours and a checkpoint of the Hugging Face hub say the same: sizes, names and tensors.

A table has a line a part: our module and theirs, `{}` the number of a block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
_ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}
THEIRS = {"relu": "relu", "gelu": "gelu", "gelu_tanh": "gelu_new"}
"""Our activations' names there."""


class Shape(NamedTuple):
    """One of our models as the hub has it. `optional` are our parts that a checkpoint may lack; `prefixes` what its
    names may have in front."""

    types: tuple[str, ...]  # values of model_type
    model: type
    config: Callable[[Mapping[str, Any], Mapping[str, Tensor]], Any]  # of config.json and the tensors
    about: Callable[[Any], dict[str, Any]]
    table: Callable[[Any], list[tuple[str, str]]]
    prefixes: tuple[str, ...]
    optional: tuple[str, ...] = ()
    unpacked: Callable[[Tensors], Tensors] = lambda tensors: tensors
    packed: Callable[[Tensors], Tensors] = lambda tensors: tensors

    def names(self, config: Any) -> dict[str, str]:
        """Our tensors' names → theirs."""
        with torch.device("meta"):
            own = list(self.model(config).state_dict())
        modules = dict(self.table(config))
        names = {}
        for name in own:
            module, _, last = name.rpartition(".")
            number = re.search(r"\.(\d+)\.", module)
            key = module if number is None else module.replace(number[0], ".{}.", 1)
            theirs = modules[key] if key in modules else modules[name]
            whole = theirs if key not in modules else f"{theirs}.{last}"
            names[name] = whole.replace("{}", number[1] if number else "")
        return names


def activation(about: Mapping[str, Any], name: str, default: str) -> str:
    """Ours. ValueError for one that is not known here."""
    given = about.get(name, default)
    if given not in _ACTIVATIONS:
        raise ValueError(f"unknown activation {given!r}")
    return _ACTIVATIONS[given]
