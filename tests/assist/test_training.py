import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch

import phloem
from phloem.assist.cards import rewrite
from phloem.assist.evaluation import evaluate_model, limited
from phloem.assist.flags import figures_of
from phloem.assist.training import Plan, begin, changed, prepare_run, train
from phloem.errors import PhloemError
from phloem.learn.settings import TrainingSettings
from phloem.tasks.saved import read_about


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path / "cache"))


def test_a_saved_model_says_what_it_is(names_model: Path) -> None:
    facts = read_about(names_model)["facts"]
    assert facts["task"] == "names"
    assert facts["languages"] == ["python"]
    assert facts["data"]["functions"] == {"train": 300, "validation": 30, "test": 30}
    assert facts["figures"]["f1"] > 0.9
    low, high = facts["figures"]["f1_interval"]
    assert low <= facts["figures"]["f1"] <= high
    assert facts["flags"]["precision"] >= 0.8
    assert facts["flags"]["recall"] > 0.5
    assert facts["threshold"] == facts["flags"]["value"]
    card = (names_model / "MODEL_CARD.md").read_text()
    assert f"| f1 | {facts['figures']['f1']:.4f} |" in card
    assert facts["command"] in card


def test_measuring_a_saved_model_gives_the_figures_of_its_training(names_model: Path, small_shards: Path) -> None:
    again = evaluate_model(str(names_model), str(small_shards), beam=5)
    assert again["f1"] == pytest.approx(read_about(names_model)["facts"]["figures"]["f1"], abs=0.02)
    assert evaluate_model(str(names_model), str(small_shards), limit=7)["examples"] == 7
    with pytest.raises(PhloemError, match="no split 'tests'"):
        evaluate_model(str(names_model), str(small_shards), split="tests")
    with pytest.raises(PhloemError, match="not for java"):
        evaluate_model(str(names_model), str(small_shards), languages=["java"])


def test_going_on_from_a_model_keeps_its_words_and_starts_good(
    names_model: Path, small_shards: Path, tmp_path: Path
) -> None:
    slow = {"training": {"learning_rate": 1e-7, "batch_size": 64, "average": None, "threads": 1}}
    plan = Plan("names", str(small_shards), tmp_path / "on", start=str(names_model), epochs=1, config=slow)
    assert train(plan)["figures"]["f1"] > 0.9
    assert read_about(tmp_path / "on")["view"] == read_about(names_model)["view"]
    with pytest.raises(PhloemError, match="keeps its sizes; leave out width"):
        train(
            Plan("names", str(small_shards), tmp_path / "other", start=str(names_model), epochs=1, config={"width": 8})
        )


def test_a_source_folder_is_mined_on_the_way_and_compiled_once(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    for number in range(40):
        (code / f"m{number}.py").write_text(
            f"def get_{'abcd'[number % 4]}_{number}(self):\n    v{number} = [{number}]\n"
            f"    return self.x{number} + v{number}\n"
        )
    tiny = {"width": 4, "nodes": 4, "path": 4, "decoder": 8, "least": 1, "training": {"batch_size": 8, "threads": 1}}
    told: list[str] = []
    plan = Plan("names", str(code), tmp_path / "model", epochs=1, config=tiny)
    train(plan, tell=lambda text, _: told.append(text))
    assert any(text.startswith("mining") for text in told)
    assert any(text.startswith("compiling") for text in told)
    assert phloem.load(tmp_path / "model").languages == ("python",)
    told.clear()
    train(plan, tell=lambda text, _: told.append(text))
    assert not any(text.startswith("compiling") for text in told)
    with pytest.raises(PhloemError, match="another seed: choose another --out"):
        train(Plan("names", str(code), tmp_path / "model", epochs=1, config=tiny, seed=1))
    train(Plan("names", str(code), tmp_path / "model", epochs=1, config=tiny, seed=1), resume=False)


def test_wrong_plans_are_one_line(small_shards: Path, names_model: Path, tmp_path: Path) -> None:
    def plan(**options: object) -> Plan:
        given = {"task": "names", "data": str(small_shards), "out": tmp_path / "x", "epochs": 1} | options
        return Plan(**given)  # type: ignore[arg-type]

    for message, options in (
        ("unknown task", {"task": "poems"}),
        ("unknown recipe", {"recipe": "gpt"}),
        ("leaves no time", {"minutes": 0}),
        ("unknown language", {"languages": ("klingon",)}),
        ("has no functions of java", {"languages": ("java",)}),
        ("has no setting 'widht'", {"config": {"widht": 3}}),
        ("width should be a whole number from 0, not 'a'", {"config": {"width": "a"}}),
        ("width is 0, it must be at least 1", {"config": {"width": 0}}),
        ("drop is 2.0", {"config": {"drop": 2.0}}),
        ("preset is 'x', it must be one of tree-sitter", {"config": {"preset": "x"}}),
        ("training should be an object, not 3", {"config": {"training": 3}}),
        ("unknown storage 'gold'", {"storage": "gold"}),
        ("epochs 0 visits no example", {"epochs": 0}),
        ("has no setting 'bach'", {"config": {"training": {"bach": 3}}}),
        ("is for java; the data is python", {"start": "java-names"}),
        ("model for names, not for summaries", {"task": "summaries", "start": str(names_model)}),
    ):
        with pytest.raises(PhloemError, match=message):
            train(plan(**options))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(PhloemError, match="no source file"):
        train(plan(data=str(empty)))
    (empty / "a.c2s").write_text("get|a x,1,y\n")
    with pytest.raises(PhloemError, match=r"a\.c2s is path contexts, not code"):
        train(plan(data=str(empty / "a.c2s")))


def test_a_run_that_never_began_binds_nobody(tmp_path: Path) -> None:
    """A plan that failed before its first checkpoint leaves OUT free for another."""
    for seed in (1, 2):
        prepare_run(Plan("names", "x", tmp_path, epochs=1, seed=seed), tmp_path, resume=True)
    (tmp_path / "run" / "checkpoint").touch()
    with pytest.raises(PhloemError, match="another seed"):
        prepare_run(Plan("names", "x", tmp_path, epochs=1, seed=1), tmp_path, resume=True)


def test_what_is_on_can_be_switched_off(tmp_path: Path) -> None:
    plan = Plan("names", "x", tmp_path, epochs=1, config={"shared_dropout": False})
    assert begin(plan).config.shared_dropout is False


@pytest.mark.parametrize("recipe", ["code2seq", "code2vec", "seq2seq", "transformer"])
def test_usual_sizes_are_allowed(recipe: str, tmp_path: Path) -> None:
    for task in ("names", "summaries"):
        assert begin(Plan(task, "x", tmp_path, epochs=1, recipe=recipe)).recipe.name == recipe


def test_changed_settings_reach_nested_ones() -> None:
    assert changed(TrainingSettings(epochs=1), {"batch_size": 3}, "training").batch_size == 3
    with pytest.raises(PhloemError, match="batch_size is 0"):
        changed(TrainingSettings(epochs=1), {"batch_size": 0}, "training")


def test_a_part_of_a_dataset_is_spread_over_it() -> None:
    class Numbers:
        sizes = tuple(range(10, 20))

        def __len__(self) -> int:
            return 10

        def batch(self, index, rng):  # type: ignore[no-untyped-def]
            return index.tolist()

        def references(self, index):  # type: ignore[no-untyped-def]
            return index.tolist()

    part = limited(Numbers(), 4)
    assert part.batch(np.arange(4), None) == part.references(np.arange(4)) == [0, 3, 6, 9]
    assert part.sizes.tolist() == [10, 13, 16, 19]
    assert len(limited(Numbers(), 20)) == 10


def test_the_log_of_a_run_is_kept_beside_the_model(names_model: Path) -> None:
    lines = [json.loads(line) for line in (names_model / "run" / "log.jsonl").read_text().splitlines()]
    assert max(line["evaluation"]["f1"] for line in lines if "evaluation" in line) > 0.9


def test_flags_are_measured_on_projects_that_set_no_threshold(
    names_model: Path, small_shards: Path, tmp_path: Path
) -> None:
    facts = read_about(names_model)["facts"]
    flags = facts["flags_test"]
    assert flags["examples"] == 30
    assert flags["precision"] > 0.6
    assert flags["recall"] > 0.5
    assert flags["recall_interval"][0] <= flags["recall"] <= flags["recall_interval"][1]
    assert f"recall {flags['recall']:.3f}" in (names_model / "MODEL_CARD.md").read_text()
    again = evaluate_model(str(names_model), str(small_shards), beam=1)["flags"]
    assert again["examples"] == 30
    assert again["recall"] == pytest.approx(flags["recall"], abs=0.1)  # the weights were rounded when they were saved
    on_validation = evaluate_model(str(names_model), str(small_shards), beam=1, split="validation")["flags"]
    assert on_validation["precision"] == pytest.approx(facts["flags"]["precision"], abs=0.1)


def test_figures_of_flags_are_those_of_their_counts() -> None:
    rng = np.random.default_rng(3)
    flagged, wrong = rng.random(400) < 0.3, rng.random(400) < 0.5
    figures = figures_of(flagged, wrong)
    assert figures["precision"] == pytest.approx(wrong[flagged].mean())
    assert figures["recall"] == pytest.approx(flagged[wrong].mean())
    assert figures["flagged"] == pytest.approx(flagged.mean())
    for name in ("precision", "recall"):
        low, high = figures[f"{name}_interval"]
        assert low < figures[name] < high
    assert figures_of(flagged[:0], wrong[:0]) == {"examples": 0}


def test_new_figures_are_written_into_model_and_card(names_model: Path, small_shards: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copytree(names_model, copy)
    before = read_about(copy)
    figures = evaluate_model(str(copy), str(small_shards))
    rewrite(copy, figures)
    after = read_about(copy)
    assert after["facts"]["flags_test"] == figures["flags"]
    assert after["facts"]["figures"] == {name: value for name, value in figures.items() if name != "flags"}
    assert after | {"facts": None} == before | {"facts": None}
    assert phloem.load(copy).threshold == before["facts"]["threshold"]
    card = (copy / "MODEL_CARD.md").read_text()
    assert f"| f1 | {figures['f1']:.4f} |" in card
    assert f"precision {figures['flags']['precision']:.3f}" in card
    with pytest.raises(PhloemError, match="test split of 30 functions, these figures are of 7"):
        rewrite(copy, evaluate_model(str(copy), str(small_shards), limit=7))


TINY = {"width": 4, "nodes": 4, "path": 4, "decoder": 8, "least": 1, "training": {"batch_size": 8, "threads": 1}}
TRAIN = ["-m", "phloem", "train", "names", "--config", json.dumps(TINY)]


@pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="accelerate is not installed")
@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no distributed package")
def test_of_two_processes_one_measures_and_saves(small_shards: Path, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    given = {name: value for name, value in os.environ.items() if name not in {"RANK", "WORLD_SIZE", "LOCAL_RANK"}}
    done = subprocess.run(
        [*launch, *TRAIN, "--data", str(small_shards), "--out", str(tmp_path / "two"), "--epochs", "1"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**given, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = [line for line in done.stderr.splitlines() if line.startswith("phloem: ")]
    assert sum("training on 300 functions" in line for line in said) == 1
    assert sum("saved in" in line for line in said) == 1
    assert sum(line.startswith("f1 ") for line in done.stdout.splitlines()) == 1
    facts = read_about(tmp_path / "two")["facts"]
    assert facts["training"]["steps"] == 38  # batches are shared, not repeated
    assert phloem.load(tmp_path / "two").predict("def f(self):\n    return self.size\n")[0].suggestions
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        "MODEL_CARD.md",
        "model.json",
        "model.safetensors",
        "run",
    ]


def test_a_second_training_into_the_same_folder_is_refused(small_shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    command = [sys.executable, *TRAIN, "--data", str(small_shards), "--out", str(out), "--minutes", "5"]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not (out / "run" / "log.jsonl").exists() and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        second = subprocess.run(command, capture_output=True, text=True)
        assert first.poll() is None
        assert second.returncode == 2
        assert second.stderr.splitlines() == [
            f"phloem: another run is training into {out}: wait for it or choose another --out"
        ]
    finally:
        first.send_signal(signal.SIGTERM)
        first.wait()
    assert (out / "run" / "checkpoint.safetensors").exists()
    assert not (out / ".lock").exists()
