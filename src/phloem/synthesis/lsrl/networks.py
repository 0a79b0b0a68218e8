"""A compiled program as a recurrent network of torch (see `nn.handset_rnn`)."""

from __future__ import annotations

from torch import nn

from phloem.nn.handset_rnn import Cell, HandsetProduct, HandsetRNN, HandsetState, HandsetUnits, StateWeights
from phloem.synthesis.lsrl.compile import Path, compile_path
from phloem.synthesis.lsrl.variables import LsrlError, Variable


def network(program: Variable | Path, cell: Cell = "linear") -> HandsetRNN:
    """The network of a program, with its recurrences in layers of the kind `cell`.

    Raises:
        LsrlError: products in a network without gates, or transitions that a diagonal recurrence can't have.
    """
    path = (program if isinstance(program, Path) else compile_path(program)).floats()
    width = max([path.inputs, len(path.readout[1]), *(layer.width for layer in path.layers)])
    layers: list[nn.Module] = []
    for layer in path.layers:
        if layer.kind == "state":
            try:
                layers.append(HandsetState(StateWeights(*layer.arrays), width, cell))
            except ValueError as error:
                raise LsrlError(f"{error}: take another cell, or another program (buffer='decay')") from error
        elif layer.kind == "relu":
            layers.append(HandsetUnits(layer.arrays[0], layer.arrays[1], width))
        elif cell == "ssm":
            layers.append(HandsetProduct(layer.arrays, width))
        else:
            raise LsrlError(f"the {cell} network has no gates for products: take the form 'optimised', or the cell ssm")
    return HandsetRNN(layers, path.readout, width).eval()
