"""Code-to-code search: a function under other names and in another layout is asked for among others.

The names that a Python function binds (its own, its parameters, what it assigns, loops over and catches) are replaced
by names of other functions, everywhere they stand as names of their own; attributes, keywords of calls and names from
outside stay. Comments go and blanks are those of a printer. The behaviour is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.functions import Nodes
from phloem.languages.tree import Tree
from phloem.represent.identifier_occurrences import identifier_occurrences
from phloem.represent.indent_tokens import indent_tokens, texts, to_text

_PARAMETERS = frozenset({"parameters", "lambda_parameters", "list_splat_pattern", "dictionary_splat_pattern"})
_TARGETS = frozenset({"pattern_list", "tuple_pattern", "list_pattern", "as_pattern_target"})


def bound_names(tree: Tree) -> list[str]:
    """What a Python function binds, in order; names that it declares global or nonlocal are left out."""
    nodes = Nodes(tree, by_name("python"))
    found: dict[str, None] = {}
    outside: set[str] = set()
    for node in range(len(tree.kind)):
        if nodes.name(node) != "identifier":
            continue
        parent = nodes.parent[node]
        kind = nodes.name(parent) if parent >= 0 else ""
        if kind in ("global_statement", "nonlocal_statement"):
            outside.add(nodes.text(node))
        elif (
            kind in _PARAMETERS
            or kind in _TARGETS
            or (kind in ("assignment", "for_statement", "for_in_clause") and nodes.field_name_is(node, "left"))
            or (kind in ("default_parameter", "typed_default_parameter") and nodes.field_name_is(node, "name"))
            or (kind == "typed_parameter" and node == parent + 1)
            or (kind == "function_definition" and nodes.field_name_is(node, "name"))
            or (kind == "named_expression" and nodes.field_name_is(node, "name"))
        ):
            found.setdefault(nodes.text(node))
    return [name for name in found if name not in outside]


def renamed(example: Example, names: Sequence[str], rng: np.random.Generator) -> str:
    """The source of a Python function with its bound names drawn from `names`, laid out anew."""
    tree, language = example.tree, by_name("python")
    nodes = Nodes(tree, language)
    present = {each.text for each in identifier_occurrences(tree, language)}
    bound = [name for name in bound_names(tree) if name != "self"]
    free = [name for name in dict.fromkeys(names) if name not in present]
    chosen = rng.permutation(len(free))[: len(bound)].tolist()
    new = {name: free[number] for name, number in zip(bound, chosen, strict=False)}
    tokens = indent_tokens(tree, language, doc_span=example.doc_span)
    words = texts(tokens, tree.source)
    for place, node in enumerate(tokens.node.tolist()):
        if node < 0 or nodes.name(node) != "identifier" or nodes.text(node) not in new:
            continue
        parent = nodes.parent[node]
        kind = nodes.name(parent) if parent >= 0 else ""
        if kind == "attribute" and nodes.field_name_is(node, "attribute"):
            continue
        if kind == "keyword_argument" and nodes.field_name_is(node, "name"):
            continue
        words[place] = new[nodes.text(node)]
    return to_text(words)
