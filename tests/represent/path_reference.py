"""Path contexts written as the definition reads: recursion over nodes, all pairs of terminals, nothing shared with
the product but the splitting of values."""

import re

from phloem.languages import by_name
from phloem.languages.tree import NAMED
from phloem.represent.preset import PYTHON150K
from phloem.represent.values import bare, python150k_value, subtoken_value

BARE_OPERATORS = {"unary_expression", "update_expression", "prefix_unary_expression", "postfix_unary_expression"}
BARE_OPERATORS |= {"unary_op_expression", "unary"}


class Node:
    def __init__(self, kind, text, field, parent, atomic):
        self.kind, self.text, self.field, self.parent, self.atomic = kind, text, field, parent, atomic
        self.children, self.has_named_children, self.operator = [], False, ""

    def label(self, index=False):
        name = self.kind + (f":{self.operator}" if self.operator else "")
        return name + (str(min(self.parent.children.index(self), 3)) if index else "")

    def chain(self):
        """The node and its ancestors."""
        return [self, *(self.parent.chain() if self.parent else [])]


def build(example, preset):
    """The named tree without what is dropped, and the node of the name."""
    tree, language = example.tree, by_name(example.language)
    below = [[] for _ in tree.kind]
    for node, parent in enumerate(tree.parent):
        if parent >= 0:
            below[parent].append(node)
    kinds = [*language.kinds, "ERROR"]
    names = []

    def visit(node, parent):
        kind = kinds[min(tree.kind[node], len(kinds) - 1)]
        atomic = kind in language.string_kinds or node == example.name_node
        made = Node(kind, tree.text(node), language.fields[tree.field[node]], parent, atomic)
        if node == example.name_node:
            names.append(made)
        for child in below[node]:
            child_kind = kinds[min(tree.kind[child], len(kinds) - 1)]
            start, end = tree.start[child], tree.end[child]
            if not tree.flags[child] & NAMED:
                marked = language.fields[tree.field[child]] in ("operator", "operators")
                if not made.operator and (marked or (kind in BARE_OPERATORS and tree.field[child] == 0)):
                    made.operator = child_kind.replace("|", "bar").replace(",", "comma").replace(" ", "-")
                continue
            made.has_named_children = True
            documentation = example.doc_span
            if child_kind in language.comment_kinds or child_kind in preset.dropped_kinds or start == end:
                continue
            if documentation and documentation[0] <= start and end <= documentation[1]:
                continue
            if not atomic:
                made.children.append(visit(child, made))
        return made

    return visit(0, None), names[0]


def is_variable_or_number(node):
    parent = node.parent.kind if node.parent else ""
    if node.kind in ("integer", "float"):
        return True
    if (parent, node.field) in {
        ("attribute", "attribute"),
        ("keyword_argument", "name"),
        ("class_definition", "name"),
        ("function_definition", "name"),
        ("aliased_import", "alias"),
    } or parent in ("dotted_name", "global_statement", "nonlocal_statement"):
        return False
    return node.kind == "identifier"


def terminals(node):
    if node.atomic or not node.has_named_children:
        yield node
    for child in node.children:
        yield from terminals(child)


def value_of(node, name, example, preset):
    if node is name:
        return preset.method_name
    value = (python150k_value if preset.values == "python150k" else subtoken_value)(node.text)
    masked = preset.mask_recursion and value and bare(node.text) == example.name
    return preset.method_name if masked else value


def contexts(example, preset):
    """All contexts as (left value, labels, right value)."""
    root, name = build(example, preset)
    if preset == PYTHON150K:
        leaves = [root, *(leaf for leaf in terminals(root) if is_variable_or_number(leaf) and leaf is not name)]
        ends = [
            (leaf, preset.method_name if leaf is root else value_of(leaf, name, example, preset)) for leaf in leaves
        ]
    else:
        ends = [(leaf, value_of(leaf, name, example, preset)) for leaf in terminals(root)]
    ends = [(leaf, value) for leaf, value in ends if value]
    found = []
    for i, (left, left_value) in enumerate(ends):
        for right, right_value in ends[i + 1 :]:
            up, down = left.chain(), right.chain()
            common = [node for node in up if node in down]
            lowest = common[0]
            up, down = up[: up.index(lowest)], down[: down.index(lowest)]
            if len(up) + len(down) > preset.max_edges:
                continue
            if preset.width == "siblings":
                width = lowest.children.index(down[-1]) - lowest.children.index(up[-1])
            else:
                width = abs(len(up) - len(down))
            if width > preset.max_width:
                continue
            nodes = [*up, lowest, *reversed(down)]
            ending = {0, len(nodes) - 1} if preset.indices else set()
            found.append((left_value, tuple(n.label(k in ending) for k, n in enumerate(nodes)), right_value))
    return found


def java_contexts(method, short, normal):
    """The released extractor's loops over JavaParser's tree: all pairs of leaves, each stack compared from the root."""
    leaves = []

    def visit(node):
        if not node.children and node.text and not node.type.endswith("Stmt"):
            leaves.append(node)
        for child in node.children:
            visit(child)

    def stack(node):
        return [node, *(stack(node.parent) if node.parent else [])]

    def index(node):
        return next(i for i, n in enumerate(node.parent.children) if (n.begin, n.end) == (node.begin, node.end))

    def number(node):
        return str(min(index(node), 3))

    visit(method)
    indexed = {"AssignExpr", "ArrayAccessExpr", "FieldAccessExpr", "MethodCallExpr"}
    for i, left in enumerate(leaves):
        for right in leaves[i + 1 :]:
            up, down = stack(left), stack(right)
            common = 0
            while up and down and up[-1] is down[-1]:
                lowest = up.pop()
                down.pop()
                common += 1
            if len(up) + len(down) > 8 or index(down[-1]) - index(up[-1]) > 2:
                continue
            labels = []
            for k, node in enumerate([*up, lowest]):
                above = node.parent.type if node.parent else ""
                labels.append(short(node) + (number(node) if k == 0 or above in indexed else ""))
            for k, node in reversed(list(enumerate(down))):
                labels.append(short(node) + (number(node) if k == 0 or node.type in indexed else ""))
            yield normal(left), tuple(labels), normal(right)


WORD = re.compile(r"[^\s,|]+")
