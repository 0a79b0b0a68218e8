"""Which kinds of nodes are what, in each language: the tables that `represent.bug_slots` looks places up in.

A "kind.field" names children of that kind in that field. Languages that share a table (JavaScript and TypeScript, C and
C++) are one family: a detector that was trained on one reads the others. In languages whose compiler knows the types,
operators stand in for each other only where it could not tell: `==` for `!=`, not for `<`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

# fmt: off
EXCEPTIONS = (  # the twenty types of the paper's released task
    "ValueError", "KeyError", "AttributeError", "TypeError", "OSError", "IOError", "ImportError", "IndexError",
    "DoesNotExist", "KeyboardInterrupt", "StopIteration", "AssertionError", "SystemExit", "RuntimeError", "HTTPError",
    "UnicodeDecodeError", "NotImplementedError", "ValidationError", "ObjectDoesNotExist", "NameError",
)
# fmt: on


@dataclass(frozen=True)
class SlotRules:
    """Kinds and fields of a language's grammar."""

    binary: frozenset[str]  # expressions with operators between operands
    operators: frozenset[str]  # fields that operators are in
    classes: tuple[tuple[str, ...], ...]  # of operators that replace each other
    ordered: frozenset[str]  # operators whose operands can't be swapped
    loose: frozenset[str]  # kinds of operands that bind less than any operator
    arguments: frozenset[str]  # lists of arguments
    simple: frozenset[str]  # kinds of arguments that are compared
    binders: frozenset[str]  # "kind.field"s in which names are bound
    patterns: frozenset[str]  # kinds that names are bound through
    parameters: frozenset[str]
    not_names: frozenset[str]  # "kind.field"s and kinds whose identifiers are no variables
    receivers: frozenset[str] = frozenset()
    handlers: frozenset[str] = frozenset()  # "kind.field"s that hold exception types
    handled_in: frozenset[str] = frozenset()  # kinds that the types may stand in
    exceptions: tuple[str, ...] = field(default=())
    levels: tuple[frozenset[str], ...] = ()  # operators of one class that bind differently, by precedence

    @cached_property
    def class_of(self) -> dict[str, tuple[str, ...]]:
        """Operator → its class; exception type → all of them."""
        found = {operator: same for same in self.classes for operator in same}
        return found | dict.fromkeys(self.exceptions, self.exceptions)


# fmt: off
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
PYTHON = SlotRules(
    binary=frozenset({"binary_operator", "comparison_operator", "boolean_operator"}),
    operators=frozenset({"operator", "operators"}),
    classes=(
        ("+", "-", "*", "/", "%", "//"), (*_COMPARISONS, "is", "is not"), ("and", "or"), ("in", "not in"),
    ),
    ordered=frozenset({"-", "/", "%", "//", "**", "<<", ">>", "@", "<", "<=", ">", ">=", "in", "not in"}),
    loose=frozenset({"lambda", "conditional_expression", "named_expression", "not_operator", "await", "yield"}),
    arguments=frozenset({"argument_list"}),
    simple=frozenset({"identifier", "attribute"}),
    binders=frozenset({
        "assignment.left", "for_statement.left", "for_in_clause.left", "named_expression.name", "as_pattern.alias",
        "as_pattern_target.",
    }),
    patterns=frozenset({
        "pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "as_pattern_target", "tuple", "list",
    }),
    parameters=frozenset({"parameters", "lambda_parameters"}),
    not_names=frozenset({
        "attribute.attribute", "keyword_argument.name", "function_definition.name", "class_definition.name",
        "dotted_name", "type", "global_statement", "nonlocal_statement", "aliased_import",
    }),
    receivers=frozenset({"self", "cls"}),
    handlers=frozenset({"except_clause.value"}),
    handled_in=frozenset({"tuple", "as_pattern", "parenthesized_expression"}),
    exceptions=EXCEPTIONS,
    levels=(frozenset({"+", "-"}), frozenset({"*", "/", "%", "//"})),
)
# fmt: on

# fmt: off
_ARITHMETIC = ("+", "-", "*", "/", "%")
_EQUAL, _ORDER, _LOGIC, _BITS = ("==", "!="), ("<", "<=", ">", ">="), ("&&", "||"), ("&", "|", "^")
_LEVELS = (frozenset({"+", "-"}), frozenset({"*", "/", "%"}), frozenset({"&"}), frozenset({"|"}), frozenset({"^"}))
_DIRECTED = frozenset({"-", "/", "%", "<<", ">>", *_ORDER})
JAVA = SlotRules(
    binary=frozenset({"binary_expression"}),
    operators=frozenset({"operator"}),
    classes=(_ARITHMETIC, _EQUAL, _ORDER, _LOGIC, _BITS, ("<<", ">>", ">>>")),
    ordered=_DIRECTED | {">>>"},
    loose=frozenset({
        "lambda_expression", "ternary_expression", "assignment_expression", "instanceof_expression",
        "switch_expression",
    }),
    arguments=frozenset({"argument_list"}),
    simple=frozenset({"identifier", "field_access"}),
    binders=frozenset({
        "variable_declarator.name", "enhanced_for_statement.name", "catch_formal_parameter.name", "resource.name",
        "lambda_expression.parameters", "instanceof_expression.name", "formal_parameter.name",
    }),
    patterns=frozenset(),
    parameters=frozenset({"formal_parameters", "inferred_parameters"}),
    not_names=frozenset({
        "method_invocation.name", "field_access.field", "method_declaration.name", "constructor_declaration.name",
        "class_declaration.name", "interface_declaration.name", "enum_declaration.name", "record_declaration.name",
        "enum_constant.name", "annotation.name", "marker_annotation.name", "element_value_pair.key", "switch_label",
        "labeled_statement", "break_statement", "continue_statement", "scoped_identifier", "method_reference",
        "scoped_type_identifier", "type_arguments", "catch_type",
    }),
    handlers=frozenset({"catch_type."}),
    exceptions=(
        "Exception", "IOException", "RuntimeException", "InterruptedException", "IllegalArgumentException",
        "NumberFormatException", "ClassNotFoundException", "Throwable", "NoSuchMethodException",
        "IllegalStateException", "InvocationTargetException", "ExecutionException", "UnsupportedEncodingException",
        "SQLException", "IllegalAccessException", "NullPointerException", "FileNotFoundException",
        "SecurityException", "ClassCastException", "TimeoutException",
    ),
    levels=_LEVELS,
)
JAVASCRIPT = SlotRules(
    binary=frozenset({"binary_expression"}),
    operators=frozenset({"operator"}),
    classes=(
        ("+", "-", "*", "/", "%"), ("===", "!=="), ("==", "!="), _ORDER, _LOGIC, _BITS, ("<<", ">>", ">>>"),
    ),
    ordered=_DIRECTED | {">>>", "**", "in", "instanceof"},
    loose=frozenset({
        "arrow_function", "ternary_expression", "assignment_expression", "augmented_assignment_expression",
        "yield_expression", "await_expression", "sequence_expression", "as_expression", "satisfies_expression",
        "unary_expression",
    }),
    arguments=frozenset({"arguments"}),
    simple=frozenset({"identifier", "member_expression"}),
    binders=frozenset({
        "variable_declarator.name", "for_in_statement.left", "catch_clause.parameter", "arrow_function.parameter",
        "assignment_pattern.left", "object_assignment_pattern.left", "pair_pattern.value",
        "required_parameter.pattern", "optional_parameter.pattern",
    }),
    patterns=frozenset({"object_pattern", "array_pattern", "rest_pattern"}),
    parameters=frozenset({"formal_parameters"}),
    not_names=frozenset({
        "member_expression.property", "pair.key", "pair_pattern.key", "method_definition.name",
        "field_definition.property", "public_field_definition.name", "function_declaration.name",
        "function_expression.name", "generator_function_declaration.name", "class_declaration.name", "class.name",
        "object", "labeled_statement", "break_statement", "continue_statement", "property_signature.name",
        "method_signature.name", "jsx_attribute", "nested_identifier", "type_annotation", "type_query",
        "enum_assignment.name", "nested_type_identifier", "type_arguments", "generic_type",
    }),
    levels=_LEVELS,
)
C = SlotRules(
    binary=frozenset({"binary_expression"}),
    operators=frozenset({"operator"}),
    classes=(_ARITHMETIC, _EQUAL, _ORDER, _LOGIC, _BITS, ("<<", ">>")),
    ordered=_DIRECTED,
    loose=frozenset({
        "conditional_expression", "assignment_expression", "comma_expression", "lambda_expression", "throw_statement",
    }),
    arguments=frozenset({"argument_list"}),
    simple=frozenset({"identifier", "field_expression"}),
    binders=frozenset({
        "declaration.declarator", "init_declarator.declarator", "parameter_declaration.declarator",
        "for_range_loop.declarator", "optional_parameter_declaration.declarator",
    }),
    patterns=frozenset({
        "pointer_declarator", "array_declarator", "parenthesized_declarator", "reference_declarator",
        "structured_binding_declarator", "attributed_declarator",
    }),
    parameters=frozenset(),  # a declaration of parameters binds what it declares, as others do
    not_names=frozenset({
        "field_expression.field", "function_declarator.declarator", "labeled_statement", "goto_statement",
        "field_designator", "enumerator.name", "preproc_def.name", "preproc_function_def.name",
        "qualified_identifier", "template_function.name", "type_descriptor", "attribute",
    }),
    levels=_LEVELS,
)
# fmt: on
RULES = {
    "python": PYTHON,
    "java": JAVA,
    **dict.fromkeys(("javascript", "typescript", "tsx"), JAVASCRIPT),
    **dict.fromkeys(("c", "cpp"), C),
}


def family(language: str) -> tuple[str, ...]:
    """The languages that share a language's table, itself first; none where it has no table."""
    if language not in RULES:
        return ()
    return (language, *(other for other in RULES if other != language and RULES[other] is RULES[language]))
