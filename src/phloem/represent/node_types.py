"""Trees seen by the types of their nodes alone: what a class of programs looks like once every name is hidden.

Mou, Li, Zhang, Wang and Jin, "Convolutional Neural Networks over Tree Structures for Programming Language Processing"
(2016, section 3.1): a program is its syntax tree, a node is its type, identifiers and literals are dropped. Here the
nodes are the grammar's named ones without comments; the class of an example is its `name`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from jaxtyping import Bool, Int32, Int64, UInt16
from torch import Tensor

from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.tree import NAMED, Tree, depths, subtree_stops
from phloem.represent.tokens import inside
from phloem.represent.vocabulary import INPUTS, Vocabulary

COLUMNS = ("kind", "parent", "position", "siblings", "leaves", "first_leaf", "depth")


class TreeBatch(NamedTuple):
    """The nodes of several trees one after the other; `tree` says whose they are.

    `parent` indexes nodes of the batch (-1 at a root), `position` counts from 1 among the `siblings` children of the
    parent (a root: 1 of 1), `leaves` are those under a node (a leaf: 1), `first_leaf` is the number of leaves before
    them in the tree, `depth` is 0 at a root, `target` the class.
    """

    kind: Int64[Tensor, nodes]
    parent: Int64[Tensor, nodes]
    position: Int64[Tensor, nodes]
    siblings: Int64[Tensor, nodes]
    leaves: Int64[Tensor, nodes]
    first_leaf: Int64[Tensor, nodes]
    depth: Int64[Tensor, nodes]
    tree: Int64[Tensor, nodes]
    target: Int64[Tensor, trees]

    def to(self, device: torch.device | str) -> TreeBatch:
        """The batch on another device."""
        return TreeBatch(*(part.to(device) for part in self))


def shape(parent: Int32[np.ndarray, nodes]) -> dict[str, Int32[np.ndarray, nodes]]:
    """Where each node of a tree in preorder stands; the columns of `TreeBatch` but for the kind."""
    nodes = len(parent)
    children = np.bincount(parent[1:], minlength=nodes)
    order = np.argsort(parent, kind="stable")
    first = np.zeros(nodes + 1, np.int64)  # where the children of each node begin in `order`, which has the root first
    np.cumsum(children, out=first[1:])
    position = np.ones(nodes, np.int32)
    position[order[1:]] = np.arange(nodes - 1) - first[parent[order[1:]]] + 1
    siblings = np.where(parent >= 0, children[parent], 1).astype(np.int32)
    before = np.concatenate([[0], np.cumsum(children == 0)]).astype(np.int32)
    return {
        "parent": parent,
        "position": position,
        "siblings": siblings,
        "leaves": before[subtree_stops(parent)] - before[:-1],
        "first_leaf": before[:-1],
        "depth": depths(parent),
    }


def named_nodes(
    tree: Tree, comment: Bool[np.ndarray, nodes]
) -> tuple[UInt16[np.ndarray, named], Int32[np.ndarray, named]]:
    """The kinds and parents of the named nodes, comments and what lies in them left out."""
    within = inside(subtree_stops(tree.parent), np.flatnonzero(comment))
    keep = ((tree.flags & NAMED) > 0) & ~comment & ~within
    keep[0] = True
    above = np.maximum(tree.parent, 0)
    while not keep[above].all():  # an unnamed node with named children, as few grammars have: its parent takes them
        above = np.where(keep[above], above, above[above])
    number = np.cumsum(keep) - 1
    parent = number[above[keep]].astype(np.int32)
    parent[0] = -1
    return tree.kind[keep], parent


class NodeTypeDataset:
    """Compiled trees, memory-mapped: one array a column of `TreeBatch`, trees one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._columns = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in (*COLUMNS, "target")}
        self._offsets = np.load(folder / "offsets.npy")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def sizes(self) -> Int64[np.ndarray, trees]:
        """Nodes of each tree."""
        return np.diff(self._offsets)

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> TreeBatch:
        """These trees; nothing is sampled."""
        starts, sizes = self._offsets[index], self.sizes[index]
        tree = np.repeat(np.arange(len(index)), sizes)
        begins = np.cumsum(sizes) - sizes
        nodes = np.arange(len(tree)) + (starts - begins)[tree]
        columns = {name: np.asarray(self._columns[name][nodes], np.int64) for name in COLUMNS}
        columns["parent"] = np.where(columns["parent"] >= 0, columns["parent"] + begins[tree], -1)
        return TreeBatch(
            **{name: torch.from_numpy(column) for name, column in columns.items()},
            tree=torch.from_numpy(tree),
            target=torch.from_numpy(np.asarray(self._columns["target"][index], np.int64)),
        )


class NodeTypeView:
    """Node types and classes, both numbered from training data."""

    def __init__(self) -> None:
        self.kinds = Vocabulary(INPUTS)
        self.classes: tuple[str, ...] = ()

    def fit(self, examples: Iterable[Example]) -> Self:
        counts: Counter[str] = Counter()
        classes = set()
        for example in examples:
            counts.update(self._read(example)[0])
            classes.add(example.name)
        self.kinds = Vocabulary.most_frequent(counts, INPUTS)
        self.classes = tuple(sorted(classes))
        return self

    def encode(self, example: Example, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """One tree's columns; raises PhloemError for a class that training did not see."""
        if example.name not in self.classes:
            raise PhloemError(f"the class {example.name!r} is none of the training data's")
        kinds, parent = self._read(example)
        target = np.array(self.classes.index(example.name), np.int32)
        return {"kind": np.array(self.kinds.ids(kinds), np.int32), **shape(parent), "target": target}

    def compile(self, examples: Iterable[Example], folder: Path) -> NodeTypeDataset:
        """Encode into `folder`, which must not exist yet."""
        encoded = [self.encode(example) for example in examples]
        folder = Path(folder)
        making = folder.with_name(folder.name + ".making")
        making.mkdir(parents=True)
        for name in COLUMNS:
            np.save(making / f"{name}.npy", np.concatenate([one[name] for one in encoded]).astype(np.int32))
        np.save(making / "target.npy", np.array([one["target"] for one in encoded], np.int32))
        np.save(making / "offsets.npy", np.cumsum([0, *(len(one["kind"]) for one in encoded)]).astype(np.int64))
        (making / "view.json").write_text(json.dumps(self.state()))
        making.rename(folder)
        return NodeTypeDataset(folder)

    def open(self, folder: Path) -> NodeTypeDataset:
        """A dataset that this view compiled."""
        return NodeTypeDataset(Path(folder))

    def collate(self, encoded: list[dict[str, np.ndarray]]) -> TreeBatch:
        sizes = np.array([len(one["kind"]) for one in encoded])
        tree = np.repeat(np.arange(len(encoded)), sizes)
        begins = (np.cumsum(sizes) - sizes)[tree]
        columns = {name: np.concatenate([one[name] for one in encoded]).astype(np.int64) for name in COLUMNS}
        columns["parent"] = np.where(columns["parent"] >= 0, columns["parent"] + begins, -1)
        return TreeBatch(
            **{name: torch.from_numpy(column) for name, column in columns.items()},
            tree=torch.from_numpy(tree),
            target=torch.tensor([int(one["target"]) for one in encoded]),
        )

    def decode(self, ids: np.ndarray, example: Example | None = None) -> list[str]:
        """The names of classes."""
        return [self.classes[number] for number in np.atleast_1d(ids)]

    def state(self) -> dict[str, Any]:
        return {"kinds": list(self.kinds.words), "classes": list(self.classes)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        view = cls()
        view.kinds = Vocabulary(state["kinds"])
        view.classes = tuple(state["classes"])
        return view

    @staticmethod
    def _read(example: Example) -> tuple[list[str], Int32[np.ndarray, nodes]]:
        language = by_name(example.language)
        kinds, parent = named_nodes(example.tree, language.kind_mask(language.comment_kinds)[example.tree.kind])
        names = language.kinds
        return [names[kind] if kind < len(names) else "ERROR" for kind in kinds.tolist()], parent
