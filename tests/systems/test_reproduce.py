"""Reproductions go on run by run, and what is written says what was measured."""

import json

import numpy as np
import pytest

from phloem.errors import PhloemError
from phloem.measure import bootstrap
from phloem.systems import registry, reproduce
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Further, Outcome
from phloem.systems.registry import Card


class Bench:
    """A system of two arms that count how often they run; `good` and `bad` are right so often."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []
        self.settings = {"width": 1}
        self.stop_after = 99
        self.good = 0.9

    def arm(self, name: str, share: float) -> Arm:
        def run(job):
            if len(self.ran) == self.stop_after:
                raise KeyboardInterrupt
            self.ran.append((name, job.seed))
            job.progress(0.5)
            hits = np.random.default_rng((job.seed, int(share * 100))).random(300) < share
            return Outcome({"accuracy": bootstrap.with_count(hits.astype(float))}, {"accuracy": 0.5}, {"steps": 3})

        return Arm(name, run, self.settings)

    def claim(self, scale) -> Claim:
        return Claim(
            kind="trained",
            task="coins",
            metrics={"accuracy": ACCURACY},
            arms=(self.arm("good", self.good), self.arm("the bad", 0.6)),
            clauses=(Clause("better", "accuracy", "good", "the bad", 0.1),),
            floor=Clause("learns", "accuracy", "good", None, 0.7),
            budget=scale.budget(smoke=1, laptop=2.0, paper=3),
            data={"coins": 300},
            further=Further("better", (self.arm("more", 0.7),)),
        )


@pytest.fixture
def bench(monkeypatch):
    made = Bench()
    registry.names()
    monkeypatch.setitem(registry._CARDS, "coins", Card("coins", "S000", "test", "A paper.", made.claim))
    return made


def test_a_result_says_what_was_measured(bench, tmp_path):
    result = reproduce.run("coins", "laptop", out=tmp_path)
    assert json.loads((tmp_path / "coins" / "laptop.json").read_text()) == result
    for name in ("system", "row", "scale", "commit", "machine", "seeds", "budget", "seconds", "verdict", "clauses"):
        assert name in result
    assert (result["system"], result["row"], result["scale"], result["verdict"]) == (
        "coins",
        "S000",
        "laptop",
        "confirmed",
    )
    assert result["budget"] == {"minutes": 2.0, "clock": "processor", "runs": 6}
    (clause,) = result["clauses"]
    assert clause["arms"] == ["good", "the bad"]
    assert len(clause["values"]["good"]) == 3
    assert clause["interval"][0] >= clause["margin"] == 0.1
    assert result["arms"]["the bad"]["settings"] == {"width": 1}
    assert bench.ran == [(name, seed) for seed in (0, 1, 2) for name in ("good", "the bad")]


def test_smoke_decides_the_floor_only(bench, tmp_path):
    result = reproduce.run("coins", out=tmp_path)
    (clause,) = result["clauses"]
    assert (clause["clause"], clause["verdict"], clause["untrained"]) == ("learns", "confirmed", [0.5])


def test_a_stopped_reproduction_goes_on_with_the_next_run(bench, tmp_path):
    bench.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        reproduce.run("coins", "laptop", out=tmp_path)
    assert not (tmp_path / "coins").exists()
    bench.stop_after = 99
    steps = []
    result = reproduce.run("coins", "laptop", out=tmp_path, progress=steps.append)
    assert len(bench.ran) == 6
    assert [step.number for step in steps if step.kept] == [0, 1, 2, 3]
    assert [step.fraction for step in steps if step.number == 5] == [0.0, 0.5, 1.0]
    again = reproduce.run("coins", "laptop", out=tmp_path)
    assert len(bench.ran) == 6
    assert again["clauses"] == result["clauses"]


@pytest.mark.parametrize("change", ["settings", "minutes"])
def test_kept_runs_of_other_settings_do_not_count(bench, tmp_path, change):
    reproduce.run("coins", "laptop", out=tmp_path)
    if change == "settings":
        bench.settings = {"width": 2}
    reproduce.run("coins", "laptop", out=tmp_path, minutes=7 if change == "minutes" else None)
    assert len(bench.ran) == 12


def test_more_is_run_where_a_clause_fails(bench, tmp_path):
    bench.good = 0.6
    result = reproduce.run("coins", "laptop", out=tmp_path)
    assert result["verdict"] == "not confirmed"
    assert [name for name, _ in bench.ran[6:]] == ["more"] * 3
    assert len(result["further"]["arms"]["more"]["values"]["accuracy"]) == 3


def test_the_table_has_a_row_a_clause_and_scale(bench, tmp_path):
    assert reproduce.table("coins", tmp_path) == []
    reproduce.run("coins", "laptop", out=tmp_path)
    reproduce.run("coins", "smoke", out=tmp_path)
    rows = reproduce.table("coins", tmp_path)
    assert [(row.scale, row.clause, row.verdict) for row in rows] == [
        ("smoke", "learns", "confirmed"),
        ("laptop", "better", "confirmed"),
    ]


def test_wrong_use_is_one_clear_line(bench, tmp_path):
    with pytest.raises(PhloemError, match=r"unknown system 'code3seq'; known: .*code2seq"):
        reproduce.run("code3seq", out=tmp_path)
    with pytest.raises(PhloemError, match="unknown scale"):
        reproduce.run("coins", "huge", out=tmp_path)
    (tmp_path / "coins").mkdir()
    (tmp_path / "coins" / "smoke.json").write_text("{")
    with pytest.raises(PhloemError, match="no result"):
        reproduce.table("coins", tmp_path)


def test_the_commit_and_machine_are_named():
    assert reproduce.commit()
    assert reproduce.machine()["cores"] >= 1
