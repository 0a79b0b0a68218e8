"""LSTM layers over sequences of different lengths, read in one or both directions.

        i, f, o = sigma(W_x x_t + W_h h_{t-1} + b)      g = tanh(W_x x_t + W_h h_{t-1} + b)
        c_t = f c_{t-1} + i g                            h_t = o tanh(c_t)

(Hochreiter and Schmidhuber 1997; gates as in `torch.nn.LSTM`, in the order i, f, g, o.) A row must stop at its own
length: what the padding behind it says must not reach its last state. So rows are sorted by length and laid out step
after step, each step with the rows that still go on: the first ones of the step before. Padding costs nothing and every
access is a slice. W_x x + b is one product over all positions, both directions take a step at once, and the gradient is
written out (backpropagation through time), which on CPUs makes it several times as fast as `torch.nn.LSTM` on packed
sequences, whose numbers these are. tanh(x) = 2 sigma(2x) - 1, so that one sigmoid serves all four gates.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

sigmoid_backward = torch.ops.aten.sigmoid_backward  # (upstream, sigma) -> upstream sigma (1 - sigma), in one pass
tanh_backward = torch.ops.aten.tanh_backward  # (upstream, tanh) -> upstream (1 - tanh^2)


class Encoded(NamedTuple):
    """States of the last layer at every position (zeros behind a row's end), and the last ones of all layers."""

    outputs: Float[Tensor, "batch time width"]
    hidden: Float[Tensor, "layers batch width"]
    cell: Float[Tensor, "layers batch width"]


class Layout(NamedTuple):
    """Positions of a padded batch, step after step, rows in order of falling length."""

    forward: Int64[Tensor, " packed"]  # row * time + position
    backward: Int64[Tensor, " packed"]  # the same with positions counted from each row's end
    bounds: tuple[int, ...]  # step t is bounds[t]:bounds[t + 1]
    last: Int64[Tensor, " batch"]  # where each row of the batch ends


def layout(lengths: Int64[Tensor, " batch"], time: int) -> Layout:
    """The layout of rows of these lengths, at least 1 each, in a batch of `time` columns."""
    falling = lengths.sort(descending=True, stable=True)
    sizes = (lengths[:, None] > torch.arange(int(lengths.max()), device=lengths.device)).sum(dim=0)
    bounds = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    step = torch.repeat_interleave(torch.arange(len(sizes), device=lengths.device), sizes)
    rank = torch.arange(len(step), device=lengths.device) - bounds[step]
    row = falling.indices[rank]
    last = bounds[lengths - 1] + falling.indices.argsort()
    return Layout(row * time + step, row * time + lengths[row] - 1 - step, tuple(bounds.tolist()), last)


def reverse_source(
    tokens: Int64[Tensor, "batch time"], lengths: Int64[Tensor, " batch"]
) -> Int64[Tensor, "batch time"]:
    """Each row reversed inside its true length; padding stays at the end, where it can't separate the words
    that reversal brings close (the first of the source and the first of the target)."""
    position = torch.arange(tokens.shape[1], device=tokens.device)
    mirrored = lengths[:, None] - 1 - position
    return tokens.gather(1, torch.where(mirrored >= 0, mirrored, position))


class _Recurrence(torch.autograd.Function):
    """h and c at every position from W_x x + b, with a gradient in as many operations as the forward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Float[Tensor, "directions packed 4*width"],
        recurrent: Float[Tensor, "directions 4*width width"],
        bounds: tuple[int, ...],
    ) -> tuple[Float[Tensor, "directions packed width"], Float[Tensor, "directions packed width"]]:
        width = recurrent.shape[2]
        double = torch.ones(4 * width, dtype=inputs.dtype, device=inputs.device)
        double[2 * width : 3 * width] = 2  # the argument of g's tanh as a sigmoid's
        gates, weight = inputs * double, (recurrent * double[:, None]).mT.contiguous()
        hidden, cell, squashed = (gates.new_empty(*gates.shape[:2], width) for _ in range(3))
        before = 0
        for start, stop in pairwise(bounds):
            gate, above = gates[:, start:stop], slice(before, before + stop - start)
            if start:
                gate.baddbmm_(hidden[:, above], weight)
            gate.sigmoid_()
            i, f, g, o = gate.split(width, dim=2)
            g.mul_(2).sub_(1)
            c = torch.mul(i, g, out=cell[:, start:stop])
            if start:
                c.addcmul_(f, cell[:, above])
            tanh_c = torch.mul(c, 2, out=squashed[:, start:stop]).sigmoid_().mul_(2).sub_(1)
            torch.mul(o, tanh_c, out=hidden[:, start:stop])
            before = start
        ctx.save_for_backward(recurrent, gates, hidden, cell, squashed)
        ctx.bounds = bounds
        return hidden, cell

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        recurrent, gates, hidden, cell, squashed = ctx.saved_tensors
        bounds, width = ctx.bounds, recurrent.shape[2]
        d_hidden, d_cell = upstream[0].clone(), upstream[1].clone()
        d_gates, previous = torch.zeros_like(gates), torch.zeros_like(hidden)
        for step in range(len(bounds) - 2, -1, -1):
            start, stop = bounds[step], bounds[step + 1]
            dh, tanh_c = d_hidden[:, start:stop], squashed[:, start:stop]
            i, f, g, o = gates[:, start:stop].split(width, dim=2)
            d_gate = d_gates[:, start:stop]
            di, df, dg, do = d_gate.split(width, dim=2)
            dc = d_cell[:, start:stop].add_(tanh_backward(dh * o, tanh_c))
            sigmoid_backward(dc * g, i, grad_input=di)
            tanh_backward(dc * i, g, grad_input=dg)
            sigmoid_backward(dh * tanh_c, o, grad_input=do)
            if step:
                above = slice(bounds[step - 1], bounds[step - 1] + stop - start)
                sigmoid_backward(dc * cell[:, above], f, grad_input=df)
                d_hidden[:, above].baddbmm_(d_gate, recurrent)
                d_cell[:, above].addcmul_(dc, f)
                previous[:, start:stop] = hidden[:, above]
        return d_gates, d_gates.mT @ previous, None


class LSTMEncoder(nn.Module):
    """`layers` LSTMs on top of each other; with two directions each has half of the `width`."""

    def __init__(
        self, inputs: int, width: int, *, layers: int = 2, bidirectional: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        if width % directions:
            raise ValueError(f"width {width} can't be halved between two directions")
        self.directions = directions
        self.recurrent = nn.ModuleList(
            nn.LSTM(width if layer else inputs, width // directions)
            for layer in range(layers)
            for _ in range(directions)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch time inputs"], lengths: Int64[Tensor, " batch"]) -> Encoded:
        """`lengths` are at least 1."""
        batch, time = x.shape[:2]
        at = layout(lengths, time)
        order = [at.forward, at.backward][: self.directions]
        hidden, cell = [], []
        for number in range(0, len(self.recurrent), self.directions):
            h, c = self._run(number, x.flatten(0, 1), order, at.bounds)
            hidden.append(torch.cat([one.index_select(0, at.last) for one in h], dim=1))
            cell.append(torch.cat([one.index_select(0, at.last) for one in c], dim=1))
            empty = h.new_zeros(batch * time, h.shape[2])
            placed = [empty.index_copy(0, index, one) for index, one in zip(order, h, strict=True)]
            x = torch.cat(placed, dim=1).view(batch, time, -1)
            if number + self.directions < len(self.recurrent):
                x = self.dropout(x)
        return Encoded(x, torch.stack(hidden), torch.stack(cell))

    def _run(
        self, number: int, x: Float[Tensor, "positions inputs"], order: list[Tensor], bounds: tuple[int, ...]
    ) -> tuple[Float[Tensor, "directions packed width"], Float[Tensor, "directions packed width"]]:
        """One layer in its directions."""
        layers: list[Any] = list(self.recurrent[number : number + self.directions])
        inputs = [
            nn.functional.linear(x, layer.weight_ih_l0, layer.bias_ih_l0 + layer.bias_hh_l0).index_select(0, index)
            for layer, index in zip(layers, order, strict=True)
        ]
        return _Recurrence.apply(torch.stack(inputs), torch.stack([layer.weight_hh_l0 for layer in layers]), bounds)
