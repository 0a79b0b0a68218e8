"""Questions for calls of a web API, and splits by the parameters that a call has.

In the manner of Okapi (Hosseini et al. 2021): documents, calendar and e-mail; calls are drawn from the schema, and each
part of a call is said in one of several ways. Values are open: names and words are made of syllables, so that most of
the test's are not in training, and who answers has to copy them. Where Okapi's people paraphrased, templates do here,
so that figures are not comparable with the paper's; the splits are:

    iid         calls and parts drawn alike
    more        training has at most two parameters a call, the test three or more
    unseen      no combination of parameters of the test is in training, every single parameter is
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from phloem.errors import PhloemError
from phloem.tasks.compositional_api import Call, Condition, Field, Schema, canonical, quoted

SPLITS = ("iid", "more", "unseen")
FEW, MANY = 2, 4  # parameters of a call: the most in the training of "more", and in all


def _fields(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


SCHEMA = Schema(
    {
        "messages": _fields(
            Field("from", "string", description="who sent the message"),
            Field("subject", "string", description="the subject of the message"),
            Field("received", "date", description="when the message arrived"),
            Field("size", "integer", description="kilobytes of the message"),
            Field("isRead", "boolean", description="whether the message was read"),
        ),
        "events": _fields(
            Field("organizer", "string", description="who called the meeting"),
            Field("location", "string", description="where the meeting is"),
            Field("start", "date", description="when the meeting begins"),
            Field("attendees", "integer", description="how many people come"),
            Field("isOnline", "boolean", description="whether the meeting is online"),
        ),
        "files": _fields(
            Field("owner", "string", description="whose the file is"),
            Field("name", "string", description="the name of the file"),
            Field("modified", "date", description="when the file was changed"),
            Field("pages", "integer", description="how many pages the file has"),
            Field("isShared", "boolean", description="whether the file is shared"),
        ),
    }
)
NOUNS = {"messages": ("emails", "messages", "mail"), "events": ("meetings", "events"), "files": ("files", "documents")}
OPENINGS = ("show me", "find", "get", "list", "i need", "give me")
SAID = {  # of conditions by operator; {field} and {value} in place
    "eq": ("whose {field} is {value}", "with {field} {value}", "that have {value} as {field}"),
    "contains": ("with {value} in the {field}", "whose {field} contains {value}"),
    "gt": ("with {field} above {value}", "whose {field} is more than {value}"),
    "lt": ("with {field} below {value}", "whose {field} is less than {value}"),
}
DATED = {"gt": ("with {field} after {value}", "{field} later than {value}"), "lt": ("with {field} before {value}",)}
FLAGS = {
    "isRead": {"true": ("that i have read",), "false": ("that are unread", "i have not read")},
    "isOnline": {"true": ("that are online",), "false": ("that are not online", "in person")},
    "isShared": {"true": ("that are shared",), "false": ("that nobody else sees", "not shared")},
}
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


class Question(NamedTuple):
    """Words, and the canonical call that answers them."""

    words: str
    call: Call


def parameters(call: Call) -> frozenset[str]:
    """Which parameters a call has: its options, and the fields of its conditions with their operators."""
    found = {f"{call.collection}.{field} {operator}" for field, operator, _ in call.conditions}
    optional = {"search": call.search, "order": call.order, "top": call.top, "select": call.select or None}
    return frozenset(found | {name for name, value in optional.items() if value is not None})


def question(rng: Random, count: int, schema: Schema = SCHEMA) -> Question:
    """A random question with so many parameters (fewer where the drawn ones exclude each other)."""
    collection = rng.choice(sorted(schema.collections))
    fields = schema.collections[collection]
    chosen = rng.sample([*fields, "$search", "$orderby", "$top", "$select"], count)
    call, said = Call(collection), []
    for name in chosen:
        if name in fields:
            condition, text = _condition(rng, fields[name])
            call = call._replace(conditions=(*call.conditions, condition))
        else:
            call, text = _option(rng, call, name, list(fields))
        said.append(text)
    noun = rng.choice(NOUNS.get(collection, (collection,)))
    return Question(" ".join([rng.choice(OPENINGS), noun, *said]), canonical(call))


def _condition(rng: Random, field: Field) -> tuple[Condition, str]:
    if field.type == "boolean":
        value = rng.choice(("true", "false"))
        ways = FLAGS.get(field.name, {}).get(value, (f"where {field.name} is {value}",))
        return Condition(field.name, "eq", value), rng.choice(ways)
    operators = {"string": ("eq", "contains"), "integer": ("gt", "lt", "eq"), "date": ("gt", "lt")}[field.type]
    operator = rng.choice(operators)
    plain = _value(rng, field.type)
    ways = DATED[operator] if field.type == "date" else SAID[operator]
    text = rng.choice(ways).format(field=field.name.lower(), value=plain)
    return Condition(field.name, operator, quoted(plain) if field.type == "string" else plain), text


def _value(rng: Random, kind: str) -> str:
    if kind == "integer":
        return str(rng.randint(2, 9999))
    if kind == "date":
        return f"20{rng.randint(10, 29)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    return "".join(rng.choices(SYLLABLES, k=rng.randint(2, 3)))


def _option(rng: Random, call: Call, name: str, fields: Sequence[str]) -> tuple[Call, str]:
    if name == "$search":
        word = _value(rng, "string")
        return call._replace(search=word), rng.choice(("about {}", "mentioning {}")).format(word)
    if name == "$orderby":
        field, direction = rng.choice(fields), rng.choice(("asc", "desc"))
        way = "sorted by {}" if direction == "asc" else rng.choice(("sorted by {} descending", "highest {} first"))
        return call._replace(order=(field, direction)), way.format(field.lower())
    if name == "$top":
        number = rng.randint(2, 500)
        return call._replace(top=number), rng.choice(("only the first {}", "at most {}")).format(number)
    chosen = rng.sample(fields, rng.randint(1, 2))
    return call._replace(select=tuple(chosen)), "but only their " + " and ".join(map(str.lower, chosen))


def split(name: str, train: int, test: int, seed: int = 0, most: int = MANY) -> tuple[list[Question], list[Question]]:
    """Training and test questions of one of SPLITS; in "iid" and "unseen" of at most `most` parameters. Raises
    PhloemError for another name."""
    if name not in SPLITS:
        raise PhloemError(f"no split {name!r}: there are {', '.join(SPLITS)}")
    rng = Random(seed)
    if name == "more":
        few = _drawn(rng, train, (1, FEW), set())
        return few, _drawn(rng, test, (FEW + 1, MANY), {each.words for each in few})
    if name == "iid":
        pool = _drawn(rng, train + test, (1, most), set())
        return pool[:train], pool[train : train + test]
    return _unseen(_drawn(rng, 3 * (train + test), (1, most), set()), train, test)


def _drawn(rng: Random, count: int, sizes: tuple[int, int], known: set[str]) -> list[Question]:
    found: dict[str, Question] = {}
    while len(found) < count:
        each = question(rng, rng.randint(*sizes))
        if each.words not in known:
            found[each.words] = each
    return list(found.values())


def _unseen(pool: list[Question], train: int, test: int) -> tuple[list[Question], list[Question]]:
    """A fifth of the combinations is held out; single parameters never are, so that training has them all."""
    combinations = list(dict.fromkeys(parameters(each.call) for each in pool))
    several = [each for each in combinations if len(each) > 1]
    held = set(several[: len(several) // 5])
    shown = [each for each in pool if parameters(each.call) not in held]
    known = set().union(*(parameters(each.call) for each in shown[:train]))
    asked = [each for each in pool if parameters(each.call) in held and parameters(each.call) <= known]
    return shown[:train], asked[:test]
