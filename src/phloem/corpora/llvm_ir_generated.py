"""Random C functions that are defined for all inputs: for tests of compilers that run what they compiled.

    unsigned f(unsigned a, unsigned b, unsigned c, unsigned *m)          m has room for CELLS numbers

Arithmetic is unsigned (it wraps), shifts are by less than 32, divisors are odd, indices are masked, variables are
initialised, and loops count to a small bound: so the same inputs give the same result and the same memory whatever is
done to the code. Like Csmith (Yang, Chen, Eide and Regehr 2011), but small. Wasteful functions waste
instructions in one of four ways, each of which another pass undoes best.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CELLS = 8
ARGUMENTS = ("a", "b", "c")
_OPERATORS = ("+", "-", "*", "&", "|", "^")
_COMPARISONS = ("<", ">", "<=", ">=", "==", "!=")


class _Writer:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.variables = list(ARGUMENTS)
        self.counters: list[str] = []  # loops count in these; nothing else writes them

    def pick(self, options: tuple[str, ...] | list[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def expression(self, depth: int) -> str:
        kind = int(self.rng.integers(10)) if depth else int(self.rng.integers(4))
        if kind < 2:
            return self.pick(self.variables + self.counters)
        if kind == 2:
            return f"{int(self.rng.integers(20))}u"
        if kind == 3:
            return f"m[{self.pick(self.variables + self.counters)} & {CELLS - 1}]"
        left, right = self.expression(depth - 1), self.expression(depth - 1)
        if kind < 8:
            return f"({left} {self.pick(_OPERATORS)} {right})"
        if kind == 8:
            return f"({left} {self.pick(['<<', '>>'])} ({right} & 7))"
        return f"({left} {self.pick(['/', '%'])} ({right} | 1))"

    def condition(self) -> str:
        return f"{self.expression(1)} {self.pick(_COMPARISONS)} {self.expression(1)}"

    def block(self, length: int, depth: int) -> list[str]:
        known = len(self.variables)
        lines = [line for _ in range(length) for line in self.statement(depth)]
        del self.variables[known:]
        return [f"  {line}" for line in lines]

    def statement(self, depth: int) -> list[str]:
        choices: list[Callable[[int], list[str]]] = [self.assign, self.assign, self.store, self.declare]
        if depth:
            choices += [self.branch, self.loop]
        return choices[int(self.rng.integers(len(choices)))](depth)

    def assign(self, depth: int) -> list[str]:
        return [f"{self.pick(self.variables)} = {self.expression(2)};"]

    def store(self, depth: int) -> list[str]:
        return [f"m[{self.pick(self.variables)} & {CELLS - 1}] = {self.expression(2)};"]

    def declare(self, depth: int) -> list[str]:
        value, name = self.expression(2), f"v{len(self.variables)}"
        self.variables.append(name)
        return [f"unsigned {name} = {value};"]

    def branch(self, depth: int) -> list[str]:
        lines = [f"if ({self.condition()}) {{", *self.block(int(self.rng.integers(1, 3)), depth - 1)]
        if self.rng.random() < 0.5:
            lines += ["} else {", *self.block(int(self.rng.integers(1, 3)), depth - 1)]
        return [*lines, "}"]

    def loop(self, depth: int) -> list[str]:
        name, bound = f"i{len(self.counters)}", f"({self.pick(self.variables)} & 7)"
        self.counters.append(name)
        body = self.block(int(self.rng.integers(1, 3)), depth - 1)
        self.counters.pop()
        return [f"for (unsigned {name} = 0; {name} < {bound} && {name} < 8; {name}++) {{", *body, "}"]


def random_function(rng: np.random.Generator, name: str, *, statements: int = 4, depth: int = 2) -> str:
    """C source of one function; `statements` at its top level, blocks nested up to `depth`."""
    writer = _Writer(rng)
    body = [line for _ in range(statements) for line in writer.statement(depth)]
    lines = [*(f"  {line}" for line in body), f"  return {writer.expression(2)};"]
    arguments = ", ".join(f"unsigned {argument}" for argument in ARGUMENTS)
    return "\n".join([f"unsigned {name}({arguments}, unsigned *m) {{", *lines, "}"]) + "\n"


def random_functions(seed: int, count: int, *, statements: tuple[int, int] = (2, 6), depth: int = 2) -> str:
    """A C file of functions f0, f1, … of different lengths."""
    rng = np.random.default_rng(seed)
    return "\n".join(
        random_function(rng, f"f{number}", statements=int(rng.integers(*statements)), depth=depth)
        for number in range(count)
    )


WASTES = ("constants", "repeated", "overwritten", "branches")


def wasteful_function(rng: np.random.Generator, name: str, waste: str, length: int) -> str:
    """A function of WASTES: sums of constants one by one (instruction combining), the same product again and again
    (value numbering), memory that is overwritten (dead stores), or branches between two values (the flow graph)."""
    lines = []
    one, two, three = (ARGUMENTS[int(each)] for each in rng.integers(3, size=3))
    for _ in range(length):
        first, second, third = (ARGUMENTS[int(one)] for one in rng.permutation(3))
        cell, other = (int(one) for one in rng.permutation(CELLS)[:2])
        constant = int(rng.integers(1, 50))
        lines += {
            "constants": [f"a = a + {constant}u;", f"a = a + {constant + 7}u;"],
            "repeated": [f"m[{cell}] = {one} * {two} + {three};", f"m[{other}] = {two} + {three};"],
            "overwritten": [f"m[{cell}] = {first};", f"m[{other}] = {second};", f"m[{cell}] = {third};"],
            "branches": [f"if ({first} > {second}) a = {second}; else a = {third};"],
        }[waste]
    arguments = ", ".join(f"unsigned {argument}" for argument in ARGUMENTS)
    body = "".join(f"  {line}\n" for line in lines)
    return f"unsigned {name}({arguments}, unsigned *m) {{\n{body}  return a;\n}}\n"


def wasteful_functions(seed: int, count: int, *, lengths: tuple[int, int] = (2, 6)) -> str:
    """A C file of functions f0, f1, … of all four kinds in turn and of different lengths (the last one excluded)."""
    rng = np.random.default_rng(seed)
    return "\n".join(
        wasteful_function(rng, f"f{number}", WASTES[number % len(WASTES)], int(rng.integers(*lengths)))
        for number in range(count)
    )
