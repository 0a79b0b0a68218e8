"""The split by project."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from phloem.corpora.splits import HELD_OUT, by_file, by_project

sizes = st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 10_000), min_size=3, max_size=40)


@given(sizes, st.integers(0, 5))
def test_every_split_has_a_project_and_every_project_one_split(projects: dict[str, int], seed: int) -> None:
    split = by_project(projects, seed)
    assert split.keys() == projects.keys()
    assert set(split.values()) == {"train", "validation", "test"}


@given(sizes, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_projects_does_not_matter(projects: dict[str, int], seed: int, random: object) -> None:
    names = sorted(projects, key=lambda name: (len(name), name[::-1]))
    assert by_project({name: projects[name] for name in names}, seed) == by_project(projects, seed)


def test_held_out_splits_are_near_a_tenth_of_the_bytes() -> None:
    projects = {f"project{i}": 100 + 37 * i % 900 for i in range(300)}
    split = by_project(projects, seed=0)
    total = sum(projects.values())
    for held in ("validation", "test"):
        share = sum(size for name, size in projects.items() if split[name] == held) / total
        assert 0.9 * HELD_OUT <= share <= HELD_OUT


def test_a_giant_is_trained_on() -> None:
    for seed in range(20):
        assert by_project({"giant": 1000, "a": 10, "b": 20, "c": 30}, seed)["giant"] == "train"


def test_another_seed_is_another_split() -> None:
    projects = {f"project{i}": 10 for i in range(100)}
    assert by_project(projects, 0) != by_project(projects, 1)


def test_files_are_split_eight_to_one_to_one() -> None:
    counts = Counter(by_file(f"folder/file{i}.py", 0) for i in range(5000))
    assert 0.78 < counts["train"] / 5000 < 0.82
    assert 0.08 < counts["test"] / 5000 < 0.12
