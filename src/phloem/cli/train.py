"""`phloem train names|summaries` and `phloem evaluate`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from phloem.cli.options import remark, telling
from phloem.errors import PhloemError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Train a model on your own code: names of functions, or first sentences of their documentation.",
)

Data = Annotated[str, typer.Option("--data", metavar="DIR|SRC", help="Mined shards, or a source folder to mine first.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the model, its card and the run go.")]
Languages = Annotated[
    list[str] | None, typer.Option("--language", metavar="NAME", help="Only this language; repeatable.")
]
Start = Annotated[
    str,
    typer.Option("--from", metavar="MODEL|nothing", help="Go on from a saved model, with its vocabularies and sizes."),
]
Minutes = Annotated[float | None, typer.Option("--minutes", metavar="N", help="Time for training steps.")]
Epochs = Annotated[int | None, typer.Option("--epochs", metavar="N", help="Visits of every example, at most.")]
RecipeName = Annotated[
    str, typer.Option("--recipe", metavar="NAME", help="code2seq, code2vec, seq2seq or transformer.")
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="JSON|FILE", help='Sizes, such as \'{"width": 320, "training": {"batch_size": 256}}\'.'
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of everything random.")]
Resume = Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with the run in DIR, or start it over.")]
Storage = Annotated[str, typer.Option("--storage", metavar="float32|float16|int8", help="How the weights are stored.")]


@app.command("names")
def names(
    data: Data,
    out: Out,
    language: Languages = None,
    start: Start = "nothing",
    minutes: Minutes = None,
    epochs: Epochs = None,
    recipe: RecipeName = "code2seq",
    config: Config = None,
    seed: Seed = 0,
    resume: Resume = True,
    storage: Storage = "float16",
) -> None:
    """Train a model that names functions.

    It is measured on projects that it never saw, and the threshold under which a name is flagged is set on the
    validation split, where half of the names are swapped with another function's, for a precision of 0.8.

    [bold]Examples[/bold]

    phloem train names --data src/ --minutes 10 --out models/mine

    phloem train names --data shards --from python-names --minutes 60 --out models/mine
    """
    _train("names", data, out, language, start, minutes, epochs, recipe, config, seed, resume, storage)


@app.command("summaries")
def summaries(
    data: Data,
    out: Out,
    language: Languages = None,
    start: Start = "nothing",
    minutes: Minutes = None,
    epochs: Epochs = None,
    recipe: RecipeName = "code2seq",
    config: Config = None,
    seed: Seed = 0,
    resume: Resume = True,
    storage: Storage = "float16",
) -> None:
    """Train a model that writes the first sentence of a function's documentation.

    [bold]Examples[/bold]

    phloem train summaries --data shards --language python --minutes 60 --out models/summaries
    """
    _train("summaries", data, out, language, start, minutes, epochs, recipe, config, seed, resume, storage)


def _train(
    task: str, data: str, out: Path, language: list[str] | None, start: str, minutes: float | None, epochs: int | None,
    recipe: str, config: str | None, seed: int, resume: bool, storage: str,
) -> None:  # fmt: skip
    from phloem.assist.training import Plan, train

    if minutes is None and epochs is None:
        minutes = 10.0
    plan = Plan(
        task=task,
        data=data,
        out=out,
        languages=tuple(language or ()),
        start=None if start == "nothing" else start,
        minutes=minutes,
        epochs=epochs,
        recipe=recipe,
        config=_config(config),
        seed=seed,
        storage=storage,
        command=shlex.join(["phloem", *sys.argv[1:]]),
    )
    with telling() as tell:
        facts = train(plan, resume=resume, tell=tell)
    remark(f"saved in {out}; {out / 'MODEL_CARD.md'} says what it is")
    typer.echo(_figures(facts["figures"]))


def _config(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        content = text if text.lstrip().startswith("{") else Path(text).read_text("utf-8")
        config = json.loads(content)
    except OSError as error:
        raise PhloemError(f"--config: {text}: {error.strerror}") from error
    except ValueError as error:
        raise PhloemError(f"--config: not JSON: {error}") from error
    if not isinstance(config, dict):
        raise PhloemError("--config: give a JSON object")
    return config


def _figures(figures: dict[str, Any]) -> str:
    lines = []
    for name, value in figures.items():
        if isinstance(value, list | tuple) and len(value) == 2:
            lines.append(f"{name:24} {value[0]:.4f} … {value[1]:.4f}")
        else:
            lines.append(f"{name:24} {value:.4f}" if isinstance(value, float) else f"{name:24} {value}")
    return "\n".join(lines)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the package, or a saved folder.")],
    data: Data,
    split: Annotated[str, typer.Option("--split", metavar="test|validation|train", help="Which projects.")] = "test",
    language: Languages = None,
    beam: Annotated[int, typer.Option("--beam", metavar="N", help="Beam width; 1 is greedy.")] = 1,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", help="At most so many functions.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a saved model on a split of mined shards, with 95% bootstrap intervals.

    [bold]Examples[/bold]

    phloem evaluate python-names --data shards

    phloem evaluate models/mine --data shards --split validation --beam 5 --json
    """
    from phloem.assist.evaluation import evaluate_model

    with telling() as tell:
        chosen = tuple(language or ())
        figures = evaluate_model(model, data, split=split, languages=chosen, beam=beam, limit=limit, tell=tell)
    typer.echo(json.dumps(figures, indent=2) if as_json else _figures(figures))
