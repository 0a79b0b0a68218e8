"""What of an optimiser program matters: statements that reach an update, and a key of what they compute.

Chen et al. (NeurIPS 2023, section 2.2): programs that differ in statements without effect are one, and are scored
once. A memory matters if it is read before it is set, by a statement that matters: of the updates of all steps, not
of one, nothing is lost.
"""

from __future__ import annotations

import hashlib

from phloem.synthesis.optimizer_dsl import FUNCTIONS, MEMORIES, Program, Statement

DIGITS = 9  # constants that agree so far are one


def live_memories(program: Program) -> tuple[str, ...]:
    """The memories that any update depends on."""
    return _analysed(program)[1]


def without_dead_code(program: Program) -> Program:
    """The statements that some update depends on, now or at a later step; the updates stay the same, bit for bit."""
    return _analysed(program)[0]


def _analysed(program: Program) -> tuple[Program, tuple[str, ...]]:
    memories: set[str] = set()
    while True:
        needed, kept = {"update", *memories}, []
        for statement in reversed(program):
            if statement.target in needed:
                kept.append(statement)
                needed.discard(statement.target)
                needed |= {argument for argument in statement.arguments if isinstance(argument, str)}
        found = needed & set(MEMORIES)
        if found <= memories:
            return tuple(reversed(kept)), tuple(name for name in MEMORIES if name in memories)
        memories |= found


def key(program: Program) -> str:
    """The same for programs whose updates are the same expressions of what they are given, whatever their variables
    are called and in whatever order they are set."""
    program, memories = _analysed(program)
    numbers: dict[str, str] = {name: name for name in ("w", "g", "m", "v", "lr")}
    for statement in program:
        numbers[statement.target] = _hash(statement, numbers)
    return "/".join(f"{name}:{numbers[name]}" for name in ("update", *memories))


def _hash(statement: Statement, numbers: dict[str, str]) -> str:
    parts = [
        numbers[argument] if isinstance(argument, str) else f"{argument:.{DIGITS}g}" for argument in statement.arguments
    ]
    if FUNCTIONS[statement.function].commutes:
        parts.sort()
    return hashlib.sha256("\0".join((statement.function, *parts)).encode()).hexdigest()[:16]
