"""A program as an SQL expression for SQLite (3.38 and later); much of it is standard.

It has the interpreter's value, and NULL where the interpreter has none, but for branches of CASE that are not taken.
SQLite changes the case of ASCII letters only; who offers an expression looks at the text first.
"""

from __future__ import annotations

from collections.abc import Sequence

from phloem.assist.synth.export.bounds import key, number, pieces, simplified, text
from phloem.assist.synth.export.excel import delimiter, keys
from phloem.assist.synth.export.expressions import Dialect, Form, Text, Unwritable, Writer, never_below
from phloem.synthesis.program import Call, Program, Value, nodes

OR, AND, NOT, COMPARE, SUM, PRODUCT, JOIN, ATOM = range(1, 9)
LONGEST = 20_000
Arguments = Sequence[Program]


def to_sql(program: Program, language: str, columns: Sequence[str]) -> str:
    """The expression over columns of these names. Raises Unwritable."""
    return Writer(SQLITE, [quoted(each) for each in columns], keys(language)).code(simplified(program))


def quoted(name: str) -> str:
    """A column's name as an identifier.

    >>> quoted("first name")
    '"first name"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: Value) -> str:
    """A value as SQL writes it.

    >>> literal("it's"), literal(True), literal(-1)
    ("'it''s'", '1', '-1')
    """
    if isinstance(value, int):
        return str(int(value))
    if "\0" in value:
        raise Unwritable("SQLite ends a string at a zero character")
    return "'" + value.replace("'", "''") + "'"


def _function(name: str) -> Form:
    return lambda writer, arguments: Text(f"{name}({', '.join(map(writer.code, arguments))})", ATOM)


def _infix(symbol: str, binds: int, right: int) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        first, *rest = arguments
        codes = [writer.code(first, binds), *(writer.code(each, right) for each in rest)]
        return Text(f" {symbol} ".join(codes), binds)

    return form


def _join(writer: Writer, arguments: Arguments) -> Text:
    parts = [writer.text(each) for each in pieces(arguments)]
    codes = [each.code if each.binds >= JOIN else f"({each.code})" for each in parts]
    return Text(" || ".join(codes), JOIN) if len(parts) > 1 else parts[0]


def _compare(symbol: str) -> Form:
    return lambda writer, arguments: Text(
        f" {symbol} ".join(writer.code(each, COMPARE + 1) for each in arguments), COMPARE
    )


def _minus(writer: Writer, arguments: Arguments) -> Text:
    if len(arguments) == 1:
        return Text(f"0 - {writer.code(arguments[0], SUM + 1)}", SUM)
    return _infix("-", SUM, SUM + 1)(writer, arguments)


def _if(writer: Writer, arguments: Arguments) -> Text:
    test, then, otherwise = (writer.code(each) for each in arguments)
    return Text(f"CASE WHEN {test} THEN {then} ELSE {otherwise} END", ATOM)


def _guarded(writer: Writer, shown: str, *needs: tuple[Program, int]) -> Text:
    """NULL unless every program is at least its bound."""
    tests = [f"{writer.code(each, COMPARE + 1)} >= {low}" for each, low in needs if not never_below(each, low)]
    return Text(f"CASE WHEN {' AND '.join(tests)} THEN {shown} END" if tests else shown, ATOM)


def _left(writer: Writer, arguments: Arguments) -> Text:
    string, count = arguments
    return _guarded(writer, f"substr({writer.code(string)}, 1, {writer.plus(count, 0)})", (count, 0))


def _right(writer: Writer, arguments: Arguments) -> Text:
    string, count = arguments
    known = number(count)
    shown = writer.code(string)
    if known is not None and known > 0:
        return Text(f"substr({shown}, -{known})", ATOM)
    shown = f"substr({shown}, max(length({shown}) - {writer.code(count, SUM + 1)}, 0) + 1)"
    return _guarded(writer, shown, (count, 0))


def _mid(writer: Writer, arguments: Arguments) -> Text:
    string, start, count = arguments
    shown = f"substr({writer.code(string)}, {writer.plus(start, 0)}, {writer.plus(count, 0)})"
    return _guarded(writer, shown, (start, 1), (count, 0))


def _splice(writer: Writer, arguments: Arguments) -> Text:
    string, start, count, new = arguments
    shown = writer.code(string)
    after = f"{writer.code(start, SUM)} + {writer.code(count, SUM + 1)}"
    if number(start) is not None and number(count) is not None:
        after = str((number(start) or 0) + (number(count) or 0))
    before = f"substr({shown}, 1, {writer.plus(start, -1)})"
    spliced = f"{before} || {writer.code(new, JOIN)} || substr({shown}, {after})"
    text = _guarded(writer, spliced, (start, 1), (count, 0))
    return Text(text.code, JOIN) if text.code == spliced else text


def _trim(writer: Writer, arguments: Arguments) -> Text:
    # Mark every space, drop the marks between two spaces with the second space, drop the marks.
    marked = f"replace(trim({writer.code(arguments[0])}), ' ', ' ' || char(1))"
    return Text(f"replace(replace({marked}, char(1) || ' ', ''), char(1), '')", ATOM)


def _repeat(writer: Writer, arguments: Arguments) -> Text:
    string, count = arguments
    return _guarded(writer, f"replace(hex(zeroblob({writer.code(count)})), '00', {writer.code(string)})", (count, 0))


def _substitute(writer: Writer, arguments: Arguments) -> Text:
    if len(arguments) == 4 and number(arguments[3]) != 0:
        raise Unwritable("replacing the k-th match")
    return _function("replace")(writer, arguments[:3])


def _find(writer: Writer, arguments: Arguments) -> Text:
    what, within = (writer.code(each) for each in arguments[:2])
    if len(arguments) == 2:
        return Text(f"nullif(instr({within}, {what}), 0)", ATOM)
    start = arguments[2]
    tail = f"nullif(instr(substr({within}, {writer.code(start)}), {what}), 0) + {writer.plus(start, -1, SUM + 1)}"
    length = f"length({within})"
    return Text(f"CASE WHEN {writer.code(start, COMPARE + 1)} BETWEEN 1 AND {length} THEN {tail} END", ATOM)


def _to_text(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"CAST({writer.code(arguments[0])} AS TEXT)", ATOM)


def _replace_first(writer: Writer, arguments: Arguments) -> Text:
    string, old, new = arguments
    shown, part = writer.code(string), writer.code(old)
    at = f"instr({shown}, {part})"
    length = str(len(text(old) or "")) if text(old) is not None else f"length({part})"
    replaced = f"substr({shown}, 1, {at} - 1) || {writer.code(new, JOIN)} || substr({shown}, {at} + {length})"
    return Text(f"CASE {at} WHEN 0 THEN {shown} ELSE {replaced} END", ATOM)


def _at(writer: Writer, arguments: Arguments) -> Text:
    string, index = arguments
    shown = f"substr({writer.code(string)}, {writer.plus(index, 1)}, 1)"
    if never_below(index, 0):
        return Text(shown, ATOM)
    return Text(f"CASE WHEN {writer.code(index, COMPARE + 1)} < 0 THEN '' ELSE {shown} END", ATOM)


def _substr(writer: Writer, arguments: Arguments) -> Text:
    string, start, count = arguments
    shown = f"substr({writer.code(string)}, {writer.plus(start, 1)}, {writer.plus(count, 0)})"
    tests = [f"{writer.code(each, COMPARE + 1)} < 0" for each in (start, count) if not never_below(each, 0)]
    return Text(f"CASE WHEN {' OR '.join(tests)} THEN '' ELSE {shown} END" if tests else shown, ATOM)


def _from_int(writer: Writer, arguments: Arguments) -> Text:
    shown = _to_text(writer, arguments)
    if never_below(arguments[0], 0):
        return shown
    return Text(f"CASE WHEN {writer.code(arguments[0], COMPARE + 1)} < 0 THEN '' ELSE {shown.code} END", ATOM)


def _to_int(writer: Writer, arguments: Arguments) -> Text:
    shown = writer.code(arguments[0], COMPARE + 1)
    test = f"{shown} <> '' AND {shown} NOT GLOB '*[^0-9]*'"
    return Text(f"CASE WHEN {test} THEN CAST({shown} AS INTEGER) ELSE -1 END", ATOM)


def _to_code(writer: Writer, arguments: Arguments) -> Text:
    shown = writer.code(arguments[0])
    return Text(f"CASE length({shown}) WHEN 1 THEN unicode({shown}) ELSE -1 END", ATOM)


def _is_digit(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"{writer.code(arguments[0], COMPARE + 1)} GLOB '[0-9]'", COMPARE)


def _index_of(writer: Writer, arguments: Arguments) -> Text:
    string, part, start = arguments
    shown, wanted = writer.code(string), writer.code(part)
    if number(start) == 0:
        return Text(f"instr({shown}, {wanted}) - 1", SUM)
    at = f"instr(substr({shown}, {writer.plus(start, 1)}), {wanted})"
    tests = [f"{writer.code(start, COMPARE + 1)} >= 0"] if not never_below(start, 0) else []
    tests += [f"{writer.code(start, COMPARE + 1)} <= length({shown})", f"{at} > 0"]
    place = at if number(start) == 1 else f"{at} + {writer.plus(start, -1, SUM + 1)}"
    return Text(f"CASE WHEN {' AND '.join(tests)} THEN {place} ELSE -1 END", ATOM)


def _offset(writer: Writer, program: Call) -> tuple[Text, int] | None:
    if key(program) != "str.indexof" or number(program.arguments[2]) != 0:
        return None
    string, part, _ = program.arguments
    return Text(f"instr({writer.code(string)}, {writer.code(part)})", ATOM), -1


def _prefix(writer: Writer, arguments: Arguments) -> Text:
    part, string = (writer.code(each, COMPARE + 1) for each in arguments)
    return Text(f"substr({string}, 1, length({part})) = {part}", COMPARE)


def _suffix(writer: Writer, arguments: Arguments) -> Text:
    part, string = (writer.code(each, COMPARE + 1) for each in arguments)
    return Text(f"substr({string}, length({string}) - length({part}) + 1) = {part}", COMPARE)


def _contains(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"instr({writer.code(arguments[0])}, {writer.code(arguments[1])}) > 0", COMPARE)


def _not(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"NOT {writer.code(arguments[0], NOT + 1)}", NOT)


def _implies(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"NOT {writer.code(arguments[0], NOT + 1)} OR {writer.code(arguments[1], OR)}", OR)


def _mod(writer: Writer, arguments: Arguments) -> Text:
    left, right = (writer.code(each, PRODUCT + 1) for each in arguments)
    return Text(f"({left} % {right} + abs({right})) % abs({right})", PRODUCT)


def _div(writer: Writer, arguments: Arguments) -> Text:
    if not (number(arguments[1]) or 0) > 0:
        raise Unwritable("division by what may be negative")
    left, right = (writer.code(each, SUM + 1) for each in arguments)
    return Text(f"({left} - ({left} % {right} + {right}) % {right}) / {right}", PRODUCT)


def _between(writer: Writer, arguments: Arguments) -> Text:
    first, last = number(arguments[1]) or 0, number(arguments[2]) or 0
    if first <= 0 or last <= 0:
        raise Unwritable("positions from the end")
    return Text(f"substr({writer.code(arguments[0])}, {first}, {max(last - first + 1, 0)})", ATOM)


def _case(writer: Writer, arguments: Arguments) -> Text:
    shown, case = writer.code(arguments[0]), text(arguments[1])
    if case == "Proper":
        return Text(f"upper(substr({shown}, 1, 1)) || lower(substr({shown}, 2))", JOIN)
    if case == "Title":
        raise Unwritable("a capital for every word")
    return Text(f"{'upper' if case == 'AllCaps' else 'lower'}({shown})", ATOM)


def _strip(writer: Writer, arguments: Arguments) -> Text:
    spaces = " || ".join(f"char({ord(each)})" for each in map(chr, range(0x3001)) if each.isspace())
    return Text(f"trim({writer.code(arguments[0])}, {spaces})", ATOM)


def _up_to(writer: Writer, arguments: Arguments) -> Text:
    shown, mark = writer.code(arguments[0]), literal(delimiter(arguments[1]))
    return Text(f"substr({shown}, 1, instr({shown}, {mark}))", ATOM)


def _after(writer: Writer, arguments: Arguments) -> Text:
    shown, mark = writer.code(arguments[0]), literal(delimiter(arguments[1]))
    place = f"instr({shown}, {mark})"
    return Text(f"CASE {place} WHEN 0 THEN '' ELSE substr({shown}, {place} + 1) END", ATOM)


def _padded(writer: Writer, arguments: Arguments) -> Text:
    shown, width = writer.code(arguments[0]), number(arguments[1]) or 0
    padded = f"substr('{'0' * width}' || {writer.code(arguments[0], JOIN)}, -{width})"
    return Text(f"CASE WHEN length({shown}) BETWEEN 1 AND {width - 1} THEN {padded} ELSE {shown} END", ATOM)


def _counted(writer: Writer, arguments: Arguments) -> Text:
    shown, mark = writer.code(arguments[0]), literal(delimiter(arguments[1]))
    return Text(f"CAST(length({shown}) - length(replace({shown}, {mark}, '')) AS TEXT)", ATOM)


def _starts(writer: Writer, arguments: Arguments) -> Text:
    return _prefix(writer, arguments[::-1])


def _ends(writer: Writer, arguments: Arguments) -> Text:
    string, part = arguments
    length = len(text(part) or "")
    if not length:
        raise Unwritable("the end of a text that may be empty")
    return Text(f"substr({writer.code(string)}, -{length}) = {writer.code(part, COMPARE + 1)}", COMPARE)


def _length(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"CAST(length({writer.code(arguments[0])}) AS TEXT)", ATOM)


FORMS: dict[str, Form] = {
    "robustfill If": _if,
    "robustfill Is": _compare("="),
    "robustfill StartsWith": _starts,
    "robustfill EndsWith": _ends,
    "robustfill Contains": _contains,
    "robustfill Count": _counted,
    "robustfill Length": _length,
    "robustfill Pad": _padded,
    "robustfill Concat": _join,
    "robustfill SubStr": _between,
    "robustfill ToCase": _case,
    "robustfill Replace": _function("replace"),
    "robustfill Trim": _strip,
    "robustfill GetUpto": _up_to,
    "robustfill GetFrom": _after,
    "concatenate": _join,
    "left": _left,
    "right": _right,
    "mid": _mid,
    "replace": _splice,
    "trim": _trim,
    "rept": _repeat,
    "substitute": _substitute,
    "totext": _to_text,
    "lower": _function("lower"),
    "upper": _function("upper"),
    "if": _if,
    "add": _infix("+", SUM, SUM),
    "minus": _minus,
    "find": _find,
    "len": _function("length"),
    "exact": _compare("="),
    "gt": _compare(">"),
    "gte": _compare(">="),
    "str.++": _join,
    "str.replace": _replace_first,
    "str.replaceall": _function("replace"),
    "str.at": _at,
    "str.substr": _substr,
    "str.fromint": _from_int,
    "str.toint": _to_int,
    "str.tocode": _to_code,
    "str.isdigit": _is_digit,
    "ite": _if,
    "str.len": _function("length"),
    "str.indexof": _index_of,
    "+": _infix("+", SUM, SUM),
    "-": _minus,
    "*": _infix("*", PRODUCT, PRODUCT + 1),
    "div": _div,
    "mod": _mod,
    "abs": _function("abs"),
    "str.prefixof": _prefix,
    "str.suffixof": _suffix,
    "str.contains": _contains,
    "str.<": _compare("<"),
    "str.<=": _compare("<="),
    "= string": _compare("="),
    "=": _compare("="),
    "distinct string": _compare("<>"),
    "distinct": _compare("<>"),
    "<": _compare("<"),
    "<=": _compare("<="),
    ">": _compare(">"),
    ">=": _compare(">="),
    "not": _not,
    "and": _infix("AND", AND, AND),
    "or": _infix("OR", OR, OR),
    "xor": _compare("<>"),
    "=>": _implies,
}
SQLITE = Dialect("SQLite", literal, ATOM, SUM, " ", LONGEST, FORMS, _offset)


CASES = {"lower", "upper", "proper", "tocase"}


def changes_case(program: Program) -> bool:
    """Whether the program has an operator that changes the case of letters."""
    return any(isinstance(part, Call) and key(part) in CASES for part in nodes(program))
