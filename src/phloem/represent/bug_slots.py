"""Where a function could be wrong in one place: uses of variables, operators, operands, arguments, exception types.

The places that bugs are injected at (Kanade et al., "Learning and Evaluating Contextual Embedding of Source Code",
2020, section 3) and that a detector judges. A place is a node of the syntax tree with the two nodes that it stands
between; a table a language says which kinds are what, so that the search itself is the same for all.

Of variables only those count that the function itself binds: parameters, and names assigned in it. The receiver
(`self`) is none: nobody mistakes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from phloem.languages import by_name
from phloem.languages.base import Language
from phloem.languages.functions import Nodes
from phloem.languages.tree import Tree
from phloem.represent.slot_rules import RULES, SlotRules

VARIABLE, OPERATOR, OPERANDS, ARGUMENTS, EXCEPTION, DOC = range(6)
CHECKS = (
    "variable-misuse",
    "wrong-operator",
    "swapped-operands",
    "swapped-arguments",
    "exception-type",
    "doc-mismatch",
)


class Slot(NamedTuple):
    """A place: `kind` indexes CHECKS, `node` is the use, the operator, the comma or the type; `left` and `right` are
    the operands or arguments (the node itself for what has none); `text` is what stands at `node`.

    An operator is `tight` where it stands beside others that its precedence is weighed against: there only one of the
    same precedence leaves the tree as it is."""

    kind: int
    node: int
    left: int
    right: int
    text: str
    tight: bool = False


def alternatives(rules: SlotRules, text: str, tight: bool) -> list[str]:
    """What could stand in place of an operator or an exception type."""
    same = rules.class_of.get(text, ())
    level = [each for each in rules.levels if text in each]
    return [word for word in same if word != text and not (tight and level and word not in level[0])]


def is_live(rules: SlotRules, slot: Slot) -> bool:
    """Whether a place can be wrong as the code is now: operands of an operator that does not commute."""
    return slot.kind != OPERANDS or slot.text in rules.ordered


class Slots(NamedTuple):
    """The places of a function, in order of kinds, and all occurrences of its variables as (node, name)."""

    slots: list[Slot]
    variables: list[tuple[int, str]]


def slots_of(tree: Tree, language_name: str) -> Slots:
    """All places of a function's tree, `is_live` or not; none where the language has no table in RULES."""
    rules = RULES.get(language_name)
    if rules is None:
        return Slots([], [])
    finder = _Finder(tree, by_name(language_name), rules)
    variables, uses = finder.variables()
    return Slots([*uses, *finder.operators(), *finder.arguments(), *finder.handled()], variables)


def bindings(tree: Tree, language_name: str, name: str) -> list[int]:
    """The nodes at which a function binds a name."""
    rules = RULES.get(language_name)
    if rules is None:
        return []
    found = _Finder(tree, by_name(language_name), rules).occurrences()
    return [node for node, each, binds in found if binds and each == name]


class _Finder:
    def __init__(self, tree: Tree, language: Language, rules: SlotRules) -> None:
        self.tree, self.language, self.rules = tree, language, rules
        self.nodes = Nodes(tree, language)
        self._texts: dict[int, str] = {}

    def of_kinds(self, kinds: frozenset[str]) -> list[int]:
        return np.flatnonzero(self.language.kind_mask(kinds)[self.tree.kind]).tolist()

    def text(self, node: int) -> str:
        found = self._texts.get(node)
        if found is None:
            found = self._texts[node] = self.nodes.text(node)
        return found

    def place(self, node: int) -> str:
        """ "kind.field": its parent's kind and its own field."""
        field_id = self.nodes.field[node]
        name = self.language.fields[field_id] if field_id else ""
        return f"{self.nodes.name(self.nodes.parent[node])}.{name}"

    def variables(self) -> tuple[list[tuple[int, str]], list[Slot]]:
        """Occurrences of the function's variables, and the slots: those that read one, where there are two or more."""
        found = list(self.occurrences())
        bound = {name for _, name, binds in found if binds}
        variables = [(node, name) for node, name, _ in found if name in bound]
        if len(bound) < 2:
            return variables, []
        uses = [Slot(VARIABLE, node, node, node, name) for node, name, binds in found if name in bound and not binds]
        return variables, uses

    def occurrences(self) -> Iterator[tuple[int, str, bool]]:
        """All names that could be variables, and whether they are bound there."""
        rules, nodes = self.rules, self.nodes
        for node in self.of_kinds(self.language.identifier_kinds):
            parent = nodes.parent[node]
            if parent < 0 or nodes.name(parent) in rules.not_names or self.place(node) in rules.not_names:
                continue
            name = self.text(node)
            if name not in rules.receivers:
                yield node, name, self.binds(node)

    def binds(self, node: int) -> bool:
        """Whether a name is bound here: a parameter, or at the left of an assignment."""
        rules, nodes = self.rules, self.nodes
        here = node
        while True:
            parent = nodes.parent[here]
            if parent < 0:
                return False
            kind = nodes.name(parent)
            if self.place(here) in rules.binders:
                return True
            if kind in rules.parameters:
                return True
            if kind not in rules.patterns:
                break
            here = parent
        return self.is_parameter(here)

    def is_parameter(self, node: int) -> bool:
        """A name within a parameter list that is neither a default nor a type."""
        nodes = self.nodes
        while (parent := nodes.parent[node]) >= 0:
            kind = nodes.name(parent)
            if kind in self.rules.parameters:
                return True
            if not kind.endswith(("parameter", "_splat_pattern")) or self.place(node).endswith((".value", ".type")):
                return False
            node = parent
        return False

    def operators(self) -> Iterator[Slot]:
        """Operators that another of their class could stand for, and operands that could stand the other way round."""
        rules, nodes = self.rules, self.nodes
        comments = self.language.comment_kinds
        fields = {self.language.field_ids[name] for name in rules.operators if name in self.language.field_ids}
        known = rules.ordered | set(rules.class_of)
        swaps: list[Slot] = []
        for node in self.of_kinds(rules.binary):
            children = [child for child in nodes.children(node) if nodes.name(child) not in comments]
            places = [i for i, child in enumerate(children) if nodes.field[child] in fields]
            for i in places:
                if not 0 < i < len(children) - 1:
                    continue  # broken code
                left, right, operator = children[i - 1], children[i + 1], self.text(children[i])
                operator = " ".join(operator.split())
                if self.text(left) == self.text(right):
                    continue
                if operator in rules.class_of:
                    around = {nodes.kind[left], nodes.kind[right], nodes.kind[nodes.parent[node]]}
                    yield Slot(OPERATOR, children[i], left, right, operator, nodes.kind[node] in around)
                if operator in known and len(places) == 1 and self.can_swap(left, right):
                    swaps.append(Slot(OPERANDS, children[i], left, right, operator))
        yield from swaps

    def can_swap(self, left: int, right: int) -> bool:
        """Whether the operands, written the other way round, are the operands still."""
        kinds = {self.nodes.name(left), self.nodes.name(right)}
        return not kinds & self.rules.loose and not kinds & self.rules.binary

    def arguments(self) -> Iterator[Slot]:
        """The comma between two arguments by position, both of them names."""
        rules, nodes = self.rules, self.nodes
        for node in self.of_kinds(rules.arguments):
            children = list(nodes.children(node))
            for left, comma, right in zip(children, children[1:], children[2:], strict=False):
                if nodes.name(comma) != "," or {nodes.name(left), nodes.name(right)} - rules.simple:
                    continue
                if self.text(left) != self.text(right):
                    yield Slot(ARGUMENTS, comma, left, right, ",")

    def handled(self) -> Iterator[Slot]:
        """Exception types, alone or in a tuple."""
        rules, nodes = self.rules, self.nodes
        if not rules.handlers:
            return
        kinds = frozenset(place.partition(".")[0] for place in rules.handlers)
        wanted = frozenset(rules.exceptions)
        for clause in self.of_kinds(kinds):
            waiting = [child for child in nodes.children(clause) if self.place(child) in rules.handlers]
            while waiting:
                node = waiting.pop(0)
                if nodes.name(node) in rules.handled_in:
                    children = list(nodes.children(node))
                    waiting += children[:1] if nodes.name(node) == "as_pattern" else children
                elif self.nodes.is_leaf(node) and self.text(node) in wanted:
                    yield Slot(EXCEPTION, node, node, node, self.text(node))
