"""Functions of cells that hold numbers, names of months and days, or lists of words, for programs over texts.

A cell is a text, so a number is the text of one: `-1,234.50` is read, `1234.5` is written, with 15 significant digits
and halves rounded away from zero, as spreadsheets calculate. What is no number gives "", as everything in RobustFill's
language that is not found does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException

EXACT = Context(prec=15, rounding=ROUND_HALF_UP)
WIDE = Context(prec=3 * EXACT.prec)  # for numbers with zeros behind
NUMERAL = re.compile(r"\s*(-?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?\s*")
LONGEST = 15  # digits of a number

MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
TABLES = ("Month", "MonthShort", "MonthNumber", "Day", "DayShort")
"""What `look_up` finds: a month's name, its first three letters or its number; a day of the week."""
FORMATS = ("Number", "Thousands", "Integer")
JOINED = ("AsIs", "AllCaps", "Lower", "Proper", "Camel")


def number(text: str) -> Decimal | None:
    """The number that a text is; None for any other text, and for numbers of more than LONGEST digits, which
    are names rather than numbers.

    >>> number(" 1,234.50 "), number("1,23")
    (Decimal('1234.50'), None)
    """
    if not NUMERAL.fullmatch(text):
        return None
    value = Decimal(text.strip().replace(",", ""))
    return value if len(value.as_tuple().digits) <= LONGEST else None


def plain(value: Decimal) -> str:
    """A number as a text without exponent, sign of zero, or zeros that say nothing.

    >>> plain(Decimal("12.50")), plain(Decimal("1E+2"))
    ('12.5', '100')
    """
    if not value.is_finite() or abs(value.adjusted()) > LONGEST:
        return "0" if value == 0 else ""
    text = format(EXACT.plus(value), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def calculated(calculate: Callable[[Decimal, Decimal], Decimal]) -> Callable[[str, str], str]:
    """The function of two texts that calculates with their numbers."""

    def apply(left: str, right: str) -> str:
        first, second = number(left), number(right)
        if first is None or second is None:
            return ""
        try:
            return plain(calculate(first, second))
        except DecimalException:
            return ""

    return apply


add = calculated(EXACT.add)
subtract = calculated(EXACT.subtract)
multiply = calculated(EXACT.multiply)
divide = calculated(EXACT.divide)
largest = calculated(max)
smallest = calculated(min)


def at_least(text: str, bound: str) -> bool:
    """Whether both are numbers, and the first is not below the second."""
    value, least = number(text), number(bound)
    return value is not None and least is not None and value >= least


def rounded(text: str, places: int) -> str:
    """The number with so many decimals, zeros among them."""
    value = number(text)
    if value is None or not 0 <= places <= LONGEST:
        return ""
    value = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, WIDE)
    return format(abs(value) if value == 0 else value, "f")


def formatted(text: str, form: str) -> str:
    """The number without leading zeros; with a comma after every third digit; or the integer below it."""
    value = number(text)
    if value is None:
        return ""
    if form == "Integer":
        return plain(value.to_integral_value(ROUND_FLOOR))
    if form == "Thousands":
        decimals = text.strip().partition(".")[2]
        return format(value, f",.{len(decimals)}f")
    return plain(value)


def padded(text: str, width: int) -> str:
    """The text with zeros in front, at least `width` characters."""
    return text.rjust(width, "0") if text and 0 <= width <= LONGEST else text


def look_up(text: str, table: str) -> str:
    """The name of a month or day, its short form, or a month's number; "" for what is neither.

    >>> look_up("3", "Month"), look_up("Sept", "MonthNumber"), look_up("wed", "Day")
    ('March', '9', 'Wednesday')
    """
    names = MONTHS if table.startswith("Month") else DAYS
    word = text.strip().rstrip(".").casefold()
    if word.isascii() and word.isdigit():
        place = int(word) - 1 if len(word) < 3 and names is MONTHS else -1
    else:
        place = next((i for i, name in enumerate(names) if len(word) > 2 and name.casefold().startswith(word)), -1)
    if not 0 <= place < len(names):
        return ""
    if table.endswith("Number"):
        return str(place + 1)
    return names[place][:3] if table.endswith("Short") else names[place]


def join(parts: Sequence[str], count: int, case: str, separator: str) -> str:
    """The parts, of each the first `count` characters (0: all) in a letter case, with the separator between them.

    >>> join(["home", "phone"], 0, "Camel", ""), join(["Ada", "King"], 1, "AsIs", ".")
    ('homePhone', 'A.K')
    """
    cut = [part[:count] if count > 0 else part for part in parts]
    if case == "AsIs":
        made = cut
    elif case == "Camel":
        made = [part.capitalize() if i else part.lower() for i, part in enumerate(cut)]
    else:
        made = [{"AllCaps": str.upper, "Lower": str.lower}.get(case, str.capitalize)(part) for part in cut]
    return separator.join(made)
