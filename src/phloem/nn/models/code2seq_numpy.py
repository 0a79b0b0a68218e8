"""Code2seq without gradients, in NumPy: the equations of `nn.encoders.paths` and `nn.decoders.lstm`, for answering.

Alon, Brody, Levy and Yahav, "code2seq: Generating Sequences from Structured Representations of Code", ICLR 2019,
section 3. Importing torch takes several times as long as naming the functions of a file; on a processor NumPy does the
same products as fast. The numbers are those of the torch modules up to float32's rounding, which the tests hold.

Contexts are encoded as there: distinct values once, distinct prefixes of paths once (tries), the input product split
into its three parts. Rows of the decoder's state (hypotheses) lie together by source, equally many a source. A model
with a `Pointer` writes copies too (`nn.decoders.pointer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Float32, Int

from phloem.represent.base import PAD, UNK
from phloem.represent.copying import Copies
from phloem.represent.path_batch import PathBatch, Trie

MASKED = np.float32(-1e30)


class Offers(NamedTuple):
    """What sources offer to be copied: keys, a bias (MASKED where there is nothing), the ids that copying writes."""

    keys: Float32[np.ndarray, "sources places width"]
    bias: Float32[np.ndarray, "sources places"]
    words: Int[np.ndarray, "sources places"]
    extra: int  # ids behind the vocabulary's

    def only(self, sources: Int[np.ndarray, " kept"]) -> Self:
        return self._replace(keys=self.keys[sources], bias=self.bias[sources], words=self.words[sources])


class State(NamedTuple):
    """The decoder's: a memory of contexts by source, zeros behind, and the rows' vectors."""

    memory: Float32[np.ndarray, "sources positions width"]
    bias: Float32[np.ndarray, "sources positions"]  # 0 where a position is read, else MASKED
    hidden: Float32[np.ndarray, "rows width"]
    cell: Float32[np.ndarray, "rows width"]
    fed: Float32[np.ndarray, "rows width"]
    attention: Float32[np.ndarray, "rows positions"] | None = None
    offers: Offers | None = None

    def only(self, sources: Int[np.ndarray, " kept"], rows: Int[np.ndarray, " rows"]) -> Self:
        """These sources, with these rows of the present ones, which lie together by source in the same order."""
        memory, bias, offers = self.memory, self.bias, self.offers
        if len(sources) < len(memory):
            memory, bias = memory[sources], bias[sources]
            offers = None if offers is None else offers.only(sources)
        return type(self)(memory, bias, self.hidden[rows], self.cell[rows], self.fed[rows], offers=offers)


class Code2SeqArrays:
    """A trained code2seq; `weights` are named as the torch model's.

    Raises ValueError where they are not those of a code2seq over vocabularies of these sizes.
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        *,
        subtokens: int,
        labels: int,
        words: int,
        squash: bool = False,
        official_padding: int = 0,
        copying: bool = False,
    ) -> None:
        self.weights = dict(weights)
        self.squash, self.official_padding, self.copying = squash, official_padding, copying
        wanted = shapes(self.weights, subtokens, labels, words, copying)
        given = {name: array.shape for name, array in self.weights.items()}
        if wrong := [name for name in wanted | given if wanted.get(name) != given.get(name)]:
            raise ValueError(f"weights {wrong[0]} do not fit")

    def encode(self, batch: PathBatch) -> Float32[np.ndarray, "contexts out"]:
        """The vectors of all contexts; `batch` holds arrays."""
        weights = self.weights
        if not len(batch.left):
            return np.zeros((0, len(weights["encoder.combine.weight"])), np.float32)
        values = np.add.reduceat(weights["encoder.subtokens.weight"][batch.bag_ids], batch.bag_offsets)
        paths = np.concatenate([self._ends(batch.prefixes, ""), self._ends(batch.suffixes, "_reverse")], axis=1)
        width, last = values.shape[1], values.shape[1] + paths.shape[1]
        to_left, to_path, to_right = np.split(weights["encoder.combine.weight"], [width, last], axis=1)
        total = (values @ to_left.T)[batch.left]
        total += (paths @ to_path.T)[batch.path]
        total += (values @ to_right.T)[batch.right]
        return np.tanh(total, out=total)

    def _ends(self, trie: Trie, side: str) -> Float32[np.ndarray, "paths width"]:
        """The LSTM's states after whole paths, level by level of their trie (see `nn.encoders.trie_lstm`)."""
        into, recurrent, bias, more = (
            self.weights[f"encoder.lstm.{name}_l0{side}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        used, label = np.unique(trie.label, return_inverse=True)
        table = self.weights["encoder.nodes.weight"][used] @ into.T + (bias + more)
        hidden, cell = (np.empty((len(label), recurrent.shape[1]), np.float32) for _ in range(2))
        for level, (start, stop) in enumerate(pairwise(trie.levels)):
            gates, above = table[label[start:stop]], trie.parent[start:stop]
            if level:
                gates += hidden[above] @ recurrent.T
            hidden[start:stop], cell[start:stop] = lstm(gates, cell[above] if level else None)
        return hidden[trie.ends]

    def start(self, batch: PathBatch) -> State:
        """Before the first word, a row a source."""
        contexts, counts = self.encode(batch), np.diff(batch.offsets)
        place = np.arange(max(int(counts.max(initial=0)), self.official_padding, 1))
        valid = place < counts[:, None]
        memory = np.zeros((*valid.shape, contexts.shape[1]), np.float32)
        memory[valid] = contexts
        bias = np.where(valid | (place < self.official_padding), np.float32(0), MASKED)
        mean = memory.sum(axis=1) / np.maximum(counts, 1)[:, None].astype(np.float32)
        offers = self._offers(batch.copies) if self.copying and batch.copies is not None else None
        return State(memory, bias, mean, mean, np.zeros_like(mean), offers=offers)

    def _offers(self, copies: Copies) -> Offers:
        """As `Pointer.offers`; `copies` holds arrays."""
        slope, offset = self.weights["pointer.prior"]
        subtokens, words = np.asarray(copies.subtokens), np.asarray(copies.words)
        keys = self.weights["encoder.subtokens.weight"][subtokens] @ self.weights["pointer.key.weight"].T
        bias = np.where(subtokens == PAD, MASKED, slope * np.asarray(copies.occurrences) + offset)
        return Offers(keys, bias.astype(np.float32), words, copies.beyond.shape[1])

    def next(self, tokens: Int[np.ndarray, " rows"], state: State) -> tuple[Float32[np.ndarray, "rows words"], State]:
        """Logits of the word after `tokens`, and the state with them read."""
        weights = self.weights
        table = weights["decoder.words.weight"]
        known = np.where(tokens < len(table), tokens, UNK)  # a copy that the vocabulary lacks is read as unknown
        read = np.concatenate([table[known], state.fed], axis=1)
        gates = read @ weights["decoder.cell.weight_ih"].T
        gates += state.hidden @ weights["decoder.cell.weight_hh"].T
        gates += weights["decoder.cell.bias_ih"] + weights["decoder.cell.bias_hh"]
        hidden, cell = lstm(gates, state.cell)
        query = (hidden @ weights["decoder.attention.weight"].T).reshape(len(state.memory), -1, hidden.shape[1])
        scores = query @ state.memory.transpose(0, 2, 1) + state.bias[:, None]
        scores -= scores.max(axis=2, keepdims=True)
        attention = np.exp(scores, out=scores)
        attention /= attention.sum(axis=2, keepdims=True)
        attention *= state.bias[:, None] > MASKED / 2  # a source without contexts reads 0
        attended = (attention @ state.memory).reshape(hidden.shape)
        fed = np.concatenate([hidden, attended], axis=1) @ weights["decoder.combine.weight"].T
        if self.squash:
            fed = np.tanh(fed)
        logits = fed @ weights["decoder.output.weight"].T
        if state.offers is not None:
            logits = with_copies(logits, fed, state.offers)
        after = State(state.memory, state.bias, hidden, cell, fed, attention.reshape(len(hidden), -1), state.offers)
        return logits, after


def with_copies(
    logits: Float32[np.ndarray, "rows words"], query: Float32[np.ndarray, "rows width"], offers: Offers
) -> Float32[np.ndarray, "rows words+extra"]:
    """As `Pointer.forward`, rows together by source."""
    sources, places = offers.words.shape
    copied = query.reshape(sources, -1, query.shape[1]) @ offers.keys.transpose(0, 2, 1) + offers.bias[:, None]
    copied = copied.reshape(len(query), places)
    wide = np.pad(logits, ((0, 0), (0, offers.extra + 1)), constant_values=MASKED)
    words = np.repeat(offers.words, len(query) // max(sources, 1), axis=0)
    before = np.take_along_axis(wide, words, axis=1)
    np.put_along_axis(wide, words, np.logaddexp(before, copied), axis=1)
    return wide[:, :-1]


def lstm(
    gates: Float32[np.ndarray, "rows 4*width"], before: Float32[np.ndarray, "rows width"] | None
) -> tuple[Float32[np.ndarray, "rows width"], Float32[np.ndarray, "rows width"]]:
    """h and c of an LSTM's step from its gates (i, f, g, o), before their nonlinearities, and the cell before."""
    i, f, g, o = np.split(gates, 4, axis=1)
    cell = sigmoid(i) * np.tanh(g)
    if before is not None:
        cell += sigmoid(f) * before
    return sigmoid(o) * np.tanh(cell), cell


def sigmoid(x: Float32[np.ndarray, "*any"]) -> Float32[np.ndarray, "*any"]:
    """σ(x) = (tanh(x / 2) + 1) / 2, which cannot overflow."""
    y = np.tanh(x * np.float32(0.5))
    y += np.float32(1)
    y *= np.float32(0.5)
    return y


def shapes(
    weights: Mapping[str, np.ndarray], subtokens: int, labels: int, words: int, copying: bool = False
) -> dict[str, tuple[int, ...]]:
    """What the shapes of a code2seq's weights must be, its widths taken from four of them."""
    given = ("encoder.subtokens.weight", "encoder.nodes.weight", "encoder.lstm.weight_hh_l0", "decoder.output.weight")
    width, nodes, path, out = (np.shape(weights.get(name, np.zeros((1, 1))))[-1] for name in given)
    found: dict[str, tuple[int, ...]] = {
        "encoder.subtokens.weight": (subtokens, width),
        "encoder.nodes.weight": (labels, nodes),
        "encoder.combine.weight": (out, 2 * width + 2 * path),
        "decoder.words.weight": (words, width),
        "decoder.cell.weight_ih": (4 * out, width + out),
        "decoder.cell.weight_hh": (4 * out, out),
        "decoder.cell.bias_ih": (4 * out,),
        "decoder.cell.bias_hh": (4 * out,),
        "decoder.attention.weight": (out, out),
        "decoder.combine.weight": (out, 2 * out),
        "decoder.output.weight": (words, out),
    }
    if copying:
        found |= {"pointer.key.weight": (out, width), "pointer.prior": (2,)}
    for side in ("", "_reverse"):
        found |= {
            f"encoder.lstm.weight_ih_l0{side}": (4 * path, nodes),
            f"encoder.lstm.weight_hh_l0{side}": (4 * path, path),
            f"encoder.lstm.bias_ih_l0{side}": (4 * path,),
            f"encoder.lstm.bias_hh_l0{side}": (4 * path,),
        }
    return found
