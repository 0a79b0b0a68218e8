"""One vector of an encoder's states at all layers: the twelve ways of EarlyBIRD.

Grishina, Hort and Moonen, "The EarlyBIRD Catches the Bug: On Exploiting Early Layers of Encoder Models for More
Efficient Code Classification" (ESEC/FSE 2023, section 3). With H^l the states after layer l (0: what goes into the
first one), the first place's vector h^l_cls, learned weights w_l of layers and v_t of places,

    one layer      last_layer_cls, one_layer_cls, cutoff_layers_one_layer_cls    h^l_cls
                   one_layer_max_pool_tokens    max_t h^l_t          one_layer_w_sum_tokens    Σ_t v_t h^l_t
    first place    max_pool_cls    max_l h^l_cls                     w_sum_cls    Σ_l w_l h^l_cls
    everything     max_pool_layers_max_pool_tokens    max_l max_t    max_pool_layers_w_sum_tokens    Σ_t v_t max_l
                   max_pool_tokens_w_sum_layers    Σ_l w_l max_t
                   w_sum_tokens_w_sum_layers    Σ_l w_l Σ_t v_t      w_sum_layers_w_sum_tokens    Σ_t v_t Σ_l w_l

Layers run from 1 to L. Weights are free, drawn uniform in [0, 1], no softmax; the last two differ only with a LayerNorm
between both sums. Padding, the first place and the closing mark are in no pool of tokens. The published code sets these
to 0 instead, so that no maximum is negative: `zero_fill`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

ONE_LAYER = ("one_layer_cls", "cutoff_layers_one_layer_cls", "one_layer_max_pool_tokens", "one_layer_w_sum_tokens")
ALL_LAYERS = (
    "max_pool_cls",
    "w_sum_cls",
    "max_pool_layers_max_pool_tokens",
    "max_pool_layers_w_sum_tokens",
    "max_pool_tokens_w_sum_layers",
    "w_sum_tokens_w_sum_layers",
    "w_sum_layers_w_sum_tokens",
)
_ORDER = {
    "max_pool_layers_max_pool_tokens": ("max layers", "max tokens"),
    "max_pool_layers_w_sum_tokens": ("max layers", "sum tokens"),
    "max_pool_tokens_w_sum_layers": ("max tokens", "sum layers"),
    "w_sum_tokens_w_sum_layers": ("sum tokens", "sum layers"),
    "w_sum_layers_w_sum_tokens": ("sum layers", "sum tokens"),
}
OPTIONS = ("last_layer_cls", *ONE_LAYER, *ALL_LAYERS)


class LayerCombiner(nn.Module):
    """`layer` is that of the options of one layer, 0 to `layers`; `places` is the longest sequence.

    Raises ValueError for an option that is none, and for a layer that is missing, unwanted or not there.
    """

    def __init__(
        self,
        option: str,
        *,
        width: int,
        layers: int,
        places: int,
        layer: int | None = None,
        zero_fill: bool = False,
        norm_between: bool = False,
    ) -> None:
        super().__init__()
        if option not in OPTIONS:
            raise ValueError(f"unknown option {option!r}: take one of {', '.join(OPTIONS)}")
        if (layer is None) == (option in ONE_LAYER) or not 0 <= (layer or 0) <= layers:
            raise ValueError(f"{option} with layer {layer} of {layers}")
        self.option, self.zero_fill = option, zero_fill
        self.layer = layers if layer is None else layer
        sums_layers = "w_sum_layers" in option or option == "w_sum_cls"
        self.layer_weights = nn.Parameter(torch.rand(layers)) if sums_layers else None
        self.token_weights = nn.Parameter(torch.rand(places)) if "w_sum_tokens" in option else None
        self.norm = nn.LayerNorm(width) if norm_between else None

    def forward(
        self, states: Sequence[Float[Tensor, "batch time width"]], ordinary: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, "batch width"]:
        """`states[l]` are those after layer l; `ordinary` marks the places of tokens that are no marks."""
        if self.option == "last_layer_cls" or self.option.endswith("one_layer_cls"):
            return states[self.layer][:, 0]
        if self.option == "one_layer_max_pool_tokens":
            return self._max_tokens(states[self.layer], ordinary)
        if self.option == "one_layer_w_sum_tokens":
            return self._sum_tokens(states[self.layer], ordinary)
        stack = torch.stack(list(states[1:]))
        if self.option == "max_pool_cls":
            return stack[:, :, 0].amax(dim=0)
        if self.option == "w_sum_cls":
            return self._sum_layers(stack[:, :, 0])
        first, second = _ORDER[self.option]
        combined = self._reduced(first, stack, ordinary)
        return self._reduced(second, combined if self.norm is None else self.norm(combined), ordinary)

    def _reduced(self, how: str, x: Tensor, ordinary: Bool[Tensor, "batch time"]) -> Tensor:
        match how:
            case "max layers":
                return x.amax(dim=0)
            case "sum layers":
                return self._sum_layers(x)
            case "max tokens":
                return self._max_tokens(x, ordinary)
        return self._sum_tokens(x, ordinary)

    def _max_tokens(self, x: Float[Tensor, "*layers batch time width"], ordinary: Bool[Tensor, "batch time"]) -> Tensor:
        least = 0.0 if self.zero_fill else -math.inf
        found = x.masked_fill(~ordinary[:, :, None], least).amax(dim=-2)
        return found.masked_fill(~ordinary.any(dim=1)[:, None], 0.0)

    def _sum_tokens(self, x: Float[Tensor, "*layers batch time width"], ordinary: Bool[Tensor, "batch time"]) -> Tensor:
        assert self.token_weights is not None
        weights = self.token_weights[: x.shape[-2]] * ordinary
        return (x * weights[:, :, None]).sum(dim=-2)

    def _sum_layers(self, x: Float[Tensor, "layers *rest"]) -> Tensor:
        assert self.layer_weights is not None
        return torch.einsum("l,l...->...", self.layer_weights, x)
