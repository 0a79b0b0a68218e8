import json
from pathlib import Path

import pytest

import phloem
from phloem.assist.evaluation import evaluate_model, limited
from phloem.assist.training import Plan, changed, train
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
        ("has no setting 'bach'", {"config": {"training": {"bach": 3}}}),
        ("model for names, not for summaries", {"task": "summaries", "start": str(names_model)}),
    ):
        with pytest.raises(PhloemError, match=message):
            train(plan(**options))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(PhloemError, match="no source file"):
        train(plan(data=str(empty)))


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

    import numpy as np

    part = limited(Numbers(), 4)
    assert part.batch(np.arange(4), None) == part.references(np.arange(4)) == [0, 3, 6, 9]
    assert part.sizes.tolist() == [10, 13, 16, 19]
    assert len(limited(Numbers(), 20)) == 10


def test_the_log_of_a_run_is_kept_beside_the_model(names_model: Path) -> None:
    lines = [json.loads(line) for line in (names_model / "run" / "log.jsonl").read_text().splitlines()]
    assert max(line["evaluation"]["f1"] for line in lines if "evaluation" in line) > 0.9
