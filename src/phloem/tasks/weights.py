"""Tensors as saved models store them, and back (see `tasks.saved`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from phloem.tasks.saved import SCALE


class Uninitialized(TorchFunctionMode):
    """Inside, parameters stay as their memory was: they are replaced by weights that are about to be read."""

    def __torch_function__(self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if function in (Tensor.uniform_, Tensor.normal_) or getattr(function, "__module__", "") == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def packed(tensors: Mapping[str, Tensor], storage: str) -> dict[str, Tensor]:
    """Tensors as they are stored; of tensors that share their memory, the first."""
    stored: dict[str, Tensor] = {}
    seen: set[tuple[int, torch.Size]] = set()
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tensor.shape)
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        values = tensor.detach().cpu().contiguous()
        if not values.is_floating_point() or storage == "float32":
            stored[name] = values
        elif storage == "int8" and values.dim() == 2:
            scale = values.float().abs().amax(dim=1, keepdim=True) / 127
            stored[name] = (values.float() / scale.where(scale > 0, 1.0)).round().to(torch.int8)
            stored[name + SCALE] = scale[:, 0]
        else:
            half = values.half()
            stored[name] = half if half.isfinite().all() else values  # beyond 65504 float16 has only infinity
    return stored


def unpacked(stored: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `packed`, for a model whose own tensors are `fresh`: types, and which ones share memory."""
    tensors: dict[str, Tensor] = {}
    first: dict[tuple[int, torch.Size], str] = {}
    for name, own in fresh.items():
        source = first.setdefault((own.data_ptr(), own.shape), name) if own.numel() else name
        if source not in stored:
            raise KeyError(f"no weights of {source}")
        values = stored[source]
        if source + SCALE in stored:
            values = values.float().mul_(stored[source + SCALE][:, None])
        tensors[name] = values.to(own.dtype)
    if unknown := [name for name in stored if name.removesuffix(SCALE) not in fresh]:
        raise KeyError(f"unknown weights {unknown[0]}")
    return tensors
