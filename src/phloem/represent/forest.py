"""Forests: the trees of many functions laid one after the other, reduced to what path contexts are made of.

Only named nodes stay. Comments, documentation, modifiers and all that they contain are gone and are not counted as
children, so that a path does not depend on them. A string literal is one terminal. Every step is a NumPy operation
over the nodes of all functions at once; only distinct texts are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from phloem.languages import by_name
from phloem.languages.base import Language
from phloem.languages.example import Example
from phloem.languages.tree import NAMED
from phloem.represent.labels import Labels
from phloem.represent.values import Texts

if TYPE_CHECKING:
    from phloem.represent.preset import PathPreset

MOST_CHILD_INDEX = 3  # greater child indices are written as 3

# Nodes whose operator is an anonymous child without a field name in at least one grammar.
_BARE_OPERATOR = frozenset(
    {"unary_expression", "update_expression", "prefix_unary_expression", "postfix_unary_expression"}
    | {"unary_op_expression", "unary"}
)
# Identifiers that are no `Name*` node in the Python150k data set: (parent's kind, field; "" for any).
_OTHER_NAMES = (
    *(("attribute", "attribute"), ("keyword_argument", "name"), ("class_definition", "name")),
    *(("function_definition", "name"), ("dotted_name", ""), ("aliased_import", "alias")),
    *(("global_statement", ""), ("nonlocal_statement", "")),
)


class Forest(NamedTuple):
    """Nodes in preorder, each function's tree a contiguous slice. Terminals (leaves) are in order too.

    A path's labels are `end` at both terminals, `up` from the left one to the lowest common ancestor, this included,
    and `down` below it. `text` gives a leaf's value as an index into `values`.
    """

    parent: Int32[np.ndarray, "nodes"]  # -1 at roots
    stop: Int32[np.ndarray, "nodes"]  # one past the last descendant
    up: Int32[np.ndarray, "nodes"]
    down: Int32[np.ndarray, "nodes"]
    end: Int32[np.ndarray, "nodes"]
    leaves: Int32[np.ndarray, "leaves"]  # the terminals' nodes
    text: Int32[np.ndarray, "leaves"]
    values: list[str]
    leaf_offsets: Int64[np.ndarray, "examples+1"]
    span: Int32[np.ndarray, "leaves 2"]  # bytes of each terminal in its function's source
    child_number: Int32[np.ndarray, "nodes"] | None = None  # child indices, where siblings do not count 0, 1, 2 …

    def depth(self) -> Int32[np.ndarray, "nodes"]:
        """Edges to the root: nodes before, less those that are closed by then."""
        nodes = len(self.parent)
        closed = np.cumsum(np.bincount(self.stop, minlength=nodes + 1)[:nodes])
        return (np.arange(nodes) - closed).astype(np.int32)

    def next_sibling(self) -> Int32[np.ndarray, "nodes"]:
        """For each node its next sibling, or the node itself if it is the last child (or a root)."""
        nodes = len(self.parent)
        candidate = np.minimum(self.stop, nodes - 1)
        is_sibling = (self.stop < nodes) & (self.parent[candidate] == self.parent) & (self.parent >= 0)
        return np.where(is_sibling, candidate, np.arange(nodes, dtype=np.int32))


def tree_sitter_forest(examples: Sequence[Example], preset: PathPreset, labels: Labels, texts: Texts) -> Forest:
    """The forest of functions of ONE language, labelled by tree-sitter's node types (see `preset.TREE_SITTER`)."""
    language = by_name(examples[0].language)
    grammar = _Grammar.of(language, preset.dropped_kinds)
    trees = [example.tree for example in examples]
    sizes = np.fromiter((len(tree.kind) for tree in trees), np.int64, len(trees))
    bases = np.concatenate([[0], np.cumsum(sizes)])
    lengths = np.fromiter((len(tree.source) for tree in trees), np.int64, len(trees))
    bytes_before = np.concatenate([[0], np.cumsum(lengths + 1)])  # one byte between functions keeps spans apart

    kind = np.minimum(np.concatenate([tree.kind for tree in trees]), np.uint16(grammar.error)).astype(np.int32)
    field = np.concatenate([tree.field for tree in trees])
    parent = np.concatenate([tree.parent for tree in trees]) + np.repeat(bases[:-1], sizes)
    parent[bases[:-1]] = -1
    shift = np.repeat(bytes_before[:-1], sizes)
    start = np.concatenate([tree.start for tree in trees]) + shift
    end = np.concatenate([tree.end for tree in trees]) + shift
    named = (np.concatenate([tree.flags for tree in trees]) & NAMED).astype(bool)
    name_nodes = bases[:-1] + np.fromiter((example.name_node for example in examples), np.int64, len(examples))

    has_children = np.zeros(len(kind), bool)
    has_children[parent[named & (parent >= 0)]] = True
    whole = grammar.is_string[kind]
    whole[name_nodes] = True

    dropped = ~named | grammar.is_dropped[kind] | (start == end)
    for number, example in enumerate(examples):
        if example.doc_span is not None:
            first, last = (offset + bytes_before[number] for offset in example.doc_span)
            nodes = slice(bases[number], bases[number + 1])
            dropped[nodes] |= (start[nodes] >= first) & (end[nodes] <= last)
    dropped[bases[:-1]] = False
    kept = np.flatnonzero(~(dropped | _below(dropped & named | whole, start, end)))
    renumbered = np.full(len(kind) + 1, -1, np.int32)  # the last entry, reached as -1, is the root's parent
    renumbered[kept] = np.arange(len(kept), dtype=np.int32)

    operator = _operators(kind, field, parent, named, grammar)[kept]
    kind, start, end = kind[kept], start[kept], end[kept]
    kept_parent = renumbered[parent[kept]]
    stop = np.searchsorted(start, end).astype(np.int32)
    plain, indexed = _labels(kind, operator, kept_parent, stop, labels, grammar, preset)

    candidates = np.flatnonzero(whole[kept] | ~has_children[kept])
    names = renumbered[name_nodes]
    start_of, end_of = start, end
    if preset.terminals == "names":
        is_name = grammar.is_name(kind[candidates], field[kept][candidates], kind[kept_parent[candidates]])
        names, leaf_of_name = renumbered[bases[:-1]], names  # the function's own node stands for its name
        start_of, end_of = start.copy(), end.copy()
        start_of[names], end_of[names] = start[leaf_of_name], end[leaf_of_name]
        candidates = np.union1d(candidates[is_name], names)
    leaf_example = np.searchsorted(bases, kept[candidates], side="right") - 1
    spans = np.stack([start_of[candidates], end_of[candidates]], axis=1) - bytes_before[leaf_example][:, None]
    text, values = _values(examples, candidates, spans, leaf_example, names, preset, texts)
    terminal = text >= 0
    leaf_offsets = np.searchsorted(leaf_example[terminal], np.arange(len(examples) + 1))
    return Forest(
        kept_parent,
        stop,
        plain,
        plain,
        indexed if preset.indices else plain,
        candidates[terminal].astype(np.int32),
        text[terminal],
        values,
        leaf_offsets,
        spans[terminal].astype(np.int32),
    )


class _Grammar:
    """What the kinds of a language are, as arrays over kind ids; kind `error` stands for the error nodes."""

    _known: dict[tuple[str, frozenset[str]], _Grammar] = {}  # noqa: RUF012

    def __init__(self, language: Language, dropped_kinds: frozenset[str]) -> None:
        kinds = [*language.kinds, "ERROR"]
        self.language = language.name
        self.kinds = kinds
        self.error = len(kinds) - 1
        self.is_dropped = np.array([kind in dropped_kinds or kind in language.comment_kinds for kind in kinds])
        self.is_string = np.array([kind in language.string_kinds for kind in kinds])
        self.has_bare_operator = np.array([kind in _BARE_OPERATOR for kind in kinds])
        self.is_operator_field = np.array([field in ("operator", "operators") for field in language.fields])
        self.is_nameable = np.array([kind in language.identifier_kinds for kind in kinds])
        self.is_number = np.array([kind in ("integer", "float") for kind in kinds])
        self.other_names = [
            (kinds.index(kind), language.fields.index(field))
            for kind, field in _OTHER_NAMES
            if kind in kinds and field in language.fields
        ]

    @classmethod
    def of(cls, language: Language, dropped_kinds: frozenset[str]) -> _Grammar:
        key = (language.name, dropped_kinds)
        if key not in cls._known:
            cls._known[key] = cls(language, dropped_kinds)
        return cls._known[key]

    def is_name(
        self, kind: Int32[np.ndarray, "n"], field: Int32[np.ndarray, "n"], parent_kind: Int32[np.ndarray, "n"]
    ) -> Bool[np.ndarray, "n"]:
        """Which nodes are variables, functions or numbers (and not attributes, keywords or classes)."""
        found = self.is_nameable[kind]
        for other_parent, other_field in self.other_names:
            found &= (parent_kind != other_parent) | ((field != other_field) & (other_field > 0))
        return found | self.is_number[kind]

    def label(self, code: int) -> str:
        """`kind`, `kind:operator`, each with a child index unless it is MOST_CHILD_INDEX + 1."""
        form, index = divmod(code, MOST_CHILD_INDEX + 2)
        kind, operator = divmod(form, len(self.kinds) + 1)
        name = self.kinds[kind]
        if operator:
            # The letters that separate the parts of a `.c2s` line can't stand in a label.
            written = self.kinds[operator - 1].replace("|", "bar").replace(",", "comma").replace(" ", "-")
            name += f":{written}"
        return name if index > MOST_CHILD_INDEX else f"{name}{index}"


def _below(
    roots: Bool[np.ndarray, "nodes"], start: Int64[np.ndarray, "nodes"], end: Int64[np.ndarray, "nodes"]
) -> Bool[np.ndarray, "nodes"]:
    """Which nodes lie inside one of `roots`. In preorder a node's descendants follow it and start before its end."""
    nodes = np.flatnonzero(roots)
    change = np.zeros(len(roots) + 1, np.int32)
    np.add.at(change, nodes + 1, 1)
    np.add.at(change, np.maximum(np.searchsorted(start, end[nodes]), nodes + 1), -1)
    return np.cumsum(change[:-1]) > 0


def _operators(
    kind: Int32[np.ndarray, "nodes"],
    field: Int32[np.ndarray, "nodes"],
    parent: Int64[np.ndarray, "nodes"],
    named: Bool[np.ndarray, "nodes"],
    grammar: _Grammar,
) -> Int32[np.ndarray, "nodes"]:
    """For each node 1 + the kind of its operator token (the first if there are several), or 0."""
    marked = grammar.is_operator_field[field] | (grammar.has_bare_operator[kind[parent]] & (field == 0))
    tokens = np.flatnonzero(~named & marked & (parent >= 0))[::-1]
    operator = np.zeros(len(kind), np.int32)
    operator[parent[tokens]] = kind[tokens] + 1
    return operator


def _labels(
    kind: Int32[np.ndarray, "nodes"],
    operator: Int32[np.ndarray, "nodes"],
    parent: Int32[np.ndarray, "nodes"],
    stop: Int32[np.ndarray, "nodes"],
    labels: Labels,
    grammar: _Grammar,
    preset: PathPreset,
) -> tuple[Int32[np.ndarray, "nodes"], Int32[np.ndarray, "nodes"]]:
    """Label ids without and with the saturated child index. The root's index is 0."""
    width = MOST_CHILD_INDEX + 2
    form = (kind.astype(np.int64) * (len(grammar.kinds) + 1) + operator) * width
    space = ("tree-sitter", grammar.language)
    size = len(grammar.kinds) * (len(grammar.kinds) + 1) * width
    plain = labels.ids(space, size, form + MOST_CHILD_INDEX + 1, grammar.label)
    if not preset.indices:
        return plain, plain
    is_leaf = stop == np.arange(1, len(kind) + 1)
    indexed = plain.copy()
    indexed[is_leaf] = labels.ids(space, size, (form + child_index(parent, stop))[is_leaf], grammar.label)
    return plain, indexed


def child_index(parent: Int32[np.ndarray, "nodes"], stop: Int32[np.ndarray, "nodes"]) -> Int32[np.ndarray, "nodes"]:
    """The index of each node among its siblings, saturated at MOST_CHILD_INDEX."""
    index = np.full(len(parent), MOST_CHILD_INDEX, np.int32)
    nodes = np.flatnonzero((parent == np.arange(-1, len(parent) - 1)) | (parent < 0))
    for number in range(MOST_CHILD_INDEX):
        index[nodes] = number
        following = stop[nodes]
        inside = following < len(parent)
        nodes, following = nodes[inside], following[inside]
        nodes = following[(parent[following] == parent[nodes]) & (parent[nodes] >= 0)]
    return index


def _values(
    examples: Sequence[Example],
    candidates: Int64[np.ndarray, "candidates"],
    spans: Int64[np.ndarray, "candidates 2"],
    leaf_example: Int64[np.ndarray, "candidates"],
    name_nodes: Int32[np.ndarray, "examples"],
    preset: PathPreset,
    texts: Texts,
) -> tuple[Int32[np.ndarray, "candidates"], list[str]]:
    """For each candidate its index into the distinct values returned beside, or -1 if it is no terminal."""
    offsets = np.searchsorted(leaf_example, np.arange(len(examples) + 1)).tolist()
    starts, ends = spans[:, 0].tolist(), spans[:, 1].tolist()
    found: list[int] = []
    for example, first, last in zip(examples, offsets, offsets[1:], strict=False):
        found += texts.ids(example.tree.source, starts[first:last], ends[first:last])
    text_ids = np.array(found, np.int64)
    distinct, inverse = np.unique(text_ids, return_inverse=True)
    index: dict[str, int] = {preset.method_name: 0}
    value = [texts.values[text] for text in distinct.tolist()]
    of_distinct = np.array([index.setdefault(v, len(index)) if v else -1 for v in value], np.int32)
    text = of_distinct[inverse] if len(distinct) else np.zeros(0, np.int32)
    if preset.mask_recursion:
        names = np.array([texts.id(example.name.encode()) for example in examples])
        contents = np.array([texts.bare[t] for t in distinct.tolist()], np.int64)
        text[(contents[inverse] == names[leaf_example]) & (text >= 0)] = 0
    if preset.mask_name:
        text[np.isin(candidates, name_nodes)] = 0
    return text, list(index)
