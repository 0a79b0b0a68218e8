"""Grammars: made from typed operators, brought to a normal form, checked for being empty."""

from __future__ import annotations

from collections.abc import Iterable

from phloem.synthesis import constants
from phloem.synthesis.base import Grammar, Rule, Spec
from phloem.synthesis.program import INTEGER, STRING, Constant, Input, Operator, Program


def typed(spec: Spec, operators: Iterable[Operator], leaves: Iterable[Program] | None = None) -> Grammar:
    """One non-terminal a type, named as the type: all operators, the inputs, and leaves (by default the constants that
    the examples suggest)."""
    inputs = [Input(name, i, type) for i, (name, type) in enumerate(zip(spec.names, spec.types, strict=True))]
    if leaves is None:
        leaves = [
            *(Constant(text, STRING) for text in constants.strings(spec)),
            *(Constant(number, INTEGER) for number in constants.NUMBERS),
        ]
    rules = [Rule(leaf.type, leaf=leaf) for leaf in [*inputs, *leaves]]
    rules += [Rule(each.result, each, each.arguments) for each in operators]
    types = {rule.head: rule.head for rule in rules}
    types.setdefault(spec.result, spec.result)
    return productive(Grammar(spec.result, types, tuple(rules)))


def productive(grammar: Grammar) -> Grammar:
    """The grammar without rules that derive nothing and without non-terminals that `start` does not reach."""
    alive: set[str] = set()
    growing = True
    while growing:
        before = len(alive)
        alive |= {rule.head for rule in grammar.rules if set(rule.arguments) <= alive}
        growing = len(alive) > before
    rules = [rule for rule in grammar.rules if rule.head in alive and set(rule.arguments) <= alive]
    reached, waiting = {grammar.start}, [grammar.start]
    while waiting:
        head = waiting.pop()
        for rule in rules:
            if rule.head == head:
                fresh = set(rule.arguments) - reached
                reached |= fresh
                waiting.extend(fresh)
    kept = tuple(rule for rule in rules if rule.head in reached)
    types = {name: type for name, type in grammar.types.items() if name in reached}
    return Grammar(grammar.start, types, kept)


def derives_nothing(grammar: Grammar) -> bool:
    return not any(rule.head == grammar.start for rule in productive(grammar).rules)


def merged(grammar: Grammar) -> Grammar:
    """The same language with equal non-terminals made one: those of one type with the same rules."""
    while True:
        bodies: dict[object, str] = {}
        renamed: dict[str, str] = {}
        for head in grammar.types:
            body = (grammar.types[head], frozenset(rule._replace(head="") for rule in grammar.of(head)))
            renamed[head] = bodies.setdefault(body, head)
        if all(old == new for old, new in renamed.items()):
            return grammar
        rules = dict.fromkeys(
            rule._replace(arguments=tuple(renamed[each] for each in rule.arguments))
            for rule in grammar.rules
            if renamed[rule.head] == rule.head
        )
        types = {head: type for head, type in grammar.types.items() if renamed[head] == head}
        grammar = Grammar(renamed[grammar.start], types, tuple(rules))
