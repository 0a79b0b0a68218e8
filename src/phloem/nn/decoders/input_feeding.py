"""The teacher-forced loop of an attention decoder with input feeding, its gradient written out.

Luong, Pham and Manning, "Effective Approaches to Attention-based Neural Machine Translation", EMNLP 2015, sections
3.1 and 3.3, as code2seq uses it (Alon et al. 2019, section 3.3). With e_t the embedding of the word before, a_0 = 0
and memory z,

    h_t, c_t = LSTM([e_t ; a_{t-1}], h_{t-1}, c_{t-1})
    α_t = softmax_i(h_t^T W_a z_i)         s_t = Σ_i α_ti z_i
    a_t = W_c [h_t ; s_t]                  (or tanh of it)

Feeding a_{t-1} back makes the steps sequential, but not all of the work: what the embeddings contribute comes in as
one product, and in the gradient those of all weights and of the memory are one product each over all steps, instead
of one a step that is added up. Rows are sorted by target length, the longest first, so that step t computes on a
prefix of them only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Weights(NamedTuple):
    """Of the loop; the LSTM's gates are in the order i, f, g, o."""

    feed: Float[Tensor, "4*width width"]  # reads a_{t-1}
    recurrent: Float[Tensor, "4*width width"]  # reads h_{t-1}
    attention: Float[Tensor, "width width"]  # W_a
    combine: Float[Tensor, "width 2*width"]  # W_c


def feed_inputs(
    memory: Float[Tensor, "batch positions width"],
    bias: Float[Tensor, "batch positions"],
    start: Float[Tensor, "batch width"],
    embedded: Float[Tensor, "packed 4*width"],
    weights: Weights,
    active: tuple[int, ...],
    squash: bool,
) -> tuple[Float[Tensor, "packed width"], Float[Tensor, "packed positions"]]:
    """All a_t, and the attention α_t (without gradient), step after step: `active[t]` rows of step t.

    `bias` is added to the scores (a large negative number masks), `start` is h_0 = c_0, `embedded` is W_e e_t + b in
    the same packing, `squash` puts a tanh around a_t.
    """
    return _FeedInputs.apply(memory, bias, start, embedded, *weights, active, squash)


class _FeedInputs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        memory: Tensor,
        bias: Tensor,
        start: Tensor,
        embedded: Tensor,
        feed: Tensor,
        recurrent: Tensor,
        attention: Tensor,
        combine: Tensor,
        active: tuple[int, ...],
        squash: bool,
    ) -> tuple[Tensor, " Tensor"]:
        width, total = start.shape[1], sum(active)
        gates = embedded.clone()
        inputs, joined = (gates.new_empty(total, 2 * width) for _ in range(2))  # [a_{t-1}; h_{t-1}] and [h_t; s_t]
        cells, outputs, queries = (gates.new_empty(total, width) for _ in range(3))
        alphas = gates.new_empty(total, memory.shape[1])
        weight = torch.cat([feed, recurrent], dim=1).t()
        a, h, c = torch.zeros_like(start), start, start
        at = 0
        for rows in active:
            step = slice(at, at + rows)
            at += rows
            inputs[step, :width], inputs[step, width:] = a[:rows], h[:rows]
            gate = gates[step].addmm_(inputs[step], weight)
            i, f, g, o = gate.split(width, dim=1)
            gate[:, : 2 * width].sigmoid_(), g.tanh_(), o.sigmoid_()
            c = torch.mul(i, g, out=cells[step]).addcmul_(f, c[:rows])
            h = torch.mul(o, c.tanh(), out=joined[step, :width])
            query = torch.mm(h, attention, out=queries[step])
            scores = torch.bmm(query.unsqueeze(1), memory[:rows].transpose(1, 2)).squeeze(1).add_(bias[:rows])
            alpha = torch.softmax(scores, dim=1, out=alphas[step])
            joined[step, width:] = torch.bmm(alpha.unsqueeze(1), memory[:rows]).squeeze(1)
            a = torch.mm(joined[step], combine.t(), out=outputs[step])
            if squash:
                a.tanh_()
        ctx.save_for_backward(
            memory, start, feed, recurrent, attention, combine, gates, inputs, joined, cells, outputs, queries, alphas
        )
        ctx.active, ctx.squash = active, squash
        ctx.mark_non_differentiable(alphas)
        return outputs, alphas

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        memory, start, feed, recurrent, attention, combine, *saved = ctx.saved_tensors
        gates, inputs, joined, cells, outputs, queries, alphas = saved
        active, (batch, width) = ctx.active, start.shape
        steps = len(active)
        d_gates, d_outputs = torch.empty_like(gates), upstream[0].clone()
        d_queries = torch.empty_like(queries)
        # the memory's gradient is Σ_t α_t ⊗ ds_t + dscore_t ⊗ q_t: coefficients and vectors by row, one product
        by_score = memory.new_zeros(batch, 2 * steps, memory.shape[1])
        by_vector = memory.new_zeros(batch, 2 * steps, width)
        weight = torch.cat([feed, recurrent], dim=1)
        d_h, d_c = torch.zeros_like(start), torch.zeros_like(start)
        stop = len(gates)
        for t in range(steps - 1, -1, -1):
            rows = active[t]
            step = slice(stop - rows, stop)
            d_a, alpha = d_outputs[step], alphas[step]
            if ctx.squash:
                d_a.mul_(1 - outputs[step] * outputs[step])
            d_joined = d_a @ combine
            d_sum = d_joined[:, width:]
            d_alpha = torch.bmm(d_sum.unsqueeze(1), memory[:rows].transpose(1, 2)).squeeze(1)
            d_score = alpha * (d_alpha - (alpha * d_alpha).sum(dim=1, keepdim=True))
            d_query = torch.bmm(d_score.unsqueeze(1), memory[:rows]).squeeze(1)
            by_score[:rows, 2 * t], by_score[:rows, 2 * t + 1] = alpha, d_score
            by_vector[:rows, 2 * t], by_vector[:rows, 2 * t + 1] = d_sum, queries[step]
            d_queries[step] = d_query
            dh = d_joined[:, :width].add_(d_h[:rows]).addmm_(d_query, attention.t())
            i, f, g, o = gates[step].split(width, dim=1)
            di, df, dg, do = d_gates[step].split(width, dim=1)
            tanh_c = cells[step].tanh()
            before = cells[stop - rows - active[t - 1] :][:rows] if t else start[:rows]
            dc = torch.addcmul(d_c[:rows], dh * o, 1 - tanh_c * tanh_c)
            torch.mul(dc * g, i * (1 - i), out=di)
            torch.mul(dc * before, f * (1 - f), out=df)
            torch.mul(dc * i, 1 - g * g, out=dg)
            torch.mul(dh * tanh_c, o * (1 - o), out=do)
            d_inputs = d_gates[step] @ weight
            d_h[:rows], d_c[:rows] = d_inputs[:, width:], dc * f
            if t:
                d_outputs[stop - rows - active[t - 1] :][:rows] += d_inputs[:, :width]
            stop -= rows
        d_weight = d_gates.t() @ inputs
        return (
            torch.bmm(by_score.transpose(1, 2), by_vector),
            None,
            d_h + d_c,
            d_gates,
            d_weight[:, :width],
            d_weight[:, width:],
            joined[:, :width].t() @ d_queries,
            d_outputs.t() @ joined,
            None,
            None,
        )
