"""The program `phloem`: its commands, and what each way of ending means.

Exit codes: 0 done; 1 findings, where --fail-on asks for it; 2 wrong use or wrong input, in one line; 3 out of time,
with the best answer printed; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from phloem import __version__
from phloem.cli import (
    compress,
    corpora,
    dataflow,
    explain,
    inspect,
    name,
    programl,
    rasp,
    review,
    search,
    serve,
    servers,
    summarize,
    synth,
    systems,
    train,
)
from phloem.errors import PhloemError


class Commands(TyperGroup):
    """Turns what commands raise into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PhloemError as error:
            ending, code = _one_line(error), 2
        except BrokenPipeError:
            # The reader went away (| head); what is still buffered must not fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except KeyboardInterrupt as stop:
            ending, code = "stopped" + (f"; {_one_line(stop)}" if stop.args else ""), 130
        except Exception as error:
            if type(error).__module__.startswith(("typer", "click")) or ctx.params.get("debug"):
                raise  # wrong options and exits, which typer shows itself
            shown = f"{type(error).__name__}: {_one_line(error)}".removesuffix(": ")
            ending, code = f"internal error: {shown} (`phloem --debug …` shows where)", 2
        typer.echo(f"phloem: {ending}", err=True)
        raise typer.Exit(code)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Names, search, summaries and programs from examples for your code, with the reasons shown; offline.",
    epilog="Every command has examples: phloem COMMAND --help",
)


@app.callback(invoke_without_command=True)
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an internal error.")] = False,
) -> None:
    if version:
        typer.echo(f"phloem {__version__}")
        raise typer.Exit


JOBS, LEARNING, RESEARCH, TOOLS = "Your code", "Train on your code", "Methods", "Tools"
app.command("name", rich_help_panel=JOBS)(name.name)
app.command("review", rich_help_panel=JOBS)(review.review)
app.command("summarize", rich_help_panel=JOBS)(summarize.summarize)
app.command("explain", rich_help_panel=JOBS)(explain.explain)
app.command("dataflow", rich_help_panel=JOBS)(dataflow.dataflow)
app.command("programl", rich_help_panel=JOBS)(programl.programl)
app.command("synth", cls=synth.ExamplePairs, rich_help_panel=JOBS)(synth.synth)
app.command("index", rich_help_panel=JOBS)(search.index)
app.command("search", rich_help_panel=JOBS)(search.search)
app.command("similar", rich_help_panel=JOBS)(search.similar)
app.command("clones", rich_help_panel=JOBS)(search.clones)
app.command("serve", rich_help_panel=JOBS)(serve.serve)
app.command("mcp", rich_help_panel=JOBS)(servers.mcp)
app.command("lsp", rich_help_panel=JOBS)(servers.lsp)
app.command("mine", rich_help_panel=LEARNING)(corpora.mine)
app.add_typer(train.app, name="train", rich_help_panel=LEARNING)
app.command("evaluate", rich_help_panel=LEARNING)(train.evaluate)
app.command("info", rich_help_panel=LEARNING)(inspect.info)
app.command("systems", rich_help_panel=RESEARCH)(systems.systems)
app.command("reproduce", rich_help_panel=RESEARCH)(systems.reproduce)
app.add_typer(corpora.data, name="data", rich_help_panel=RESEARCH)
app.command("rasp", rich_help_panel=RESEARCH)(rasp.rasp)
app.command("compress", rich_help_panel=RESEARCH)(compress.compress)
app.command("paths", rich_help_panel=RESEARCH)(corpora.paths)
app.command("doctor", rich_help_panel=TOOLS)(inspect.doctor)


def main() -> None:
    """The entry point of the program."""
    # Threads that wait for each other in small products cost more than they bring where processors are busy: idle ones
    # of torch sleep instead of spinning, and NumPy leaves half of the processors to the parsing of the next files.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(max(1, min(4, (os.cpu_count() or 1) // 2))))
    # Processes that are started here must not import modules from the current folder: it may be a tree under analysis.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    gc.set_threshold(50_000, 20, 20)  # imports make many objects and hardly any garbage: an eighth of the start-up time
    app(prog_name="phloem")
