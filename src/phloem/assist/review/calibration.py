"""What a detector's probabilities are worth: calibration, thresholds, and figures on injected bugs.

A check speaks up where the probability of a slot reaches its threshold. Both are set on validation functions of which
half have one bug: a logistic curve for each check turns the network's log odds into how often a slot like that was
wrong there (Platt, "Probabilistic Outputs for Support Vector Machines", 1999), and the threshold is the lowest at which
findings of the check are right with PRECISION. A check that can't reach LEAST_PRECISION is off unless it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from phloem.assist.progress import Tell, silent
from phloem.measure import bootstrap, calibration
from phloem.measure.localise_repair import LocaliseRepair, localise_repair
from phloem.nn.models.bug_detector import BugDetector, location_log_probabilities
from phloem.represent.bug_arrays import Injecting
from phloem.represent.bug_slots import CHECKS, EXCEPTION, OPERATOR, VARIABLE

PRECISION = 0.8  # aimed at where half of the functions have a bug; in ordinary code fewer have one
MIDDLE_PRECISION, LEAST_PRECISION = 0.65, 0.5  # of a check that doesn't get so far
FEWEST = 30  # findings that a threshold must rest on
RARE = 0.05  # of functions with a bug, where precision is told besides
LEAST = 1e-4  # probability of a slot that is kept


@dataclass
class Judgements:
    """Slots of functions with at most one bug: `logit` is the log odds that the network gives one, `right` whether it
    is the bug, `function` which one it is of. `error` and `location` are each function's bug and the most probable
    answer (a slot's number from 1, 0 for none), `repaired` whether the most probable repair of its bug is right."""

    kind: Int64[np.ndarray, " slots"]
    logit: Float[np.ndarray, " slots"]
    right: Bool[np.ndarray, " slots"]
    function: Int64[np.ndarray, " slots"]
    error: Int64[np.ndarray, " functions"]
    location: Int64[np.ndarray, " functions"]
    repaired: Bool[np.ndarray, " functions"]
    bug: Int64[np.ndarray, " functions"]  # the kind of its bug, -1 for none

    def localised(self) -> LocaliseRepair:
        return localise_repair(self.error, self.location, self.repaired)

    def figures(self) -> dict[str, float]:
        """The shares of `measure.localise_repair`, and for each check how many of its bugs were pointed at."""
        figures = {name: round(value, 5) for name, value in self.localised()._asdict().items()}
        for kind, name in enumerate(CHECKS):
            of = self.bug == kind
            if of.any():
                figures[f"found_{name}"] = round(float((self.location == self.error)[of].mean()), 5)
        return figures


@torch.inference_mode()
def judged(model: BugDetector, dataset: Injecting, most: int, tell: Tell = silent) -> Judgements:
    """The fixed draws of at most `most` functions, spread evenly over a dataset."""
    count = min(most, len(dataset))
    chosen = np.linspace(0, max(0, len(dataset) - 1), count).astype(np.int64)
    chosen = chosen[np.argsort(dataset.sizes[chosen], kind="stable")]
    parts: list[tuple[np.ndarray, ...]] = []
    functions: list[tuple[np.ndarray, ...]] = []
    for start in range(0, count, 64):
        tell("judging functions, half of them with a bug", start / max(1, count))
        batch = dataset.batch(chosen[start : start + 64], None)
        verdicts = model(batch)
        rows = len(batch.lengths)
        table = location_log_probabilities(verdicts.location, batch.row, batch.place, rows)
        p = table[batch.row, batch.place + 1].exp().clamp(1e-9, 1 - 1e-6)
        wrong = batch.wrong
        error, bug = torch.zeros(rows, dtype=torch.long), torch.full((rows,), -1)
        error[batch.row[wrong]], bug[batch.row[wrong]] = batch.place[wrong] + 1, batch.kind[wrong]
        repaired = torch.zeros(rows, dtype=torch.bool)
        repaired[batch.row[verdicts.asked]] = _repaired(verdicts, batch)
        keep = (p > LEAST) | wrong
        parts.append(
            (batch.kind[keep].numpy(), torch.logit(p[keep]).numpy(), wrong[keep].numpy(),
             batch.row[keep].numpy() + start)
        )  # fmt: skip
        functions.append((error.numpy(), table.argmax(dim=1).numpy(), repaired.numpy(), bug.numpy()))
    if not parts:
        none = np.zeros(0, np.int64)
        return Judgements(none, none.astype(float), none > 0, none, none, none, none > 0, none)
    return Judgements(
        *(np.concatenate(column) for column in zip(*parts, strict=True)),
        *(np.concatenate(column) for column in zip(*functions, strict=True)),
    )


def _repaired(verdicts: Any, batch: Any) -> torch.Tensor:
    """Of each slot that was asked about: whether the most probable repair is right; swaps are."""
    asked = verdicts.asked
    kind, right = batch.kind[asked], batch.right[asked]
    done = torch.ones(len(asked), dtype=torch.bool)
    uses = kind == VARIABLE
    if uses.any():
        rows = batch.row[asked[uses]]
        best = best_variables(verdicts.variables[uses], batch.number[rows])
        done[uses] = best[0] == right[uses]
    closed = (kind == OPERATOR) | (kind == EXCEPTION)
    done[closed] = verdicts.words[closed].argmax(dim=-1) == right[closed]
    return done


def best_variables(logits: torch.Tensor, number: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The most probable variable of each slot and its probability: that of all its occurrences together. -1 and 0
    where there is no other variable."""
    count = max(1, int(number.max()) + 1) if number.numel() else 1  # -1 where no occurrence has a number
    mass = logits.softmax(dim=-1).nan_to_num(0.0)
    table = torch.zeros(len(logits), count).scatter_add(1, number.clamp(min=0), mass * (number >= 0))
    p, best = table.max(dim=-1)
    return torch.where(p > 0, best, -1), p


def calibrated(found: Judgements) -> dict[str, dict[str, Any]]:
    """For each check its curve (`slope`, `offset`), `threshold`, whether it is `on`, and precision and recall there on
    the functions that it was set on. `recall` is the share of the check's bugs that are found."""
    checks: dict[str, dict[str, Any]] = {}
    for kind, name in enumerate(CHECKS):
        own = found.kind == kind
        logit, right = found.logit[own], found.right[own]
        slope, offset = calibration.logistic(logit, right) if 0 < right.sum() < len(right) else (1.0, 0.0)
        p = probability(logit, slope, offset)
        facts: dict[str, Any] = {"slope": round(slope, 5), "offset": round(offset, 5), "bugs": int(right.sum())}
        on, chosen = False, None
        for aim in (PRECISION, MIDDLE_PRECISION, LEAST_PRECISION):
            chosen = _threshold(p, right, aim)
            if chosen is not None:
                on = True
                break
        threshold = chosen if chosen is not None else 0.5
        flagged = p >= threshold
        facts |= {
            "threshold": float(f"{threshold:.5g}"),
            "on": on,
            "findings": int(flagged.sum()),
            "precision": round(float(right[flagged].mean()), 4) if flagged.any() else 0.0,
            "recall": round(float(right[flagged].sum() / max(1, right.sum())), 4),
            "calibration_error": round(calibration.calibration_error(p, right), 5),
        }
        checks[name] = facts
    return checks


def probability(logit: Float[np.ndarray, " slots"], slope: float, offset: float) -> Float[np.ndarray, " slots"]:
    """The network's log odds as a calibrated probability."""
    return 1 / (1 + np.exp(-np.clip(slope * np.asarray(logit, np.float64) + offset, -30, 30)))


def _threshold(p: np.ndarray, right: np.ndarray, aim: float) -> float | None:
    """The lowest probability from which on findings are right with the precision `aim`; None where fewer than FEWEST
    would be left."""
    if not len(p):
        return None
    table = calibration.precision_recall(1 - p, right)
    enough = np.flatnonzero((table.precision >= aim) & (table.flagged >= FEWEST))
    if not len(enough):
        return None
    return float(np.sort(p)[::-1][table.flagged[enough[-1]] - 1])


def finding_figures(found: Judgements, checks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Findings of the checks that are on, at their thresholds: `check_figures` of each check and of all together."""
    functions = len(found.error)
    flagged = np.zeros(len(found.kind), bool)
    for kind, name in enumerate(CHECKS):
        own, facts = found.kind == kind, checks[name]
        p = probability(found.logit[own], facts["slope"], facts["offset"])
        flagged[own] = (p >= facts["threshold"]) & facts["on"]
    clean = found.error == 0
    tables = {}
    for name, of in (("all", np.arange(len(CHECKS))), *((name, np.array([k])) for k, name in enumerate(CHECKS))):
        own = flagged & np.isin(found.kind, of)
        counts = np.zeros((functions, 3))
        np.add.at(counts[:, 0], found.function[own & found.right], 1)
        np.add.at(counts[:, 1], found.function[own & ~found.right], 1)
        counts[:, 2] = np.isin(found.bug, of)
        tables[name] = check_figures(counts, clean)
    return {"functions": functions, "functions_with_a_bug": int((~clean).sum()), "checks": tables}


def check_figures(
    counts: Float[np.ndarray, "functions 3"], clean: Bool[np.ndarray, " functions"], rare: float = RARE
) -> dict[str, Any]:
    """From each function's right findings, wrong findings and bugs: precision and recall, with 95% intervals over
    functions, false alarms per thousand functions without a bug, and the precision where a share `rare` of functions
    has a bug and each kind of function gives as many findings as here. None where nothing was found."""
    right, wrong, bugs = counts.sum(axis=0)
    alarms = counts[clean, 1].sum() / max(1, clean.sum())
    with_bug = counts[~clean].sum(axis=0) / max(1, (~clean).sum())
    rare_right, rare_wrong = rare * with_bug[0], rare * with_bug[1] + (1 - rare) * alarms
    figures: dict[str, Any] = {
        "findings": int(right + wrong),
        "bugs": int(bugs),
        "false_alarms_per_1000_clean_functions": round(1000 * float(alarms), 2),
        "precision_at_one_bug_in_20_functions": None,
    }
    if rare_right + rare_wrong:
        figures["precision_at_one_bug_in_20_functions"] = round(float(rare_right / (rare_right + rare_wrong)), 4)
    for name, parts in (("precision", (0, 1)), ("recall", (0, 2))):
        if name == "precision" and not right + wrong:
            figures |= {"precision": None, "precision_interval": None}
            continue
        value, low, high = bootstrap.interval(counts[:, parts], _PARTS[name])
        figures |= {name: round(float(value), 4), f"{name}_interval": [round(float(low), 4), round(float(high), 4)]}
    return figures


def _precision(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / np.maximum(1, sums[..., 0] + sums[..., 1])


def _recall(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / np.maximum(1, sums[..., 1])


_PARTS = {"precision": _precision, "recall": _recall}
