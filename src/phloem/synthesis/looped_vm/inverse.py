"""A looped transformer that inverts matrices.

Giannou et al. (ICML 2023, section 6, lemma 5): softmax multiplies matrices. With a column whose score is a large C,

    weight of column j in column i = exp(ε u_j · v_i) / (exp(C) + …) = e^-C (1 + ε u_j · v_i + O(ε²))

so that values e^C/ε times the unit vectors e_j give 1/ε + u_j · v_i: the constant is a bias, and what remains is U^T V.
Newton's iteration X <- X (2I - A X) is two such layers a loop, and no transposes are needed if W = X^T is kept too:

    1  Y = A X                 U holds the columns of A^T, V those of X;        then T = 2I - Y
    2  X <- W^T T, W <- T^T W  two heads

From X = A^T / (|A|_1 |A|_inf) it converges for every invertible A.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from phloem.nn.handset_transformer import HandsetTransformer, Head
from phloem.synthesis.looped_vm.machine import LayerPlan, Rows, build

FINE = 1e-7  # ε: products are off by ε (u·v)²/2, and by 1e-16/ε
DUMMY = 40.0  # C: e^-C is below the last bit of 1
LARGE = 1e8  # above 1/ε


class MatrixInverse:
    """The network for matrices of one size, with entries up to some hundreds."""

    def __init__(self, size: int = 4) -> None:
        self.size = size
        names = ("transposed", "identity", "x", "w", "t")
        self.rows = Rows(dict.fromkeys(names, size) | {"dummy": 1, "real": 1, "buffer": 2 * size})
        self.net: HandsetTransformer = build(self.rows, self._layers())

    def _layers(self) -> list[LayerPlan]:
        rows, size = self.rows, self.size
        product, update = LayerPlan(rows, 1.0), LayerPlan(rows, 1.0)
        first, second = rows["buffer"][:size], rows["buffer"][size:]
        product.heads.append(self._product("transposed", "x", first))
        update.heads += [self._product("w", "t", first), self._product("t", "w", second)]
        for row in range(size):
            old, one = rows["t"][row], rows["identity"][row]
            self._replace(product, first[row], old, {one: 2.0}, -1.0)
            self._replace(update, first[row], rows["x"][row], {}, 1.0)
            self._replace(update, second[row], rows["w"][row], {}, 1.0)
        return [product, update]

    def _product(self, keys: str, queries: str, target: range) -> Head:
        """The head that puts U^T V + 1/ε into the target rows of real columns."""
        rows = self.rows
        unit = torch.eye(rows.width, dtype=torch.float64)
        key = torch.cat([unit[list(rows[keys])], unit[list(rows["dummy"])]])
        everywhere = unit[list(rows["real"])] + unit[list(rows["dummy"])]
        query = torch.cat([FINE * unit[list(rows[queries])], DUMMY * everywhere])
        value = unit[list(rows["identity"])] * (math.exp(DUMMY) / FINE)
        return Head(key, query, value, unit[:, list(target)], 1.0)

    def _replace(self, plan: LayerPlan, source: int, target: int, more: dict[int, float], factor: float) -> None:
        """target <- factor (source - 1/ε) + more, in real columns; the source is cleared in all."""
        real = self.rows["real"].start
        for sign in (1.0, -1.0):
            weights = {channel: sign * weight for channel, weight in more.items()}
            weights[source] = sign * factor
            weights[target] = weights.get(target, 0.0) - sign
            weights[real] = -sign * factor / FINE + LARGE
            plan.units.add(weights, -LARGE, {target: sign})
        plan.clear(source)

    def encode(self, matrix: Float[Tensor, "size size"]) -> Float[Tensor, "columns width"]:
        """A column of the matrix each, and the dummy."""
        size, rows = self.size, self.rows
        start = matrix.T / (matrix.abs().sum(dim=0).max() * matrix.abs().sum(dim=1).max())
        x = torch.zeros(size + 1, self.net.width, dtype=torch.float64)
        for name, block in (("transposed", matrix.T), ("x", start), ("w", start.T)):
            x[:size, list(rows[name])] = block.T.double()  # column j of the block in column j
        x[:size, list(rows["identity"])] = torch.eye(size, dtype=torch.float64)
        x[:size, rows["real"]] = 1
        x[size, rows["dummy"]] = 1
        return x

    @torch.no_grad()
    def run(self, matrices: Float[Tensor, "batch size size"], loops: int = 20) -> Float[Tensor, "batch size size"]:
        """The inverses after so many iterations."""
        x = torch.stack([self.encode(matrix) for matrix in matrices])
        for _ in range(loops):
            x = self.net(x)
        return x[:, : self.size][:, :, list(self.rows["x"])].transpose(1, 2)
