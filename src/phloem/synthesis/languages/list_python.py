"""List programs as plain Python: what a person reads, and what a sandbox runs.

A line of DeepCoder's list language is one assignment; a program is a function of its inputs that needs nothing but the
standard library:

    x1 = Map (*2) x0 | x2 = Sum x1      def program(x0):
                                            x1 = [v * 2 for v in x0]
                                            x2 = sum(x1)
                                            return x2

Wherever our interpreter gives a value, so does Python, and the same one. Where ours gives none (the element at a
negative place, a number out of bounds) Python may still give something.
"""

from __future__ import annotations

from phloem.synthesis.languages.deepcoder import Line, ListProgram

IMPORTS = "from itertools import accumulate\n\n\n"
NAME = "program"
_FUNCTIONS = {
    "(+1)": "v + 1",
    "(-1)": "v - 1",
    "(*2)": "v * 2",
    "(/2)": "v // 2",
    "(*(-1))": "-v",
    "(**2)": "v**2",
    "(*3)": "v * 3",
    "(/3)": "v // 3",
    "(*4)": "v * 4",
    "(/4)": "v // 4",
    "(>0)": "v > 0",
    "(<0)": "v < 0",
    "(%2==0)": "v % 2 == 0",
    "(%2==1)": "v % 2 == 1",
    "(+)": "v + w",
    "(-)": "v - w",
    "(*)": "v * w",
    "(min)": "min(v, w)",
    "(max)": "max(v, w)",
}
_OPERATIONS = {
    "Head": "{0}[0]",
    "Last": "{0}[-1]",
    "Take": "{1}[:{0}]",
    "Drop": "{1}[{0}:]",
    "Access": "{1}[{0}]",
    "Minimum": "min({0})",
    "Maximum": "max({0})",
    "Reverse": "{0}[::-1]",
    "Sort": "sorted({0})",
    "Sum": "sum({0})",
    "Map": "[{0} for v in {1}]",
    "Filter": "[v for v in {1} if {0}]",
    "Count": "len([v for v in {1} if {0}])",
    "ZipWith": "[{0} for v, w in zip({1}, {2})]",
    "Scanl1": "list(accumulate({1}, lambda v, w: {0}))",
}


def expression(line: Line) -> str:
    """The right side of a line's assignment."""
    words = [_FUNCTIONS[each] if isinstance(each, str) else f"x{each}" for each in line.arguments]
    return _OPERATIONS[line.operation].format(*words)


def source(program: ListProgram) -> str:
    """A module with the function `program`, its inputs x0, x1 …"""
    names = [f"x{i}" for i in range(program.inputs)]
    lines = [f"    x{i} = {expression(line)}\n" for i, line in enumerate(program.lines, program.inputs)]
    last = f"x{program.inputs + len(program.lines) - 1}"
    needed = IMPORTS if any(line.operation == "Scanl1" for line in program.lines) else ""
    return f"{needed}def {NAME}({', '.join(names)}):\n{''.join(lines)}    return {last}\n"
