"""Tables of systems and tasks that the code itself makes."""

from __future__ import annotations

import pytest

from phloem.analysis import taxonomy, taxonomy_tables
from phloem.cli.app import app
from phloem.errors import PhloemError
from phloem.systems import registry
from phloem.systems.understanding.survey_code_lm import entries


@pytest.fixture(scope="module")
def every() -> list[taxonomy.Entry]:
    return entries()


@pytest.mark.row("S024", 1)
def test_each_card_has_every_field_from_a_closed_vocabulary(every: list[taxonomy.Entry]) -> None:
    words = taxonomy.vocabularies()
    assert set(words) == {"family", "modality", "objective", "data", "licence", "metric"}
    assert [each.name for each in every] == registry.names()
    for each in every:
        assert taxonomy.faults(each, words) == []
    broken = every[0]._replace(family=("oracle",), metric=())
    assert taxonomy.faults(broken, words) == [
        f"{broken.name}: family 'oracle' is unknown",
        f"{broken.name}: no metric",
    ]


def test_entries_say_what_the_papers_say(every: list[taxonomy.Entry]) -> None:
    """Against what is known of a few."""
    known = {each.name: each for each in every}
    assert known["codet5"].family == ("encoder-decoder",)
    assert known["graphcodebert"].family == ("encoder",)
    assert "graph" in known["graphcodebert"].modality
    assert "structure" in known["tbcnn"].family
    assert "tree" in known["tbcnn"].modality
    assert known["tbcnn"].data == ("poj_sample",)
    assert "coding_criterion" in known["tbcnn"].objective
    assert "decoder" in known["sgpt"].family
    assert known["lsrl"].family == ("constructed",)
    assert known["lsrl"].objective == ("none",)
    assert "search" in known["bustle"].family
    assert "span_corruption" in known["codet5"].objective
    assert {"edge_prediction", "data_flow_pretraining"} <= set(known["graphcodebert"].objective)


@pytest.mark.row("S024", 2)
def test_each_kind_of_task_has_a_command_or_is_listed_as_not_covered(every: list[taxonomy.Entry]) -> None:
    registered = {each.name for each in [*app.registered_commands, *app.registered_groups]}
    known = taxonomy_tables.commands()
    assert known == registered
    lines = taxonomy_tables.task_table(every, known).splitlines()[2:]
    assert len(lines) == len(taxonomy_tables.TASK_KINDS)
    assert {line.split(" | ")[0].lstrip("| ") for line in lines} == set(taxonomy_tables.DIRECTIONS)
    for kind, line in zip(taxonomy_tables.TASK_KINDS, lines, strict=True):
        own = [each for each in kind.commands if each in known]
        assert all(f"phloem {each}" in line for each in own)
        assert ("| not covered |" in line) == (not own)
    assert any(kind.commands[0] in known for kind in taxonomy_tables.TASK_KINDS)
    without = taxonomy_tables.task_table(every, known - {"clones"})
    assert "| clones | phloem clones |" in "\n".join(lines)
    assert "| clones | not covered |" in without
    assert "| repair | phloem repair |" in taxonomy_tables.task_table(every, known | {"repair"})


def test_the_grid_counts_systems(every: list[taxonomy.Entry]) -> None:
    grid = taxonomy_tables.grid(every)
    assert set(grid) <= set(taxonomy.FAMILIES)
    assert grid["structure"]["names"] >= 1
    total = sum(len(many) for many in taxonomy.by(every, "family").values())
    assert all(count <= total for row in grid.values() for count in row.values())


def test_tables_are_markdown() -> None:
    assert taxonomy_tables.markdown(["a", "b"], [["x|y", 1]]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 |\n"


@pytest.mark.row("S161", 1)
def test_years_and_phases_derive_from_cards(every: list[taxonomy.Entry]) -> None:
    for each in every:
        assert str(each.year) in registry.card(each.name).source
        assert 1950 <= each.year <= 2030
        assert each.phase == taxonomy.phase_of(each.year, each.family, each.objective)
        assert each.phase in taxonomy.PHASES
    timeline = taxonomy_tables.timeline(every)
    assert list(timeline) == sorted(timeline)
    placed = [(year, phase, name) for year, row in timeline.items() for phase, many in row.items() for name in many]
    assert sorted(placed) == sorted((each.year, each.phase, each.name) for each in every)
    assert dict(timeline[2019])["neural models"].count("code2seq") == 1
    assert "codet5" in timeline[2021]["pretraining"]
    assert "sgpt" in timeline[2022]["language models"]
    with pytest.raises(PhloemError, match="no year"):
        taxonomy.entry("x", "S000", "understanding", "Somebody: A paper.", "phloem.systems.understanding.tbcnn")
