"""An LSTM over the tries of sequences: every distinct prefix once.

The LSTM (Hochreiter and Schmidhuber 1997; gates as in `torch.nn.LSTM`, in the order i, f, g, o)

    i, f, o = σ(W_x x_t + W_h h_{t-1} + b)      g = tanh(W_x x_t + W_h h_{t-1} + b)
    c_t = f ∘ c_{t-1} + i ∘ g                    h_t = o ∘ tanh(c_t)

makes a state of a prefix from the state of the prefix shorter by one and a label, so the states of all prefixes of a
set of sequences are the nodes of their trie. Nodes of one level are computed at once, from their parents. As a label
comes from a small vocabulary, W_x x + b is a table over labels, made once a batch.

The gradient is written out (backpropagation through the trie): the recurrent weights' gradient becomes one matrix
product over all nodes, and the states of a level die before the next one's are made. tanh(x) = 2 σ(2x) − 1, so that
one sigmoid over a level serves all four gates; on CPUs it is several times as fast as `torch.tanh`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from phloem.represent.path_batch import Trie

sigmoid_backward = torch.ops.aten.sigmoid_backward  # (upstream, σ) → upstream ∘ σ ∘ (1 − σ), in one pass
tanh_backward = torch.ops.aten.tanh_backward  # (upstream, tanh) → upstream ∘ (1 − tanh²)


def trie_lstm(
    trie: Trie, table: Float[Tensor, "labels 4*width"], recurrent: Float[Tensor, "4*width width"]
) -> Float[Tensor, "trie_nodes width"]:
    """The state h of every node. `table[label]` is W_x x + b, `recurrent` is W_h."""
    return _TrieLSTM.apply(table, recurrent, trie.label, trie.parent, trie.levels)


def sum_by_row(
    rows: Float[Tensor, "items width"], into: Int64[Tensor, " items"], count: int
) -> Float[Tensor, "rows width"]:
    """Row r of the result is the sum of the items that go `into` r; faster than `index_add_` where many share a row."""
    order = into.argsort(stable=True)
    offsets = torch.searchsorted(into[order], torch.arange(count, device=into.device))
    return functional.embedding_bag(order, rows, offsets, mode="sum")


class _TrieLSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        table: Float[Tensor, "labels 4*width"],
        recurrent: Float[Tensor, "4*width width"],
        label: Int64[Tensor, " trie_nodes"],
        parent: Int64[Tensor, " trie_nodes"],
        levels: tuple[int, ...],
    ) -> Float[Tensor, "trie_nodes width"]:
        width = recurrent.shape[1]
        double = torch.ones(4 * width, dtype=table.dtype, device=table.device)
        double[2 * width : 3 * width] = 2  # the argument of g's tanh as a sigmoid's
        weight = (recurrent * double[:, None]).t()
        gates = (table * double).index_select(0, label)
        hidden, cell, squashed = (gates.new_empty(len(label), width) for _ in range(3))
        for level, (start, stop) in enumerate(pairwise(levels)):
            gate, above = gates[start:stop], parent[start:stop]
            if level:
                gate.addmm_(hidden.index_select(0, above), weight)
            gate.sigmoid_()
            i, f, g, o = gate.split(width, dim=1)
            g.mul_(2).sub_(1)
            c = torch.mul(i, g, out=cell[start:stop])
            if level:
                c.addcmul_(f, cell.index_select(0, above))
            tanh_c = torch.mul(c, 2, out=squashed[start:stop]).sigmoid_().mul_(2).sub_(1)
            torch.mul(o, tanh_c, out=hidden[start:stop])
        ctx.save_for_backward(recurrent, label, parent, gates, hidden, cell, squashed)
        ctx.levels, ctx.labels = levels, len(table)
        return hidden

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        recurrent, label, parent, gates, hidden, cell, squashed = ctx.saved_tensors
        levels, width = ctx.levels, recurrent.shape[1]
        d_hidden = upstream[0].clone()
        d_cell = torch.zeros_like(d_hidden)
        d_gates = torch.empty_like(gates)
        for level in range(len(levels) - 2, -1, -1):
            part = slice(levels[level], levels[level + 1])
            i, f, g, o = gates[part].split(width, dim=1)
            above, tanh_c, dh = parent[part], squashed[part], d_hidden[part]
            dc = d_cell[part].add_(tanh_backward(dh * o, tanh_c))
            di, df, dg, do = d_gates[part].split(width, dim=1)
            sigmoid_backward(dc * g, i, grad_input=di)
            tanh_backward(dc * i, g, grad_input=dg)
            sigmoid_backward(dh * tanh_c, o, grad_input=do)
            if level:
                sigmoid_backward(dc * cell.index_select(0, above), f, grad_input=df)
                d_hidden.index_add_(0, above, d_gates[part] @ recurrent)
                d_cell.index_add_(0, above, dc * f)
            else:
                df.zero_()
        deeper = levels[1] if len(levels) > 1 else 0
        d_recurrent = d_gates[deeper:].t() @ hidden.index_select(0, parent[deeper:])
        return sum_by_row(d_gates, label, ctx.labels), d_recurrent, None, None, None
