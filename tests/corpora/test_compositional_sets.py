"""PCFG SET, COGS, GeoQuery and text2sql-data: every split read, counted, and consistent with itself."""

from collections import Counter

import pytest

from phloem.corpora import cogs, datasets, geoquery, pcfg_set, text2sql
from phloem.errors import PhloemError


@pytest.fixture(autouse=True, scope="module")
def data():
    if datasets.folder() is None:
        pytest.skip("PHLOEM_DATA is not set")


PCFG = {"train": 9721, "dev": 2430, "test": 1701, "productivity": 3000, "systematicity": 3000, "localism_length": 3000}
COGS = {"train": 24_155, "dev": 3000, "test": 2400, "gen": 5250}
GEO = {"standard": (600, 196), "length_1": (408, 388), "template_1": (396, 400), "tmcd_1": (395, 401)}
FORM = "help ( theme = rose , agent = dog )"
QUERY = "answer ( size ( largest ( state ( loc_2 ( m0 ) ) ) ) )"
SQL = {"atis": (4347, 486, 313), "geography": (549, 49, 197), "scholar": (499, 100, 153), "yelp": (102, 13, 9)}


def test_pcfg_set():
    sizes = {name: sum(1 for _ in pcfg_set.split(name)) for name in pcfg_set.SPLITS}
    assert sizes == PCFG
    twins = [pair for name in pcfg_set.TWINS for pair in pcfg_set.twins(name)]
    assert len(twins) == 4000
    assert all(pair.other.words.replace("_twin", "") == pair.one.words for pair in twins)
    assert all(pair.other.value == pair.one.value for pair in twins)
    exceptions = list(pcfg_set.exceptions())
    assert Counter(each.ratio for each in exceptions) == {0.005: 554, 0.001: 125, 0.0005: 59, 0.0001: 9}


def test_training_lacks_what_the_tests_ask():
    def functions(words: str) -> list[str]:
        return [word for word in words.split() if word.islower()]

    held = set(pcfg_set.HELD_PAIRS)
    for name in pcfg_set.SPLITS[2:]:
        train, test = pcfg_set.training(name), list(pcfg_set.split(name))
        assert train
        if name == "productivity":
            assert max(len(functions(each.words)) for each in train) == 8
            assert min(len(functions(each.words)) for each in test) == 9
        if name == "systematicity":
            assert not any(set(pcfg_set.pairs(each.words)) & held for each in train)
            assert all(set(pcfg_set.pairs(each.words)) & held for each in test)


def test_cogs():
    assert {name: sum(1 for _ in cogs.split(name)) for name in cogs.SPLITS["variable free"]} == COGS
    for name in cogs.SPLITS["original"]:
        pairs = zip(cogs.split(name, "original"), cogs.split(name, "variable free"), strict=True)
        assert all((one.words, one.case) == (other.words, other.case) for one, other in pairs)
    cases = Counter(each.case for each in cogs.split("gen"))
    assert set(cases.values()) == {250}
    assert len(cases) == 21
    assert set(cogs.STRUCTURAL) < set(cases)
    for each in cogs.split("gen"):
        assert each.form.count("(") == each.form.count(")")
        assert " ".join(each.form) == " ".join(each.form).strip()
    (first, *_) = cogs.split("train")
    assert first == ("A rose was helped by a dog .", tuple(FORM.split()), first.case)


def test_geoquery():
    assert {name: tuple(len(geoquery.split(name, part)) for part in geoquery.PARTS) for name in geoquery.SPLITS} == GEO
    for name in geoquery.SPLITS:
        train, test = ({each.id for each in geoquery.split(name, part)} for part in geoquery.PARTS)
        assert not train & test


def test_template_split_shares_no_template():
    train, test = ({geoquery.marked(each)[1] for each in geoquery.split("template_1", part)} for part in geoquery.PARTS)
    assert not train & test


def test_places_are_marked():
    marked = [geoquery.marked(each) for each in geoquery.questions()]
    assert ("what is the size of the largest state in the m0 ?", tuple(QUERY.split())) in marked
    for words, query in marked:
        named = {token for token in query if token.startswith("m") and token[1:].isdigit()}
        assert named == {word for word in words.split() if word in named}
        assert not any("id" in token and token.endswith("id") for token in query)


def test_text2sql():
    for name, sizes in SQL.items():
        assert tuple(len(text2sql.split(name, "question", part)) for part in text2sql.PARTS) == sizes
    for name in text2sql.SETS:
        train, test = ({each.sql for each in text2sql.split(name, "query", part)} for part in ("train", "test"))
        assert len(train & test) == (name == "yelp")  # the released folds of yelp share one query
        assert len({(column.table, column.name) for column in text2sql.schema(name)}) == len(text2sql.schema(name))
    geography = text2sql.schema("geography")
    assert len(geography) == 31
    assert geography[0] == text2sql.Column("STATE", "STATE_NAME", True, False, "varchar(255)")


def test_the_geography_database_answers():
    connection = text2sql.geography()
    answers = Counter()
    for each in text2sql.questions("geography"):
        words, sql = text2sql.filled(each)
        assert "_name0" not in words
        try:
            answers[bool(connection.execute(sql).fetchall())] += 1
        except text2sql.sqlite3.OperationalError:
            answers[None] += 1
    connection.close()
    assert answers == {True: 765, False: 26, None: 4}  # the last four are not SQL for SQLite


@pytest.mark.parametrize(
    "ask",
    [
        lambda: next(pcfg_set.split("valid")),
        lambda: next(pcfg_set.twins("train")),
        lambda: next(cogs.split("gen", "original")),
        lambda: geoquery.split("standard", "dev"),
        lambda: text2sql.split("wikisql", "query", "test"),
        lambda: text2sql.split("atis", "query", "valid"),
    ],
)
def test_what_is_not_there_is_named(ask):
    with pytest.raises(PhloemError, match="no "):
        ask()
