"""Does the model know what its text means, or does the probe learn to interpret it?

Jin and Rinard (ICML 2024, section 4). The programs that a model wrote, and its vectors at their tokens, stay as they
are; what the actions mean is permuted, and the states are traced anew. A probe that does the interpreting itself learns
the new meaning as well as the old one; a probe that reads states which the model holds can not. A permutation that
moves no turn leaves every direction as it was and shows nothing; `changed` counts how much a permutation moves.

States are those of the programs that the model itself wrote, not of those that it should have written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.analysis.semantic_probe import Samples
from phloem.decode.greedy import greedy
from phloem.nn.models.program_lm import Constrained, ProgramLM
from phloem.synthesis.languages import karel
from phloem.synthesis.languages.karel import ORIGINAL, Program, Semantics, World
from phloem.tasks import karel as tasks
from phloem.tasks.karel import BRACKETS, Grammar, KarelSpec, Kind

AT_ONCE = 128


class Written(NamedTuple):
    """What a model wrote for each spec, and whether it does what is asked."""

    specs: Sequence[KarelSpec]
    programs: tuple[Program, ...]
    right: Float[np.ndarray, " specs"]


def write(model: Any, specs: Sequence[KarelSpec], kind: Kind) -> Written:
    """Greedy completions, kept to the grammar of straight lines."""
    length = kind.longest + BRACKETS
    constrained = Constrained(model, Grammar(length, kind.actions))
    programs: list[Program] = []
    for some in _parts(specs):
        found = greedy(constrained, tasks.prompts(some), length=length)
        programs += [tasks.decode(each[0].value) for each in found]
    right = [float(tasks.satisfies(one, each)) for one, each in zip(programs, specs, strict=True)]
    return Written(specs, tuple(programs), np.array(right))


def vectors(model: ProgramLM, written: Written) -> list[Float[np.ndarray, "actions width"]]:
    """The model's vectors at the tokens of each program's actions."""
    actions = {tasks.NUMBERS[action] for action in karel.ACTIONS}
    found = []
    for some in _parts(list(zip(written.specs, written.programs, strict=True))):
        batch = tasks.texts([one for one, _ in some], [program for _, program in some])
        features = model.features(batch).numpy()
        for row, tokens in zip(features, batch.tokens.tolist(), strict=True):
            found.append(row[[at for at, token in enumerate(tokens) if token in actions]])
    return found


def samples(
    read: Sequence[Float[np.ndarray, "actions width"]],
    written: Written,
    kind: Kind,
    names: Sequence[str],
    *,
    semantics: Semantics = ORIGINAL,
    ahead: int = 0,
) -> Samples:
    """The vectors with the labels of the named attributes, of each example one after the other."""
    asked = [i for i, each in enumerate(tasks.attributes(kind.free)) if each.name in names]
    labels, unit = [], []
    for number, (program, spec) in enumerate(zip(written.programs, written.specs, strict=True)):
        states = tasks.traced(program, spec.before, kind.free, semantics=semantics, ahead=ahead)
        labels.append(states[:, :, asked].reshape(len(states), len(spec.before) * len(asked)))
        unit += [number] * len(states)
    return Samples(np.concatenate(read), np.concatenate(labels), np.array(unit, int))


def classes(kind: Kind, names: Sequence[str]) -> list[int]:
    """The answers of each question of `samples`."""
    return [each.classes for each in tasks.attributes(kind.free) if each.name in names] * kind.examples


def changed(program: Program, world: World, semantics: Semantics, *, facing: bool = False) -> bool:
    """Whether the states of a run differ from the original ones; with `facing`, whether the directions do."""
    old, new = karel.trace(program, world), karel.trace(program, world, semantics=semantics)
    assert old is not None
    assert new is not None
    return [w.facing for w in old] != [w.facing for w in new] if facing else old != new


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE)]
