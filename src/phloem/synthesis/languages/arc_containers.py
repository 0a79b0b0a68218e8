"""Numbers, truth, containers and functions of the ARC language (CodeIt's row of operators; Hodel 2022).

Pairs are added element by element, and a number is added to both. Sets have no order: what is first of one is whatever
comes first, the same in every run. What has no value raises an exception, which the interpreter turns into failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from phloem.synthesis.languages.arc_values import MERGED, Function, Undefined, Value, like, room

Number = Any  # Int or IntPair


def _each(function: Callable[[int], int], value: Number) -> Number:
    return tuple(map(function, value)) if isinstance(value, tuple) else function(value)


def _both(function: Callable[[int, int], int], left: Number, right: Number) -> Number:
    if isinstance(left, tuple):
        if isinstance(right, tuple):
            return tuple(map(function, left, right))
        return tuple(function(part, right) for part in left)
    if isinstance(right, tuple):
        return tuple(function(left, part) for part in right)
    return function(left, right)


def add(left: Number, right: Number) -> Number:
    return _both(lambda x, y: x + y, left, right)


def subtract(left: Number, right: Number) -> Number:
    return _both(lambda x, y: x - y, left, right)


def multiply(left: Number, right: Number) -> Number:
    return _both(lambda x, y: x * y, left, right)


def divide(left: Number, right: Number) -> Number:
    return _both(lambda x, y: x // y, left, right)


def invert(value: Number) -> Number:
    return _each(lambda x: -x, value)


def double(value: Number) -> Number:
    return _each(lambda x: 2 * x, value)


def halve(value: Number) -> Number:
    return _each(lambda x: x // 2, value)


def increment(value: Number) -> Number:
    return _each(lambda x: x + 1, value)


def decrement(value: Number) -> Number:
    return _each(lambda x: x - 1, value)


def _sign(x: int) -> int:
    return (x > 0) - (x < 0)


def crement(value: Number) -> Number:
    """One away from 0."""
    return _each(lambda x: x + _sign(x), value)


def sign(value: Number) -> Number:
    return _each(_sign, value)


def interval(start: int, stop: int, step: int) -> Value:
    numbers = range(start, stop, step)
    room(len(numbers))
    return tuple(numbers)


# Containers


def combine(left: Value, right: Value) -> Value:
    return like(left, [*left, *right])


def difference(left: Value, right: Value) -> Value:
    return like(left, (each for each in left if each not in right))


def dedupe(items: Value) -> Value:
    return tuple(dict.fromkeys(items))


def order(items: Value, key: Function) -> Value:
    return tuple(sorted(items, key=key))


def repeat(item: Value, count: int) -> Value:
    return (item,) * room(count)


def _flat(containers: Value) -> Iterator[Value]:
    for count, item in enumerate(item for container in containers for item in container):
        if count >= MERGED:
            raise Undefined
        yield item


def merge(containers: Value) -> Value:
    return like(containers, _flat(containers))


def valmax(items: Value, key: Function) -> Value:
    return key(max(items, key=key, default=0))


def valmin(items: Value, key: Function) -> Value:
    return key(min(items, key=key, default=0))


def _ranked(key: Function) -> Callable[[Value], Value]:
    """Sets are ranked by size. Python compares them by inclusion, under which a maximum depends on the order of items;
    size agrees with inclusion wherever that decides."""

    def rank(item: Value) -> Value:
        value = key(item)
        return len(value) if isinstance(value, frozenset) else value

    return rank


def argmax(items: Value, key: Function) -> Value:
    return max(items, key=_ranked(key))


def argmin(items: Value, key: Function) -> Value:
    return min(items, key=_ranked(key))


def _counts(items: Value) -> dict[Value, int]:
    """How often each item occurs, in the order of the set of items."""
    found = dict.fromkeys(set(items), 0)
    for item in items:
        found[item] += 1
    return found


def mostcommon(items: Value) -> Value:
    counts = _counts(items)
    return max(counts, key=counts.__getitem__)


def leastcommon(items: Value) -> Value:
    counts = _counts(items)
    return min(counts, key=counts.__getitem__)


def first(items: Value) -> Value:
    for item in items:
        return item
    raise Undefined


def last(items: Value) -> Value:
    if not items:
        raise Undefined
    return list(items)[-1]


def insert(item: Value, items: Value) -> Value:
    return items | {item}


def remove(item: Value, items: Value) -> Value:
    return like(items, (each for each in items if each != item))


def other(items: Value, item: Value) -> Value:
    return first(remove(item, items))


def sfilter(items: Value, test: Function) -> Value:
    return like(items, (each for each in items if test(each)))


def mfilter(items: Value, test: Function) -> Value:
    return frozenset(_flat(each for each in items if test(each)))


def extract(items: Value, test: Function) -> Value:
    return first(each for each in items if test(each))


def sizefilter(items: Value, count: int) -> Value:
    return frozenset(each for each in items if len(each) == count)


def product(left: Value, right: Value) -> Value:
    room(len(left) * len(right))
    return frozenset((x, y) for y in right for x in left)


def pair(left: Value, right: Value) -> Value:
    return tuple(zip(left, right, strict=False))


# Functions


def compose(outer: Function, inner: Function) -> Function:
    return Function(lambda x: outer(inner(x)), 1)


def chain(outer: Function, middle: Function, inner: Function) -> Function:
    return Function(lambda x: outer(middle(inner(x))), 1)


def fork(outer: Function, left: Function, right: Function) -> Function:
    return Function(lambda x: outer(left(x), right(x)), 1)


def matcher(function: Function, wanted: Value) -> Function:
    return Function(lambda x: function(x) == wanted, 1)


def rbind(function: Function, fixed: Value) -> Function:
    """The last argument is fixed."""
    _bindable(function)
    return Function(lambda *arguments: function(*arguments, fixed), function.arity - 1)


def lbind(function: Function, fixed: Value) -> Function:
    """The first argument is fixed."""
    _bindable(function)
    return Function(lambda *arguments: function(fixed, *arguments), function.arity - 1)


def _bindable(function: Value) -> None:
    if not isinstance(function, Function) or not 2 <= function.arity <= 4:
        raise Undefined


def power(function: Function, count: int) -> Function:
    """`count` times after itself, at least once."""

    def again(x: Value) -> Value:
        for _ in range(max(count, 1)):
            x = function(x)
        return x

    return Function(again, 1)


def apply(function: Function, items: Value) -> Value:
    return like(items, (function(each) for each in items))


def rapply(functions: Value, argument: Value) -> Value:
    return like(functions, (function(argument) for function in functions))


def mapply(function: Function, containers: Value) -> Value:
    return merge(apply(function, containers))


def papply(function: Function, left: Value, right: Value) -> Value:
    return tuple(function(x, y) for x, y in zip(left, right, strict=False))


def mpapply(function: Function, left: Value, right: Value) -> Value:
    return merge(papply(function, left, right))


def prapply(function: Function, left: Value, right: Value) -> Value:
    room(len(left) * len(right))
    return frozenset(function(x, y) for y in right for x in left)
