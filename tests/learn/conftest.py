"""A toy problem: copy a sequence of two to four words through a network with dropout."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

VOCABULARY, TIME = 9, 5


class Batch(NamedTuple):
    source: Tensor
    target: Tensor


class Copies:
    """`count` sequences; with a generator, a batch draws a noise word for every row, as resampling would."""

    def __init__(self, count: int, noise: bool = True) -> None:
        rng = np.random.default_rng(7)
        self.lengths = rng.integers(2, TIME, count)
        self.words = rng.integers(3, VOCABULARY, (count, TIME))
        self.words[np.arange(TIME) >= self.lengths[:, None]] = 0
        self.noise = noise

    def __len__(self) -> int:
        return len(self.words)

    @property
    def sizes(self) -> np.ndarray:
        return self.lengths

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Batch:
        source = self.words[index].copy()
        if rng is not None and self.noise:
            source[np.arange(len(index)), rng.integers(0, TIME, len(index))] = 1
        return Batch(torch.from_numpy(source), torch.from_numpy(self.words[index]))


class Copier(nn.Module):
    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, 16)
        self.mix = nn.LSTM(16, 16, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(16, VOCABULARY)

    def forward(self, batch: Batch) -> Tensor:
        return self.out(self.drop(self.mix(self.embed(batch.source))[0]))


@pytest.fixture
def copier():
    def make(dropout: float = 0.2, dtype: torch.dtype = torch.float32) -> Copier:
        torch.manual_seed(3)
        return Copier(dropout).to(dtype)

    return make


@pytest.fixture
def copies():
    return Copies


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
