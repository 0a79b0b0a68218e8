"""`phloem mine`, `phloem data` and `phloem paths`: code as data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phloem.assist.sources import MAX_FILE_SIZE, Skipped, source_paths
from phloem.cli.options import MaxFileSize, progress, remark, size_in_bytes
from phloem.errors import PhloemError
from phloem.languages import by_name

if TYPE_CHECKING:
    from phloem.corpora.listing import MineSettings
    from phloem.corpora.mine import MineReport

data = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Data sets by name: which are known, where they are, whether they are whole (PHLOEM_DATA or --data).",
)


Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SRC…",
        help="Folders, files, zip, jar, wheel, tar, pip:NAME[==VERSION], installed, or one recipe:NAME.",
    ),
]


def mine(
    sources: Sources,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the shards go.")],
    language: Annotated[
        list[str] | None, typer.Option("--language", metavar="NAME", help="Only this language; may be repeated.")
    ] = None,
    max_file_size: MaxFileSize = None,
    engine: Annotated[str, typer.Option("--engine", metavar="local|ray", help="What runs it.")] = "local",
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes (default: all cores).")] = None,
    depth: Annotated[
        int, typer.Option("--project-depth", metavar="N", min=0, help="0: a source is a project; 1: its folders are …")
    ] = 0,
    tests: Annotated[bool, typer.Option("--tests/--no-tests", help="Whether test code is mined.")] = True,
    sdists: Annotated[bool, typer.Option("--sdists", help="pip:NAME takes source distributions, not wheels.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the split by project.")] = 0,
) -> None:
    """Mine source code into Parquet shards: functions with their trees, documentation and licence.

    Duplicates are removed, projects are split into train, validation and test. A killed run goes on when the same
    command is given again.

    [bold]Examples[/bold]

    phloem mine ~/projects --out shards --project-depth 1

    phloem mine pip:requests pip:flask==3.0.0 installed --out shards --language python

    phloem mine recipe:python-packages --out shards     also recipe:jdk, recipe:c-debian
    """
    from phloem.corpora.listing import MineSettings
    from phloem.corpora.mine import mine as mine_sources

    settings = MineSettings(
        max_file_size=size_in_bytes(max_file_size) or MAX_FILE_SIZE,
        project_depth=depth,
        languages=tuple(language or ()),
        tests=tests,
        sdists=sdists,
        seed=seed,
    )
    if any(source.startswith("recipe:") for source in sources):
        if len(sources) > 1:
            raise PhloemError("mine a recipe alone: its settings hold for all sources")
        sources, settings = _fetched(sources[0].removeprefix("recipe:"), settings)
    with progress() as display:
        bar = display.add_task("listing files", total=None)

        def show(done: Any) -> None:
            said = "listing files" if done.stage == "list" else f"{done.functions:,} functions"
            display.update(bar, description=said, completed=done.done // 1000, total=max(1, done.total // 1000))

        try:
            report = mine_sources(sources, out, settings=settings, engine=engine, workers=workers, progress=show)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"what is mined is in {out}; the same command goes on") from None
    _tell(out, report)


def _tell(out: Path, report: MineReport) -> None:
    """What is in the shards, and what was left out."""
    for reason, paths in report.skipped_paths.items():
        shown = ", ".join(paths[:3]) + (" …" if report.skipped[reason] > 3 else "")
        remark(f"{report.skipped[reason]} skipped, {reason}: {shown}")
    counts = ", ".join(f"{count:,} {split}" for split, count in report.functions.items())
    languages = ", ".join(f"{name} {count:,}" for name, count in report.languages.items())
    typer.echo(f"{out}: {counts} ({languages}) from {report.files:,} files of {report.projects:,} projects")
    typer.echo(
        f"duplicates removed: {report.exact_duplicates:,} exact, {report.near_duplicates:,} near; "
        f"{report.broken:,} files with syntax errors; {report.seconds:.1f} s{', resumed' if report.resumed else ''}"
    )


Folder = Annotated[str | None, typer.Option("--data", metavar="DIR", help="The data folder (default: PHLOEM_DATA).")]


@data.command("list")
def list_sets(
    folder: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the known data sets, present or not, with their licences.

    [bold]Examples[/bold]

    phloem data list --data ~/data
    """
    from phloem.corpora import datasets

    place = datasets.folder(folder)
    rows = [
        {
            "name": each.name,
            "title": each.title,
            "licence": each.licence,
            "splits": {file.split: file.examples for file in each.files},
            "here": place is not None and all((place / file.file).is_file() for file in each.files),
        }
        for each in datasets.known(folder)
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{'here' if row['here'] else '-':5} {row['name']:24} {row['licence']:14} {row['title']}")


@data.command("where")
def where_set(name: Annotated[str, typer.Argument(metavar="NAME")], folder: Folder = None) -> None:
    """Print the folder of a data set; a missing one is named with its source.

    [bold]Examples[/bold]

    phloem data where arc_1d
    """
    from phloem.corpora import datasets

    typer.echo(datasets.where(name, folder))


@data.command("check")
def check_sets(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="All without names.")] = None,
    folder: Folder = None,
) -> None:
    """Compare the files of data sets with the manifest: presence, size, SHA-256. Exit 1 if one is missing or differs.

    [bold]Examples[/bold]

    phloem data check --data ~/data
    """
    from phloem.corpora import datasets

    found = datasets.check(names, folder)
    for each in found:
        if each.problem:
            typer.echo(f"{each.file} {each.problem}")
    bad = sum(each.problem is not None for each in found)
    typer.echo(f"{len(found) - bad} of {len(found)} files are as the manifest says")
    if bad:
        raise typer.Exit(1)


def _fetched(name: str, given: MineSettings) -> tuple[list[str], MineSettings]:
    """The sources of a recipe and its settings, but for the largest size of a file and the seed, which are given."""
    from phloem.assist.caches import cache_folder
    from phloem.corpora import recipes

    recipe = recipes.by_name(name)
    with progress() as display:
        bar = display.add_task(f"fetching {name}", total=len(recipe.items))

        def show(done: recipes.FetchProgress) -> None:
            display.update(bar, description=done.item, completed=done.done)
            if done.problem:
                remark(f"{done.item}: {done.problem}")

        found = recipes.fetch(name, cache_folder() / "sources" / name, show)
    return found, replace(recipe.settings, max_file_size=given.max_file_size, seed=given.seed)


def paths(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A source file or folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.c2s", help="The file to write.")],
    preset: Annotated[
        str, typer.Option("--preset", metavar="NAME", help="tree-sitter, official-java or python150k.")
    ] = "tree-sitter",
    language: Annotated[str | None, typer.Option("--language", metavar="NAME", help="Only this language.")] = None,
    contexts: Annotated[
        int, typer.Option("--contexts", metavar="N", min=1, help="At most so many of each function.")
    ] = 1000,
) -> None:
    """Write the path contexts of functions in the .c2s text format of the original code2seq.

    [bold]Examples[/bold]

    phloem paths src/main/java --out train.c2s --preset official-java
    """
    from phloem.represent.export import Counts, export
    from phloem.represent.paths import PRESETS
    from phloem.represent.preset import reads

    if preset not in PRESETS:
        raise PhloemError(f"--preset: {preset!r} is not one of {', '.join(PRESETS)}")
    skipped = Skipped()
    wanted = None if language is None else by_name(language).name
    files = [
        Path(path)
        for path, known in source_paths([source], skipped=skipped)
        if wanted in (None, known) and reads(PRESETS[preset], known)
    ]
    if not files:
        raise PhloemError(f"{source} has no source file that the preset {preset} reads")
    with progress() as display:
        bar = display.add_task("functions", total=len(files))

        def show(done: Counts) -> None:
            display.update(bar, description=f"{done.functions:,} functions", completed=done.files + len(done.skipped))

        counts = export(files, out, PRESETS[preset], limit=contexts, progress=show)
    for path, reason in counts.skipped:
        skipped.add(path, reason)
    for line in skipped.lines():
        remark(line)
    typer.echo(f"{out}: {counts.written:,} of {counts.functions:,} functions, {counts.contexts:,} contexts")
