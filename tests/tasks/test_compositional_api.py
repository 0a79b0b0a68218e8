"""Calls of web APIs: canonical form, mock service, questions and their splits, copying."""

import random

import numpy as np
import pytest
import torch

from phloem.decode.beam import Beam
from phloem.errors import PhloemError
from phloem.nn.models.copying_seq2seq import CopyingSeq2Seq
from phloem.represent.base import PAD, START, UNK
from phloem.tasks.compositional_api import (
    OPERATORS,
    Call,
    Condition,
    Field,
    Schema,
    Service,
    canonical,
    of_openapi,
    problems,
    quoted,
    read,
    written,
)
from phloem.tasks.compositional_api_questions import SCHEMA, SPLITS, parameters, question, split
from phloem.tasks.compositional_copying import CopyingPairs


def random_call(rng: random.Random) -> Call:
    return question(rng, rng.randint(1, 6)).call


def rewritten(call: Call, rng: random.Random) -> str:
    """The same call with its parts in another order, other quotes, and blanks left out where they may be."""
    head, _, options = written(call).partition(" ? ")
    parts = [part.replace("'", '"') if rng.random() < 0.5 else part for part in options.split(" & ")]
    for i, part in enumerate(parts):
        name, _, value = part.partition(" = ")
        mark = {"$filter": " and ", "$select": " , "}.get(name)
        if mark:
            inner = value.split(mark)
            rng.shuffle(inner)
            parts[i] = f"{name} = {mark.join(inner)}"
    rng.shuffle(parts)
    text = f"{head} ? {' & '.join(parts)}"
    return text.replace(" = ", "=").replace(" & ", "&").replace(" ? ", "?") if rng.random() < 0.5 else text


def changed(call: Call, rng: random.Random) -> Call:
    """One value or operator of a call is another."""
    if call.conditions and rng.random() < 0.7:
        conditions = list(call.conditions)
        i = rng.randrange(len(conditions))
        field, operator, value = conditions[i]
        if rng.random() < 0.5:
            kind = SCHEMA.collections[call.collection][field].type
            operator = rng.choice([each for each in OPERATORS[kind] if each != operator])
        else:
            value = {"true": "false", "false": "true"}.get(value, value[:-1] + "7" + value[-1])
        conditions[i] = Condition(field, operator, value)
        return call._replace(conditions=tuple(conditions))
    if call.order:
        return call._replace(order=(call.order[0], "desc" if call.order[1] == "asc" else "asc"))
    return call._replace(top=(call.top or 0) + 1)


@pytest.mark.row("S065", 1)
def test_canonical_forms_of_1000_random_calls():
    rng = random.Random(0)
    for _ in range(1000):
        call = random_call(rng)
        assert read(rewritten(call, rng)) == call
        assert read(str(call)) == call == canonical(call)
        other = changed(call, rng)
        assert canonical(other) != call
        assert read(rewritten(other, rng)) != call


def test_functions_are_conditions_too():
    assert read("GET /files?$filter=contains(name, 'x y')") == Call(
        "files", conditions=(Condition("name", "contains", "'x y'"),)
    )


@pytest.mark.parametrize(
    "text",
    ["", "POST /files", "GET /files $top=1", "GET /files?$top", "GET /files?$top=1&$top=2", "GET /files?$top=many",
     "GET /files?$filter=name eq", "GET /files?$orderby=name up", "GET /files?$expand=all", "GET /files?$count=maybe"],
)  # fmt: skip
def test_what_is_no_call_is_refused(text):
    with pytest.raises(PhloemError):
        read(text)


PEOPLE = Schema(
    {
        "people": {
            "name": Field("name", "string"),
            "age": Field("age", "integer"),
            "member": Field("member", "boolean"),
            "since": Field("since", "date", required=True),
        }
    }
)
ROWS = [
    {"name": "ann", "age": 30, "member": True, "since": "2020-01-02"},
    {"name": "bob", "age": 20, "member": False, "since": "2021-05-06"},
    {"name": "anna", "age": 40, "member": True, "since": "2022-07-08"},
]


@pytest.mark.row("S065", 2)
@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("GET /pets", ["unknown collection pets"]),
        ("GET /people", ["missing since"]),
        ("GET /people?$filter=since gt 2020-01-01 and age eq 'x'", ["age is a integer, which 'x' is not"]),
        ("GET /people?$filter=since gt yesterday", ["since is a date, which yesterday is not"]),
        ("GET /people?$filter=since gt 2020-01-01 and name gt 'a'", ["name is a string, which has no operator gt"]),
        ("GET /people?$filter=since gt 2020-01-01 and member eq 1", ["member is a boolean, which 1 is not"]),
        ("GET /people?$filter=since gt 2020-01-01&$select=mail", ["unknown field mail"]),
        ("GET /people?$filter=since gt 2020-01-01 and name eq 'ann'", []),
    ],
)  # fmt: skip
def test_the_service_rejects_what_the_schema_forbids(text, wrong):
    call = read(text)
    assert problems(call, PEOPLE) == wrong
    service = Service(PEOPLE, {"people": ROWS})
    if wrong:
        with pytest.raises(PhloemError, match=wrong[0]):
            service.run(call)
    else:
        assert service.run(call) == ROWS[:1]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("since ge 2020-01-02&$orderby=age desc", ["anna", "ann", "bob"]),
        ("since gt 2020-01-02&$orderby=age", ["bob", "anna"]),
        ("since ge 2020-01-01 and name startswith 'an' and age le 30", ["ann"]),
        ("since ge 2020-01-01&$search='nn'&$skip=1", ["anna"]),
        ("since lt 2029-01-01 and member ne true", ["bob"]),
        ("since le 2021-05-06&$orderby=name desc&$top=1", ["bob"]),
    ],
)
def test_denotations(options, names):
    service = Service(PEOPLE, {"people": ROWS})
    assert [row["name"] for row in service.run(read(f"GET /people?$filter={options}&$select=name"))] == names
    assert service.run(read("GET /people?$filter=since gt 2000-01-01&$count=true")) == 3


@pytest.mark.row("S065", 2)
def test_1000_calls_of_the_generator_run_and_broken_ones_do_not():
    rng = random.Random(1)
    service = Service(SCHEMA, {})
    for _ in range(1000):
        call = random_call(rng)
        assert service.run(call) == []
        fields = SCHEMA.collections[call.collection]
        field = rng.choice(sorted(fields.values()))
        value = "5.5.5" if field.type != "string" else "7"
        for broken in (
            call._replace(select=("nothing",)),
            call._replace(conditions=(*call.conditions, Condition(field.name, "eq", value))),
        ):
            assert problems(broken, SCHEMA)


@pytest.mark.row("S065", 3)
@pytest.mark.parametrize("seed", [0, 1])
def test_unseen_combinations_of_seen_parameters(seed):
    train, test = split("unseen", 1500, 150, seed)
    assert len(train) == 1500
    assert len(test) == 150
    known = {parameters(each.call) for each in train}
    assert not known & {parameters(each.call) for each in test}
    assert set().union(*(parameters(each.call) for each in test)) <= set().union(*known)


def test_splits():
    for name in SPLITS:
        train, test = split(name, 300, 60)
        assert not {each.words for each in train} & {each.words for each in test}
        assert split(name, 300, 60) == (train, test)
    train, test = split("more", 300, 60)
    assert max(len(parameters(each.call)) for each in train) <= 2 < min(len(parameters(each.call)) for each in test)
    with pytest.raises(PhloemError, match="there are iid"):
        split("length", 1, 1)


def test_questions_hold_the_values_of_their_calls():
    rng = random.Random(2)
    for _ in range(300):
        words, call = question(rng, rng.randint(1, 4))
        for _, _, value in call.conditions:
            assert value in ("true", "false") or value.strip("'") in words.split()
        assert call.search is None or call.search in words.split()
        assert quoted(call.search or "x")[1:-1] == (call.search or "x")


def test_schemas_of_openapi_descriptions():
    listed = {
        "name": "limit",
        "in": "query",
        "required": True,
        "schema": {"type": "integer"},
        "description": "how\n many",
    }
    since = {"name": "since", "in": "query", "schema": {"type": "string", "format": "date"}}
    header = {"name": "token", "in": "header", "schema": {"type": "string"}}
    document = {"paths": {"/v1/pets": {"get": {"parameters": [listed, since, header]}}, "/v1/login": {"post": {}}}}
    assert of_openapi(document).collections == {
        "v1.pets": {"limit": Field("limit", "integer", True, "how many"), "since": Field("since", "date")}
    }
    with pytest.raises(PhloemError, match="is it OpenAPI"):
        of_openapi({"paths": {}})


def test_rare_words_are_copied_and_nothing_else_is_written_twice():
    pairs = [("find the file", "GET file")] * 5 + [("find gork and bla", "GET bla gork")]
    data = CopyingPairs(pairs, extra=4)
    batch = data.batch(np.array([5, 0]), None)
    assert batch.lengths.tolist() == [4, 3]
    written_ids = batch.target[0].tolist()
    assert data.texts(written_ids, pairs[5][0].split()) == "GET bla gork"
    beyond = data.vocabularies[1]
    assert written_ids[1:3] == [beyond + 3, beyond + 1]  # find, gork, and, bla in the order of the source
    assert written_ids[-1] == PAD
    plain = CopyingPairs(pairs, extra=0)
    assert plain.batch(np.array([5]), None).target[0, 1:].tolist() == [UNK, UNK, PAD]


def test_the_copying_model_is_a_distribution_and_decodes_as_it_reads():
    torch.manual_seed(0)
    pairs = [("find the file", "GET file")] * 5 + [("find gork and bla", "GET bla gork")]
    data = CopyingPairs(pairs, extra=3)
    model = CopyingSeq2Seq(*data.vocabularies, 3, width=8, embedding=8, layers=1, dropout=0.0).eval()
    batch = data.batch(np.arange(4, 6), None)
    logs = model(batch)
    assert logs.shape[2] == data.vocabularies[1] + 3
    assert torch.allclose(logs.exp().sum(dim=2), torch.ones(logs.shape[:2]), atol=1e-5)
    state = model.reorder(model.start(batch), torch.tensor([1, 0]))
    first, _ = model.next(torch.full((2,), START), state)
    assert torch.allclose(first, logs[[1, 0], 0], atol=1e-6)
    assert len(data.answers(model, Beam(2, forbid=(UNK, START)), 5)) == len(pairs)
