"""The smallest architecture that succeeds, by growing steps and then by halving.

Michaud et al. (2024, section 2.1). Architectures have a number each: depths of the output and of the hidden perceptron
(1 … 3), hidden size (1 … 128), widths of both (1 … 256), the first the most significant. The search begins at 256²,
where the hidden size alone begins to grow, multiplies the number by the fourth root of 2 until one succeeds, and halves
the interval between half of that number and itself. Numbers whose networks are the same (one map has no width) are
tried once.
"""

from __future__ import annotations

from collections.abc import Callable

from phloem.nn.models.minimal_rnn import Architecture

DEPTHS, HIDDEN, WIDTHS = 3, 128, 256
START, FACTOR = WIDTHS**2, 2**0.25
LAST = DEPTHS * DEPTHS * HIDDEN * WIDTHS**2


def architecture_of(number: int) -> Architecture:
    """Of a number from 1; widths that nothing has are 1."""
    rest, hidden_width = divmod(number - 1, WIDTHS)
    rest, output_width = divmod(rest, WIDTHS)
    rest, hidden = divmod(rest, HIDDEN)
    output_depth, hidden_depth = divmod(rest, DEPTHS)
    return Architecture(
        output_depth + 1,
        hidden_depth + 1,
        hidden + 1,
        output_width + 1 if output_depth else 1,
        hidden_width + 1 if hidden_depth else 1,
    )


def smallest(succeeds: Callable[[Architecture], bool], last: int = LAST) -> Architecture | None:
    """The search; None if nothing up to the number `last` succeeds."""
    tried: dict[Architecture, bool] = {}

    def works(number: int) -> bool:
        one = architecture_of(number)
        if one not in tried:
            tried[one] = succeeds(one)
        return tried[one]

    number = float(START)
    while int(number) <= last and not works(int(number)):
        number *= FACTOR
    if number > last:
        return None
    low, high = int(number) // 2, int(number)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return architecture_of(high)
