"""The walk of `data_flow_walk` with what the released one overlooks: a graph for people.

Names of attributes, keywords, types, functions that are called or defined are no variables. `x += y` and `i++` read
what they change, `a.b = c` and `a[i] = c` change a, `a, b = c, d` is taken apart only where both sides are lists. A
condition is evaluated before all branches, a loop may run not at all, functions and comprehensions have scopes of their
own, handlers may begin after any part of their `try`, cases of a `switch` may fall through, what follows a `return` is
not reached, and what stands within the braces of an f-string is read.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Int64

from phloem.languages.example import Example
from phloem.represent.data_flow_rules import Rules, inside
from phloem.represent.data_flow_walk import MOST_NESTED, State, Walk, united


class CarefulWalk(Walk):
    careful = True

    @classmethod
    def table(cls, rules: Rules) -> list[tuple[frozenset[str], Callable[..., None]]]:
        return [
            *super().table(rules),
            (rules.careful_definitions, cls.definition),
            (rules.until_loops, cls.loop),
            (rules.scopes, cls.scope),
            (rules.functions, cls.function),
            (rules.aliases, cls.alias),
            (rules.tries, cls.attempt),
            (rules.switches, cls.switch),
            (rules.exits, cls.leave),
        ]

    def tokens_of(self, example: Example) -> Int64[np.ndarray, " tokens"]:
        """As released, but a string with code in it is the tokens of that code."""
        tokens, tree = super().tokens_of(example), example.tree
        code = inside(example, self.rules.interpolations)
        if not code.any():
            return tokens
        leaves = np.flatnonzero(code & (np.asarray(self.nodes.stop) == np.arange(1, len(tree.kind) + 1)))
        before = np.concatenate([[0], np.cumsum(code)])
        mixed = before[np.asarray(self.nodes.stop)[tokens]] > before[tokens]
        return np.sort(np.concatenate([tokens[~mixed], leaves]))

    def use(self, variables: range) -> None:
        """As released, but what reads a name that nothing here defines is no source of itself in a loop."""
        super().use(variables)
        for variable in variables:
            if self.edges.get((variable, variable)) is False:
                del self.edges[variable, variable]

    def leave(self, node: int) -> None:
        """`return` and `raise`: nothing comes after."""
        self.parts(self.nodes.children(node))
        self.state = {}

    def definition(self, node: int) -> None:
        value = self.nodes.child(node, "value")
        if value >= 0:
            self.node(value)
        self.write(self.nodes.child(node, self.rules.definition_name), self.below(value))

    def assignment(self, node: int) -> None:
        left, right = self.nodes.child(node, "left"), self.nodes.child(node, "right")
        if left < 0 or right < 0:
            return
        pairs = self.pairs(left, right)
        for _, value in pairs:
            self.node(value)
        operator = self.nodes.tree.source[self.nodes.end[left] : self.nodes.start[right]].strip()
        keeps = self.nodes.name(node) in self.rules.augmented or (not self.rules.splits and operator != b"=")
        for target, value in pairs:
            self.write(target, self.below(value), keeps=keeps)

    def pairs(self, left: int, right: int) -> list[tuple[int, int]]:
        lists = all(self.nodes.name(side) in self.rules.splits for side in (left, right))
        return super().pairs(left, right) if lists else [(left, right)]

    def write(self, target: int, sources: range, *, keeps: bool = False) -> None:
        """Store into a target: a name or a pattern gets a new value; `a.b = x` and `a[i] = x` change a, and read i.

        With `keeps` the old value goes into the new one.
        """
        if target < 0:
            return
        name, variables = self.nodes.name(target), self.below(target)
        if name in self.rules.patterns:
            for child in self.nodes.children(target):
                self.write(child, sources, keeps=keeps)
            return
        keeps = keeps or name in self.rules.places
        if len(variables) > 1:
            self.use(variables[1:])
        base = variables[:1]
        for variable in base:
            for source in self.state.get(self.names[variable], ()) if keeps else ():
                self.edges[variable, source] = True
        self.bind(base, sources)

    def update(self, node: int) -> None:
        target = next((child for child in self.nodes.children(node) if self.below(child)), -1)
        self.write(target, range(0), keeps=True)

    def branch(self, node: int) -> None:
        condition, consequence = self.nodes.child(node, "condition"), self.nodes.child(node, "consequence")
        self.parts(child for child in (condition,) if child >= 0)
        entry, ends, closed = dict(self.state), [], False
        self.parts(child for child in (consequence,) if child >= 0)
        ends.append(self.state)
        for child in self.nodes.children(node):
            if not self.nodes.field_name_is(child, "alternative"):
                continue
            self.state = dict(entry)
            if self.nodes.name(child) == "elif_clause":
                test = self.nodes.child(child, "condition")
                self.node(test)
                entry = dict(self.state)
                self.parts(part for part in self.nodes.children(child) if part != test)
            else:
                self.node(child)
                closed = True
            ends.append(self.state)
        self.state = united(ends if closed else [*ends, entry])

    def loop(self, node: int) -> None:
        nodes, rules = self.nodes, self.rules
        otherwise, body = nodes.child(node, "alternative"), nodes.child(node, "body")
        start = [child for child in nodes.children(node) if nodes.field_name_is(child, rules.loop_start)]
        left_out = {*start, otherwise, body}
        steps = [child for child in nodes.children(node) if child not in left_out]
        tests = [child for child in steps if nodes.field_name_is(child, "condition")]
        updates = [child for child in steps if child not in tests]
        bodies = [body] if body >= 0 else []
        runs_once = nodes.name(node) in rules.until_loops
        order = [*bodies, *tests] if runs_once else [*tests, *bodies, *updates]
        self.parts(start)
        entry = dict(self.state)
        self.twice(order, order)
        if not runs_once:
            self.state = united([entry, self.state])
        if otherwise >= 0:
            self.node(otherwise)

    def each_loop(self, node: int) -> None:
        nodes = self.nodes
        left, right = nodes.child(node, self.rules.each_left), nodes.child(node, self.rules.each_right)
        body, otherwise = nodes.child(node, "body"), nodes.child(node, "alternative")
        self.parts(child for child in (right,) if child >= 0)
        entry = dict(self.state)
        self.nesting += 1
        for _ in range(2 if self.nesting <= MOST_NESTED else 1):
            self.write(left, self.below(right))
            self.parts(child for child in (body,) if child >= 0)
        self.nesting -= 1
        self.state = united([entry, self.state])
        if otherwise >= 0:
            self.node(otherwise)

    def scope(self, node: int) -> None:
        """A comprehension: what it binds is not seen outside."""
        before = dict(self.state)
        self.parts(self.nodes.children(node))
        self.state = before

    def function(self, node: int) -> None:
        """It sees what is outside, its parameters are new, and what it binds stays inside."""
        before = dict(self.state)
        parameters = self.nodes.child(node, "parameters")
        if parameters < 0:
            parameters = self.nodes.child(node, "declarator")  # C: int f(int a) { … }
        if parameters >= 0:
            self.parameters(parameters)
        body = self.nodes.child(node, "body")
        if body >= 0:
            self.node(body)
        self.state = before

    def parameters(self, node: int) -> None:
        if self.is_special[node]:
            self.node(node)
        elif self.has_special[node]:
            for child in self.nodes.children(node):
                self.parameters(child)
        else:
            self.bind(self.below(node), range(0))

    def alias(self, node: int) -> None:
        """`value as name`, and `name := value`."""
        parts = [child for child in self.nodes.children(node) if self.below(child)]
        if len(parts) != 2:
            self.parts(parts)
            return
        value, name = parts if self.nodes.name(node) == "as_pattern" else reversed(parts)
        self.node(value)
        self.bind(self.below(name), self.below(value), computed=False)

    def attempt(self, node: int) -> None:
        """`try`: a handler may begin after any part of the body."""
        entry = dict(self.state)
        ends: list[State] = []
        last: list[int] = []
        reached: State | None = None
        for child in self.nodes.children(node):
            name = self.nodes.name(child)
            if name in self.rules.handlers:
                reached = reached or united([entry, self.state])
                here, self.state = self.state, dict(reached)
                self.node(child)
                ends.append(self.state)
                self.state = here
            elif name == "finally_clause":
                last.append(child)
            else:
                self.node(child)
        self.state = united([self.state, *ends])
        self.parts(last)

    def switch(self, node: int) -> None:
        """`switch` and `match`: a case begins with the state before, or where the one above falls through."""
        body = self.nodes.child(node, "body")
        self.parts(child for child in self.nodes.children(node) if child != body)
        entry = dict(self.state)
        ends = [entry]
        for child in self.nodes.children(body) if body >= 0 else ():
            self.state = united([entry, self.state])
            self.node(child)
            ends.append(self.state)
        self.state = united(ends)
