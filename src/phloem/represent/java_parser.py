"""JavaParser's tree, from tree-sitter's: what the JavaExtractor released with code2seq walks over.

Alon et al. (ICLR 2019) extracted their Java data with JavaParser 3.0.0-alpha.4. Its tree differs from tree-sitter's:
a declared variable is VariableDeclarationExpr > VariableDeclarator > VariableDeclaratorId, a name of a method call is
its LAST child, a call, field access or class has an empty "null" name among its children, `int[] a` puts its brackets
after the declarators, parentheses of conditions are no nodes, and so on. Each rule below makes the nodes of one kind
of tree-sitter node, children in the order in which JavaParser's constructors adopt them. `java_comments` then does what
its comment attribution does to that order. Deep nesting is no recursion: rules put their children on a stack.

Positions are bytes of the function's source, both ends included; nodes that JavaParser gives no position have NOWHERE.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from phloem.languages.base import Language
from phloem.languages.example import Example
from phloem.languages.tree import NAMED

NOWHERE = -1  # before every position, as JavaParser's (line 0, column 0)

_BINARY = {
    **{"||": "or", "&&": "and", "|": "binOr", "&": "binAnd", "^": "xor", "==": "equals", "!=": "notEquals"},
    **{"<": "less", ">": "greater", "<=": "lessEquals", ">=": "greaterEquals", "<<": "lShift"},
    **{">>": "rSignedShift", ">>>": "rUnsignedShift", "+": "plus", "-": "minus", "*": "times"},
    **{"/": "divide", "%": "remainder"},
}
_ASSIGN = {
    **{"=": "assign", "+=": "plus", "-=": "minus", "*=": "star", "/=": "slash", "&=": "and", "|=": "or"},
    **{"^=": "xor", "%=": "rem", "<<=": "lShift", ">>=": "rSignedShift", ">>>=": "rUnsignedShift"},
}
_UNARY = {"+": "positive", "-": "negative", "!": "not", "~": "inverse"}
_BOXED = frozenset({"Integer", "Long", "Short", "Byte", "Character", "Boolean", "Float", "Double"})
_STATEMENTS_WITHOUT_CHILDREN = frozenset({"BreakStmt", "ContinueStmt", "EmptyStmt"})


class JavaNode:
    """A node of JavaParser's tree. `text` is what its printer writes, for leaves."""

    __slots__ = ("begin", "children", "comment", "end", "operator", "parent", "text", "type")

    def __init__(self, type_: str, parent: JavaNode | None, begin: int, end: int, text: str = "") -> None:
        self.type = type_
        self.parent = parent
        self.begin = begin
        self.end = end
        self.text = text
        self.operator = ""
        self.comment = ""
        self.children: list[JavaNode] = []
        if parent is not None:
            parent.children.append(self)

    @property
    def label_type(self) -> str:
        """The class name with its operator; boxed class types count as primitive ones."""
        if self.operator:
            return f"{self.type}:{self.operator}"
        if self.type == "ClassOrInterfaceType" and re.split(r"[.<]", self.text.split("<")[0])[-1] in _BOXED:
            return "PrimitiveType"
        return self.type


class Comment(NamedTuple):
    """A comment of the source; `text` is what the printer writes before a node that owns it."""

    begin: int
    end: int
    is_line: bool
    text: str


Rule = Callable[["Translation", int, JavaNode], None]


class Translation:
    """One function on its way from tree-sitter's tree to JavaParser's. `steps` are the nodes yet to be made."""

    def __init__(self, example: Example, language: Language) -> None:
        tree = example.tree
        kinds, fields = [*language.kinds, "ERROR"], language.fields
        self.source = tree.source
        self.kind = [kinds[min(kind, len(kinds) - 1)] for kind in tree.kind.tolist()]
        self.field = [fields[field] for field in tree.field.tolist()]
        self.begin = tree.start.tolist()
        self.end = [end - 1 for end in tree.end.tolist()]
        self.children: list[list[int]] = [[] for _ in self.kind]
        self.tokens: list[list[int]] = [[] for _ in self.kind]
        self.comments: list[Comment] = []
        named = (tree.flags & NAMED).astype(bool).tolist()
        for node, parent in enumerate(tree.parent.tolist()):
            if self.kind[node] in language.comment_kinds:
                self.comments.append(self._comment(node))
            elif parent < 0:
                continue
            elif named[node]:
                self.children[parent].append(node)
            elif self.kind[node] == ";" and (self.kind[parent] in _HOLDS_EMPTY or self.field[node] in _STATEMENT_FIELDS):
                self.children[parent].append(node)
            else:
                self.tokens[parent].append(node)
        self.steps: list[tuple[Rule, int, JavaNode]] = []

    def _comment(self, node: int) -> Comment:
        text = self.text(node)
        is_line = text.startswith("//")
        end = self.end[node]
        return Comment(self.begin[node], end, is_line, text.rstrip("\r\n") + "\n")

    def text(self, node: int) -> str:
        return self.source[self.begin[node] : self.end[node] + 1].decode("utf-8", "replace")

    def make(self, type_: str, node: int, parent: JavaNode, text: str = "") -> JavaNode:
        return JavaNode(type_, parent, self.begin[node], self.end[node], text)

    def leaf(self, type_: str, node: int, parent: JavaNode) -> JavaNode:
        return self.make(type_, node, parent, self.text(node))

    def then(self, parent: JavaNode, *steps: tuple[Rule, int] | None) -> None:
        """Make these under `parent`, in this order."""
        for step in reversed(steps):
            if step is not None:
                self.steps.append((step[0], step[1], parent))

    def run(self) -> None:
        while self.steps:
            rule, node, parent = self.steps.pop()
            rule(self, node, parent)

    def of(self, node: int, field: str) -> list[int]:
        return [child for child in self.children[node] if self.field[child] == field]

    def of_kind(self, node: int, *kinds: str) -> list[int]:
        return [child for child in self.children[node] if self.kind[child] in kinds]

    def inside(self, nodes: list[int]) -> list[int]:
        return [child for node in nodes for child in self.children[node]]


_HOLDS_EMPTY = frozenset(
    {"block", "constructor_body", "switch_block_statement_group", "class_body", "interface_body", "labeled_statement"}
)
_STATEMENT_FIELDS = frozenset({"body", "consequence", "alternative"})


def java_method(example: Example, language: Language) -> tuple[JavaNode, list[Comment]]:
    """The MethodDeclaration of a function, children in constructor order, and the comments inside it."""
    translation = Translation(example, language)
    root = JavaNode("Root", None, NOWHERE, NOWHERE)
    translation.steps.append((convert, 0, root))
    translation.run()
    method = root.children[0]
    method.parent = None
    _begin_where_first_child_does(method)
    return method, translation.comments


def _begin_where_first_child_does(root: JavaNode) -> None:
    """Expressions and their statements that start with a node without position have none either."""
    order = [root]
    for node in order:
        order.extend(node.children)
    for node in reversed(order):
        if node.type in _BEGINS_WITH_CHILD and node.children and node.children[0].begin == NOWHERE:
            if node.children[0].type != "NameExpr" or node.children[0].text:
                node.begin = NOWHERE


_BEGINS_WITH_CHILD = frozenset(
    {"MethodCallExpr", "FieldAccessExpr", "ArrayAccessExpr", "BinaryExpr", "AssignExpr", "ConditionalExpr"}
    | {"InstanceOfExpr", "ExpressionStmt"}
)


# What a kind becomes ------------------------------------------------------------------------------------------------


def convert(t: Translation, node: int, parent: JavaNode) -> None:
    """Any statement, expression, type or member, by its kind."""
    kind = t.kind[node]
    if kind in _LEAVES:
        t.leaf(_LEAVES[kind], node, parent)
    elif kind in _PLAIN:
        made = t.make(_PLAIN[kind], node, parent)
        if made.type not in _STATEMENTS_WITHOUT_CHILDREN:
            t.then(made, *((convert, child) for child in t.children[node]))
    elif kind in _RULES:
        _RULES[kind](t, node, parent)
    else:
        name = "".join(part.capitalize() for part in kind.split("_"))  # newer Java than JavaParser's
        made = t.make(name, node, parent, "" if t.children[node] else t.text(node))
        t.then(made, *((convert, child) for child in t.children[node]))


_LEAVES = {
    **{"identifier": "NameExpr", "this": "ThisExpr", "super": "SuperExpr", "null_literal": "NullLiteralExpr"},
    **{"true": "BooleanLiteralExpr", "false": "BooleanLiteralExpr", "string_literal": "StringLiteralExpr"},
    **{"character_literal": "CharLiteralExpr", "decimal_floating_point_literal": "DoubleLiteralExpr"},
    **{"hex_floating_point_literal": "DoubleLiteralExpr", "void_type": "VoidType", "integral_type": "PrimitiveType"},
    **{"floating_point_type": "PrimitiveType", "boolean_type": "PrimitiveType", "type_identifier": "ClassOrInterfaceType"},
}
_PLAIN = {
    **{"block": "BlockStmt", "constructor_body": "BlockStmt", "return_statement": "ReturnStmt"},
    **{"throw_statement": "ThrowStmt", "break_statement": "BreakStmt", "continue_statement": "ContinueStmt"},
    **{"assert_statement": "AssertStmt", "array_access": "ArrayAccessExpr", "ternary_expression": "ConditionalExpr"},
    **{"parenthesized_expression": "EnclosedExpr", "expression_statement": "ExpressionStmt"},
    **{"array_initializer": "ArrayInitializerExpr", "element_value_array_initializer": "ArrayInitializerExpr"},
    **{"instanceof_expression": "InstanceOfExpr"},
}


def _nameless(t: Translation, node: int, parent: JavaNode) -> None:
    """The empty name that JavaParser first gives to calls, field accesses, classes and constructors."""
    JavaNode("NameExpr", parent, NOWHERE, NOWHERE)


def _name(t: Translation, node: int, parent: JavaNode) -> None:
    t.leaf("NameExpr", node, parent)


def _brackets_nowhere(t: Translation, node: int, parent: JavaNode) -> None:
    """Brackets of an array type, which JavaParser takes off the element's type."""
    for _ in range(_dimensions(t, node)):
        JavaNode("ArrayBracketPair", parent, NOWHERE, NOWHERE, "[]")


def _brackets(t: Translation, node: int, parent: JavaNode) -> None:
    """Brackets after a name or a parameter list."""
    opening = [token for token in t.tokens[node] if t.kind[token] == "["]
    closing = [token for token in t.tokens[node] if t.kind[token] == "]"]
    for first, last in zip(opening, closing, strict=False):
        JavaNode("ArrayBracketPair", parent, t.begin[first], t.end[last], "[]")


def _dimensions(t: Translation, node: int) -> int:
    """The number of brackets of an array type."""
    return sum(t.kind[token] == "[" for part in t.of_kind(node, "dimensions") for token in t.tokens[part])


def _element(t: Translation, node: int, parent: JavaNode) -> None:
    """A declared type without its brackets."""
    while t.kind[node] in ("array_type", "annotated_type"):
        node = (t.of(node, "element") or t.children[node][-1:])[0]
    convert(t, node, parent)


def _starts_with_array(t: Translation, node: int, type_: int) -> bool:
    """Whether a declaration begins with an array type, which costs it its position."""
    return t.kind[type_] == "array_type" and t.begin[node] == t.begin[type_]


def _annotations(t: Translation, node: int) -> list[tuple[Rule, int]]:
    modifiers = t.inside(t.of_kind(node, "modifiers"))
    return [(convert, part) for part in modifiers if t.kind[part] in ("annotation", "marker_annotation")]


def _each(rule: Rule, nodes: list[int]) -> list[tuple[Rule, int]]:
    return [(rule, node) for node in nodes]


# Types --------------------------------------------------------------------------------------------------------------


def _scoped_type(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ClassOrInterfaceType", node, parent, t.text(node))
    t.then(made, (convert, t.children[node][0]))


def _generic_type(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ClassOrInterfaceType", node, parent, t.text(node))
    base, *rest = t.children[node]
    scope = t.children[base][:1] if t.kind[base] == "scoped_type_identifier" else []
    t.then(made, *_each(convert, scope), *_each(convert, t.inside(rest)))


def _array_type(t: Translation, node: int, parent: JavaNode) -> None:
    for _ in range(_dimensions(t, node)):
        parent = JavaNode("ArrayType", parent, NOWHERE, NOWHERE)
    t.then(parent, (_element, node))


def _wildcard(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("WildcardType", node, parent, t.text(node))
    t.then(made, *((convert, child) for child in t.children[node] if t.kind[child] != "super"))


def _type_parameter(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("TypeParameter", node, parent, t.text(node))
    t.then(made, *_each(convert, t.inside(t.of_kind(node, "type_bound"))))


def _name_as_type(t: Translation, node: int, parent: JavaNode) -> None:
    """`a.b.C` before `::`, read as a type with scopes."""
    made = t.make("ClassOrInterfaceType", node, parent, t.text(node))
    if t.kind[node] == "field_access":
        t.then(made, *_each(_name_as_type, t.of(node, "object")))


# Declarations -------------------------------------------------------------------------------------------------------


def _method(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("MethodDeclaration", node, parent)
    (type_,) = t.of(node, "type")[:1]
    if _starts_with_array(t, node, type_):
        made.begin = NOWHERE
    t.then(
        made,
        *_annotations(t, node),
        *_each(convert, t.inside(t.of_kind(node, "type_parameters"))),
        (_element, type_),
        *_each(_name, t.of(node, "name")),
        *_each(convert, t.inside(t.of(node, "parameters"))),
        (_brackets_nowhere, type_),
        *_each(_brackets, t.of(node, "dimensions")),
        *_each(convert, t.inside(t.of_kind(node, "throws"))),
        *_each(convert, t.of(node, "body")),
    )


def _constructor(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ConstructorDeclaration", node, parent)
    if not t.of_kind(node, "modifiers", "type_parameters"):
        made.begin = NOWHERE
    t.then(
        made,
        *_annotations(t, node),
        *_each(convert, t.inside(t.of_kind(node, "type_parameters"))),
        (_nameless, node),
        *_each(convert, t.inside(t.of(node, "parameters"))),
        *_each(convert, t.inside(t.of_kind(node, "throws"))),
        *_each(convert, t.of(node, "body")),
        *_each(_name, t.of(node, "name")),
    )


def _parameter(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("Parameter", node, parent)
    if t.kind[node] == "spread_parameter":
        type_, declarator = [child for child in t.children[node] if t.kind[child] != "modifiers"][-2:]
        holder = declarator
    else:
        (type_,) = t.of(node, "type")[:1]
        holder = node
    if _starts_with_array(t, node, type_):
        made.begin = NOWHERE
    t.then(made, *_annotations(t, node), (_variable_id, holder), (_element, type_), (_brackets_nowhere, type_))


def _variable_id(t: Translation, node: int, parent: JavaNode) -> None:
    """The declared name with its own brackets (`a[]`); `node` holds both."""
    names = t.of(node, "name") or t.of_kind(node, "identifier")
    brackets = t.of(node, "dimensions")
    made = t.leaf("VariableDeclaratorId", names[0], parent) if names else t.leaf("VariableDeclaratorId", node, parent)
    if brackets:
        made.end = t.end[brackets[-1]]
        t.then(made, *_each(_brackets, brackets))


def _declarator(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("VariableDeclarator", node, parent)
    t.then(made, (_variable_id, node), *_each(convert, t.of(node, "value")))


def _variables(t: Translation, node: int, parent: JavaNode) -> None:
    """VariableDeclarationExpr: declared in a block, a `for`, or as a resource."""
    (type_,) = t.of(node, "type")[:1]
    made = t.make("VariableDeclarationExpr", node, parent)
    declarators = t.of(node, "declarator")
    if declarators:
        made.end = t.end[declarators[-1]]
    if _starts_with_array(t, node, type_):
        made.begin = NOWHERE
    which = _each(_declarator, declarators) or [(_declarator, node)]
    t.then(made, *_annotations(t, node), (_element, type_), *which, (_brackets_nowhere, type_))


def _local_variables(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("ExpressionStmt", node, parent), (_variables, node))


def _fields(t: Translation, node: int, parent: JavaNode) -> None:
    (type_,) = t.of(node, "type")[:1]
    made = t.make("FieldDeclaration", node, parent)
    if _starts_with_array(t, node, type_):
        made.begin = NOWHERE
    declarators = _each(_declarator, t.of(node, "declarator"))
    t.then(made, *_annotations(t, node), (_element, type_), *declarators, (_brackets_nowhere, type_))


def _class(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ClassOrInterfaceDeclaration", node, parent)
    supers = t.inside(t.of_kind(node, "superclass", "super_interfaces", "extends_interfaces"))
    types = [part for one in supers for part in (t.children[one] if t.kind[one] == "type_list" else [one])]
    t.then(
        made,
        *_annotations(t, node),
        (_nameless, node),
        *_each(_member, t.inside(t.of(node, "body"))),
        *_each(convert, t.inside(t.of_kind(node, "type_parameters"))),
        *_each(convert, types),
        *_each(_name, t.of(node, "name")),
    )


def _local_class(t: Translation, node: int, parent: JavaNode) -> None:
    if parent.type == "BlockStmt":
        parent = t.make("TypeDeclarationStmt", node, parent)
    _class(t, node, parent)


def _member(t: Translation, node: int, parent: JavaNode) -> None:
    kind = t.kind[node]
    if kind == ";":
        t.leaf("EmptyMemberDeclaration", node, parent)
    elif kind == "block":
        t.then(t.make("InitializerDeclaration", node, parent), (convert, node))
    elif kind == "static_initializer":
        t.then(t.make("InitializerDeclaration", node, parent), *_each(convert, t.children[node]))
    elif kind in ("class_declaration", "interface_declaration"):
        _class(t, node, parent)
    else:
        convert(t, node, parent)


def _annotation(t: Translation, node: int, parent: JavaNode) -> None:
    values = t.inside(t.of(node, "arguments"))
    pairs = [value for value in values if t.kind[value] == "element_value_pair"]
    single = values and not pairs
    made = t.make("SingleMemberAnnotationExpr" if single else "NormalAnnotationExpr", node, parent)
    t.then(made, *_each(_qualified_name, t.of(node, "name")), *_each(convert, values))


def _marker_annotation(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("MarkerAnnotationExpr", node, parent), *_each(_qualified_name, t.of(node, "name")))


def _qualified_name(t: Translation, node: int, parent: JavaNode) -> None:
    if t.kind[node] == "identifier":
        _name(t, node, parent)
    else:
        t.then(t.make("QualifiedNameExpr", node, parent), *_each(_qualified_name, t.of(node, "scope")))


def _member_value(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("MemberValuePair", node, parent), *_each(convert, t.of(node, "value")))


# Statements ---------------------------------------------------------------------------------------------------------


def _condition(t: Translation, node: int, parent: JavaNode) -> None:
    """A condition without its parentheses."""
    if t.kind[node] == "parenthesized_expression":
        t.then(parent, *_each(convert, t.children[node]))
    else:
        convert(t, node, parent)


def _empty(t: Translation, node: int, parent: JavaNode) -> None:
    t.make("EmptyStmt", node, parent)


def _statement_of(type_: str, *fields: str) -> Rule:
    """A statement made of the parts in these fields, conditions without parentheses."""

    def rule(t: Translation, node: int, parent: JavaNode) -> None:
        made = t.make(type_, node, parent)
        parts = [(field, part) for field in fields for part in t.of(node, field)]
        t.then(made, *((_condition if field == "condition" else convert, part) for field, part in parts))

    return rule


def _for(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ForStmt", node, parent)
    init = [
        (_variables if t.kind[part] == "local_variable_declaration" else convert, part) for part in t.of(node, "init")
    ]
    t.then(
        made,
        *_each(convert, t.of(node, "condition")),
        *init,
        *_each(convert, t.of(node, "update")),
        *_each(convert, t.of(node, "body")),
    )


def _for_each(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ForeachStmt", node, parent)
    t.then(made, (_loop_variable, node), *_each(convert, t.of(node, "value")), *_each(convert, t.of(node, "body")))


def _loop_variable(t: Translation, node: int, parent: JavaNode) -> None:
    (type_,), (name,) = t.of(node, "type")[:1], t.of(node, "name")[:1]
    modifiers = t.of_kind(node, "modifiers")
    begin = t.begin[modifiers[0] if modifiers else type_]
    made = JavaNode("VariableDeclarationExpr", parent, begin, t.end[name])
    if t.kind[type_] == "array_type" and not modifiers:
        made.begin = NOWHERE
    t.then(made, *_annotations(t, node), (_element, type_), (_loop_declarator, name), (_brackets_nowhere, type_))


def _loop_declarator(t: Translation, node: int, parent: JavaNode) -> None:
    t.leaf("VariableDeclaratorId", node, t.make("VariableDeclarator", node, parent))


def _labeled(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("LabeledStmt", node, parent), *_each(convert, t.children[node][1:]))


def _synchronized(t: Translation, node: int, parent: JavaNode) -> None:
    locked, *rest = t.children[node]
    t.then(t.make("SynchronizedStmt", node, parent), (_condition, locked), *_each(convert, rest))


def _try(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("TryStmt", node, parent)
    resources = t.inside(t.of(node, "resources"))
    t.then(
        made,
        *((_variables if t.of(part, "type") else convert, part) for part in resources),
        *_each(convert, t.of(node, "body")),
        *_each(_catch, t.of_kind(node, "catch_clause")),
        *_each(convert, t.inside(t.of_kind(node, "finally_clause"))),
    )


def _catch(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("CatchClause", node, parent)
    t.then(made, (_caught, node), *_each(convert, t.of(node, "body")))


def _caught(t: Translation, node: int, parent: JavaNode) -> None:
    """The parameter of a catch clause, to which JavaParser gives the clause's position."""
    made = t.make("Parameter", node, parent)
    for parameter in t.of_kind(node, "catch_formal_parameter"):
        types = t.of_kind(parameter, "catch_type")
        t.then(made, *_annotations(t, parameter), (_variable_id, parameter), *_each(_caught_types, types))


def _caught_types(t: Translation, node: int, parent: JavaNode) -> None:
    if len(t.children[node]) > 1:
        parent = JavaNode("UnionType", parent, NOWHERE, NOWHERE)
    t.then(parent, *_each(convert, t.children[node]))


def _switch(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("SwitchStmt", node, parent)
    t.then(made, *_each(_condition, t.of(node, "condition")), *_each(_switch_group, t.inside(t.of(node, "body"))))


def _switch_group(t: Translation, node: int, parent: JavaNode) -> None:
    """One SwitchEntryStmt for each label; the statements belong to the last."""
    labels = t.of_kind(node, "switch_label")
    for label in labels[:-1]:
        earlier = t.make("SwitchEntryStmt", label, parent)
        t.then(earlier, *_each(convert, t.children[label]))
    last = labels[-1] if labels else node
    entry = JavaNode("SwitchEntryStmt", parent, t.begin[last], t.end[node])
    rest = [child for child in t.children[node] if t.kind[child] != "switch_label"]
    t.then(entry, *_each(convert, t.children[last] if labels else []), *_each(convert, rest))


def _explicit_constructor(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ExplicitConstructorInvocationStmt", node, parent)
    t.then(
        made,
        *_each(convert, t.of(node, "object")),
        *_each(convert, t.inside(t.of_kind(node, "type_arguments"))),
        *_each(convert, t.inside(t.of(node, "arguments"))),
    )


# Expressions --------------------------------------------------------------------------------------------------------


def _call(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("MethodCallExpr", node, parent)
    t.then(
        made,
        *_scope(t, node),
        *_each(convert, t.inside(t.of_kind(node, "type_arguments"))),
        (_nameless, node),
        *_each(convert, t.inside(t.of(node, "arguments"))),
        *_each(_name, t.of(node, "name")),
    )


def _scope(t: Translation, node: int) -> list[tuple[Rule, int]]:
    """What stands before the last dot; `A.super` is one SuperExpr."""
    supers = [child for child in t.of_kind(node, "super") if t.field[child] != "object"]
    return [(_qualified_super, node)] if supers else _each(convert, t.of(node, "object"))


def _qualified_super(t: Translation, node: int, parent: JavaNode) -> None:
    objects, (word,) = t.of(node, "object"), [c for c in t.of_kind(node, "super") if t.field[c] != "object"][:1]
    made = JavaNode("SuperExpr", parent, t.begin[objects[0] if objects else word], t.end[word], "super")
    t.then(made, *_each(convert, objects))


def _field_access(t: Translation, node: int, parent: JavaNode) -> None:
    fields = t.of(node, "field")
    if fields and t.kind[fields[0]] == "this":
        t.then(t.make("ThisExpr", node, parent), *_each(convert, t.of(node, "object")))
        return
    made = t.make("FieldAccessExpr", node, parent)
    t.then(made, *_scope(t, node), (_nameless, node), *_each(_name, fields))


def _creation(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ObjectCreationExpr", node, parent)
    known = ("type_arguments", "argument_list", "class_body")
    scope = [child for child in t.children[node] if not t.field[child] and t.kind[child] not in known]
    arguments = t.inside(t.of_kind(node, "type_arguments"))
    t.then(
        made,
        *_each(convert, scope),
        *_each(convert, t.of(node, "type")),
        *_each(convert, arguments),
        *_each(convert, t.inside(t.of(node, "arguments"))),
        *_each(_member, t.inside(t.of_kind(node, "class_body"))),
    )


def _array_creation(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ArrayCreationExpr", node, parent)
    levels = [(_level, part) for part in t.of(node, "dimensions")]
    t.then(made, *levels, *_each(_element, t.of(node, "type")), *_each(convert, t.of(node, "value")))


def _level(t: Translation, node: int, parent: JavaNode) -> None:
    """Dimensions of a new array, each with the position of the whole expression."""
    if t.kind[node] == "dimensions_expr":
        made = JavaNode("ArrayCreationLevel", parent, parent.begin, parent.end)
        t.then(made, *_each(convert, t.children[node]))
    else:
        for _ in range(sum(t.kind[token] == "[" for token in t.tokens[node])):
            JavaNode("ArrayCreationLevel", parent, parent.begin, parent.end, "[]")


def _cast(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("CastExpr", node, parent)
    *others, last = t.of(node, "type")
    if others:  # JavaParser nests a cast to an intersection: (C) (A & B) x
        t.then(made, (convert, last), (_intersection_cast, node))
    else:
        values = t.of(node, "value")
        lambdas = [value for value in values if t.kind[value] == "lambda_expression"]
        t.then(made, (convert, last), *_each(_trial_of_lambda, lambdas), *_each(convert, values))


def _trial_of_lambda(t: Translation, node: int, parent: JavaNode) -> None:
    """What JavaParser leaves in a cast of `() -> …` or `a -> …`: the parameters read as an expression."""
    (parameters,) = t.of(node, "parameters")[:1]
    if t.kind[parameters] == "identifier":
        t.leaf("NameExpr", parameters, parent)
    elif not t.children[parameters]:
        t.make("EnclosedExpr", parameters, parent, "()")


def _intersection_cast(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("CastExpr", node, parent)
    t.then(made, (_intersection, node), *_each(convert, t.of(node, "value")))


def _intersection(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("IntersectionType", node, parent), *_each(convert, t.of(node, "type")[:-1]))


def _integer(t: Translation, node: int, parent: JavaNode) -> None:
    is_long = t.text(node)[-1] in "lL"
    t.leaf("LongLiteralExpr" if is_long else "IntegerLiteralExpr", node, parent)


def _operator(t: Translation, node: int) -> str:
    return next((t.kind[token] for token in t.tokens[node] if t.kind[token] not in "()"), "")


def _binary(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("BinaryExpr", node, parent)
    made.operator = _BINARY.get(_operator(t, node), "")
    t.then(made, *_each(convert, t.children[node]))


def _assignment(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("AssignExpr", node, parent)
    made.operator = _ASSIGN.get(_operator(t, node), "")
    t.then(made, *_each(convert, t.children[node]))


def _unary(t: Translation, node: int, parent: JavaNode) -> None:
    text = t.text(node)
    if text in ("-2147483648", "-9223372036854775808L", "-9223372036854775808l"):
        t.leaf("IntegerLiteralMinValueExpr" if text[-1] == "8" else "LongLiteralMinValueExpr", node, parent)
        return
    made = t.make("UnaryExpr", node, parent)
    made.operator = _UNARY.get(_operator(t, node), "")
    t.then(made, *_each(convert, t.children[node]))


def _update(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("UnaryExpr", node, parent)
    token = t.tokens[node][0]
    before = t.begin[token] == t.begin[node]
    made.operator = ("pre" if before else "pos") + ("Increment" if t.kind[token] == "++" else "Decrement")
    t.then(made, *_each(convert, t.children[node]))


def _class_literal(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ClassExpr", node, parent)
    (type_,) = t.children[node][:1]
    if t.kind[type_] == "array_type":
        made.begin = NOWHERE
    t.then(made, (convert, type_))


def _method_reference(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("MethodReferenceExpr", node, parent)
    scope, *rest = t.children[node]
    arguments = t.inside([part for part in rest if t.kind[part] == "type_arguments"])
    if t.kind[scope] in ("identifier", "field_access", "array_type", "generic_type", "scoped_type_identifier"):
        made.end = t.end[scope]
        is_array = t.kind[scope] == "array_type"
        begin, end = (NOWHERE, NOWHERE) if is_array else (t.begin[scope], t.end[scope])
        made.begin, made.end = begin, end
        type_expression = JavaNode("TypeExpr", made, begin, end)
        is_name = t.kind[scope] in ("identifier", "field_access")
        t.then(made, *_each(convert, arguments))
        t.then(type_expression, (_name_as_type if is_name else convert, scope))
    else:
        t.then(made, (convert, scope), *_each(convert, arguments))


def _lambda(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("LambdaExpr", node, parent)
    (parameters,), (body,) = t.of(node, "parameters")[:1], t.of(node, "body")[:1]
    inferred = t.children[parameters]
    if t.kind[parameters] == "identifier":
        made.end = t.end[parameters]
        steps: list[tuple[Rule, int]] = [(_inferred, parameters)]
    elif t.kind[parameters] == "inferred_parameters":
        steps = [(_only_inferred, parameters)] if len(inferred) == 1 else _each(_inferred, inferred)
    else:
        steps = _each(convert, inferred)
    if inferred and (len(inferred) > 1 or t.kind[parameters] == "formal_parameters"):
        made.begin = t.begin[inferred[0]]
    t.then(made, *steps, (convert if t.kind[body] == "block" else _expression_body, body))


def _inferred(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("Parameter", node, parent)
    t.leaf("VariableDeclaratorId", node, made)
    JavaNode("UnknownType", made, NOWHERE, NOWHERE)


def _only_inferred(t: Translation, node: int, parent: JavaNode) -> None:
    _inferred(t, t.children[node][0], parent)
    parent.children[-1].begin, parent.children[-1].end = t.begin[node], t.end[node]


def _expression_body(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("ExpressionStmt", node, parent), (convert, node))


_RULES: dict[str, Rule] = {
    "method_declaration": _method,
    "constructor_declaration": _constructor,
    "class_declaration": _local_class,
    "interface_declaration": _local_class,
    "field_declaration": _fields,
    "constant_declaration": _fields,
    "local_variable_declaration": _local_variables,
    "formal_parameter": _parameter,
    "spread_parameter": _parameter,
    "annotation": _annotation,
    "marker_annotation": _marker_annotation,
    "element_value_pair": _member_value,
    "scoped_type_identifier": _scoped_type,
    "generic_type": _generic_type,
    "array_type": _array_type,
    "annotated_type": _element,
    "wildcard": _wildcard,
    "type_parameter": _type_parameter,
    ";": _empty,
    "if_statement": _statement_of("IfStmt", "condition", "consequence", "alternative"),
    "while_statement": _statement_of("WhileStmt", "condition", "body"),
    "do_statement": _statement_of("DoStmt", "body", "condition"),
    "for_statement": _for,
    "enhanced_for_statement": _for_each,
    "labeled_statement": _labeled,
    "synchronized_statement": _synchronized,
    "try_statement": _try,
    "try_with_resources_statement": _try,
    "switch_expression": _switch,
    "explicit_constructor_invocation": _explicit_constructor,
    "method_invocation": _call,
    "field_access": _field_access,
    "object_creation_expression": _creation,
    "array_creation_expression": _array_creation,
    "cast_expression": _cast,
    "decimal_integer_literal": _integer,
    "hex_integer_literal": _integer,
    "octal_integer_literal": _integer,
    "binary_integer_literal": _integer,
    "binary_expression": _binary,
    "assignment_expression": _assignment,
    "unary_expression": _unary,
    "update_expression": _update,
    "class_literal": _class_literal,
    "method_reference": _method_reference,
    "lambda_expression": _lambda,
}
