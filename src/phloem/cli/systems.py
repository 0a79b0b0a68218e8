"""`phloem systems` and `phloem reproduce`: the methods of the field, and what was measured of them."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phloem.cli.options import progress, remark
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.systems.registry import Card
    from phloem.systems.reproduce import Row, Step

Results = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of results.")]


def systems(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One system's card, by name or row; none lists all.")
    ] = None,
    room: Annotated[str | None, typer.Option("--room", metavar="ROOM", help="Only the systems of this room.")] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="WORD", help="Only systems for a kind of task, such as repair.")
    ] = None,
    out: Results = Path("results"),
    only_names: Annotated[bool, typer.Option("--names", help="Print names alone, a line each.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the systems that can be reproduced: a paper each, and what was measured of it.

    [bold]Examples[/bold]

    phloem systems

    phloem systems code2seq

    phloem systems --room synthesis --names

    phloem systems --task "code search"
    """
    from phloem.systems import registry
    from phloem.systems.reproduce import table

    cards = [registry.card(each) for each in ([name] if name else registry.names())]
    if room is not None:
        rooms = sorted({card.room for card in cards})
        if room not in rooms:
            raise PhloemError(f"no system in a room {room!r}; there are {', '.join(rooms)}")
        cards = [card for card in cards if card.room == room]
    if task is not None:
        wanted = _for_task(task)
        cards = [card for card in cards if card.name in wanted]
        if not cards:
            raise PhloemError(f"no system speaks of {task!r} yet")
    if only_names:
        typer.echo("\n".join(card.name for card in cards))
        return
    measured = {card.name: table(card.name, out) for card in cards}
    if as_json:
        rows = [
            {
                "name": card.name,
                "row": card.row,
                "room": card.room,
                "source": card.source,
                "measured": [row._asdict() for row in measured[card.name]],
            }
            for card in cards
        ]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    _listed(cards, measured, heads=not name)
    if name:
        typer.echo("\n" + (inspect.getdoc(cards[0].claim) or ""))
        for row in measured[cards[0].name]:
            low, high = row.interval
            typer.echo(
                f"{row.scale:8} {row.clause}: {row.value:.4g} [{low:.4g}, {high:.4g}] ≥ {row.margin:g}: {row.verdict}"
            )


def _listed(cards: list[Card], measured: dict[str, list[Row]], heads: bool) -> None:
    """A line a system, room by room."""
    wide = max(len(card.name) for card in cards)
    for room in sorted({card.room for card in cards}):
        if heads:
            typer.secho(room, bold=True)
        for card in (card for card in cards if card.room == room):
            verdicts = ", ".join(dict.fromkeys(f"{row.scale}: {row.verdict}" for row in measured[card.name]))
            typer.echo(f"  {card.name:{wide}} {card.row:5} {card.source}{f'  [{verdicts}]' if verdicts else ''}")


def reproduce(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The system; `phloem systems` lists them.")],
    scale: Annotated[str, typer.Option("--scale", metavar="smoke|laptop|paper", help="How much is spent.")] = "smoke",
    data: Annotated[
        str | None, typer.Option("--data", metavar="DIR", help="Shards, or the folder of data sets.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", metavar="N", help="Another budget for each run.")
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", metavar="N", help="These seeds only; repeatable.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, help="Of torch, alike for all runs.")] = 1,
    out: Results = Path("results"),
) -> None:
    """Run a paper's claim: baseline and candidate with the same budget, verdict by rule.

    A stopped run goes on, run by run, when the same command is given again.

    [bold]Examples[/bold]

    phloem reproduce code2seq --scale smoke

    phloem reproduce code2seq --scale laptop --data shards
    """
    from phloem.systems.reproduce import run

    with progress() as display:
        bar = display.add_task(name, total=1000)

        def show(step: Step) -> None:
            said = f"{step.arm}, seed {step.seed} (run {step.number + 1} of {step.runs})"
            display.update(bar, description=said, completed=int(1000 * (step.number + step.fraction) / step.runs))
            if step.fraction == 1.0:
                remark(said + (" kept from before" if step.kept else " done"))

        try:
            result = run(
                name,
                scale,
                out=out,
                data=data,
                minutes=minutes,
                seeds=tuple(seeds) if seeds else None,
                threads=threads,
                progress=show,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"finished runs are in {out / 'runs'}; the same command goes on") from None
    for clause in result["clauses"]:
        low, high = clause["interval"]
        said = f"{clause['value']:.4g} [{low:.4g}, {high:.4g}] ≥ {clause['margin']:g}: {clause['verdict']}"
        typer.echo(f"{clause['clause']}: {said}")
    written = out / result["system"] / f"{scale}.json"
    typer.echo(f"{result['system']} at {scale}: {result['verdict']} ({written})")


def _for_task(task: str) -> set[str]:
    """The systems whose papers speak of a kind of task. Raises PhloemError for an unknown one."""
    from phloem.analysis.taxonomy_tables import TASK_KINDS
    from phloem.systems.understanding.survey_code_lm import entries

    word = task.strip().lower()
    kinds = [kind for kind in TASK_KINDS if word and (word in kind.name.lower() or word in kind.commands)]
    if not kinds:
        raise PhloemError(f"no kind of task {task!r}; there are {', '.join(kind.name for kind in TASK_KINDS)}")
    words = "|".join(kind.words for kind in kinds)
    return {each.name for each in entries() if re.search(words, each.text, re.IGNORECASE)}
