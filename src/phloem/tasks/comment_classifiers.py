"""Classical classifiers of two classes: a random forest, a vote of three, and a small network.

    forest    trees grown on bootstrap samples, √features candidates a node, the split of least Gini impurity among 16
              equally frequent thresholds; the share of the useful in the leaves is the answer (Breiman 2001)
    voting    the mean of the forest, of logistic regression and of Bernoulli naive Bayes
    network   one hidden layer of ReLUs, trained by Adam on all rows at once

Each is `fit(x, y, seed)` and gives the probability of the class 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

BINS = 16
Features = Float[np.ndarray, "rows features"]
Answer = Callable[[Features], Float[np.ndarray, " rows"]]


@dataclass
class Tree:
    """Nodes in arrays; a leaf has the feature -1. Rows with a bin of at most `cut` go left."""

    feature: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    children: list[tuple[int, int]] = field(default_factory=list)
    share: list[float] = field(default_factory=list)

    def add(self, share: float) -> int:
        self.feature.append(-1)
        self.cut.append(0)
        self.children.append((-1, -1))
        self.share.append(share)
        return len(self.share) - 1

    def answer(self, bins: UInt8[np.ndarray, "rows features"]) -> Float[np.ndarray, " rows"]:
        feature, cut = np.array(self.feature), np.array(self.cut)
        children, at = np.array(self.children), np.zeros(len(bins), int)
        rows = np.arange(len(bins))
        while (inner := feature[at] >= 0).any():
            here, row = at[inner], rows[inner]
            right = bins[row, feature[here]] > cut[here]
            at[inner] = children[here, right.astype(int)]
        return np.array(self.share)[at]


def grow(
    bins: UInt8[np.ndarray, "rows features"],
    y: Bool[np.ndarray, " rows"],
    rng: np.random.Generator,
    *,
    depth: int = 14,
    least: int = 2,
) -> Tree:
    """One tree."""
    tree, tried = Tree(), max(1, round(bins.shape[1] ** 0.5))
    open_ = [(tree.add(float(y.mean())), np.arange(len(y)), 0)]
    while open_:
        node, rows, level = open_.pop()
        if level == depth or len(rows) < 2 * least or y[rows].all() or not y[rows].any():
            continue
        found = best_split(bins, y, rows, rng.choice(bins.shape[1], tried, replace=False), least)
        if found is None:
            continue
        tree.feature[node], tree.cut[node] = found
        left = bins[rows, found[0]] <= found[1]
        halves = [rows[left], rows[~left]]
        tree.children[node] = (tree.add(float(y[halves[0]].mean())), tree.add(float(y[halves[1]].mean())))
        open_ += [(child, half, level + 1) for child, half in zip(tree.children[node], halves, strict=True)]
    return tree


def best_split(
    bins: UInt8[np.ndarray, "rows features"],
    y: Bool[np.ndarray, " rows"],
    rows: Int[np.ndarray, " some"],
    features: Int[np.ndarray, " tried"],
    least: int,
) -> tuple[int, int] | None:
    """The feature and bin of least impurity, if one leaves `least` rows on both sides."""
    own = bins[np.ix_(rows, features)] + (np.arange(len(features)) * BINS)[None]
    size = len(features) * BINS
    counts = np.bincount(own.ravel(), minlength=size).reshape(-1, BINS).cumsum(1)
    hits = np.bincount(own[y[rows]].ravel(), minlength=size).reshape(-1, BINS).cumsum(1)
    total, positive = counts[:, -1:], hits[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        left = 2 * hits * (counts - hits) / counts
        other, right_hits = total - counts, positive - hits
        impurity = left + 2 * right_hits * (other - right_hits) / other
    impurity[(counts < least) | (total - counts < least)] = np.inf
    best = int(impurity.argmin())
    if not np.isfinite(impurity.ravel()[best]):
        return None
    return int(features[best // BINS]), best % BINS


def thresholds(x: Features) -> list[Float[np.ndarray, " cuts"]]:
    """Of each feature up to 15 values that part its non-zero rows into equal shares, 0 before them."""
    found = []
    for column in x.T:
        other = column[column != 0]
        inner = np.quantile(other, np.linspace(0, 1, BINS - 1)[:-1]) if len(other) else np.zeros(0)
        found.append(np.unique(np.concatenate([[0.0], inner])))
    return found


def binned(x: Features, cuts: list[Float[np.ndarray, " cuts"]]) -> UInt8[np.ndarray, "rows features"]:
    columns = [np.searchsorted(each, column, side="left") for each, column in zip(cuts, x.T, strict=True)]
    return np.minimum(np.stack(columns, axis=1), BINS - 1).astype(np.uint8)


def forest(x: Features, y: Bool[np.ndarray, " rows"], seed: int, *, trees: int = 40) -> Answer:
    rng, cuts = np.random.default_rng(seed), thresholds(x)
    bins, grown = binned(x, cuts), []
    for _ in range(trees):
        drawn = rng.integers(len(y), size=len(y))
        grown.append(grow(bins[drawn], y[drawn], rng))

    def answer(asked: Features) -> Float[np.ndarray, " rows"]:
        own = binned(asked, cuts)
        found: np.ndarray = np.mean([tree.answer(own) for tree in grown], axis=0)
        return found

    return answer


def naive_bayes(x: Features, y: Bool[np.ndarray, " rows"], seed: int) -> Answer:
    """Of whether each feature is there; counts begin at 1."""
    there = x > 0
    logs = []
    for label in (False, True):
        p = (1 + there[y == label].sum(0)) / (2 + (y == label).sum())
        logs.append((np.log(p), np.log1p(-p), np.log((1 + (y == label).sum()) / (2 + len(y)))))

    def answer(asked: Features) -> Float[np.ndarray, " rows"]:
        own = asked > 0
        scores = [own @ yes + ~own @ no + prior for yes, no, prior in logs]
        margin = np.clip(scores[1] - scores[0], -500, 500)
        odds: np.ndarray = 1 / (1 + np.exp(-margin))
        return odds

    return answer


def _descended(make: Callable[[int], nn.Module], x: Features, y: np.ndarray, seed: int, steps: int) -> Answer:
    """A network trained on all rows at once."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make(x.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)
    rows, wanted = torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))
    for _ in range(steps):
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(model(rows)[:, 0], wanted).backward()
        optimizer.step()

    @torch.no_grad()
    def answer(asked: Features) -> Float[np.ndarray, " rows"]:
        return torch.sigmoid(model(torch.from_numpy(asked))[:, 0]).double().numpy()

    return answer


def logistic(x: Features, y: Bool[np.ndarray, " rows"], seed: int) -> Answer:
    return _descended(lambda width: nn.Linear(width, 1), x, y, seed, 150)


def network(x: Features, y: Bool[np.ndarray, " rows"], seed: int) -> Answer:
    return _descended(lambda width: nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 1)), x, y, seed, 100)


def voting(x: Features, y: Bool[np.ndarray, " rows"], seed: int) -> Answer:
    voters = [each(x, y, seed) for each in (forest, logistic, naive_bayes)]

    def answer(asked: Features) -> Float[np.ndarray, " rows"]:
        found: np.ndarray = np.mean([voter(asked) for voter in voters], axis=0)
        return found

    return answer


CLASSIFIERS = {"forest": forest, "voting": voting, "network": network}


def confusion(wanted: Bool[np.ndarray, " rows"], given: Bool[np.ndarray, " rows"]) -> Float[np.ndarray, "rows 6"]:
    """For each row the addends of macro-F1: hits, false alarms and misses of the class 1, then of the class 0."""
    one = [wanted & given, ~wanted & given, wanted & ~given]
    zero = [~wanted & ~given, wanted & ~given, ~wanted & given]
    return np.stack([*one, *zero], axis=1).astype(float)


def macro_f1(sums: Float[np.ndarray, "*any 6"]) -> Float[np.ndarray, "*any"]:
    """The mean of both classes' F1, a class that never occurs and is never said counting 0."""
    parts = []
    for start in (0, 3):
        hits, wrong = sums[..., start], sums[..., start + 1] + sums[..., start + 2]
        parts.append(2 * hits / np.maximum(2 * hits + wrong, 1e-12))
    return (parts[0] + parts[1]) / 2
