"""Candidates a second of bottom-up enumeration, beside two enumerators written plainly, in one run.

    python benchmarks/enumeration.py [--candidates 200000] [--runs 3] [--language spreadsheet|sygus] [--json]

All three enumerate the same programs of the same language over the same five examples, in the same order, and keep one
program for every vector of values. `interpreted` builds each candidate and runs it on every example; `incremental`
keeps the values of every program and runs one operator a candidate and example. Processor seconds of this process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product

from phloem.synthesis import grammars
from phloem.synthesis.base import Grammar, Spec
from phloem.synthesis.bottom_up import Enumerator
from phloem.synthesis.interning import Limits
from phloem.synthesis.languages import spreadsheet, sygus_strings
from phloem.synthesis.program import STRING, Call, Program, Value, run

ROWS = (
    ("Ada Lovelace, 1815", "Lovelace, A."),
    ("Alan Turing, 1912", "Turing, A."),
    ("Grace Hopper, 1906", "Hopper, G."),
    ("Edsger Dijkstra, 1930", "Dijkstra, E."),
    ("Barbara Liskov, 1939", "Liskov, B."),
)
Kept = tuple[Program, tuple[Value, ...]]


def shares(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 0:
        if total == 0:
            yield ()
        return
    for first in range(1, total - parts + 2):
        for rest in shares(total - first, parts - 1):
            yield (first, *rest)


def keeps(value: Value | None, limits: Limits) -> bool:
    if value is None:
        return False
    if isinstance(value, str):
        return len(value) <= limits.longest
    return limits.largest is None or abs(value) <= limits.largest


def plainly(spec: Spec, grammar: Grammar, limits: Limits, most: int, interpreted: bool) -> tuple[int, int]:
    """(candidates tried, programs kept) of a nested loop."""
    levels: dict[tuple[str, int], list[Kept]] = {}
    seen: dict[str, set[tuple[Value, ...]]] = {head: set() for head in grammar.types}
    tried, weight = 0, 0

    def keep(head: str, program: Program, values: tuple[Value | None, ...]) -> None:
        if all(keeps(value, limits) for value in values) and values not in seen[head]:
            seen[head].add(values)  # type: ignore[arg-type]
            levels.setdefault((head, weight), []).append((program, values))  # type: ignore[arg-type]

    while tried < most:
        weight += 1
        for rule in grammar.rules:
            if rule.operator is None:
                if weight == rule.weight and rule.leaf is not None:
                    tried += 1
                    keep(rule.head, rule.leaf, tuple(run(rule.leaf, row) for row in spec.inputs))
                continue
            apply: Callable[..., Value | None] = rule.operator.apply
            for parts in shares(weight - rule.weight, len(rule.arguments)):
                kept = [levels.get(key, []) for key in zip(rule.arguments, parts, strict=True)]
                for chosen in product(*kept):
                    tried += 1
                    program = Call(rule.operator, tuple(each for each, _ in chosen))
                    if interpreted:
                        values = tuple(run(program, row) for row in spec.inputs)
                    else:
                        values = tuple(map(apply, *(each for _, each in chosen)))
                    keep(rule.head, program, values)
                if tried >= most:
                    return tried, sum(map(len, levels.values()))
    return tried, sum(map(len, levels.values()))


def batched(spec: Spec, grammar: Grammar, limits: Limits, most: int) -> tuple[int, int]:
    bank = Enumerator(spec, grammar, limits=limits)
    while bank.tried < most:
        for _ in bank.grow(candidates=most):
            pass
    return bank.tried, sum(shelf.count for shelf in bank.shelves.values())


def measure(work: Callable[[], tuple[int, int]], runs: int) -> tuple[float, int]:
    """(median candidates a second, programs kept)."""
    rates, kept = [], 0
    for _ in range(runs):
        began = time.process_time()
        tried, kept = work()
        rates.append(tried / (time.process_time() - began))
    return statistics.median(rates), kept


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--candidates", type=int, default=300_000, help="for the two plain ones")
    ask.add_argument("--batched-candidates", type=int, default=3_000_000)
    ask.add_argument("--runs", type=int, default=3)
    ask.add_argument("--language", choices=("spreadsheet", "sygus"), default="spreadsheet")
    ask.add_argument("--json", action="store_true")
    want = ask.parse_args()
    spec = Spec(("text",), (STRING,), tuple((given,) for given, _ in ROWS), tuple(output for _, output in ROWS), STRING)
    language, limits = (
        (spreadsheet, spreadsheet.LIMITS) if want.language == "spreadsheet" else (sygus_strings, Limits(60))
    )
    grammar = grammars.merged(language.grammar(spec))
    row: dict[str, float] = {}
    for name, interpreted in (("interpreted", True), ("incremental", False)):
        row[name], _ = measure(lambda i=interpreted: plainly(spec, grammar, limits, want.candidates, i), want.runs)  # type: ignore[misc]
    row["batched, same candidates"], _ = measure(lambda: batched(spec, grammar, limits, want.candidates), want.runs)
    row["batched"], _ = measure(lambda: batched(spec, grammar, limits, want.batched_candidates), want.runs)
    row["times interpreted"] = row["batched"] / row["interpreted"]
    row["times incremental"] = row["batched"] / row["incremental"]
    print(json.dumps(row) if want.json else "\n".join(f"{name:26} {value:14.1f}" for name, value in row.items()))


if __name__ == "__main__":
    main()
