"""`phloem compress`: the functions that a set of programs repeats, and the programs written with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phloem.cli.options import remark
from phloem.errors import MissingExtra, PhloemError

if TYPE_CHECKING:
    from phloem.synthesis.stitch import Learned

OWN_ENGINE_NODES = 4_000  # beyond this our own search takes minutes


def compress(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="One s-expression a line; - reads stdin.")],
    iterations: Annotated[
        int, typer.Option("--functions", "-n", metavar="N", min=1, max=1000, help="Learn at most so many functions.")
    ] = 10,
    arity: Annotated[int, typer.Option("--arity", metavar="N", min=0, max=8, help="Arguments of a function.")] = 2,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="phloem, stitch (the stitch-core package), or auto.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Find the functions that a set of programs repeats, and rewrite the programs with them (Stitch, POPL 2023).

    A program is an s-expression of any names; [bold]$0[/bold] is the variable of the nearest (lam …). A function is
    kept if it makes the whole smaller, its own body counted, and two programs use it.

    [bold]Examples[/bold]

    phloem compress programs.txt

    phloem compress library.txt more.txt --functions 3 --arity 1

    generate-programs | phloem compress - --json
    """
    if engine not in ("auto", "phloem", "stitch"):
        raise PhloemError(f"--engine: {engine!r} is none of auto, phloem, stitch")
    programs = _programs(files)
    learned, by = _learn(programs, iterations, arity, engine)
    if as_json:
        document = {
            "engine": by,
            "cost": [learned.cost_before, learned.cost_after],
            "functions": [one._asdict() for one in learned.abstractions],
            "programs": list(learned.programs),
        }
        print(json.dumps(document, indent=1))
        return
    for one in learned.abstractions:
        print(f"{one.name} = {one.body}    ; {one.uses} uses in {one.programs} programs")
    if not learned.abstractions:
        remark("nothing that two programs share makes them smaller")
    for text in learned.programs:
        print(text)
    saved = 1 - learned.cost_after / learned.cost_before
    remark(f"{len(programs)} programs: cost {learned.cost_before} -> {learned.cost_after} ({saved:.0%} less)")


def _programs(files: list[str]) -> list[str]:
    """One program a line; comments and empty lines are left out."""
    from phloem.synthesis.stitch import Corpus

    corpus, programs = Corpus(), []
    for file in files:
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PhloemError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
        for number, line in enumerate(text.splitlines(), 1):
            if line.partition(";")[0].strip():
                try:
                    programs.append(corpus.text(corpus.parse(line)))
                except PhloemError as error:
                    raise PhloemError(f"{file}:{number}: {error}") from error
    if not programs:
        raise PhloemError("there is no program: give one s-expression a line")
    return programs


def _learn(
    programs: list[str], iterations: int, arity: int, engine: str
) -> tuple[Learned, Literal["phloem", "stitch"]]:
    from phloem.synthesis import stitch

    if engine == "auto":
        large = sum(text.count(" ") + 1 for text in programs) > OWN_ENGINE_NODES
        try:
            return _learn(programs, iterations, arity, "stitch" if large else "phloem")
        except MissingExtra as missing:
            remark(f"{missing} would be faster")
    if engine == "stitch":
        return stitch.compress_with_engine(programs, arity=arity, iterations=iterations), "stitch"
    names = {name for text in programs for name in text.replace("(", " ").replace(")", " ").split()}
    found = stitch.compress(programs, arity=arity, iterations=iterations, taken=sorted(names))
    return found, "phloem"
