"""Queries as trees of actions."""

from __future__ import annotations

import pytest

from phloem.represent.query_parse import Action, Argument, base_form, parse, phrases
from phloem.tasks.multi_step_reasoning import generated, relevant, spoken, swapped


def told(query: str) -> list[str] | None:
    layout = parse(query)
    return None if layout is None else [str(action) for action in layout]


@pytest.mark.row("S060", 1)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Load all tables from dataset", ["load(all tables; from dataset)"]),
        ("remove duplicates and sort list by key", ["remove(duplicates)", "sort(list; by key)"]),
        ("Returns the number of rows in a table.", ["return(the number of rows; in a table)"]),
        ("Recursively delete files and folders in a directory", ["delete(files and folders; in a directory)"]),
        ("Convert x, y and z to floats", ["convert(x y and z; to floats)"]),
        ("remove duplicates by sorting list", ["remove(duplicates; by sort(list))"]),
        ("try to load table from file", ["try(to load(table; from file))"]),
        ("move files from a to b, then delete a", ["move(files; from a; to b)", "delete(a)"]),
        ("copies a list of names", ["copy(a list of names)"]),
    ],
)
def test_layouts(query: str, expected: list[str]) -> None:
    assert told(query) == expected


@pytest.mark.row("S060", 1)
@pytest.mark.parametrize(
    "query",
    [
        "copy file to archive with name in folder",  # four arguments
        "remove duplicates and copy file to archive with name in folder",
        "the quick brown fox",
        "gets or creates user",  # an action without an argument
        "write",
        "load from",
        "",
        "!?",
    ],
)
def test_queries_without_a_layout(query: str) -> None:
    assert parse(query) is None


def test_tree_and_its_phrases() -> None:
    assert parse("remove duplicates by sorting list on disk") == (
        Action("remove", (
            Argument("", "duplicates"),
            Argument("by", Action("sort", (Argument("", "list"), Argument("on", "disk")))),
        )),
    )  # fmt: skip
    (action,) = parse("remove duplicates by sorting list on disk") or ()
    assert phrases(action) == ["duplicates", "list", "disk"]


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("loads", "load"),
        ("Copies", "copy"),
        ("stopping", "stop"),
        ("making", "make"),
        ("passes", "pass"),
        ("cats", None),
    ],
)
def test_base_forms(word: str, verb: str | None) -> None:
    assert base_form(word) == verb


@pytest.mark.row("S060", 4)
def test_swapped_arguments_are_another_layout() -> None:
    one, two = parse("copy file to archive"), parse("copy archive to file")
    assert one is not None
    assert one != two
    assert swapped(one) == two
    assert spoken(swapped(one) or ()) == "copy archive to file"
    assert swapped(parse("copy file") or ()) is None
    assert swapped(parse("copy file to file") or ()) is None
    nested = parse("remove duplicates by sorting list and copy a to b")
    assert spoken(swapped(nested or ()) or ()) == "remove duplicates by sort list and copy b to a"


def test_weak_labels_know_plurals_and_types() -> None:
    tokens = ["tables", "table", "dict", "name"]
    assert relevant("all tables", tokens) == [True, True, False, False]
    assert relevant("a dictionary", tokens) == [False, False, True, False]


def test_generated_pairs_are_split_with_their_swapped_ones() -> None:
    splits = {split: {pair.query for pair in generated(split)} for split in ("train", "validation", "test")}
    assert [len(own) for own in splits.values()] == [370, 52, 106]
    for own in splits.values():
        assert all(spoken(swapped(parse(query) or ()) or ()) in own for query in own)
    assert not splits["train"] & splits["test"]
