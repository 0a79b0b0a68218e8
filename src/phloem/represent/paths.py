"""Path contexts: what code2seq and code2vec see of a function (Alon et al., ICLR 2019, section 3.1; POPL 2018).

Terminals t_1 … t_m are the leaves of a function's syntax tree. For i < j the path from t_i up to their lowest common
ancestor and down to t_j is the node sequence n_1 … n_l, both terminals and the ancestor included; a context is

    (value(t_i), n_1 | … | n_l, value(t_j)).

Two limits keep them few: the number of edges, and the WIDTH, the distance between the two branches among the
ancestor's children. `forest` makes terminals and labels of trees, `enumeration` finds the pairs within the limits.

    labels = Labels()
    contexts = extract(examples, TREE_SITTER, labels, limit=1000)
    contexts.of(0, labels)  # [("METHOD_NAME", ("identifier0", "function_definition", …), "self"), …]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.represent.enumeration import distinct_rows, enumerate_paths
from phloem.represent.forest import Forest, tree_sitter_forest
from phloem.represent.labels import Labels
from phloem.represent.preset import OFFICIAL_JAVA, PRESETS, PYTHON150K, TREE_SITTER, PathPreset, reads
from phloem.represent.values import METHOD_NAME, Texts, python150k_value, subtoken_value

NODES_AT_ONCE = 100_000  # nodes of the trees handled in one step: bounds memory, keeps arrays in the cache


class Contexts(NamedTuple):
    """The path contexts of a list of functions; context c is values[left[c]], paths[path[c]], values[right[c]]."""

    values: list[str]  # distinct, subtokens joined by "|"
    left: Int32[np.ndarray, " contexts"]
    right: Int32[np.ndarray, " contexts"]
    path: Int32[np.ndarray, " contexts"]
    paths: Int32[np.ndarray, "paths max_nodes"]  # distinct label sequences, padded with -1
    offsets: Int64[np.ndarray, examples + 1]  # contexts of example e are offsets[e]:offsets[e + 1]
    left_span: Int32[np.ndarray, "contexts 2"]  # bytes of the left terminal in the function's source
    right_span: Int32[np.ndarray, "contexts 2"]

    def sampled(self, limit: int, rng: np.random.Generator) -> Contexts:
        """A random subset without replacement of at most `limit` contexts of each function, order kept."""
        counts = np.diff(self.offsets)
        if (counts <= limit).all():
            return self
        example = np.repeat(np.arange(len(counts)), counts)
        order = np.lexsort((rng.random(len(example)), example))
        rank = np.arange(len(example)) - self.offsets[example]
        kept = np.sort(order[rank < limit])
        return self._replace(
            left=self.left[kept],
            right=self.right[kept],
            path=self.path[kept],
            offsets=np.concatenate([[0], np.cumsum(np.minimum(counts, limit))]),
            left_span=self.left_span[kept],
            right_span=self.right_span[kept],
        )

    def of(self, example: int, labels: Labels) -> list[tuple[str, tuple[str, ...], str]]:
        """One function's contexts written out: (left value, node labels, right value)."""
        span = slice(int(self.offsets[example]), int(self.offsets[example + 1]))
        return [
            (
                self.values[left],
                tuple(labels.names[label] for label in self.paths[path].tolist() if label >= 0),
                self.values[right],
            )
            for left, path, right in zip(
                self.left[span].tolist(), self.path[span].tolist(), self.right[span].tolist(), strict=True
            )
        ]


def extract(
    examples: Sequence[Example],
    preset: PathPreset,
    labels: Labels,
    *,
    limit: int | None = None,
    rng: np.random.Generator | None = None,
) -> Contexts:
    """The path contexts of functions, in order of their left terminals. Label ids are interned in `labels`.

    With `limit`, functions with more contexts get a random subset of that size drawn with `rng` (seed 0 without one);
    the others are never made, so that memory stays bounded whatever the function. Without it all are made: a function
    with two neighbouring lists of n items has n^2. Raises PhloemError if the preset is not made for a language.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    texts = _texts(preset)
    index: dict[str, int] = {}
    parts: list[Contexts] = []
    for group in _groups(examples):
        texts.trim()
        forest = _forest(group, preset, labels, texts)
        found = enumerate_paths(forest, preset, len(labels), limit, rng)
        renumbered = np.array([index.setdefault(value, len(index)) for value in forest.values], np.int32)
        text = renumbered[forest.text]
        parts.append(
            Contexts(
                [],
                text[found.left],
                text[found.right],
                found.path.astype(np.int32),
                found.paths,
                found.offsets.astype(np.int64),
                forest.span[found.left],
                forest.span[found.right],
            )
        )
    return _joined(parts, list(index), preset)


def _joined(parts: list[Contexts], values: list[str], preset: PathPreset) -> Contexts:
    """Parts that share `values` as one, their distinct paths made distinct again."""
    if not parts:
        none, spans = np.zeros(0, np.int32), np.zeros((0, 2), np.int32)
        paths = np.zeros((0, preset.max_edges + 1), np.int32)
        return Contexts(values, none, none, none, paths, np.zeros(1, np.int64), spans, spans)
    if len(parts) == 1:
        return parts[0]._replace(values=values)
    rows = np.concatenate([part.paths for part in parts])
    sample, kind = distinct_rows(rows)
    first_row = np.cumsum([0, *(len(part.paths) for part in parts)])
    first_context = np.cumsum([0, *(int(part.offsets[-1]) for part in parts)])
    return Contexts(
        values,
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([kind[part.path + first] for part, first in zip(parts, first_row, strict=False)]).astype(
            np.int32
        ),
        rows[sample],
        np.concatenate([[0], *(part.offsets[1:] + first for part, first in zip(parts, first_context, strict=False))]),
        np.concatenate([part.left_span for part in parts]),
        np.concatenate([part.right_span for part in parts]),
    )


def _texts(preset: PathPreset, known: dict[str, Texts] = {}) -> Texts:  # noqa: B006 - remembered between calls
    if preset.values not in known:
        known[preset.values] = Texts(python150k_value if preset.values == "python150k" else subtoken_value)
    return known[preset.values]


def _forest(examples: Sequence[Example], preset: PathPreset, labels: Labels, texts: Texts) -> Forest:
    language = examples[0].language
    if not reads(preset, language):
        raise PhloemError(f"preset {preset.name} does not read {language}")
    if preset.tree == "javaparser":
        from phloem.represent.java_forest import java_parser_forest  # nine modules that the other presets never read

        return java_parser_forest(examples, preset, labels)
    return tree_sitter_forest(examples, preset, labels, texts)


def _groups(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    """Runs of examples of one language with about NODES_AT_ONCE nodes."""
    first, nodes = 0, 0
    for number, example in enumerate(examples):
        size = len(example.tree.kind)
        if number > first and (nodes + size > NODES_AT_ONCE or example.language != examples[first].language):
            yield examples[first:number]
            first, nodes = number, 0
        nodes += size
    if len(examples) > first:
        yield examples[first:]


__all__ = [
    "METHOD_NAME",
    "OFFICIAL_JAVA",
    "PRESETS",
    "PYTHON150K",
    "TREE_SITTER",
    "Contexts",
    "Labels",
    "PathPreset",
    "extract",
]
