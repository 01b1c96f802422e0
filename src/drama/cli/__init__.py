"""The command line: one file per command. Nothing heavy is imported before a command runs."""

import os
import sys
from importlib import import_module
from importlib.metadata import entry_points
from typing import Annotated

import typer

from drama.errors import DramaError
from drama.models.library_warnings import listen

_COMMANDS = (
    "run", "recipes", "pull", "corpus", "prune", "augment", "teach", "train", "replay", "evaluate", "encode",
    "index", "search", "report",
)  # fmt: skip
"""Each is the function of that name in the module of that name; `--help` lists them in this order."""
_DEBUG = "--debug"
_STOPPED = 130


def _quiet() -> None:
    """Keep other libraries' progress bars and advice out of our output; their warnings stay."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    listen()


def _print_version(wanted: bool) -> None:
    if wanted:
        from drama import __version__

        typer.echo(__version__)
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Turn an LLM into a small, fast dense retriever for any corpus, without human relevance labels."""


def _app() -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        epilog="`drama --debug COMMAND …` shows the traceback of an error.",
    )
    app.callback()(_options)
    for name in _COMMANDS:
        app.command()(getattr(import_module(f"drama.cli.{name}"), name))
    for plugin in entry_points(group="drama.commands"):  # `drama bench`, where drama-bench is installed
        app.add_typer(plugin.load(), name=plugin.name)
    return app


def main() -> None:
    """Entry point. Exit status: 0 success, 2 a user's mistake (see the message), 130 stopped by Ctrl-C."""
    debug = _DEBUG in sys.argv
    if debug:
        sys.argv.remove(_DEBUG)
    _quiet()
    try:
        _app()()
    except (DramaError, OSError) as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as stop:  # typer turns the first into the second, silently
        if isinstance(stop, SystemExit) and stop.code != _STOPPED:
            raise
        print("stopped; run the same command again to resume", file=sys.stderr)
        sys.exit(_STOPPED)
