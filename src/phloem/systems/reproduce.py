"""Runs a system's claim and writes what was measured: RESULTS/NAME/SCALE.json.

Each run (an arm at a seed) is kept as RESULTS/runs/NAME/SCALE/ARM-SEED.json as soon as it ends, so that a stopped
reproduction goes on with the next one. A kept run counts only while its arm's settings, budget and data are the same.
Runs are made seed by seed, all arms at one seed before the next seed, so that a machine that is busy for a while is
busy for all contenders.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from phloem.errors import PhloemError
from phloem.systems.claims import (
    SEEDS,
    Arm,
    Claim,
    Decision,
    Job,
    Outcome,
    Scale,
    decide,
    scale_of,
    worst,
)
from phloem.systems.registry import Card, card

FORMAT = 1


class Step(NamedTuple):
    """What a progress display needs: the run in hand, its number among all, and the fraction of it that is done."""

    arm: str
    seed: int
    number: int
    runs: int
    fraction: float
    kept: bool  # it was done before


class Row(NamedTuple):
    """One clause of one scale as it was measured."""

    scale: str
    clause: str
    metric: str
    arms: tuple[str, ...]
    values: dict[str, list[float]]
    value: float
    margin: float
    interval: tuple[float, float]
    verdict: str


def run(
    name: str,
    scale: str = "smoke",
    *,
    out: str | Path = "results",
    data: str | Path | None = None,
    minutes: float | None = None,
    seeds: tuple[int, ...] | None = None,
    threads: int | None = 1,
    progress: Callable[[Step], None] | None = None,
) -> dict[str, Any]:
    """Run the claim of a system, by name or row, and return what is written to OUT/NAME/SCALE.json.

    `minutes` replaces the scale's training budget of each run. `threads` is torch's; one thread keeps contenders equal
    on a busy machine.

    Raises:
        PhloemError: an unknown system or scale, or data that isn't there.
    """
    import torch

    known, chosen = card(name), scale_of(scale, minutes=minutes, seeds=seeds, data=Path(data) if data else None)
    if threads is not None:
        torch.set_num_threads(threads)
    claim, folder = known.claim(chosen), Path(out) / "runs" / known.name / scale
    runs = [(arm, seed) for seed in chosen.seeds for arm in claim.arms]
    done: dict[str, list[Outcome]] = {arm.name: [] for arm in claim.arms}
    for number, (arm, seed) in enumerate(runs):
        done[arm.name].append(_run(arm, seed, claim, folder, (number, len(runs)), progress))
    asked = (claim.floor,) if chosen.smoke else claim.clauses
    decisions = [decide(clause, claim.metrics[clause.metric], done) for clause in asked]
    further: dict[str, list[Outcome]] = {}
    if claim.further and any(
        one.clause.name == claim.further.unless and one.verdict != "confirmed" for one in decisions
    ):
        more = [(arm, seed) for seed in chosen.seeds for arm in claim.further.arms]
        for number, (arm, seed) in enumerate(more):
            outcome = _run(arm, seed, claim, folder, (number, len(more)), progress)
            further.setdefault(arm.name, []).append(outcome)
    result = _result(known, claim, chosen, decisions, done, further, threads)
    _write(Path(out) / known.name / f"{scale}.json", result)
    return result


def table(name: str, out: str | Path = "results") -> list[Row]:
    """What was measured of a system, scale by scale; [] if nothing was. Raises PhloemError for an unknown name."""
    known = card(name)
    rows = []
    for scale in SEEDS:
        result = read(Path(out) / known.name / f"{scale}.json")
        for one in result["clauses"] if result else ():
            rows.append(
                Row(
                    scale,
                    one["clause"],
                    one["metric"],
                    tuple(one["arms"]),
                    one["values"],
                    one["value"],
                    one["margin"],
                    tuple(one["interval"]),
                    one["verdict"],
                )
            )
    return rows


def read(file: Path) -> dict[str, Any] | None:
    """A result file; None if there is none. Raises PhloemError if it isn't one."""
    try:
        result: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PhloemError(f"{file} is no result of phloem reproduce: {error}") from None
    return result


def _run(
    arm: Arm,
    seed: int,
    claim: Claim,
    folder: Path,
    place: tuple[int, int],
    progress: Callable[[Step], None] | None,
) -> Outcome:
    """One run, or what is kept of it."""
    key = fingerprint(arm, claim)
    stem = f"{re.sub(r'[^A-Za-z0-9]+', '-', arm.name).strip('-')}-{seed}"
    file = folder / f"{stem}.json"
    kept = read(file)
    number, runs = place

    def tell(fraction: float, was_kept: bool = False) -> None:
        if progress is not None:
            progress(Step(arm.name, seed, number, runs, fraction, was_kept))

    if kept is not None and kept.get("fingerprint") == key:
        tell(1.0, was_kept=True)
        units = {name: np.array(parts, float) for name, parts in kept["units"].items()}
        return Outcome(units, kept["untrained"], kept["facts"])
    tell(0.0)
    wall, cpu = time.monotonic(), time.process_time()
    job = Job(seed, folder / f"{stem}-{key[:12]}", folder / "data", tell)
    outcome = arm.run(job)
    outcome.facts |= {
        "seconds": round(time.monotonic() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else [],
    }
    units = {name: np.round(parts, 6).tolist() for name, parts in outcome.units.items()}
    kept = {"fingerprint": key, "arm": arm.name, "seed": seed, "settings": dict(arm.settings)}
    _write(file, {**kept, "units": units, "untrained": outcome.untrained, "facts": outcome.facts}, indent=None)
    for checkpoint in job.folder.rglob("*.safetensors"):  # of no use to a run that is done; its log stays
        checkpoint.unlink()
    tell(1.0)
    return outcome


def fingerprint(arm: Arm, claim: Claim) -> str:
    """What a kept run must agree in: settings, budget and data."""
    text = json.dumps([FORMAT, arm.name, dict(arm.settings), dict(claim.budget), dict(claim.data)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _result(
    known: Card,
    claim: Claim,
    scale: Scale,
    decisions: list[Decision],
    done: dict[str, list[Outcome]],
    further: dict[str, list[Outcome]],
    threads: int | None,
) -> dict[str, Any]:
    clauses = []
    for decision in decisions:
        clause = decision.clause
        entry: dict[str, Any] = {
            "clause": clause.name,
            "metric": clause.metric,
            "arms": list(decision.values),
            "values": {arm: _rounded(values) for arm, values in decision.values.items()},
            "quantity": "figure" if clause.baseline is None else clause.form,
            "value": round(decision.value, 5),
            "margin": clause.margin,
            "interval": _rounded(decision.interval),
            "verdict": decision.verdict,
        }
        if scale.smoke:
            entry["untrained"] = [round(one.untrained[clause.metric], 5) for one in done[clause.candidate]]
        clauses.append(entry)
    outcomes = [one for group in (done, further) for many in group.values() for one in many]
    result = {
        "format": FORMAT,
        "system": known.name,
        "row": known.row,
        "source": known.source,
        "scale": scale.name,
        "kind": claim.kind,
        "task": claim.task,
        "commit": commit(),
        "machine": {**machine(), "threads": threads},
        "seeds": list(scale.seeds),
        "budget": {**claim.budget, "runs": len(outcomes)},
        "data": dict(claim.data),
        "seconds": round(sum(one.facts["seconds"] for one in outcomes), 1),
        "verdict": worst([one.verdict for one in decisions]),
        "clauses": clauses,
        "arms": {arm.name: _arm(arm, claim, done[arm.name]) for arm in claim.arms},
    }
    if claim.further and further:
        result["further"] = {
            "because": f"{claim.further.unless}: not confirmed",
            "arms": {arm.name: _arm(arm, claim, further[arm.name]) for arm in claim.further.arms},
        }
    if claim.launch:
        result["launch"] = claim.launch
    return result


def _arm(arm: Arm, claim: Claim, outcomes: list[Outcome]) -> dict[str, Any]:
    """An arm's settings, and its figures and facts a seed each."""
    metrics = [name for name in claim.metrics if all(name in one.units for one in outcomes)]
    values = {
        name: [float(claim.metrics[name].of(one.units[name].sum(axis=0))) for one in outcomes] for name in metrics
    }
    return {
        "settings": dict(arm.settings),
        "values": {name: _rounded(figures) for name, figures in values.items()},
        "facts": [one.facts for one in outcomes],
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 5) for value in values]


def commit() -> str:
    """The commit of the source tree that runs, with a + if it was changed; the version outside of one."""
    here = Path(__file__).resolve().parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", "."], cwd=here.parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return f"phloem {version('phloem')}"
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def machine() -> dict[str, Any]:
    """The machine that measures."""
    import torch

    model = platform.processor()
    with suppress(OSError, StopIteration):  # Linux alone has the file, and not on every processor a model's name
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _write(file: Path, content: dict[str, Any], indent: int | None = 1) -> None:
    """Beside and renamed, so that a killed run leaves no half file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{os.getpid()}.part")
    beside.write_text(json.dumps(content, indent=indent) + "\n")
    beside.replace(file)
