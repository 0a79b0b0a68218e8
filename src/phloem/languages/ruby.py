"""Ruby: `def` with a body, of instances and of single objects (`def self.x`). Any comment right above documents."""

from __future__ import annotations

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.functions import Definition, FunctionRules, Nodes, by_fields


def _grammar() -> object:
    import tree_sitter_ruby

    return tree_sitter_ruby.language()


def _method(nodes: Nodes, node: int) -> Definition | None:
    """As by fields; the name of a setter is `size=`, its leaf `size`. The constructor is none."""
    found = by_fields(nodes, node)
    if found is None:
        return None
    name = nodes.text(found.name_node)
    if name == "initialize":
        return None
    if nodes.name(found.name_node) == "setter":
        return found._replace(name_node=nodes.child(found.name_node, "name"), name=name)
    return found


LANGUAGE = Language(
    name="ruby",
    extensions=extensions()["ruby"],
    package="tree-sitter-ruby",
    grammar=_grammar,
    find_functions=FunctionRules(
        {"method": _method, "singleton_method": _method},
        CommentRules(
            openings=("#", "=begin"),
            adjacent=True,
            ignored=("#!", "# rubocop:", "# frozen_string_literal", "# encoding", "# -*-", "# :nodoc:", "#:nodoc:"),
        ),
        wrappers=frozenset({"argument_list", "call"}),  # private def x
    ),
    identifier_kinds=frozenset({"identifier", "constant", "instance_variable", "class_variable", "global_variable"}),
    string_kinds=frozenset({"string", "heredoc_body", "simple_symbol", "delimited_symbol", "hash_key_symbol"}),
)
