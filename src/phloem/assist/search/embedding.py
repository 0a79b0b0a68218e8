"""Texts as vectors, for search: the shipped model `code-search`, or a saved one, at one of two speeds.

The static speed needs NumPy alone, so that a search starts at once; the transformer's needs torch, which is imported
when it is asked for. Both give vectors of one space, so that an index of one speed serves queries of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from jaxtyping import Float32

from phloem.assist.library import folder_of
from phloem.errors import PhloemError
from phloem.represent.bags import Bags, bags
from phloem.represent.subwords import Ragged, Subwords
from phloem.tasks.saved import read_about, read_arrays

if TYPE_CHECKING:
    from phloem.nn.models.dual_encoder import DualEncoder

Speed = Literal["static", "transformer"]
SPEEDS: tuple[Speed, ...] = ("static", "transformer")
RECIPE = "search_encoder"
STATIC_BATCH, TRANSFORMER_BATCH = 128, 64
CODE_UNITS = 512  # of a code that the static speed counts
QUERY_UNITS = 256
GAIN = 6.0  # as phloem.nn.encoders.static_bag has it, which needs torch


class Embedder(Protocol):
    """Texts to unit vectors; a text without words gives 0.

    `identity` changes with the model: vectors of different identities can't be compared.
    """

    dimensions: int
    identity: str

    def queries(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]: ...

    def codes(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]: ...


def load_embedder(name_or_folder: str | Path = "code-search", *, speed: Speed = "static") -> Embedder:
    """The embedder of a model of the package, by name, or of a saved folder.

    Raises PhloemError for an unknown speed, a folder without a model of code search, and a damaged model."""
    if speed not in SPEEDS:
        raise PhloemError(f"unknown speed {speed!r}: take one of {', '.join(SPEEDS)}")
    folder = folder_of(name_or_folder)
    about = read_about(folder)
    if about["recipe"] != RECIPE:
        raise PhloemError(f"{folder} holds no model of code search: phloem train search makes one")
    identity = f"{RECIPE}-{about['format']}-{about['sha256'][:16]}"
    if speed == "static":
        weights = read_arrays(folder, about)
        own = {name.removeprefix("static."): weights[name] for name in weights if name.startswith("static.")}
        try:
            return StaticEmbedder(identity, Subwords.from_state(about["view"]["subwords"]), own)
        except (KeyError, ValueError, TypeError) as error:
            raise PhloemError(f"{folder} is damaged ({error!r}): fetch or train the model again") from error
    if not about["config"].get("layers"):
        raise PhloemError(f"{folder} has the static speed only")
    from phloem.systems.recipes import RECIPES
    from phloem.tasks import saved

    model: Any = saved.load(folder, RECIPES)
    return TransformerEmbedder(identity, model.view.subwords, model.model)


class StaticEmbedder:
    """The weighted mean of unit vectors; the equations stand in `phloem.nn.encoders.static_bag`."""

    def __init__(self, identity: str, subwords: Subwords, tensors: dict[str, np.ndarray]) -> None:
        self.identity = identity
        self.subwords = subwords
        self.table: Float32[np.ndarray, "units dimensions"] = tensors["table.weight"]
        self.dimensions = int(self.table.shape[1])
        self._query_weight = np.exp(GAIN * tensors["query_weight"])
        self._code_weight = np.exp(GAIN * tensors["code_weight"])
        self._place_weight = np.exp(GAIN * tensors["place_weight"])

    def queries(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]:
        def weights(rows: Bags) -> np.ndarray:
            return self._query_weight[rows.ids] * rows.damped

        return self._embed(texts, QUERY_UNITS, weights)

    def codes(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]:
        def weights(rows: Bags) -> np.ndarray:
            return self._code_weight[rows.ids] * self._place_weight[rows.place] * rows.damped

        return self._embed(texts, CODE_UNITS, weights)

    def _embed(self, texts: Sequence[str], most: int, weights: Callable[[Bags], np.ndarray]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), STATIC_BATCH):
            rows = bags(self.subwords.encode(texts[start : start + STATIC_BATCH], most))
            vectors[start : start + STATIC_BATCH] = self._sums(rows, weights(rows))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, lengths, out=vectors, where=lengths > 0)

    def _sums(self, rows: Bags, weights: Float32[np.ndarray, " units"]) -> np.ndarray:
        """Σ weight · vector of each row, as one product of (rows × distinct units of the batch) and their vectors."""
        distinct, column = np.unique(rows.ids, return_inverse=True)
        count = len(rows.offsets) - 1
        mixed = np.zeros((count, len(distinct)), np.float32)
        mixed[np.repeat(np.arange(count), np.diff(rows.offsets)), column] = weights
        return mixed @ self.table[distinct]


class TransformerEmbedder:
    """The slow speed."""

    def __init__(self, identity: str, subwords: Subwords, model: DualEncoder) -> None:
        self.identity = identity
        self.subwords = subwords
        self.model = model.eval()
        self.dimensions: int = model.static.table.embedding_dim

    def queries(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]:
        return self._embed(self.subwords.encode(texts, QUERY_UNITS), "query")

    def codes(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts dimensions"]:
        return self._embed(self.subwords.encode(texts, CODE_UNITS), "code")

    def _embed(self, rows: Ragged, side: Literal["query", "code"]) -> np.ndarray:
        """In the order of length, so that little is padded."""
        import torch

        lengths = rows.lengths()
        vectors = np.zeros((len(lengths), self.dimensions), np.float32)
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        with torch.inference_mode():
            for start in range(0, len(order), TRANSFORMER_BATCH):
                chosen = order[start : start + TRANSFORMER_BATCH]
                part = rows.rows(chosen)
                vectors[chosen] = self.model.encode(part, bags(part), side).numpy()
        return vectors
