"""Where the values of variables come from: the data flow graph of a piece of code.

Guo et al., "GraphCodeBERT: Pre-training Code Representations with Data Flow" (ICLR 2021, section 3). The occurrences of
variables, in order, are the nodes v_1 … v_k; there is an edge <v_j, v_i> if the value of v_i comes from v_j. The graph
is found by an abstract walk with a state, name -> the occurrences that may have defined it last:

    a use            is linked to the state of its name; the first occurrence of an identifier becomes its state
    an assignment    links each variable on the left to every variable on the right, and becomes their state
    a branch         is walked from the state before it; after it the states of all branches are united
    a loop           is walked twice, so that a use at its beginning sees the definitions at its end

Strings and numbers are variables that nothing defines (the 0 of `x = 0` is a node). Comments and docstrings are no
tokens, and a node without an edge is dropped.

The released extractor defines the published graphs, and without `careful` these are its edges for Python and Java,
oddities included: names of attributes and functions are variables, `x += y` forgets the x before it, `i++` is its own
source, `a.b = c.d` is linked part by part, a loop's body always runs, and Java's `else` unites with the state before
the `if`. Two differences: an occurrence is one node, also where the release lists it once for each source, and a string
is one token in every language. C has no released extractor; it is read as Java is. What people read is made with
`careful`, which mends all of that and knows scopes, `try`, `switch`, `match`, `with … as` and `:=`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.represent.data_flow_careful import CarefulWalk
from phloem.represent.data_flow_rules import RULES
from phloem.represent.data_flow_walk import Walk

LANGUAGES = tuple(RULES)


class DataFlowGraph(NamedTuple):
    """Nodes in order of their tokens; an edge (i, j) says that the value of node i comes from node j."""

    tokens: Int64[np.ndarray, " tokens"]  # the tree's nodes that are tokens
    nodes: Int32[np.ndarray, " nodes"]  # places in `tokens`
    edges: Int32[np.ndarray, "edges 2"]  # in ascending order
    computed: Bool[np.ndarray, " edges"]  # the value of i is made of that of j, by an assignment; else it is that of j


def data_flow(example: Example, *, careful: bool = False) -> DataFlowGraph:
    """The graph of an example's whole tree. Raises PhloemError for a language other than Python, Java and C."""
    if example.language not in RULES:
        raise PhloemError(f"data flow is read in {', '.join(LANGUAGES)}, not in {example.language}")
    walk = (CarefulWalk if careful else Walk)(example)
    walk.node(0)
    found = sorted(walk.edges)
    edges = np.array(found, np.int64).reshape(-1, 2)
    used = np.unique(edges)
    number = np.zeros(len(walk.places), np.int32)
    number[used] = np.arange(len(used))
    computed = np.array([walk.edges[edge] for edge in found], bool)
    return DataFlowGraph(walk.tokens, walk.places[used].astype(np.int32), number[edges], computed)
