"""Code with its data flow as one sequence: what GraphCodeBERT reads.

Guo et al., "GraphCodeBERT" (ICLR 2021, section 4.1): [CLS] W [SEP] C [SEP] V, the text W, the code C as byte pairs of
its tokens, and a place for each node V of the data flow graph. Units have the places 0, 1, … of the sequence, every
node the same one, `NODE_PLACE`, which is row 0 of RoBERTa's table (units begin in row 2). A node's vector is the mean
of those of the units that it comes from, so its id in the sequence says nothing.

With `hidden` all identifiers of an example are renamed to v0, v1, … in order of occurrence, so that names tell nothing
beyond who is who.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64
from torch import Tensor

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.byte_pairs import END, PAD, START, UNK, BytePairs
from phloem.represent.data_flow_graph import data_flow

NODE_PLACE = -2  # counted from the first unit's: two rows before it
TEXT, CODE, NODE, MARK, NOTHING = range(5)  # what stands at a place


@dataclass(frozen=True)
class DataFlowViewConfig:
    """How much of an example is read; the published sizes for search, and 512 and 128 for clones."""

    text: int = 64
    code: int = 256
    nodes: int = 64
    hidden: bool = False
    with_nodes: bool = True  # without, the sequence ends with the code


class DataFlowRow(NamedTuple):
    """One sequence. Places of nodes follow those of all units, in order."""

    tokens: Int64[np.ndarray, " time"]
    kinds: Int64[np.ndarray, " time"]  # TEXT, CODE, NODE or MARK
    links: Int64[np.ndarray, "links 2"]  # (place of a node, place of one of its units)
    edges: Int64[np.ndarray, "edges 2"]  # (place of a node, place of the node that its value comes from)


class DataFlowBatch(NamedTuple):
    """Rows side by side. Links and edges are flat places: row times time plus place."""

    tokens: Int64[Tensor, "batch time"]
    places: Int64[Tensor, "batch time"]  # of the table of positions
    kinds: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    links: Int64[Tensor, "links 2"]
    edges: Int64[Tensor, "edges 2"]

    def are(self, kind: int) -> Bool[Tensor, "batch time"]:
        """Which places hold text, code, nodes, marks or nothing."""
        return self.kinds == kind


class DataFlowView:
    """Examples of Python, Java and C to rows, and rows to batches."""

    def __init__(self, units: BytePairs, config: DataFlowViewConfig | None = None) -> None:
        self.units, self.config = units, config or DataFlowViewConfig()

    def encode(self, example: Example, text: str = "") -> DataFlowRow:
        """The row of an example with a text before it. Raises PhloemError for a language without data flow."""
        config = self.config
        graph = data_flow(example)
        words = self.units.encode(text)[: config.text] if text else []
        head = [START, *words, END] if words else [START]
        pieces = [self.units.encode(" " + token) for token in _texts(example, graph.tokens, config.hidden)]
        ends = len(head) + np.cumsum([0, *map(len, pieces)])
        code = [unit for piece in pieces for unit in piece][: config.code]
        stop = len(head) + len(code)
        tokens = [*head, *code, END]
        kinds = [MARK, *[TEXT] * len(words), *[MARK] * bool(words), *[CODE] * len(code), MARK]
        if not config.with_nodes:
            none = np.zeros((0, 2), np.int64)
            return DataFlowRow(np.array(tokens), np.array(kinds), none, none)
        whole = (ends[graph.nodes + 1] <= stop) & (ends[graph.nodes + 1] > ends[graph.nodes])
        kept = np.flatnonzero(whole)[: config.nodes]
        place = np.full(len(graph.nodes), -1)
        place[kept] = len(tokens) + np.arange(len(kept))
        links = [
            (place[node], unit)
            for node in kept.tolist()
            for unit in range(ends[graph.nodes[node]], ends[graph.nodes[node] + 1])
        ]
        edges = place[graph.edges]
        return DataFlowRow(
            np.array(tokens + [UNK] * len(kept)),
            np.array(kinds + [NODE] * len(kept)),
            np.array(links, np.int64).reshape(-1, 2),
            edges[(edges >= 0).all(axis=1)].astype(np.int64),
        )

    def encode_text(self, text: str) -> DataFlowRow:
        """The row of a text alone, as a query is read."""
        words = self.units.encode(text)[: self.config.text]
        none = np.zeros((0, 2), np.int64)
        kinds = [MARK, *[TEXT] * len(words), MARK]
        return DataFlowRow(np.array([START, *words, END]), np.array(kinds), none, none)


def _texts(example: Example, tokens: Int[np.ndarray, " tokens"], hidden: bool) -> list[str]:
    """The texts of tokens, identifiers renamed where they are to be hidden."""
    tree = example.tree
    texts = [tree.text(token) for token in tokens.tolist()]
    if not hidden:
        return texts
    language = by_name(example.language)
    names = language.kind_mask(language.identifier_kinds)[tree.kind[tokens]].tolist()
    numbers: dict[str, int] = {}
    return [
        f"v{numbers.setdefault(text, len(numbers))}" if name else text for text, name in zip(texts, names, strict=True)
    ]


def collate(rows: Sequence[DataFlowRow]) -> DataFlowBatch:
    """Rows padded to the longest."""
    time = max((len(row.tokens) for row in rows), default=1)
    tokens = np.full((len(rows), time), PAD)
    kinds = np.full((len(rows), time), NOTHING)
    for number, row in enumerate(rows):
        tokens[number, : len(row.tokens)] = row.tokens
        kinds[number, : len(row.kinds)] = row.kinds
    places = np.where(kinds == NODE, NODE_PLACE, np.arange(time))
    places[kinds == NOTHING] = NODE_PLACE + 1  # the row of padding
    none = [np.zeros((0, 2), np.int64)]
    links, edges = (
        np.concatenate(none + [getattr(row, name) + number * time for number, row in enumerate(rows)])
        for name in ("links", "edges")
    )
    arrays = (tokens, places, kinds, np.array([len(row.tokens) for row in rows]), links, edges)
    return DataFlowBatch(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))


class DataFlowRows:
    """Rows in memory (a `Dataset`)."""

    def __init__(self, rows: Sequence[DataFlowRow]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sizes(self) -> Int64[np.ndarray, " rows"]:
        return np.array([len(row.tokens) for row in self.rows])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> DataFlowBatch:
        """These rows; nothing is sampled."""
        return collate([self.rows[int(number)] for number in index])


def learn_units(examples: Sequence[Example], texts: Sequence[str] = (), size: int = 4096) -> BytePairs:
    """Byte pairs of the examples' sources and of texts."""
    sources = [example.tree.source.decode("utf-8", "replace") for example in examples]
    return BytePairs.fit([*sources, *texts], size, sentinels=0)
