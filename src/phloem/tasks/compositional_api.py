"""Calls of web APIs: written, canonical, checked against a schema, and run on a mock service.

Hosseini, Hassan Awadallah and Su, "Compositional Generalization for Natural Language Interfaces to Web APIs" (2021):
questions are paired with REST calls in the manner of OData (OASIS, "OData 4.01, Part 2: URL Conventions"): a
collection, and query options for keywords, conditions, order, page, fields and count:

    GET /messages?$filter=from eq 'ann' and size gt 20&$orderby=received desc&$top=5&$select=subject

Two calls are the same when their canonical forms are: the order of options, of conditions joined by "and" and of
selected fields means nothing, and both quotes are quotes. A `Service` runs a call as the schema allows it, and says
what the schema forbids: unknown fields, values of a wrong type, operators that a type has not, a required field that
is not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from phloem.errors import PhloemError

Type = Literal["string", "integer", "boolean", "date"]
OPERATORS: dict[Type, tuple[str, ...]] = {
    "string": ("eq", "ne", "contains", "startswith"),
    "integer": ("eq", "ne", "gt", "lt", "ge", "le"),
    "boolean": ("eq", "ne"),
    "date": ("eq", "gt", "lt", "ge", "le"),
}
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|[?&=,()/]|[^\s?&=,()/'\"]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Field(NamedTuple):
    """A field of a collection; one that is required must have a condition in every call."""

    name: str
    type: Type
    required: bool = False
    description: str = ""


class Schema(NamedTuple):
    """Collections by name, each with its fields by name."""

    collections: Mapping[str, Mapping[str, Field]]


class Condition(NamedTuple):
    field: str
    operator: str
    value: str  # strings with single quotes around them, other values as they are


class Call(NamedTuple):
    """What a call asks for."""

    collection: str
    search: str | None = None
    conditions: tuple[Condition, ...] = ()
    order: tuple[str, str] | None = None  # field, "asc" or "desc"
    top: int | None = None
    skip: int | None = None
    select: tuple[str, ...] = ()
    counted: bool = False  # the number of rows is asked for, not the rows

    def __str__(self) -> str:
        return written(canonical(self))


def quoted(text: str) -> str:
    """A string as a value."""
    return f"'{text}'"


def canonical(call: Call) -> Call:
    """The form that equal calls share."""
    return call._replace(conditions=tuple(sorted(set(call.conditions))), select=tuple(sorted(set(call.select))))


def written(call: Call) -> str:
    """The call's text, options and conditions in the order that it has them, tokens parted by blanks."""
    options = []
    if call.search is not None:
        options.append(f"$search = {quoted(call.search)}")
    if call.conditions:
        options.append("$filter = " + " and ".join(" ".join(condition) for condition in call.conditions))
    if call.order is not None:
        options.append("$orderby = " + " ".join(call.order))
    options += [
        f"{name} = {number}" for name, number in (("$top", call.top), ("$skip", call.skip)) if number is not None
    ]
    if call.select:
        options.append("$select = " + " , ".join(call.select))
    if call.counted:
        options.append("$count = true")
    return f"GET / {call.collection}" + (" ? " + " & ".join(options) if options else "")


def read(text: str) -> Call:
    """The call of a text, with blanks or without. Raises PhloemError naming what is not understood."""
    tokens = [quoted(token[1:-1].strip()) if token[0] in "'\"" else token for token in _TOKEN.findall(text)]
    if tokens[:2] != ["GET", "/"] or len(tokens) < 3 or (len(tokens) > 3 and tokens[3] != "?"):
        raise PhloemError(f"{text!r} is no call: it begins with GET /COLLECTION, then options behind a ?")
    call = Call(tokens[2])
    seen = set()
    for option in _split(tokens[4:], "&"):
        name, value = option[0] if option else "", option[2:]
        if option[1:2] != ["="] or not value or name in seen:
            raise PhloemError(f"{text!r}: the option {' '.join(option)!r} has no value, or stands twice")
        seen.add(name)
        call = _with(call, name, value, text)
    return canonical(call)


def _with(call: Call, name: str, value: list[str], text: str) -> Call:
    """The call with one option more."""
    if name == "$search" and len(value) == 1:
        return call._replace(search=value[0].strip("'"))
    if name == "$filter":
        return call._replace(conditions=tuple(_condition(part, text) for part in _split(value, "and")))
    if name == "$orderby" and len(value) <= 2 and value[-1:] != ["="]:
        direction = value[1] if len(value) == 2 else "asc"
        if direction in ("asc", "desc"):
            return call._replace(order=(value[0], direction))
    if name in ("$top", "$skip") and len(value) == 1 and value[0].isdecimal():
        number = int(value[0])
        return call._replace(top=number) if name == "$top" else call._replace(skip=number)
    if name == "$select":
        return call._replace(select=tuple(field for part in _split(value, ",") for field in part))
    if name == "$count" and value in (["true"], ["false"]):
        return call._replace(counted=value == ["true"])
    raise PhloemError(f"{text!r}: {name} = {' '.join(value)} is not understood")


def _condition(part: list[str], text: str) -> Condition:
    if len(part) == 3:
        return Condition(*part)
    if len(part) == 6 and part[1] == "(" and part[3] == "," and part[5] == ")":  # contains(field, 'value')
        return Condition(part[2], part[0], part[4])
    raise PhloemError(f"{text!r}: the condition {' '.join(part)!r} is not understood")


def _split(tokens: Sequence[str], mark: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token == mark:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts if tokens else []


def problems(call: Call, schema: Schema) -> list[str]:
    """What the schema forbids of a call; nothing where it can run."""
    fields = schema.collections.get(call.collection)
    if fields is None:
        return [f"unknown collection {call.collection}"]
    named = [*(c.field for c in call.conditions), *call.select, *([call.order[0]] if call.order else [])]
    found = [f"unknown field {name}" for name in dict.fromkeys(named) if name not in fields]
    for field, operator, value in call.conditions:
        if field not in fields:
            continue
        kind = fields[field].type
        if operator not in OPERATORS[kind]:
            found.append(f"{field} is a {kind}, which has no operator {operator}")
        elif not has_type(value, kind):
            found.append(f"{field} is a {kind}, which {value} is not")
    given = {condition.field for condition in call.conditions}
    found += [f"missing {field.name}" for field in fields.values() if field.required and field.name not in given]
    return found


def has_type(value: str, kind: Type) -> bool:
    """Whether a written value is one of the type."""
    if kind == "string":
        return len(value) >= 2 and value[0] == value[-1] == "'"
    if kind == "integer":
        return value.removeprefix("-").isdecimal()
    return value in ("true", "false") if kind == "boolean" else _DATE.fullmatch(value) is not None


class Service:
    """A mock of the API over rows in memory."""

    def __init__(self, schema: Schema, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.schema, self.rows = schema, rows

    def run(self, call: Call) -> list[dict[str, Any]] | int:
        """The rows, or their number. Raises PhloemError with all that the schema forbids."""
        wrong = problems(call, self.schema)
        if wrong:
            raise PhloemError("; ".join(wrong))
        fields = self.schema.collections[call.collection]
        found = [dict(row) for row in self.rows.get(call.collection, ()) if self._holds(call, row, fields)]
        if call.counted:
            return len(found)
        if call.order:
            name, direction = call.order
            found.sort(key=lambda row: row[name], reverse=direction == "desc")
        found = found[call.skip or 0 :][: call.top]
        return [{name: row[name] for name in call.select or row} for row in found]

    @staticmethod
    def _holds(call: Call, row: Mapping[str, Any], fields: Mapping[str, Field]) -> bool:
        if call.search is not None and not any(
            call.search in value for value in row.values() if isinstance(value, str)
        ):
            return False
        return all(compare(row[name], op, constant(value, fields[name].type)) for name, op, value in call.conditions)


def constant(value: str, kind: Type) -> str | int | bool:
    """A written value as Python has it; dates are strings that sort by time."""
    if kind == "integer":
        return int(value)
    return value == "true" if kind == "boolean" else value.strip("'")


def compare(left: Any, operator: str, right: Any) -> bool:
    """Whether a condition holds."""
    match operator:
        case "contains":
            return bool(right in left)
        case "startswith":
            return bool(left.startswith(right))
        case "eq" | "ne":
            return bool(left == right) == (operator == "eq")
        case "gt" | "ge":
            return bool(left > right or (operator == "ge" and left == right))
    return bool(left < right or (operator == "le" and left == right))


def of_openapi(document: Mapping[str, Any]) -> Schema:
    """The schema of an OpenAPI description: paths that can be read are collections, query parameters their fields.

    Raises PhloemError for what describes no such path."""
    kinds: dict[str, Type] = {"string": "string", "integer": "integer", "boolean": "boolean"}
    collections = {}
    for path, methods in dict(document.get("paths", {})).items():
        fields = {}
        for given in methods.get("get", {}).get("parameters", ()):
            described = given.get("schema", given)
            dated = described.get("format") in ("date", "date-time")
            kind = "date" if dated else kinds.get(described.get("type", ""))
            if given.get("in") == "query" and kind is not None:
                text = " ".join(str(given.get("description", "")).split())
                fields[given["name"]] = Field(given["name"], kind, bool(given.get("required")), text)
        if fields:
            collections[path.strip("/").replace("/", ".")] = fields
    if not collections:
        raise PhloemError("the description has no path that can be read with query parameters: is it OpenAPI?")
    return Schema(collections)
