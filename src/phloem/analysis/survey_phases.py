"""Three generations of models on one task, side by side only where they had the same.

Sun et al., "A Survey of Neural Code Intelligence: Paradigms, Advances and Beyond" (arXiv 2403.14734, 2024) tell the
field as neural models of structure, pretrained code models, and language models. A table that compares them says
nothing if one had other functions to learn from or more time, so a run that did is refused, with the reason. Time is
read in two ways: pretraining counted, as somebody has to pay for it, or not, as it is paid once for all tasks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from phloem.analysis.taxonomy import PHASES
from phloem.analysis.taxonomy_tables import markdown
from phloem.errors import PhloemError

SLACK = 1.02  # a run ends after the step that passes its budget


class PhaseRun(NamedTuple):
    """What one contender had and reached. Minutes are of the task's training and of pretraining before it."""

    name: str
    phase: str
    data: str
    minutes: float
    pretraining: float
    f1: tuple[float, ...]  # a seed each

    def spent(self, *, counted: bool) -> float:
        return self.minutes + (self.pretraining if counted else 0.0)


class Compared(NamedTuple):
    rows: list[PhaseRun]
    refused: dict[str, str]  # by name, the reason


def compared(runs: Iterable[PhaseRun], *, data: str, minutes: float, counted: bool) -> Compared:
    """The runs that learned from `data` within `minutes`, best first in each phase, and the refused ones.

    Raises PhloemError where none is left.
    """
    rows, refused = list[PhaseRun](), dict[str, str]()
    for run in runs:
        spent = run.spent(counted=counted)
        if run.phase not in PHASES:
            refused[run.name] = f"its phase is {run.phase!r}"
        elif run.data != data:
            refused[run.name] = "it learned from other data"
        elif spent > SLACK * minutes:
            refused[run.name] = f"it had {spent:.3g} minutes, the others {minutes:.3g}"
        else:
            rows.append(run)
    if not rows:
        raise PhloemError("no run is left to compare: " + "; ".join(f"{name}: {why}" for name, why in refused.items()))
    rows.sort(key=lambda run: (PHASES.index(run.phase), -float(np.mean(run.f1))))
    return Compared(rows, refused)


def table(found: Compared, *, counted: bool) -> str:
    """The rows as text, and under them who is left out and why."""
    lines = [
        [
            run.phase,
            run.name,
            f"{np.mean(run.f1):.4f}",
            " ".join(f"{each:.4f}" for each in run.f1),
            f"{run.minutes:.3g}",
            f"{run.pretraining:.3g}",
        ]
        for run in found.rows
    ]
    head = ["phase", "system", "F1", "seeds", "minutes", "pretraining"]
    said = "Pretraining is counted." if counted else "Pretraining is not counted."
    out = "".join(f"\n{name} is left out: {why}." for name, why in found.refused.items())
    return f"{said}\n\n{markdown(head, lines)}{out}"


def runs_of(result: Mapping[str, Any], metric: str = "f1") -> list[PhaseRun]:
    """The contenders of a result of `phloem reproduce`, by what its runs said of themselves."""
    found = []
    for name, arm in result["arms"].items():
        facts = arm["facts"]
        found.append(
            PhaseRun(
                name,
                facts[0]["phase"],
                "; ".join(sorted({json.dumps(each["data"], sort_keys=True) for each in facts})),
                max(each["minutes"] for each in facts),
                max(each["pretraining minutes"] for each in facts),
                tuple(arm["values"][metric]),
            )
        )
    return found


def both_readings(result: Mapping[str, Any], *, data: Mapping[str, Any], minutes: float) -> str:
    """The two tables of a result."""
    runs, told = runs_of(result), json.dumps(dict(data), sort_keys=True)
    tables = []
    for counted in (True, False):
        tables.append(table(compared(runs, data=told, minutes=minutes, counted=counted), counted=counted))
    return "\n\n".join(tables) + "\n"
