"""Re-Tuning: a model that calls itself on smaller problems goes on to longer ones than it was trained on.

One decoder a way is trained on sums, or parities, of up to eight digits: on calls and their answers, on scratchpads,
and on answers alone, reading equally many units; then asked for longer ones. Decoders have no position encoding, in all
ways alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.sequence_training import Sizes, completed, train_writer, unit_accuracy, untrained
from phloem.tasks import recursive_calls as task
from phloem.tasks.recursive_calls import SYMBOLS, Kind, Way

SMOKE = Sizes(width=48, layers=2, heads=4, units=1000, steps=120, rate=5e-3, places="none")
LAPTOP = Sizes(width=128, layers=4, heads=4, units=1500, steps=500, rate=2e-3, places="none")
PAPER = Sizes(width=512, layers=8, heads=8, units=32_000, steps=50_000, rate=3e-4, places="none")
TEST_SEED = 16_700_001
MINUTES = 2.0  # that LAPTOP's steps take, about


def asking(model: PromptedDecoder, length: int) -> Any:
    """The model as a completer of texts; a call ends with its line."""

    def complete(texts: list[str]) -> list[str]:
        written = completed(model, [SYMBOLS.encode(text) for text in texts], length=length)
        return ["".join(SYMBOLS.decode(units)) for units in written]

    return complete


def longest_completion(kind: Kind, way: Way, size: int) -> int:
    """Units of the longest right completion of a problem of this size, and a few more."""
    asked = task.tests(kind, size, 5, TEST_SEED)
    if way == "calls":
        return 5 + max(len(piece.completion) for each in asked for piece in task.calls.pieces_of(each))
    return 5 + max(len(task.written_at_once(each, kind, way).completion) for each in asked)


def contend(
    job: Job, sizes: Sizes, kind: Kind, way: Way, largest: int, longest: int, near: tuple[int, ...], tests: int
) -> Outcome:
    """Train one way on one kind up to `largest`; hits on fresh problems of sizes up to `longest`."""
    draw = task.draw(kind, way, largest)
    held = [draw(np.random.default_rng((TEST_SEED, number))) for number in range(100)]
    model, facts = train_writer(job, len(SYMBOLS), draw, sizes, held)
    found = {}
    for size in sorted({*range(1, longest + 1)}):
        asked = task.tests(kind, size, tests, TEST_SEED)
        complete = asking(model, longest_completion(kind, way, size))
        found[size] = task.hits(asked, task.answers(complete, way, asked, size))
        job.progress(size / longest)
    before = unit_accuracy(untrained(job, len(SYMBOLS), sizes), held)
    units = {
        "near": _joined(found, near),
        "beyond": _joined(found, range(largest + 1, longest + 1)),
        "trained sizes": _joined(found, range(1, largest + 1)),
        "units": unit_accuracy(model, held),
    }
    facts |= {"right by size": {str(size): round(float(rows[:, 0].mean()), 3) for size, rows in found.items()}}
    return Outcome(units, {"units": float(before[:, 0].mean())}, facts)


def _joined(found: dict[int, np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    return np.concatenate([found[size] for size in sizes])


@system("re-tuning", row="S167", room="synthesis")
def re_tuning(scale: Scale) -> Claim:
    """Pasewark et al.: Re-Tuning: Overcoming the Compositionality Limits of LLMs with Recursive Tuning (ACL 2024).

    Sums and parities from scratch where the paper adapts models of 7 and 13 billion weights; its third task, the choice
    of elements, has data and runtime here and no claim.
    """
    sizes = {"smoke": SMOKE, "laptop": LAPTOP, "paper": PAPER}[scale.name].for_minutes(scale, MINUTES)
    largest, longest = {"smoke": (2, 3), "laptop": (8, 16), "paper": (15, 60)}[scale.name]
    near = {"smoke": (3,), "laptop": (10, 11, 12), "paper": (18, 20, 22)}[scale.name]
    options: dict[str, Any] = {"largest": largest, "longest": longest, "near": near, "tests": 5 if scale.smoke else 60}
    kinds: tuple[Kind, ...] = ("addition", "parity")
    ways: tuple[Way, ...] = ("calls", "scratchpad", "direct")
    arms = [
        Arm(
            f"{way}: {kind}", partial(contend, sizes=sizes, kind=kind, way=way, **options), {**asdict(sizes), **options}
        )
        for kind in kinds
        for way in ways
    ]
    return Claim(
        kind="trained",
        task=f"sums and parities longer than the {largest} digits of training",
        metrics=dict.fromkeys(("near", "beyond", "trained sizes", "units"), ACCURACY),
        arms=tuple(arms[:1] if scale.smoke else arms),
        clauses=CLAUSES,
        floor=Clause("units of calls are foreseen", "units", "calls: addition", None, 0.6),
        budget={"units": sizes.units * sizes.steps},
        data={"problems": "drawn", "largest": largest, "longest": longest},
        launch="phloem reproduce re-tuning --scale paper",
    )


CLAUSES = (
    Clause("15 points above scratchpads on longer sums", "near", "calls: addition", "scratchpad: addition", 0.15),
    Clause("40 points above direct answers on longer sums", "near", "calls: addition", "direct: addition", 0.40),
)
