"""`phloem rasp`: programs in the language of what transformers can do, run, analysed and compiled to weights."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phloem.cli.options import remark
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.synthesis.rasp import Node, Session, Shown

EXAMPLE = "hello"


def rasp(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="A .rasp program; - reads stdin.")] = None,
    expr: Annotated[
        list[str] | None, typer.Option("--expr", "-e", metavar="CODE", help="Statements to run behind it; repeatable.")
    ] = None,
    input_text: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="TEXT", help="Show what s-ops and selectors are on this; repeatable."),
    ] = None,
    analyse: Annotated[
        bool, typer.Option("--analyse", help="Layers and heads that a transformer needs, layer by layer.")
    ] = False,
    compile_to: Annotated[
        Path | None, typer.Option("--compile", metavar="DIR", help="Save the last s-op as a transformer's weights.")
    ] = None,
    alphabet: Annotated[
        str, typer.Option("--alphabet", metavar="LETTERS", help="Tokens that the compiled model reads.")
    ] = "abc",
    longest: Annotated[
        int, typer.Option("--longest", metavar="N", min=1, max=64, help="Longest input of the compiled model.")
    ] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
) -> None:
    """Run RASP, the language whose programs are what transformers can do (Weiss et al. 2021).

    Without FILE and --expr it reads statements from the terminal. The library has reverse, hist, sort, dyck1 and more.

    [bold]Examples[/bold]

    phloem rasp -e 'hist("hello")'

    phloem rasp -e 'select(indices, indices, <)("hello")'      the selector as a table

    phloem rasp program.rasp --input abba --input hello

    phloem rasp -e dyck2 --analyse

    phloem rasp -e reverse --compile reversed --alphabet abc --longest 6
    """
    from phloem.synthesis.rasp import Session

    source = _source(file)
    session = Session(Path(file).parent if file and file != "-" else None)
    if source is None and not expr:
        _converse(session, (input_text or [EXAMPLE])[0])
        return
    shown = session.run(source) if source is not None else []
    for code in expr or []:
        shown += session.run(code if code.rstrip().endswith((";", "}")) else code + ";")
    if analyse or compile_to is not None:
        last = _last(shown)
        found = _analysis(last) if analyse else {}
        if compile_to is not None:
            found["compiled"] = _compile(last, compile_to, list(alphabet), longest)
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _analysis_text(found))
        return
    inputs = input_text if input_text is not None else [EXAMPLE]
    if as_json:
        typer.echo(json.dumps([_as_json(one, inputs) for one in shown], indent=2, ensure_ascii=False))
    else:
        for one in shown:
            typer.echo(_as_text(one, inputs))


def _source(file: str | None) -> str | None:
    if file is None:
        return None
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except UnicodeDecodeError:
        raise PhloemError(f"{file}: not a text in UTF-8") from None
    except OSError as error:
        raise PhloemError(f"{file}: {error.strerror}") from error


def _converse(session: Session, example: str) -> None:
    """Read statements until the end of the input, and show each; errors do not end it."""
    if sys.stdin.isatty():
        remark(f'RASP; statements end with ";", examples are on {example!r}, Ctrl-D ends')
    waiting = ""
    while True:
        if sys.stdin.isatty():
            typer.echo(".. " if waiting else ">> ", nl=False)
        line = sys.stdin.readline()
        waiting += line
        complete = waiting.count("{") <= waiting.count("}") and waiting.rstrip().endswith((";", "}"))
        if waiting.strip() and (complete or not line):
            try:
                for one in session.run(waiting):
                    typer.echo(_as_text(one, [example]))
            except PhloemError as error:
                typer.echo(f"error: {error}", err=True)
            waiting = ""
        if not line:
            return


def _last(shown: list[Shown]) -> Node:
    from phloem.synthesis.rasp import Node

    nodes = [one.value for one in shown if isinstance(one.value, Node) and not one.value.selects]
    if not nodes:
        raise PhloemError("there is no s-op to analyse: end with one, as in -e reverse")
    return nodes[-1]


# What is shown


def _as_text(one: Shown, inputs: Iterable[str]) -> str:
    from phloem.synthesis.rasp import Computed, Node, RaspError, evaluate

    name = one.name or (one.value.name if isinstance(one.value, Node) else "")
    if isinstance(one.value, Computed):
        return _value_text(one.value.node, one.value.tokens, one.value.value)
    if not isinstance(one.value, Node):
        return f"{name + ' = ' if name else ''}{_plain(one.value)}"
    lines = [f"{'selector' if one.value.selects else 's-op'} {name}".rstrip()]
    for text in inputs:
        try:
            shown = _value_text(one.value, text, evaluate(one.value, text))
        except RaspError as error:
            shown = f"no value: {error}"
        lines.append(f"  on {text!r}: {shown}")
    return "\n".join(lines)


def _value_text(node: Node, tokens: Any, value: list[Any]) -> str:
    if not node.selects:
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    names = [str(token) for token in tokens]
    width = max((len(name) for name in names), default=1)
    rows = [" " * width + " | " + " ".join(name.rjust(width) for name in names)]
    for name, row in zip(names, value, strict=True):
        rows.append(name.rjust(width) + " | " + " ".join(("1" if cell else ".").rjust(width) for cell in row))
    return "\n" + "\n".join(rows)


def _plain(value: Any) -> str:
    from phloem.synthesis.rasp.graph import handed_out

    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_plain(key)}: {_plain(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "T" if value else "F"
    handed = handed_out(value)
    return f"{handed:g}" if isinstance(handed, float) else str(handed) if isinstance(handed, int) else "a function"


def _as_json(one: Shown, inputs: Iterable[str]) -> dict[str, Any]:
    from phloem.synthesis.rasp import Computed, Node, evaluate
    from phloem.synthesis.rasp.graph import handed_out

    value = one.value
    if isinstance(value, Computed):
        return {"name": one.name, "input": value.tokens, "value": value.value}
    if isinstance(value, Node):
        kind = "selector" if value.selects else "s-op"
        return {
            "name": one.name or value.name,
            "kind": kind,
            "values": {text: evaluate(value, text) for text in inputs},
        }
    plain = value if isinstance(value, list | dict | str | bool) else handed_out(value)
    return {"name": one.name, "value": json.loads(json.dumps(plain, default=lambda number: float(number)))}


# Analysis and weights


def _analysis(node: Node) -> dict[str, Any]:
    from phloem.synthesis.rasp import analyse

    schedule = analyse(node)
    return {
        "s-op": node.label,
        "layers": len(schedule.layers),
        "heads": schedule.heads,
        "each layer": [
            {
                "heads": [
                    {
                        "selector": selector.label,
                        "aggregates": [
                            aggregate.label for aggregate in layer.aggregates if aggregate.parents[0] is selector
                        ],
                    }
                    for selector in layer.heads
                ],
                "elementwise": [each.name for each in layer.maps if each.name],
            }
            for layer in schedule.layers
        ],
    }


def _analysis_text(found: dict[str, Any]) -> str:
    lines = []
    if "layers" in found:
        lines.append(f"{found['s-op']}: {found['layers']} layers, at most {found['heads']} heads in one")
        for number, layer in enumerate(found["each layer"], start=1):
            lines.append(f"  layer {number}")
            for head in layer["heads"]:
                lines.append(f"    head: {head['selector']} -> {', '.join(head['aggregates'])}")
            if layer["elementwise"]:
                lines.append(f"    feed-forward: {', '.join(layer['elementwise'])}")
    if "compiled" in found:
        made = found["compiled"]
        lines.append(
            f"saved to {made['folder']}: {made['layers']} layers, width {made['width']}, {made['parameters']} weights; "
            f"reads up to {made['longest']} of {''.join(made['alphabet'])!r}"
        )
    return "\n".join(lines)


def _compile(node: Node, folder: Path, alphabet: list[str], longest: int) -> dict[str, Any]:
    from phloem.analysis.rasp_compile import compile_rasp, save

    one = compile_rasp(node, alphabet, longest)
    save(one, folder)
    return {
        "folder": str(folder),
        "layers": len(one.plan.schedule.layers),
        "heads": one.plan.schedule.heads,
        "width": one.model.net.width,
        "parameters": sum(parameter.numel() for parameter in one.model.parameters()),
        "alphabet": alphabet,
        "longest": longest,
    }
