"""Running a concatenation while it is being written: is each output so far a prefix of the one that is wanted?

The execution side of RobustFill's DP-Beam (Devlin et al., ICML 2017, section 5.2; `decode.execution_guided_beam`). An
expression's output on an input does not depend on what stands before it, so what it gives is computed once a task,
however many hypotheses write it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from phloem.errors import PhloemError
from phloem.represent.base import PAD
from phloem.synthesis.languages import robustfill_tokens
from phloem.synthesis.program import Program, Value, run

Run = Callable[[Program, Sequence[Value]], Value | None]


class Written(NamedTuple):
    """The tokens of the expression that is not complete yet, and how far each wanted output is written."""

    source: int
    open: tuple[int, ...]
    places: tuple[int, ...]


class PartialConcat:
    """The `Execution` of some tasks: `inputs[i]` and `outputs[i]` are the observed examples of task i.

    `run` is the interpreter."""

    def __init__(self, inputs: Sequence[Sequence[str]], outputs: Sequence[Sequence[str]], run: Run = run) -> None:
        self.inputs, self.outputs, self.run = inputs, outputs, run
        self.known: list[dict[tuple[int, ...], tuple[str, ...] | None]] = [{} for _ in inputs]

    def start(self, source: int) -> Written:
        """Nothing is written."""
        return Written(source, (), (0,) * len(self.outputs[source]))

    def extend(self, state: Written, token: int) -> Written | None:
        """The state after a token; None after one that no program has there, after an expression whose output is not
        what comes next in some wanted output, or at an end that is too early."""
        wanted = self.outputs[state.source]
        if token == PAD:
            whole = not state.open and all(p == len(text) for p, text in zip(state.places, wanted, strict=True))
            return state if whole and state.places else None
        tokens = (*state.open, token)
        try:
            length = robustfill_tokens.length(tokens)
        except PhloemError:
            return None
        if length is None or len(tokens) < length:
            return state._replace(open=tokens)
        given = self._outputs(state.source, tokens)
        if given is None:
            return None
        rows = zip(wanted, given, state.places, strict=True)
        if not all(text.startswith(part, place) for text, part, place in rows):
            return None
        places = tuple(place + len(part) for part, place in zip(given, state.places, strict=True))
        return Written(state.source, (), places)

    def _outputs(self, source: int, tokens: tuple[int, ...]) -> tuple[str, ...] | None:
        """What an expression gives on all inputs of a task; None where it is none or fails."""
        known = self.known[source]
        if tokens not in known:
            known[tokens] = None
            try:
                program = robustfill_tokens.decode(tokens)
            except PhloemError:
                return None
            values = [self.run(program, (text,)) for text in self.inputs[source]]
            if all(isinstance(value, str) for value in values):
                known[tokens] = tuple(map(str, values))
        return known[tokens]
