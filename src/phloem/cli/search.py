"""`phloem index`, `search`, `similar` and `clones`: finding code by what it does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phloem.assist.progress import Tell
from phloem.assist.settings import read_settings
from phloem.assist.sources import Skipped
from phloem.cli.options import Exclude, MaxFileSize, Verbose, progress, remark, size_in_bytes, telling

if TYPE_CHECKING:
    from rich.console import Console

    from phloem.assist.search.clones import Group
    from phloem.assist.search.index import Summary, Wish
    from phloem.assist.search.search import Match, OpenIndex

Tree = Annotated[str, typer.Argument(metavar="PATH", help="The folder.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Where the index lies (default: the cache folder).")
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME|DIR", help="The embedding model (default: code-search).")
]
Language = Annotated[str | None, typer.Option("--language", metavar="NAME", help="Only definitions in this language.")]
Glob = Annotated[
    str | None, typer.Option("--path", metavar="GLOB", help="Only files that match, as tests/* or src/**/*.py.")
]
Kind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Only function, method, class, module or section.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, metavar="N", help="How many at most.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NoRefresh = Annotated[
    bool, typer.Option("--no-refresh", help="Take the index as it is, without looking for changed files.")
]
_PLURAL = {
    "function": "functions",
    "method": "methods",
    "class": "classes",
    "module": "modules",
    "section": "sections",
}
_GROUPS = 20


def index(
    path: Tree = ".",
    out: Out = None,
    model: Model = None,
    speed: Annotated[
        str,
        typer.Option(
            "--speed", metavar="static|transformer", help="Vectors of the static encoder (fast), or of the transformer."
        ),
    ] = "static",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read everything anew.")] = False,
    exclude: Exclude = None,
    max_file_size: MaxFileSize = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes (default: one a core).")] = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Index the functions, classes and documents of a folder, so that they can be searched.

    The next time only changed files are read. What .gitignore and .phloemignore files name is left out, and so are
    generated and minified files. A killed run goes on where it was. Nothing leaves this machine.

    [bold]Examples[/bold]

    phloem index                              the current folder

    phloem index ~/work --out index           to a folder of your own

    phloem index . --exclude "tests/" --json
    """
    from phloem.assist.search.index import index as bring_up_to_date

    skipped = Skipped()
    wish = _wish(out, model, exclude, max_file_size, speed=speed, rebuild=rebuild, workers=workers)
    with telling() as tell:
        summary = bring_up_to_date(path, wish, tell, skipped)
    for line in skipped.lines(limit=1 << 30 if verbose else 10):
        remark(line)
    if summary.rebuilt:
        remark(f"rebuilt: {summary.rebuilt}")
    if as_json:
        typer.echo(json.dumps(vars(summary), indent=2, ensure_ascii=False))
        return
    if verbose:
        remark(f"the index is in {summary.folder}")
    _summarize(summary)


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What the code does, code, or FILE:NAME.")],
    path: Tree = ".",
    language: Language = None,
    glob: Glob = None,
    kind: Kind = None,
    limit: Limit = 10,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Compare the best ones again with the transformer's vectors.")
    ] = False,
    no_refresh: NoRefresh = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Find code by what it does, in a question, a piece of code, or a function like which others are looked for.

    Words of names, documentation and bodies count, and the meaning, so that other words find it too. Without an index
    one is made; changed files are read again first.

    [bold]Examples[/bold]

    phloem search "retry with backoff"

    phloem search "parse dates" src/ --language python --kind function

    phloem search src/net.py:fetch --json

    git show HEAD:lib.py | phloem search -
    """
    from phloem.assist.search.queries import Filters, names_a_place, understand

    query = sys.stdin.read() if query == "-" else query
    if not names_a_place(query):
        question = understand(query)
        if question.cut_from:
            remark(f"the query has {question.cut_from:,} characters; the first {len(question.text):,} are read")
    filters = Filters(language, glob, kind)
    filters.condition()
    with _opened(path, out, no_refresh) as opened:
        _show(opened.search(query, limit=limit, filters=filters, rerank=rerank), as_json)


def similar(
    place: Annotated[str, typer.Argument(metavar="FILE:NAME[:LINE]", help="The function or class.")],
    path: Tree = ".",
    language: Language = None,
    glob: Glob = None,
    kind: Kind = None,
    limit: Limit = 10,
    no_refresh: NoRefresh = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Find what is most like a function, in other languages too.

    [bold]Examples[/bold]

    phloem similar src/net.py:fetch

    phloem similar src/net.py:Client.get ../other-project --limit 5
    """
    from phloem.assist.search.queries import Filters
    from phloem.assist.search.similar import read_definition

    read_definition(place)
    filters = Filters(language, glob, kind)
    filters.condition()
    with _opened(path, out, no_refresh) as opened:
        _show(opened.similar(place, limit=limit, filters=filters), as_json)


def clones(
    path: Tree = ".",
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Least similarity of meaning, 0 to 1 (default: calibrated).")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="near|semantic", help="One sort of clones (default: both).")
    ] = None,
    least_lines: Annotated[int, typer.Option("--min-lines", min=1, help="Leave out shorter functions.")] = 5,
    language: Language = None,
    glob: Glob = None,
    limit: Limit = _GROUPS,
    no_refresh: NoRefresh = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Find functions that were copied, and functions that do the same in other words.

    Groups come with the most lines that could go first. near: at least 85% of the runs of five tokens are shared,
    variables renamed or not. semantic: the vectors are as close as those of functions that do the same.

    [bold]Examples[/bold]

    phloem clones

    phloem clones src/ --only near --min-lines 10

    phloem clones --threshold 0.95 --json
    """
    from phloem.assist.search.clones import clones as find
    from phloem.assist.search.queries import Filters
    from phloem.errors import PhloemError

    if only not in (None, "near", "semantic"):
        raise PhloemError(f"--only: {only!r} is not one of near, semantic")
    filters = Filters(language, glob)
    filters.condition()
    with _opened(path, out, no_refresh) as opened:
        kinds = ("near", "semantic") if only is None else (only,)
        with _quietly() as tell:
            groups = find(opened, kinds=kinds, threshold=threshold, least_lines=least_lines, filters=filters, tell=tell)
    shown = groups[:limit]
    if as_json:
        typer.echo(json.dumps([_group_facts(group) for group in shown], indent=2, ensure_ascii=False))
        return
    _show_groups(shown)
    lines = sum(group.lines for group in groups)
    more = f", {len(shown)} shown" if len(groups) > len(shown) else ""
    remark(f"{_count(len(groups), 'group')} of clones{more}; {lines:,} lines are copies" if groups else "no clones")


def _wish(
    out: Path | None, model: str | None, exclude: list[str] | None, max_file_size: str | None, **more: Any
) -> Wish:
    from phloem.assist.search.index import MODEL, Wish

    settings = read_settings().given(exclude=tuple(exclude or ()), max_file_size=size_in_bytes(max_file_size))
    return Wish(
        out=out,
        model=model or MODEL,
        exclude=settings.exclude,
        max_file_size=settings.max_file_size,
        **more,
    )


@contextmanager
def _opened(path: str, out: Path | None, no_refresh: bool) -> Iterator[OpenIndex]:
    from phloem.assist.search.search import open_index

    with _quietly() as tell:
        opened = open_index(path, refresh=not no_refresh, wish=_wish(out, None, None, None), tell=tell)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def _quietly() -> Iterator[Tell]:
    """Progress as a bar that goes away; only waiting for another run is told."""
    with progress() as display:
        bar = display.add_task("", total=1000)

        def tell(text: str, fraction: float) -> None:
            if fraction == 0 and text.startswith(("waiting", "another run")):
                remark(text)
            display.update(bar, description=text, completed=int(1000 * fraction))

        yield tell


def _count(number: int, what: str) -> str:
    return f"{number:,} {what if number == 1 else _PLURAL.get(what, what + 's')}"


def _summarize(summary: Summary) -> None:
    kinds = [_count(number, kind) for kind, number in summary.definitions.items() if number]
    typer.echo(f"{', '.join(kinds) or 'nothing to index'} in {_count(summary.files, 'file')}")
    changes = [
        f"{number:,} {what}"
        for number, what in ((summary.new, "new"), (summary.changed, "changed"), (summary.removed, "removed"))
        if number
    ]
    remark(f"{', '.join(changes) or 'nothing changed'}; {summary.seconds:.1f} s")
    if summary.left_out:
        remark("left out: " + ", ".join(f"{number:,} {reason}" for reason, number in sorted(summary.left_out.items())))


def _facts(match: Match) -> dict[str, Any]:
    facts = match._asdict()
    del facts["code"]
    return facts


def _group_facts(group: Group) -> dict[str, Any]:
    return {**group._asdict(), "members": [member._asdict() for member in group.members]}


def _show(matches: list[Match], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_facts(match) for match in matches], indent=2, ensure_ascii=False))
        return
    if not matches:
        remark("nothing found")
        return
    console = _console()
    for number, match in enumerate(matches):
        if number:
            console.print()
        _show_match(console, match)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def _show_match(console: Console, match: Match) -> None:
    from rich.text import Text

    head = Text.assemble((match.path, "cyan"), (f":{match.line}", "dim"), "  ", (match.qualified_name, "bold"))
    head.append(f"  {match.kind}", "dim")
    console.print(head)
    if match.doc and match.kind != "module":
        console.print(Text(f"    {_shortened(match.doc)}", "italic"))
    width = max(4, len(str(match.snippet_lines[-1])) + 1)
    before = match.snippet_lines[0] - 1
    for number, line in zip(match.snippet_lines, _highlighted(match, console), strict=True):
        if number > before + 1 and before >= match.line:
            console.print(Text(f"  {'⋮':>{width}}", "dim"))
        console.print(Text(f"  {number:{width}}  ", "dim") + line)
        before = number
    console.print(Text(f"    {match.why}", "dim"))


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else text[:99].rsplit(" ", 1)[0] + " …"


def _highlighted(match: Match, console: Console) -> list[Any]:
    from rich.text import Text

    plain = [Text(line) for line in match.snippet.split("\n")]
    if not console.is_terminal or match.kind in ("module", "section"):
        return plain
    from rich.syntax import Syntax

    lexer = {"csharp": "c#"}.get(match.language, match.language)
    syntax = Syntax("", lexer, theme="ansi_dark", background_color="default")
    found = list(syntax.highlight(match.snippet).split("\n", allow_blank=True))[: len(plain)]
    return found if len(found) == len(plain) else plain


def _show_groups(groups: list[Group]) -> None:
    from rich.text import Text

    console = _console()
    for number, group in enumerate(groups):
        if number:
            console.print()
        console.print(
            Text.assemble(
                (group.kind, "bold"), (f"  {_count(len(group.members), 'function')}, {group.lines} lines", "dim")
            )
        )
        shown = group.members[:8]
        width = max(len(f"{member.path}:{member.line}") for member in shown)
        for member in shown:
            where = f"{member.path}:{member.line}"
            text = Text.assemble("  ", (f"{member.similarity:.2f}", "dim"), "  ", (where, "cyan"))
            text.append(" " * (width - len(where) + 2))
            text.append(member.qualified_name)
            console.print(text)
        if len(group.members) > len(shown):
            console.print(Text(f"        and {len(group.members) - len(shown)} more", "dim"))
