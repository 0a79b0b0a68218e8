"""Types, declarations and annotations as JavaParser makes them (see `java_parser`)."""

from __future__ import annotations

from phloem.represent.java_translation import (
    NOWHERE,
    JavaNode,
    Rule,
    Translation,
    annotation_steps,
    brackets,
    brackets_nowhere,
    convert,
    dimensions,
    each,
    element_type,
    name_leaf,
    nameless,
    starts_with_array,
)


def _scoped_type(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ClassOrInterfaceType", node, parent, t.text(node))
    t.then(made, (convert, t.children[node][0]))


def _generic_type(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ClassOrInterfaceType", node, parent, t.text(node))
    base, *rest = t.children[node]
    scope = t.children[base][:1] if t.kind[base] == "scoped_type_identifier" else []
    t.then(made, *each(convert, scope), *each(convert, t.inside(rest)))


def _array_type(t: Translation, node: int, parent: JavaNode) -> None:
    for _ in range(dimensions(t, node)):
        parent = JavaNode("ArrayType", parent, NOWHERE, NOWHERE)
    t.then(parent, (element_type, node))


def _wildcard(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("WildcardType", node, parent, t.text(node))
    t.then(made, *((convert, child) for child in t.children[node] if t.kind[child] != "super"))


def _type_parameter(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("TypeParameter", node, parent, t.text(node))
    t.then(made, *each(convert, t.inside(t.of_kind(node, "type_bound"))))


def name_as_type(t: Translation, node: int, parent: JavaNode) -> None:
    """`a.b.C` before `::`, read as a type with scopes."""
    made = t.make("ClassOrInterfaceType", node, parent, t.text(node))
    if t.kind[node] == "field_access":
        t.then(made, *each(name_as_type, t.of(node, "object")))


def _method(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("MethodDeclaration", node, parent)
    (type_,) = t.of(node, "type")[:1]
    if starts_with_array(t, node, type_):
        made.begin = NOWHERE
    t.then(
        made,
        *annotation_steps(t, node),
        *each(convert, t.inside(t.of_kind(node, "type_parameters"))),
        (element_type, type_),
        *each(name_leaf, t.of(node, "name")),
        *each(convert, t.inside(t.of(node, "parameters"))),
        (brackets_nowhere, type_),
        *each(brackets, t.of(node, "dimensions")),
        *each(convert, t.inside(t.of_kind(node, "throws"))),
        *each(convert, t.of(node, "body")),
    )


def _constructor(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ConstructorDeclaration", node, parent)
    if not t.of_kind(node, "modifiers", "type_parameters"):
        made.begin = NOWHERE
    t.then(
        made,
        *annotation_steps(t, node),
        *each(convert, t.inside(t.of_kind(node, "type_parameters"))),
        (nameless, node),
        *each(convert, t.inside(t.of(node, "parameters"))),
        *each(convert, t.inside(t.of_kind(node, "throws"))),
        *each(convert, t.of(node, "body")),
        *each(name_leaf, t.of(node, "name")),
    )


def _parameter(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("Parameter", node, parent)
    if t.kind[node] == "spread_parameter":
        type_, declarator = [child for child in t.children[node] if t.kind[child] != "modifiers"][-2:]
        holder = declarator
    else:
        (type_,) = t.of(node, "type")[:1]
        holder = node
    if starts_with_array(t, node, type_):
        made.begin = NOWHERE
    t.then(made, *annotation_steps(t, node), (variable_id, holder), (element_type, type_), (brackets_nowhere, type_))


def variable_id(t: Translation, node: int, parent: JavaNode) -> None:
    """The declared name with its own brackets (`a[]`); `node` holds both."""
    names = t.of(node, "name") or t.of_kind(node, "identifier")
    after = t.of(node, "dimensions")
    made = t.leaf("VariableDeclaratorId", names[0], parent) if names else t.leaf("VariableDeclaratorId", node, parent)
    if after:
        made.end = t.end[after[-1]]
        t.then(made, *each(brackets, after))


def _declarator(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("VariableDeclarator", node, parent)
    t.then(made, (variable_id, node), *each(convert, t.of(node, "value")))


def variables(t: Translation, node: int, parent: JavaNode) -> None:
    """VariableDeclarationExpr: declared in a block, a `for`, or as a resource."""
    (type_,) = t.of(node, "type")[:1]
    made = t.make("VariableDeclarationExpr", node, parent)
    declarators = t.of(node, "declarator")
    if declarators:
        made.end = t.end[declarators[-1]]
    if starts_with_array(t, node, type_):
        made.begin = NOWHERE
    which = each(_declarator, declarators) or [(_declarator, node)]
    t.then(made, *annotation_steps(t, node), (element_type, type_), *which, (brackets_nowhere, type_))


def _local_variables(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("ExpressionStmt", node, parent), (variables, node))


def _fields(t: Translation, node: int, parent: JavaNode) -> None:
    (type_,) = t.of(node, "type")[:1]
    made = t.make("FieldDeclaration", node, parent)
    if starts_with_array(t, node, type_):
        made.begin = NOWHERE
    declarators = each(_declarator, t.of(node, "declarator"))
    t.then(made, *annotation_steps(t, node), (element_type, type_), *declarators, (brackets_nowhere, type_))


def _class(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ClassOrInterfaceDeclaration", node, parent)
    supers = t.inside(t.of_kind(node, "superclass", "super_interfaces", "extends_interfaces"))
    types = [part for one in supers for part in (t.children[one] if t.kind[one] == "type_list" else [one])]
    t.then(
        made,
        *annotation_steps(t, node),
        (nameless, node),
        *each(member, t.inside(t.of(node, "body"))),
        *each(convert, t.inside(t.of_kind(node, "type_parameters"))),
        *each(convert, types),
        *each(name_leaf, t.of(node, "name")),
    )


def _local_class(t: Translation, node: int, parent: JavaNode) -> None:
    if parent.type == "BlockStmt":
        parent = t.make("TypeDeclarationStmt", node, parent)
    _class(t, node, parent)


def member(t: Translation, node: int, parent: JavaNode) -> None:
    kind = t.kind[node]
    if kind == ";":
        t.leaf("EmptyMemberDeclaration", node, parent)
    elif kind == "block":
        t.then(t.make("InitializerDeclaration", node, parent), (convert, node))
    elif kind == "static_initializer":
        t.then(t.make("InitializerDeclaration", node, parent), *each(convert, t.children[node]))
    elif kind in ("class_declaration", "interface_declaration"):
        _class(t, node, parent)
    else:
        convert(t, node, parent)


def _annotation(t: Translation, node: int, parent: JavaNode) -> None:
    values = t.inside(t.of(node, "arguments"))
    pairs = [value for value in values if t.kind[value] == "element_value_pair"]
    single = values and not pairs
    made = t.make("SingleMemberAnnotationExpr" if single else "NormalAnnotationExpr", node, parent)
    t.then(made, *each(qualified_name, t.of(node, "name")), *each(convert, values))


def _marker_annotation(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("MarkerAnnotationExpr", node, parent), *each(qualified_name, t.of(node, "name")))


def qualified_name(t: Translation, node: int, parent: JavaNode) -> None:
    if t.kind[node] == "identifier":
        name_leaf(t, node, parent)
    else:
        t.then(t.make("QualifiedNameExpr", node, parent), *each(qualified_name, t.of(node, "scope")))


def _member_value(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("MemberValuePair", node, parent), *each(convert, t.of(node, "value")))


RULES: dict[str, Rule] = {
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
    "annotated_type": element_type,
    "wildcard": _wildcard,
    "type_parameter": _type_parameter,
}
