"""Heads of a decoder: what they look at, and what is lost without each.

The probe of Zhang et al. (2024, section 5): a "recursion head" attends to where the recursive part of the input begins,
and a model that has one answers deep terms worse without it. A head is taken out by setting its part of what goes into
the output matrix to 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor

from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.nn.positions.rotary import angles, rotate


class Head(NamedTuple):
    layer: int
    number: int


def heads_of(model: PromptedDecoder) -> list[Head]:
    """All heads, layer by layer."""
    layers = model.decoder_layers()
    return [Head(layer, number) for layer, each in enumerate(layers) for number in range(each.attention.heads)]


@contextmanager
def without(model: PromptedDecoder, head: Head) -> Iterator[None]:
    """Inside, the head contributes nothing."""
    attention = model.decoder_layers()[head.layer].attention
    part = slice(head.number * attention.size, (head.number + 1) * attention.size)

    def silence(module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        mixed = inputs[0].clone()
        mixed[..., part] = 0.0
        return (mixed, *inputs[1:])

    handle = attention.out.register_forward_pre_hook(silence)
    try:
        yield
    finally:
        handle.remove()


def losses_without(model: PromptedDecoder, figure: Callable[[PromptedDecoder], float]) -> dict[Head, float]:
    """How much lower a figure of the model is without each head."""
    whole = figure(model)
    found = {}
    for head in heads_of(model):
        with without(model, head):
            found[head] = whole - figure(model)
    return found


@torch.no_grad()
def attention_of(
    model: PromptedDecoder, tokens: Int64[Tensor, "batch time"]
) -> list[Float[Tensor, "batch heads time time"]]:
    """What each place reads, layer by layer: rows sum to 1."""
    found: list[Tensor] = []
    handles = []

    def record(module: Any, inputs: tuple[Tensor, ...]) -> None:
        query, key, _ = rearrange(module.inputs(inputs[0]), "b t (three h d) -> three b h t d", three=3, h=module.heads)
        places = torch.arange(tokens.shape[1])
        if model.places == "none":
            places = torch.zeros_like(places)
        angle = angles(places, module.size, dtype=query.dtype)
        scores = rotate(query, angle) @ rotate(key, angle).transpose(-1, -2) / module.size**0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        found.append(scores.masked_fill(later, -torch.inf).softmax(-1))

    for layer in model.decoder_layers():
        handles.append(layer.attention.register_forward_pre_hook(record))
    try:
        model(tokens)
    finally:
        for handle in handles:
            handle.remove()
    return found


def recursion_heads(
    model: PromptedDecoder,
    tokens: Int64[Tensor, "batch time"],
    start: Int64[Tensor, " batch"],
    place: Int64[Tensor, " batch"],
) -> dict[Head, float]:
    """For each head how much the place `place` reads of the place `start`, where the recursive part of the input
    begins; the mean over the batch."""
    rows = torch.arange(len(tokens))
    return {
        Head(layer, number): float(weights[rows, number, place, start].mean())
        for layer, weights in enumerate(attention_of(model, tokens))
        for number in range(weights.shape[1])
    }
