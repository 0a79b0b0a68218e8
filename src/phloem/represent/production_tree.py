"""The words of an SQL query, and how they are grouped: the tree that a loose parser of any SQL would make.

Mueller and Vlachos, "Byte-Pair Encoding for Text-to-SQL Generation" (2019), group the words of a query with sqlparse,
which knows clauses and lists but no grammar, so that no query fails. `tree` makes the same shapes:

    SELECT a , b FROM t AS talias0 WHERE talias0.c = 1

    [SELECT  [a , b]  FROM  [t AS [t alias0]]  [WHERE  [[t alias0 . c]  =  1]]]

Brackets, names with a table, aliases, texts, function calls, comparisons, lists and WHERE are nodes; all else is flat.
A node with one child is that child. Words are those of Kummerfeld's tokenisation: aliases are split off their tables,
quotes, points and brackets stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

Tree: TypeAlias = "str | tuple[Tree, ...]"

_WORDS = re.compile(r"[A-Za-z_]\w*?(?=alias\d+\b)|alias\d+\b|\d+\.\d+|\w+|<=|>=|<>|!=|==|\S")
_COMPARISONS = frozenset(["=", "==", "<>", "!=", "<", "<=", ">", ">=", "LIKE"])
_ENDS_WHERE = frozenset(["GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "INTERSECT", "EXCEPT", ";"])
_NO_NAMES = (
    "SELECT DISTINCT FROM WHERE BY ASC DESC AS IN NOT EXISTS BETWEEN IS NULL AND OR ON JOIN LEFT OUTER INNER ALL ANY "
    "CASE WHEN THEN ELSE END"
)
_PARTS = frozenset(_NO_NAMES.split()) | _ENDS_WHERE


def words(sql: str) -> list[str]:
    """The words of a query.

    >>> words('SELECT CITYalias0.NAME FROM CITY AS CITYalias0')
    ['SELECT', 'CITY', 'alias0', '.', 'NAME', 'FROM', 'CITY', 'AS', 'CITY', 'alias0']
    """
    return _WORDS.findall(sql)


def tree(tokens: Sequence[str]) -> Tree:
    """The groups of a query's words; its leaves, from left to right, are the words."""
    return _collapsed(tuple(_grouped(_bracketed(list(tokens)))))


def leaves(node: Tree) -> list[str]:
    """The words of a tree."""
    return [node] if isinstance(node, str) else [word for child in node for word in leaves(child)]


def _collapsed(node: Tree) -> Tree:
    if isinstance(node, str):
        return node
    children = tuple(map(_collapsed, node))
    return children[0] if len(children) == 1 else children


def _bracketed(tokens: list[str]) -> list[Tree]:
    """Round brackets and quoted texts as nodes; what is never closed ends with the query."""
    stack: list[list[Tree]] = [[]]
    place = 0
    while place < len(tokens):
        word = tokens[place]
        if word in "\"'" and word in tokens[place + 1 :]:
            end = tokens.index(word, place + 1)
            stack[-1].append(tuple(tokens[place : end + 1]))
            place = end
        elif word == "(":
            stack.append(["("])
        elif word == ")" and len(stack) > 1:
            inside = [*stack.pop(), ")"]
            stack[-1].append(("(", *_grouped(inside[1:-1]), ")"))
        else:
            stack[-1].append(word)
        place += 1
    while len(stack) > 1:
        left = stack.pop()
        stack[-1] += left
    return stack[0]


def _grouped(nodes: list[Tree]) -> list[Tree]:
    """The children of one bracket: names, calls, comparisons and lists grouped, then WHERE."""
    nodes = _names(nodes)
    nodes = _aliases(nodes)
    nodes = _chains(nodes, lambda node: node in _COMPARISONS)
    nodes = _chains(nodes, lambda node: node == ",", longer=True)
    return _where(nodes)


def _is_name(node: Tree) -> bool:
    return isinstance(node, str) and (node[0].isalpha() or node[0] == "_") and node.upper() not in _PARTS


def _operand(node: Tree) -> bool:
    """Whether a node may stand beside a comparison or a comma."""
    if not isinstance(node, str):
        return True
    return node == "*" or ((node[0].isalnum() or node[0] == "_") and node.upper() not in _PARTS | _COMPARISONS)


def _names(nodes: list[Tree]) -> list[Tree]:
    """`CITY alias0 . NAME` and `MAX ( … )` as one node."""
    found: list[Tree] = []
    place = 0
    while place < len(nodes):
        start = place
        if _is_name(nodes[place]) and nodes[place] not in _COMPARISONS:
            place += 1
            while place < len(nodes):
                node = nodes[place]
                if isinstance(node, str) and re.fullmatch(r"alias\d+", node):
                    place += 1
                elif node == "." and place + 1 < len(nodes) and (_is_name(nodes[place + 1]) or nodes[place + 1] == "*"):
                    place += 2
                else:
                    break
            if place < len(nodes) and place == start + 1 and isinstance(nodes[place], tuple) and nodes[place][0] == "(":
                place += 1
        else:
            place += 1
        group = nodes[start:place]
        found.append(tuple(group) if len(group) > 1 else group[0])
    return found


def _aliases(nodes: list[Tree]) -> list[Tree]:
    """`CITY AS CITYalias0` as one node."""
    found: list[Tree] = []
    place = 0
    while place < len(nodes):
        if nodes[place] == "AS" and found and _operand(found[-1]) and place + 1 < len(nodes):
            found[-1] = (found[-1], nodes[place], nodes[place + 1])
            place += 2
        else:
            found.append(nodes[place])
            place += 1
    return found


def _chains(nodes: list[Tree], joins: Callable[[Tree], bool], longer: bool = False) -> list[Tree]:
    """Operands with what joins them as one node; with `longer`, any number of them."""
    found: list[Tree] = []
    place = 0
    while place < len(nodes):
        node = nodes[place]
        following = nodes[place + 1] if place + 1 < len(nodes) else None
        if joins(node) and found and following is not None and _operand(found[-1]) and _operand(following):
            chain: list[Tree] = [found.pop(), node, following]
            place += 2
            while longer and place + 1 < len(nodes) and joins(nodes[place]) and _operand(nodes[place + 1]):
                chain += nodes[place : place + 2]
                place += 2
            found.append(tuple(chain))
        else:
            found.append(node)
            place += 1
    return found


def _where(nodes: list[Tree]) -> list[Tree]:
    """WHERE with all behind it, up to the next clause, as one node."""
    if "WHERE" not in nodes:
        return nodes
    start = nodes.index("WHERE")
    end = next((i for i in range(start, len(nodes)) if nodes[i] in _ENDS_WHERE), len(nodes))
    return [*nodes[:start], tuple(nodes[start:end]), *_where(nodes[end:])]
