"""A comparison of generations that leaves out who had more."""

from __future__ import annotations

import json

import pytest

from phloem.analysis.survey_phases import PhaseRun, both_readings, compared, runs_of, table
from phloem.errors import PhloemError

SAME, OTHER = json.dumps({"corpus": "a"}), json.dumps({"corpus": "b"})
RUNS = [
    PhaseRun("late", "language models", SAME, 5.0, 5.0, (0.2, 0.3)),
    PhaseRun("paths", "neural models", SAME, 10.0, 0.0, (0.4,)),
    PhaseRun("bags", "neural models", SAME, 10.0, 0.0, (0.5,)),
]


@pytest.mark.row("S161", 2)
def test_a_run_with_other_data_or_more_minutes_gets_no_row() -> None:
    more = [
        *RUNS,
        PhaseRun("elsewhere", "pretraining", OTHER, 10.0, 0.0, (0.9,)),
        PhaseRun("slow", "pretraining", SAME, 12.0, 0.0, (0.9,)),
        PhaseRun("before", "pretraining", SAME, 10.0, 10.0, (0.9,)),
        PhaseRun("timeless", "prehistory", SAME, 1.0, 0.0, (0.9,)),
    ]
    found = compared(more, data=SAME, minutes=10.0, counted=True)
    assert [run.name for run in found.rows] == ["bags", "paths", "late"]
    assert set(found.refused) == {"elsewhere", "slow", "before", "timeless"}
    assert "other data" in found.refused["elsewhere"]
    assert "12 minutes, the others 10" in found.refused["slow"]
    printed = table(found, counted=True)
    assert "| neural models | bags | 0.5000 |" in printed
    assert not any(line.startswith("|") and name in line for name in found.refused for line in printed.splitlines())
    assert all(f"{name} is left out: " in printed for name in found.refused)
    free = compared(more, data=SAME, minutes=10.0, counted=False)
    assert {run.name for run in free.rows} == {"bags", "paths", "late", "before"}
    with pytest.raises(PhloemError, match="no run is left to compare: elsewhere: it learned from other data"):
        compared(more[3:4], data=SAME, minutes=10.0, counted=True)


@pytest.mark.row("S161", 2)
def test_tables_are_made_of_results() -> None:
    def arm(
        phase: str, minutes: float, pretraining: float, values: list[float], corpus: str = "a"
    ) -> dict[str, object]:
        facts = {"phase": phase, "data": {"corpus": corpus}, "minutes": minutes, "pretraining minutes": pretraining}
        return {"facts": [dict(facts) for _ in values], "values": {"f1": values}}

    result = {
        "arms": {
            "paths": arm("neural models", 10.0, 0.0, [0.4, 0.5]),
            "both": arm("pretraining", 5.0, 5.0, [0.3, 0.3]),
            "twice": arm("pretraining", 10.0, 10.0, [0.6, 0.6]),
            "foreign": arm("pretraining", 1.0, 0.0, [0.9, 0.9], corpus="b"),
        }
    }
    assert [run.name for run in runs_of(result)] == ["paths", "both", "twice", "foreign"]
    counted, free = both_readings(result, data={"corpus": "a"}, minutes=10.0).split("Pretraining is not counted.")
    assert "| pretraining | twice |" not in counted
    assert "| pretraining | twice | 0.6000 |" in free
    for one in (counted, free):
        assert "| neural models | paths | 0.4500 | 0.4000 0.5000 |" in one
        assert "foreign is left out: it learned from other data." in one
