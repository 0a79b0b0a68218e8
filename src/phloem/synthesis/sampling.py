"""Random programs of a typed language: a tree of about a wanted size, operators uniform among those of the type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from phloem.synthesis.program import Call, Constant, Input, Operator, Program, Type, Value


def sample(
    operators: Sequence[Operator],
    constants: Mapping[Type, Sequence[Value]],
    rng: Random,
    names: Sequence[str],
    types: Sequence[Type],
    result: Type,
    size: int,
) -> Program:
    """A program of type `result` with at most about `size` nodes; one leaf where `size` is below 2.

    An operator that would need more arguments than `size` allows is not drawn; the rest of the size is shared among the
    arguments at random."""
    possible = [each for each in operators if each.result == result and len(each.arguments) < size]
    if size < 2 or not possible:
        return _leaf(constants, rng, names, types, result)
    operator = rng.choice(possible)
    shares = _shares(rng, size - 1, len(operator.arguments))
    arguments = (
        sample(operators, constants, rng, names, types, type, share)
        for type, share in zip(operator.arguments, shares, strict=True)
    )
    return Call(operator, tuple(arguments))


def _shares(rng: Random, total: int, parts: int) -> list[int]:
    cuts = sorted(rng.sample(range(1, total), parts - 1)) if parts > 1 else []
    return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


def _leaf(
    constants: Mapping[Type, Sequence[Value]], rng: Random, names: Sequence[str], types: Sequence[Type], result: Type
) -> Program:
    inputs = [Input(name, i, type) for i, (name, type) in enumerate(zip(names, types, strict=True)) if type == result]
    if inputs and (rng.random() < 0.6 or not constants.get(result)):
        return rng.choice(inputs)
    return Constant(rng.choice(constants[result]), result)
