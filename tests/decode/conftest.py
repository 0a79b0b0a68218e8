"""A small recurrent model with attention, whose steps and whose teacher-forced pass are written apart."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from phloem.represent.base import START


class Source(NamedTuple):
    positions: Tensor  # Float[rows positions width]
    target: Tensor  # Int64[rows time]


class State(NamedTuple):
    hidden: Tensor
    positions: Tensor
    weights: Tensor | None


class Recurrent(nn.Module):
    """GRU over the words so far; its state attends over the source. `sharpness` makes distributions uneven."""

    def __init__(self, vocabulary: int, seed: int, width: int = 6, sharpness: float = 3.0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.width, self.sharpness = width, sharpness
        self.embed = nn.Embedding(vocabulary, width)
        self.cell = nn.GRUCell(width, width)
        self.out = nn.Linear(2 * width, vocabulary)
        self.double().eval()
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_()

    def read(self, hidden: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        weights = torch.einsum("rw,rpw->rp", hidden, positions).softmax(-1)
        context = torch.einsum("rp,rpw->rw", weights, positions)
        return self.sharpness * self.out(torch.cat([hidden, context], -1)), weights

    def start(self, source: Source) -> State:
        return State(source.positions.mean(1), source.positions, None)

    def next(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        hidden = self.cell(self.embed(tokens), state.hidden)
        logits, weights = self.read(hidden, state.positions)
        return logits, State(hidden, state.positions, weights)

    def reorder(self, state: State, index: Tensor) -> State:
        return State(*(None if part is None else part[index] for part in state))

    def trace(self, state: State) -> Tensor | None:
        return state.weights

    def forward(self, batch: Source) -> Tensor:
        """All steps at once: the cell's equations over the shifted target, attention in one product."""
        start = torch.full_like(batch.target[:, :1], START)
        inputs = self.embed(torch.cat([start, batch.target[:, :-1]], 1)) @ self.cell.weight_ih.T + self.cell.bias_ih
        last, states = batch.positions.mean(1), []
        for step in inputs.unbind(1):
            (r, z, n), (r_last, z_last, n_last) = (
                part.chunk(3, -1) for part in (step, last @ self.cell.weight_hh.T + self.cell.bias_hh)
            )
            update = torch.sigmoid(z + z_last)
            last = (1 - update) * torch.tanh(n + torch.sigmoid(r + r_last) * n_last) + update * last
            states.append(last)
        hidden = torch.stack(states, 1)
        context = (hidden @ batch.positions.mT).softmax(-1) @ batch.positions
        return self.sharpness * self.out(torch.cat([hidden, context], -1))


def sources(rows: int, seed: int, positions: int = 4, width: int = 6) -> Source:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, positions, width, generator=generator, dtype=torch.float64)
    return Source(values, torch.zeros(rows, 1, dtype=torch.long))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(before)
