"""BitFit: only the biases are trained.

Ben Zaken, Goldberg and Ravfogel, "BitFit: Simple Parameter-efficient Fine-tuning" (ACL 2022): all tensors but those
named bias stay as they were pretrained. Norms have a bias, too, which is trained; their weights and the tables of
units and places are not.
"""

from __future__ import annotations

from torch import nn

from phloem.errors import PhloemError


def only_biases(model: nn.Module) -> list[str]:
    """Leave gradients to the biases alone, and return their names.

    Raises PhloemError for a model whose linear maps have none."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    biased = {name for name, _ in model.named_parameters() if name.endswith(".bias") or name == "bias"}
    if not any(f"{name}.bias" in biased for name in linear):
        raise PhloemError("BitFit trains biases, and no linear map of this model has one")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in biased)
    return sorted(biased)


def share_trained(model: nn.Module) -> float:
    """The share of the numbers of a model that are trained."""
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(count for count, trained in counts if trained) / max(sum(count for count, _ in counts), 1)
