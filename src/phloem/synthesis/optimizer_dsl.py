"""Optimisers as short programs: the language in which Lion was found.

Chen et al., "Symbolic Discovery of Optimization Algorithms" (NeurIPS 2023, section 2). A program is the body of

    def train(w, g, m, v, lr):  …  return update, m, v          w <- w - update

as a list of assignments, each one function of variables and constants. w, g, m and v (weights, gradient and two
memories, 0 at first) are arrays of one shape, everything else an array of that shape or a number. There is no step
counter, so that Adam has no bias correction. A program is checked without running it (`problem`): variables must be
set before they are read, and update, m and v must end as arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

Value = Any  # an array or a number
Kind = Literal["array", "number"]
INPUTS: dict[str, Kind] = {"w": "array", "g": "array", "m": "array", "v": "array", "lr": "number"}
OUTPUTS = ("update", "m", "v")
MEMORIES = ("m", "v")
TINY = 1e-12


class Function(NamedTuple):
    arity: int
    run: Callable[..., Value]
    reduces: bool = False  # gives a number, whatever it is given
    commutes: bool = False


def _norm(x: Value) -> Value:
    return np.sqrt(np.sum(np.square(x)))


def _cosine(x: Value, y: Value) -> Value:
    return np.sum(x * y) / (_norm(x) * _norm(y) + TINY)


def _clip(x: Value, low: Value, high: Value) -> Value:
    return np.minimum(np.maximum(x, low), high)


FUNCTIONS: dict[str, Function] = {
    "add": Function(2, np.add, commutes=True),
    "subtract": Function(2, np.subtract),
    "multiply": Function(2, np.multiply, commutes=True),
    "divide": Function(2, np.divide),
    "maximum": Function(2, np.maximum, commutes=True),
    "minimum": Function(2, np.minimum, commutes=True),
    "hypot": Function(2, np.hypot, commutes=True),
    "arctan2": Function(2, np.arctan2),
    "copysign": Function(2, np.copysign),
    "fmod": Function(2, np.fmod),
    "power": Function(2, lambda x, y: np.power(np.abs(x), y)),
    "greater": Function(2, lambda x, y: np.greater(x, y) * 1.0),
    "less": Function(2, lambda x, y: np.less(x, y) * 1.0),
    "interpolate": Function(3, lambda a, b, c: a + (b - a) * c),
    "clip": Function(3, _clip),
    "multiply add": Function(3, lambda a, b, c: a * b + c),
    "where": Function(3, lambda a, b, c: np.where(np.asarray(a) > 0, b, c)),
    "copy": Function(1, lambda x: x * 1.0),
    "negative": Function(1, np.negative),
    "absolute": Function(1, np.absolute),
    "square": Function(1, np.square),
    "cube": Function(1, lambda x: x * x * x),
    "sqrt": Function(1, lambda x: np.sqrt(np.abs(x))),
    "cbrt": Function(1, np.cbrt),
    "reciprocal": Function(1, lambda x: 1.0 / x),
    "sign": Function(1, np.sign),
    "exp": Function(1, np.exp),
    "expm1": Function(1, np.expm1),
    "log": Function(1, lambda x: np.log(np.abs(x) + TINY)),
    "log1p": Function(1, lambda x: np.log1p(np.abs(x))),
    "sin": Function(1, np.sin),
    "cos": Function(1, np.cos),
    "tan": Function(1, np.tan),
    "arcsin": Function(1, lambda x: np.arcsin(np.clip(x, -1, 1))),
    "arccos": Function(1, lambda x: np.arccos(np.clip(x, -1, 1))),
    "arctan": Function(1, np.arctan),
    "sinh": Function(1, np.sinh),
    "cosh": Function(1, np.cosh),
    "tanh": Function(1, np.tanh),
    "arcsinh": Function(1, np.arcsinh),
    "relu": Function(1, lambda x: np.maximum(x, 0.0)),
    "sigmoid": Function(1, lambda x: 0.5 + 0.5 * np.tanh(np.asarray(x) / 2)),
    "norm": Function(1, _norm, reduces=True),
    "mean": Function(1, np.mean, reduces=True),
    "dot": Function(2, lambda x, y: np.sum(x * y), reduces=True, commutes=True),
    "cosine": Function(2, _cosine, reduces=True, commutes=True),
}


class Statement(NamedTuple):
    """target = function(arguments); an argument is a variable's name or a constant."""

    target: str
    function: str
    arguments: tuple[str | float, ...]

    def __str__(self) -> str:
        shown = ", ".join(each if isinstance(each, str) else f"{each:.6g}" for each in self.arguments)
        return f"{self.target} = {self.function}({shown})"


Program = tuple[Statement, ...]


class Step(NamedTuple):
    update: Float[np.ndarray, " parameters"]
    m: Float[np.ndarray, " parameters"]
    v: Float[np.ndarray, " parameters"]


def as_text(program: Program) -> str:
    """One statement a line."""
    return "\n".join(map(str, program))


def problem(program: Program) -> str:
    """Why a program can't be run, "" where it can: found by following kinds instead of values."""
    kinds: dict[str, Kind] = dict(INPUTS)
    for number, (target, name, arguments) in enumerate(program):
        function = FUNCTIONS.get(name)
        if function is None or len(arguments) != function.arity:
            return f"statement {number}: no function {name} of {len(arguments)} arguments"
        given: list[Kind] = []
        for argument in arguments:
            if isinstance(argument, str) and argument not in kinds:
                return f"statement {number}: {argument} is not set"
            given.append(kinds[argument] if isinstance(argument, str) else "number")
        if target in ("w", "g", "lr"):
            return f"statement {number}: {target} can't be set"
        kinds[target] = "array" if "array" in given and not function.reduces else "number"
    for output in OUTPUTS:
        if kinds.get(output) != "array":
            return f"{output} is no array at the end"
    return ""


def run(program: Program, w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, lr: float) -> Step:
    """One step of a program that has no `problem`; what is not finite stays so."""
    values: dict[str, Value] = {"w": w, "g": g, "m": m, "v": v, "lr": lr}
    with np.errstate(all="ignore"):
        for target, name, arguments in program:
            given = [values[argument] if isinstance(argument, str) else argument for argument in arguments]
            values[target] = FUNCTIONS[name].run(*given)
    return Step(values["update"], values["m"], values["v"])


def _program(*lines: tuple[str, str, tuple[str | float, ...]]) -> Program:
    return tuple(Statement(*line) for line in lines)


def sgd() -> Program:
    """Gradient descent."""
    return _program(("update", "multiply", ("g", "lr")))


def momentum(beta: float = 0.9) -> Program:
    """Gradient descent with momentum, as in torch: m <- β m + g, the step is lr m."""
    return _program(("m", "multiply add", ("m", beta, "g")), ("update", "multiply", ("m", "lr")))


def adamw(betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8, weight_decay: float = 0.01) -> Program:
    """AdamW without bias correction."""
    return _program(
        ("m", "interpolate", ("g", "m", betas[0])),
        ("square", "square", ("g",)),
        ("v", "interpolate", ("square", "v", betas[1])),
        ("root", "sqrt", ("v",)),
        ("root", "add", ("root", epsilon)),
        ("step", "divide", ("m", "root")),
        ("step", "multiply add", ("w", weight_decay, "step")),
        ("update", "multiply", ("step", "lr")),
    )


def lion(betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0) -> Program:
    """Lion."""
    return _program(
        ("step", "interpolate", ("g", "m", betas[0])),
        ("step", "sign", ("step",)),
        ("step", "multiply add", ("w", weight_decay, "step")),
        ("update", "multiply", ("step", "lr")),
        ("m", "interpolate", ("g", "m", betas[1])),
    )
