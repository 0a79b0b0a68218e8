"""A program as an Excel formula, of functions that Excel has had since 2007 (Google Sheets and LibreOffice too).

Where the interpreter has a value the formula has the same; where it has none the formula shows an error, but for
branches of IF that are not taken. Excel counts a character beyond U+FFFF (most emoji) as two and numbers are exact up
to 15 digits; who offers a formula looks at the text first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from phloem.assist.synth.export.bounds import key, number, pieces, simplified, text
from phloem.assist.synth.export.expressions import Dialect, Form, Text, Unwritable, Writer, never_below
from phloem.synthesis.languages.cell_functions import number as value_of
from phloem.synthesis.languages.cell_functions import plain
from phloem.synthesis.program import STRING, Call, Program, Value, nodes

COMPARE, JOIN, SUM, PRODUCT, ATOM = range(1, 6)
LONGEST = 8_000  # characters; Excel takes 8,192
LONGEST_LITERAL = 255
Arguments = Sequence[Program]


def to_excel(program: Program, language: str, references: Sequence[str]) -> str:
    """The formula, `=` first, over cells such as `A2`. Raises Unwritable."""
    return "=" + Writer(EXCEL, references, keys(language)).code(simplified(program))


def keys(language: str) -> Callable[[Call], str]:
    """How an operator of a language is called in the tables of forms. Raises Unwritable for a language without."""
    if language == "spreadsheet":
        return key
    if language == "sygus-strings":
        return _sygus_key
    if language == "robustfill-plus":
        return lambda program: f"robustfill {program.operator.name}"
    raise Unwritable(f"programs of {language}")


def _sygus_key(program: Call) -> str:
    overloaded = program.operator.name in ("=", "distinct") and program.operator.arguments[0] == STRING
    return f"{program.operator.name} string" if overloaded else key(program)


def literal(value: Value) -> str:
    """A value as a formula writes it.

    >>> print(literal('say "hi" to'), literal(True), literal(-1))
    "say ""hi"" to" TRUE -1
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    pieces = [value[i : i + LONGEST_LITERAL] for i in range(0, len(value), LONGEST_LITERAL)] or [""]
    return "&".join('"' + piece.replace('"', '""') + '"' for piece in pieces)


def _function(name: str) -> Form:
    return lambda writer, arguments: Text(f"{name}({','.join(map(writer.code, arguments))})", ATOM)


def _infix(symbol: str, binds: int, right: int) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        first, *rest = arguments
        return Text(symbol.join([writer.code(first, binds), *(writer.code(each, right) for each in rest)]), binds)

    return form


def _join(writer: Writer, arguments: Arguments) -> Text:
    parts = [writer.text(each) for each in pieces(arguments)]
    codes = [each.code if each.binds >= JOIN else f"({each.code})" for each in parts]
    return Text("&".join(codes), JOIN) if len(parts) > 1 else parts[0]


def _minus(writer: Writer, arguments: Arguments) -> Text:
    if len(arguments) == 1:
        return Text(f"0-{writer.code(arguments[0], SUM + 1)}", SUM)
    return _infix("-", SUM, SUM + 1)(writer, arguments)


def _substitute(writer: Writer, arguments: Arguments) -> Text:
    string, old, new, *which = arguments
    shown = ",".join(writer.code(each) for each in (string, old, new))
    if not which or number(which[0]) == 0:
        return Text(f"SUBSTITUTE({shown})", ATOM)
    known = text(old)
    if known is None or any(known.startswith(known[i:]) for i in range(1, len(known))):
        raise Unwritable("SUBSTITUTE of the k-th match where matches may overlap")
    if never_below(which[0], 1):
        return Text(f"SUBSTITUTE({shown},{writer.code(which[0])})", ATOM)
    count = writer.code(which[0])
    return Text(f"IF({count}=0,SUBSTITUTE({shown}),SUBSTITUTE({shown},{count}))", ATOM)


def _find(writer: Writer, arguments: Arguments) -> Text:
    if len(arguments) == 3 and not text(arguments[0]):
        raise Unwritable("FIND of what may be empty")
    return _function("FIND")(writer, arguments)


def _to_text(writer: Writer, arguments: Arguments) -> Text:
    return Text(f'{writer.code(arguments[0], JOIN)}&""', JOIN)


def _replace_first(writer: Writer, arguments: Arguments) -> Text:
    string, old, new = arguments
    if text(old) == "":
        return _join(writer, (new, string))
    shown = f"SUBSTITUTE({writer.code(string)},{writer.code(old)},{writer.code(new)},1)"
    if text(old):
        return Text(shown, ATOM)
    return Text(f'IF({writer.code(old, JOIN)}="",{_join(writer, (new, string)).code},{shown})', ATOM)


def _at(writer: Writer, arguments: Arguments) -> Text:
    string, index = arguments
    shown = f"MID({writer.code(string)},{writer.plus(index, 1)},1)"
    if never_below(index, 0):
        return Text(shown, ATOM)
    return Text(f'IF({writer.code(index, JOIN)}<0,"",{shown})', ATOM)


def _substr(writer: Writer, arguments: Arguments) -> Text:
    string, start, count = arguments
    if number(start) == 0:
        shown = f"LEFT({writer.code(string)},{writer.code(count)})"
    else:
        shown = f"MID({writer.code(string)},{writer.plus(start, 1)},{writer.code(count)})"
    tests = [f"{writer.code(each, JOIN)}<0" for each in (start, count) if not never_below(each, 0)]
    if not tests:
        return Text(shown, ATOM)
    test = tests[0] if len(tests) == 1 else f"OR({','.join(tests)})"
    return Text(f'IF({test},"",{shown})', ATOM)


def _from_int(writer: Writer, arguments: Arguments) -> Text:
    shown = _to_text(writer, arguments)
    if never_below(arguments[0], 0):
        return shown
    return Text(f'IF({writer.code(arguments[0], JOIN)}<0,"",{shown.code})', ATOM)


def _index_of(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"{_found(writer, arguments).code}-1", SUM)


def _found(writer: Writer, arguments: Arguments) -> Text:
    """The position from 1, 0 where there is none."""
    string, part, start = arguments
    shown = f"{writer.code(part)},{writer.code(string)}"
    if number(start) != 0:
        if not text(part):
            raise Unwritable("FIND of what may be empty")
        shown = f"{shown},{writer.plus(start, 1)}"
    return Text(f"IFERROR(FIND({shown}),0)", ATOM)


def _offset(writer: Writer, program: Call) -> tuple[Text, int] | None:
    return (_found(writer, program.arguments), -1) if key(program) == "str.indexof" else None


def _prefix(function: str) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        part, string = arguments
        shown = writer.code(part)
        return Text(f"EXACT({function}({writer.code(string)},LEN({shown})),{shown})", ATOM)

    return form


def _contains(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"ISNUMBER(FIND({writer.code(arguments[1])},{writer.code(arguments[0])}))", ATOM)


def _differ(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"NOT(EXACT({writer.code(arguments[0])},{writer.code(arguments[1])}))", ATOM)


def _mod(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"MOD({writer.code(arguments[0])},ABS({writer.code(arguments[1])}))", ATOM)


def _div(writer: Writer, arguments: Arguments) -> Text:
    if not (number(arguments[1]) or 0) > 0:
        raise Unwritable("division by what may be negative")
    return Text(f"INT({writer.code(arguments[0], PRODUCT)}/{writer.code(arguments[1])})", ATOM)


def _implies(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"OR(NOT({writer.code(arguments[0])}),{writer.code(arguments[1])})", ATOM)


def _compared(symbol: str) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        return Text(symbol.join(writer.code(each, JOIN) for each in arguments), COMPARE)

    return form


def _between(writer: Writer, arguments: Arguments) -> Text:
    first, last = number(arguments[1]) or 0, number(arguments[2]) or 0
    if first <= 0 or last <= 0:
        raise Unwritable("positions from the end")
    return Text(f"MID({writer.code(arguments[0])},{first},{max(last - first + 1, 0)})", ATOM)


def _case(writer: Writer, arguments: Arguments) -> Text:
    shown, case = writer.code(arguments[0]), text(arguments[1])
    if case == "Proper":
        return Text(f"UPPER(LEFT({shown},1))&LOWER(MID({shown},2,LEN({shown})))", JOIN)
    if case == "Title":
        raise Unwritable("a capital for every word")
    return Text(f"{'UPPER' if case == 'AllCaps' else 'LOWER'}({shown})", ATOM)


def _up_to(writer: Writer, arguments: Arguments) -> Text:
    shown, mark = writer.code(arguments[0]), literal(delimiter(arguments[1]))
    return Text(f"LEFT({shown},IFERROR(FIND({mark},{shown}),0))", ATOM)


def _after(writer: Writer, arguments: Arguments) -> Text:
    shown, mark = writer.code(arguments[0]), literal(delimiter(arguments[1]))
    return Text(f'IFERROR(MID({shown},FIND({mark},{shown})+1,LEN({shown})),"")', ATOM)


def delimiter(program: Program) -> str:
    """The one character that is looked for; the classes need regular expressions."""
    mark = text(program) or ""
    if len(mark) != 1:
        raise Unwritable("regular expressions")
    return mark


def _numeric(writer: Writer, program: Program) -> str:
    """The number of a text. `&""` keeps an empty cell from being 0."""
    known = text(program)
    if known is not None and value_of(known) is not None:
        return plain(value_of(known) or Decimal(0))
    if isinstance(program, Call) and program.operator.name in CALCULATED:
        return CALCULATED[program.operator.name](*(_numeric(writer, each) for each in program.arguments))
    return f'VALUE({writer.code(program, JOIN)}&"")'


def _infixed(symbol: str) -> Callable[[str, str], str]:
    return lambda left, right: f"({left}{symbol}{right})"


CALCULATED: dict[str, Callable[[str, str], str]] = {
    "Add": _infixed("+"),
    "Subtract": _infixed("-"),
    "Multiply": _infixed("*"),
    "Divide": _infixed("/"),
    "Largest": lambda left, right: f"MAX({left},{right})",
    "Smallest": lambda left, right: f"MIN({left},{right})",
}


def _calculated(name: str) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        shown = CALCULATED[name](*(_numeric(writer, each) for each in arguments))
        return Text(f'IFERROR({shown.removeprefix("(").removesuffix(")") if shown[0] == "(" else shown}&"","")', ATOM)

    return form


def _format(writer: Writer, arguments: Arguments) -> Text:
    value, form = arguments[0], text(arguments[1])
    if form == "Thousands":
        if not (isinstance(value, Call) and value.operator.name == "Round"):
            raise Unwritable("as many decimals as the number has")
        return _rounded(writer, value.arguments, "#,##0")
    shown = _numeric(writer, value)
    return Text(f'IFERROR({f"INT({shown})" if form == "Integer" else shown}&"","")', ATOM)


def _rounded(writer: Writer, arguments: Arguments, whole: str = "0") -> Text:
    places = number(arguments[1]) or 0
    if not 0 <= places <= 15:
        raise Unwritable("so many decimals")
    decimals = "." + "0" * places if places else ""
    return Text(f'IFERROR(TEXT(ROUND({_numeric(writer, arguments[0])},{places}),"{whole}{decimals}"),"")', ATOM)


def _padded(writer: Writer, arguments: Arguments) -> Text:
    shown, width = writer.code(arguments[0]), number(arguments[1]) or 0
    return Text(f'IF(LEN({shown})=0,"",REPT("0",MAX(0,{width}-LEN({shown})))&{shown})', ATOM)


def _at_least(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"IFERROR({_numeric(writer, arguments[0])}>={_numeric(writer, arguments[1])},FALSE)", ATOM)


def _counted(writer: Writer, arguments: Arguments) -> Text:
    shown, mark = writer.code(arguments[0]), literal(delimiter(arguments[1]))
    return Text(f'(LEN({shown})-LEN(SUBSTITUTE({shown},{mark},"")))&""', JOIN)


def _starts(writer: Writer, arguments: Arguments) -> Text:
    return _prefix("LEFT")(writer, arguments[::-1])


def _ends(writer: Writer, arguments: Arguments) -> Text:
    return _prefix("RIGHT")(writer, arguments[::-1])


def _length(writer: Writer, arguments: Arguments) -> Text:
    return Text(f'LEN({writer.code(arguments[0])})&""', JOIN)


FORMS: dict[str, Form] = {
    **{f"robustfill {each}": _calculated(each) for each in CALCULATED},
    "robustfill If": _function("IF"),
    "robustfill Is": _function("EXACT"),
    "robustfill AtLeast": _at_least,
    "robustfill StartsWith": _starts,
    "robustfill EndsWith": _ends,
    "robustfill Contains": _contains,
    "robustfill Count": _counted,
    "robustfill Length": _length,
    "robustfill Pad": _padded,
    "robustfill Format": _format,
    "robustfill Round": _rounded,
    "robustfill Concat": _join,
    "robustfill SubStr": _between,
    "robustfill ToCase": _case,
    "robustfill Replace": _function("SUBSTITUTE"),
    "robustfill GetUpto": _up_to,
    "robustfill GetFrom": _after,
    "concatenate": _join,
    "left": _function("LEFT"),
    "right": _function("RIGHT"),
    "mid": _function("MID"),
    "replace": _function("REPLACE"),
    "trim": _function("TRIM"),
    "rept": _function("REPT"),
    "substitute": _substitute,
    "totext": _to_text,
    "lower": _function("LOWER"),
    "upper": _function("UPPER"),
    "proper": _function("PROPER"),
    "if": _function("IF"),
    "add": _infix("+", SUM, SUM),
    "minus": _minus,
    "find": _find,
    "len": _function("LEN"),
    "exact": _function("EXACT"),
    "gt": _compared(">"),
    "gte": _compared(">="),
    "str.++": _join,
    "str.replace": _replace_first,
    "str.replaceall": _function("SUBSTITUTE"),
    "str.at": _at,
    "str.substr": _substr,
    "str.fromint": _from_int,
    "ite": _function("IF"),
    "str.len": _function("LEN"),
    "str.indexof": _index_of,
    "+": _infix("+", SUM, SUM),
    "-": _minus,
    "*": _infix("*", PRODUCT, PRODUCT),
    "div": _div,
    "mod": _mod,
    "abs": _function("ABS"),
    "str.prefixof": _prefix("LEFT"),
    "str.suffixof": _prefix("RIGHT"),
    "str.contains": _contains,
    "= string": _function("EXACT"),
    "=": _compared("="),
    "distinct string": _differ,
    "distinct": _compared("<>"),
    "<": _compared("<"),
    "<=": _compared("<="),
    ">": _compared(">"),
    ">=": _compared(">="),
    "not": _function("NOT"),
    "and": _function("AND"),
    "or": _function("OR"),
    "xor": _compared("<>"),
    "=>": _implies,
}
CALCULATES = {*CALCULATED, "AtLeast", "Format", "Round"}


def calculates(program: Program) -> bool:
    """Whether the program reads texts as numbers, which Excel does of more texts (dates, percentages)."""
    return any(isinstance(part, Call) and part.operator.name in CALCULATES for part in nodes(program))


EXCEL = Dialect("Excel", literal, ATOM, SUM, "", LONGEST, FORMS, _offset)
