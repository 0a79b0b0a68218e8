"""`phloem train names|summaries|search|review|encoder|encoder-decoder|decoder` and `phloem evaluate`."""

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


_HELP = {
    "names": """Train a model that names functions.

    It is measured on projects that it never saw, and the threshold under which a name is flagged is set on the
    validation split, where half of the names are swapped with another function's, for a precision of 0.8.

    [bold]Examples[/bold]

    phloem train names --data src/ --minutes 10 --out models/mine

    phloem train names --data shards --from python-names --minutes 60 --out models/mine
    """,
    "summaries": """Train a model that writes the first sentence of a function's documentation.

    [bold]Examples[/bold]

    phloem train summaries --data shards --language python --minutes 60 --out models/summaries
    """,
}


def _add_command(task: str) -> None:
    @app.command(task, help=_HELP[task])
    def command(
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
        from phloem.assist.training import Plan, train

        plan = Plan(
            task=task,
            data=data,
            out=out,
            languages=tuple(language or ()),
            start=None if start == "nothing" else start,
            minutes=10.0 if minutes is None and epochs is None else minutes,
            epochs=epochs,
            recipe=recipe,
            config=_config(config),
            seed=seed,
            storage=storage,
            command=shlex.join(["phloem", *sys.argv[1:]]),
        )
        with telling() as tell:
            facts = train(plan, resume=resume, tell=tell)
        if facts:  # of several processes the first one has them
            remark(f"saved in {out}; {out / 'MODEL_CARD.md'} says what it is")
            typer.echo(_figures(facts["figures"]))


for _task in _HELP:
    _add_command(_task)


@app.command("search")
def search(
    data: Annotated[
        list[str], typer.Option("--data", metavar="DIR|SRC", help="Mined shards, or a source folder; may be repeated.")
    ],
    out: Out,
    start: Start = "nothing",
    minutes: Annotated[float, typer.Option("--minutes", metavar="N", help="Time for training steps.")] = 30.0,
    config: Config = None,
    seed: Seed = 0,
    resume: Resume = True,
    storage: Storage = "int8",
) -> None:
    """Train a model of code search: vectors at two speeds, in one space.

    It learns from functions and their documentation; the static encoder takes a third of the time, the Transformer
    that refines it the rest ('{"layers": 0}' leaves it out). It is measured on projects that it never saw.

    [bold]Examples[/bold]

    phloem train search --data shards --minutes 60 --out models/search

    phloem train search --data python --data java --from code-search --minutes 30 --out models/search
    """
    from phloem.assist.search.training import SearchPlan, train

    plan = SearchPlan(
        data=tuple(data),
        out=out,
        minutes=minutes,
        start=None if start == "nothing" else start,
        config=_config(config),
        seed=seed,
        storage=storage,
        command=shlex.join(["phloem", *sys.argv[1:]]),
    )
    with telling() as tell:
        facts = train(plan, resume=resume, tell=tell)
    remark(f"saved in {out}; {out / 'MODEL_CARD.md'} says what it is")
    typer.echo(_figures(facts["figures"]))


@app.command("review")
def review(
    data: Data,
    out: Out,
    start: Annotated[
        str, typer.Option("--from", metavar="MODEL", help="A model of code search: its vocabulary and vectors.")
    ] = "code-search",
    language: Annotated[
        str, typer.Option("--language", metavar="NAME", help="Needed where the data has several that can be reviewed.")
    ] = "",
    minutes: Annotated[float, typer.Option("--minutes", metavar="N", help="Processor time for training steps.")] = 40.0,
    functions: Annotated[
        int, typer.Option("--functions", metavar="N", help="At most, of the training split.")
    ] = 200_000,
    config: Config = None,
    seed: Seed = 0,
    resume: Resume = True,
    storage: Storage = "int8",
) -> None:
    """Train a detector of bugs for `phloem review`, on bugs put into your own code.

    Thresholds are set on projects that training did not see, for a precision of 0.8 where half of the functions have a
    bug. A detector is of one language, or of two that are nearly one (C and C++, JavaScript and TypeScript).

    [bold]Examples[/bold]

    phloem train review --data shards --language java --minutes 40 --out models/review
    """
    from phloem.assist.review.training import ReviewPlan, train

    plan = ReviewPlan(
        data=data,
        out=out,
        minutes=minutes,
        language=language,
        start=start,
        functions=functions,
        config=_config(config),
        seed=seed,
        storage=storage,
        command=shlex.join(["phloem", *sys.argv[1:]]),
    )
    with telling() as tell:
        facts = train(plan, resume=resume, tell=tell)
    remark(f"saved in {out}; {out / 'MODEL_CARD.md'} says what it is")
    typer.echo(_figures(facts["checks"]))


_BACKBONES = {
    "encoder": "an encoder of RoBERTa's shape, by hidden units, hidden identifiers and replaced units",
    "encoder-decoder": "an encoder-decoder of T5's shape, by writing hidden spans",
    "decoder": "a decoder of GPT-2's shape, by writing functions unit by unit",
}


def _add_backbone(kind: str) -> None:
    text = f"""Pretrain {_BACKBONES[kind]}.

    With --hub, OUT/hub holds the model and its tokenizer in the layout of the Hugging Face hub, for other tools.

    [bold]Examples[/bold]

    phloem train {kind} --data shards --minutes 60 --out models/{kind}

    phloem train {kind} --data src/ --minutes 10 --hub --config '{{"width": 128, "layers": 2}}' --out models/small
    """

    @app.command(kind, help=text)
    def command(
        data: Annotated[
            list[str],
            typer.Option("--data", metavar="DIR|SRC", help="Mined shards, or a source folder; may be repeated."),
        ],
        out: Out,
        minutes: Annotated[float, typer.Option("--minutes", metavar="N", help="Time for training steps.")] = 30.0,
        functions: Annotated[
            int, typer.Option("--functions", metavar="N", help="At most, of the training split.")
        ] = 100_000,
        hub: Annotated[bool, typer.Option("--hub", help="Write OUT/hub in the Hugging Face layout, too.")] = False,
        config: Config = None,
        seed: Seed = 0,
        resume: Resume = True,
        storage: Storage = "int8",
    ) -> None:
        from phloem.assist.backbones import BackbonePlan, train

        plan = BackbonePlan(
            kind=kind,
            data=tuple(data),
            out=out,
            minutes=minutes,
            functions=functions,
            config=_config(config),
            seed=seed,
            storage=storage,
            hub=hub,
            command=shlex.join(["phloem", *sys.argv[1:]]),
        )
        with telling() as tell:
            facts = train(plan, resume=resume, tell=tell)
        remark(f"saved in {out}; {out / 'MODEL_CARD.md'} says what it is")
        typer.echo(_figures(facts["figures"]))


for _kind in _BACKBONES:
    _add_backbone(_kind)


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


def _figures(figures: dict[str, Any], of: str = "") -> str:
    lines = []
    for name, value in figures.items():
        if isinstance(value, dict):
            lines.append(_figures(value, f"{name} "))
        elif isinstance(value, list | tuple) and len(value) == 2:
            lines.append(f"{of + name:24} {value[0]:.4f} … {value[1]:.4f}")
        else:
            lines.append(f"{of + name:24} {value:.4f}" if isinstance(value, float) else f"{of + name:24} {value}")
    return "\n".join(lines)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the package, or a saved folder.")],
    data: Data,
    split: Annotated[str, typer.Option("--split", metavar="test|validation|train", help="Which projects.")] = "test",
    language: Languages = None,
    beam: Annotated[
        int,
        typer.Option(
            "--beam", metavar="N", min=1, help="Width of the beam; 1 is greedy and faster (default 5, as in cards)."
        ),
    ] = 5,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many functions.")] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write the figures into the model's folder and its card.")
    ] = False,
    rank: Annotated[
        bool,
        typer.Option("--rank", help="With --update: first choose on validation how suggestions are ordered."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a saved model on a split of mined shards, with 95% bootstrap intervals.

    For a model that names functions also its flags: precision and recall at its threshold, half of the names swapped.

    [bold]Examples[/bold]

    phloem evaluate python-names --data shards

    phloem evaluate models/mine --data shards --split validation --beam 1 --json
    """
    from phloem.assist.cards import rewrite
    from phloem.assist.evaluation import BEAM, evaluate_model
    from phloem.assist.library import folder_of

    if update and (split != "test" or limit is not None or language or beam != BEAM):
        raise PhloemError(f"--update takes the whole test split and --beam {BEAM}")
    if rank and not update:
        raise PhloemError("--rank changes the model's folder: give --update too")
    with telling() as tell:
        chosen = tuple(language or ())
        if rank:
            from phloem.assist.ranking_fit import rank as choose_ranking

            choose_ranking(model, data, tell)
        figures = evaluate_model(model, data, split=split, languages=chosen, beam=beam, limit=limit, tell=tell)
    if update:
        rewrite(folder_of(model), figures)
        remark(f"written into {folder_of(model)}")
    typer.echo(json.dumps(figures, indent=2) if as_json else _figures(figures))
