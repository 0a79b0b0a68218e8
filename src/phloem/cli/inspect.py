"""`phloem info MODEL` and `phloem doctor`: what is installed, what a model is."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from phloem.cli.options import remark
from phloem.errors import PhloemError


def info(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="A model's name or folder; none lists all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all facts as JSON.")] = False,
) -> None:
    """Say what a model is: task, languages, data and licences, figures with intervals, threshold, command.

    [bold]Examples[/bold]

    phloem info

    phloem info python-names

    phloem info models/mine --json
    """
    from phloem.assist.library import facts_of, pretrained

    if model is None:
        known = {name: facts_of(name) for name in pretrained()}
        if not known:
            remark("no model is installed; `phloem train names` makes one")
        if as_json:
            typer.echo(json.dumps(known, indent=2, ensure_ascii=False))
        else:
            for name, facts in known.items():
                typer.echo(f"{name:20} {facts.get('task', '?'):10} {', '.join(facts.get('languages', ()))}")
        return
    facts = facts_of(model)
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(facts)))


def _lines(facts: dict[str, Any], indent: str = "") -> list[str]:
    lines: list[str] = []
    for key, value in facts.items():
        label = f"{indent}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            lines += [label, *_lines(value, indent + "  ")]
        elif isinstance(value, list):
            many = len(value) > 8
            shown = ", ".join(_scalar(each) for each in value[:8])
            lines.append(f"{label:28} {shown}{f' … ({len(value)})' if many else ''}")
        else:
            lines.append(f"{label:28} {_scalar(value)}")
    return lines


def _scalar(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) and abs(value) >= 1e-3 else str(value)


def doctor(
    clean: Annotated[bool, typer.Option("--clean", help="Remove what phloem keeps in its cache folder.")] = False,
) -> None:
    """Check the installation: versions, grammars, models; say where caches are, and clean them.

    [bold]Examples[/bold]

    phloem doctor

    phloem doctor --clean
    """
    from phloem.assist import caches
    from phloem.assist.doctor import examine

    if clean:
        removed, folder = caches.clean()
        typer.echo(f"{removed / 1e6:.1f} MB removed from {folder}")
        return
    found = examine()
    for check in found:
        typer.echo(f"{'ok ' if check.good else 'BAD'}  {check.what:24} {check.said}")
    bad = [check.what for check in found if not check.good]
    if bad:
        raise PhloemError(f"something is wrong with {', '.join(bad)}")
