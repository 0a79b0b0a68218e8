"""JavaParser's tree, from tree-sitter's: what the JavaExtractor released with code2seq walks over.

Alon et al. (ICLR 2019) extracted their Java data with JavaParser 3.0.0-alpha.4. Its tree differs from tree-sitter's:
a declared variable is VariableDeclarationExpr > VariableDeclarator > VariableDeclaratorId, a name of a method call is
its LAST child, a call, field access or class has an empty "null" name among its children, `int[] a` puts its brackets
after the declarators, parentheses of conditions are no nodes, and so on. Each rule (in
`java_declarations`, `java_statements` and `java_expressions`) makes the nodes of one kind
of tree-sitter node, children in the order in which JavaParser's constructors adopt them. `java_comments` then does what
its comment attribution does to that order. Deep nesting is no recursion: rules put their children on a stack.

Positions are bytes of the function's source, both ends included; nodes that JavaParser gives no position have NOWHERE.
"""

from __future__ import annotations

from phloem.languages.base import Language
from phloem.languages.example import Example
from phloem.represent import java_declarations, java_expressions, java_statements
from phloem.represent.java_translation import NOWHERE, Comment, JavaNode, Translation, convert

RULES = {**java_declarations.RULES, **java_statements.RULES, **java_expressions.RULES}


def java_method(example: Example, language: Language) -> tuple[JavaNode, list[Comment]]:
    """The MethodDeclaration of a function, children in constructor order, and the comments inside it."""
    translation = Translation(example, language, RULES)
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
        first = node.children[0] if node.children else node
        is_nameless = first.type == "NameExpr" and not first.text
        if node.type in _BEGINS_WITH_CHILD and first.begin == NOWHERE and not is_nameless:
            node.begin = NOWHERE


_BEGINS_WITH_CHILD = frozenset(
    {"MethodCallExpr", "FieldAccessExpr", "ArrayAccessExpr", "BinaryExpr", "AssignExpr", "ConditionalExpr"}
    | {"InstanceOfExpr", "ExpressionStmt"}
)
