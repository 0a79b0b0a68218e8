"""What the walk of `data_flow_graph` must know of a language: which kinds of nodes assign, branch and loop, and which
leaves are variables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from phloem.languages import by_name
from phloem.languages.example import Example

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """Kinds of nodes by what they do; the ones from `careful_definitions` on are known to the careful reading only."""

    definitions: frozenset[str]  # with a name and perhaps a value
    assignments: frozenset[str]  # fields left and right
    branches: frozenset[str]
    loops: frozenset[str]
    each_loops: frozenset[str]  # over the elements of something
    definition_name: str = "name"
    updates: frozenset[str] = _NONE
    clauses: frozenset[str] = _NONE  # of comprehensions
    alternatives: frozenset[str] = _NONE  # children of a branch that are walked from the state before it
    alternatives_last: bool = False  # all children behind the first alternative are alternatives
    loop_headers: frozenset[str] = _NONE  # children of a loop that run once
    counted_loops: frozenset[str] = _NONE  # loops that are walked twice only if they have a header
    each_left: str = "left"
    each_right: str = "right"
    splits: frozenset[str] = _NONE  # sides of an assignment that are taken apart
    careful_definitions: frozenset[str] = _NONE
    aliases: frozenset[str] = _NONE
    scopes: frozenset[str] = _NONE
    functions: frozenset[str] = _NONE
    tries: frozenset[str] = _NONE
    handlers: frozenset[str] = _NONE
    switches: frozenset[str] = _NONE
    exits: frozenset[str] = _NONE  # of a function
    interpolations: frozenset[str] = _NONE  # code within strings
    augmented: frozenset[str] = _NONE  # assignments that read their target
    patterns: frozenset[str] = _NONE  # targets that are several
    places: frozenset[str] = _NONE  # targets that are part of something
    loop_start: str = "init"  # field of what runs once
    until_loops: frozenset[str] = _NONE  # whose body runs at least once
    literals: frozenset[str] = _NONE
    not_variables: frozenset[tuple[str, str]] = (
        frozenset()
    )  # (kind of the parent, field) of identifiers that name no value
    not_within: frozenset[str] = _NONE  # kinds below which nothing is a variable: types


RULES = {
    "python": Rules(
        definitions=frozenset({"default_parameter"}),
        careful_definitions=frozenset({"typed_default_parameter"}),
        assignments=frozenset({"assignment", "augmented_assignment"}),
        branches=frozenset({"if_statement"}),
        loops=frozenset({"while_statement"}),
        each_loops=frozenset({"for_statement"}),
        clauses=frozenset({"for_in_clause"}),
        alternatives=frozenset({"elif_clause", "else_clause"}),
        splits=frozenset({"pattern_list", "tuple_pattern", "list_pattern", "expression_list", "tuple", "list"}),
        aliases=frozenset({"as_pattern", "named_expression"}),
        scopes=frozenset(
            {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
        ),
        functions=frozenset({"function_definition", "lambda"}),
        tries=frozenset({"try_statement"}),
        handlers=frozenset({"except_clause", "except_group_clause"}),
        switches=frozenset({"match_statement"}),
        exits=frozenset({"return_statement", "raise_statement"}),
        interpolations=frozenset({"interpolation"}),
        augmented=frozenset({"augmented_assignment"}),
        patterns=frozenset({"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern"}),
        places=frozenset({"attribute", "subscript"}),
        literals=frozenset({"integer", "float", "true", "false", "none"}),
        not_variables=frozenset(
            {
                ("attribute", "attribute"),
                ("keyword_argument", "name"),
                ("call", "function"),
                ("function_definition", "name"),
                ("class_definition", "name"),
            }
        ),
        not_within=frozenset({"type", "decorator", "import_statement", "import_from_statement", "global_statement"}),
    ),
    "java": Rules(
        definitions=frozenset({"variable_declarator"}),
        assignments=frozenset({"assignment_expression"}),
        updates=frozenset({"update_expression"}),
        branches=frozenset({"if_statement"}),
        loops=frozenset({"for_statement", "while_statement"}),
        each_loops=frozenset({"enhanced_for_statement"}),
        alternatives=frozenset({"if_statement", "else"}),
        alternatives_last=True,
        loop_headers=frozenset({"local_variable_declaration"}),
        counted_loops=frozenset({"for_statement"}),
        each_left="name",
        each_right="value",
        functions=frozenset({"method_declaration", "constructor_declaration", "lambda_expression"}),
        tries=frozenset({"try_statement", "try_with_resources_statement"}),
        handlers=frozenset({"catch_clause"}),
        switches=frozenset({"switch_expression"}),
        exits=frozenset({"return_statement", "throw_statement"}),
        places=frozenset({"field_access", "array_access"}),
        until_loops=frozenset({"do_statement"}),
        literals=frozenset(
            {
                "decimal_integer_literal",
                "hex_integer_literal",
                "octal_integer_literal",
                "binary_integer_literal",
                "decimal_floating_point_literal",
                "hex_floating_point_literal",
                "character_literal",
                "true",
                "false",
                "null_literal",
            }
        ),
        not_variables=frozenset(
            {
                ("field_access", "field"),
                ("method_invocation", "name"),
                ("method_declaration", "name"),
                ("constructor_declaration", "name"),
                ("class_declaration", "name"),
            }
        ),
        not_within=frozenset({"modifiers", "import_declaration", "package_declaration", "scoped_type_identifier"}),
    ),
    "c": Rules(
        definitions=frozenset({"init_declarator"}),
        definition_name="declarator",
        assignments=frozenset({"assignment_expression"}),
        updates=frozenset({"update_expression"}),
        branches=frozenset({"if_statement"}),
        loops=frozenset({"for_statement", "while_statement"}),
        each_loops=_NONE,
        alternatives=frozenset({"else_clause"}),
        loop_headers=frozenset({"declaration"}),
        counted_loops=frozenset({"for_statement"}),
        functions=frozenset({"function_definition"}),
        switches=frozenset({"switch_statement"}),
        exits=frozenset({"return_statement"}),
        places=frozenset({"field_expression", "subscript_expression", "pointer_expression"}),
        loop_start="initializer",
        until_loops=frozenset({"do_statement"}),
        literals=frozenset({"number_literal", "char_literal", "true", "false", "null"}),
        not_variables=frozenset(
            {("field_expression", "field"), ("call_expression", "function"), ("function_declarator", "declarator")}
        ),
        not_within=frozenset({"type_descriptor", "attribute_specifier", "preproc_include", "field_declaration_list"}),
    ),
}
_OTHER_NAMES = {"java": frozenset({"type_identifier"}), "c": frozenset({"type_identifier", "statement_identifier"})}


def variables_of(
    example: Example, tokens: Int64[np.ndarray, " tokens"], careful: bool
) -> tuple[Bool[np.ndarray, " tokens"], Bool[np.ndarray, " variables"]]:
    """Which tokens are variables, and which of these their first occurrence defines (identifiers, not literals).

    As released a variable is each token whose text is not the name of its kind. The careful reading takes identifiers
    that stand for values, and literals."""
    language, tree = by_name(example.language), example.tree
    kinds = language.kinds
    names = [kinds[kind] if kind < len(kinds) else "ERROR" for kind in tree.kind[tokens].tolist()]
    binds = np.array([name == "identifier" for name in names], bool)
    if not careful:
        spans = zip(tree.start[tokens].tolist(), tree.end[tokens].tolist(), names, strict=True)
        chosen = np.array([tree.source[start:end] != name.encode() for start, end, name in spans], bool)
        return chosen, binds[chosen]
    rules = RULES[example.language]
    identifiers = language.identifier_kinds - _OTHER_NAMES.get(example.language, _NONE)
    chosen = np.array([name in identifiers or name in rules.literals for name in names], bool)
    chosen |= np.array([name in language.string_kinds for name in names], bool)
    ids = language.field_ids
    for parent_kind, field in rules.not_variables:
        parents = language.kind_mask(frozenset({parent_kind}))[tree.kind[tree.parent[tokens]]]
        chosen &= ~(parents & (tree.field[tokens] == ids.get(field, -1)) & (tree.parent[tokens] >= 0))
    hidden = inside(example, rules.not_within)
    chosen &= ~hidden[tokens]
    return chosen, binds[chosen]


def inside(example: Example, names: frozenset[str]) -> Bool[np.ndarray, " nodes"]:
    """Which nodes are, or lie below, nodes of these kinds; parents come before their children."""
    tree = example.tree
    inside = by_name(example.language).kind_mask(names)[tree.kind]
    while True:
        further = inside | (inside[tree.parent] & (tree.parent >= 0))
        if np.array_equal(further, inside):
            return inside
        inside = further
