"""The command line: one file per command. Nothing heavy is imported before a command runs."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from typing import Annotated

import typer

from drama.compute.threads import choose_threads
from drama.errors import DramaError
from drama.files import write_error
from drama.files.reading import is_text, legible
from drama.models.library_warnings import listen

_COMMANDS = (
    "init", "run", "recipes", "pull", "corpus", "prune", "augment", "teach", "train", "replay", "evaluate",
    "encode", "index", "search", "serve", "report", "judge", "update", "runs", "clean",
)  # fmt: skip
"""Each is the function of that name in the module of that name; `--help` lists them in this order."""
_COMPUTING = {
    "run", "prune", "augment", "teach", "train", "replay", "evaluate", "encode", "update", "serve", "bench",
}  # fmt: skip
"""Commands that keep all cores busy for long."""
_DEBUG = "--debug"
_STOPPED = 130
_TERMINATED = 143


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


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does: an exception, so that everything is closed."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(_TERMINATED)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_arguments(words: list[str]) -> None:
    """Names of files in a folder may be anything, but what is typed must be text."""
    for word in words:
        if not is_text(word):
            hint = "rename the file or folder, or give the folder that holds it"
            raise DramaError(f"argument '{legible(word)}' is not UTF-8", hint)


def main() -> None:
    """Entry point. Exit status: 0 success, 2 a user's mistake (see the message), 130 Ctrl-C, 143 SIGTERM."""
    debug = _DEBUG in sys.argv
    if debug:
        sys.argv.remove(_DEBUG)
    _quiet()
    try:
        with _ended_by_sigterm():
            _check_arguments(sys.argv[1:])
            if _COMPUTING & {*sys.argv[1:2]} and "--help" not in sys.argv:
                choose_threads()
            _app()()
    except (KeyboardInterrupt, SystemExit) as stop:  # typer turns the first into the second, silently
        code = stop.code if isinstance(stop, SystemExit) else _STOPPED
        if code not in (_STOPPED, _TERMINATED):
            raise
        print("stopped; run the same command again to resume", file=sys.stderr)
        sys.exit(code)
    except Exception as error:
        if debug:
            raise
        found = write_error(error)
        if found is None and not isinstance(error, DramaError | OSError):
            raise
        from drama.console import printable

        print(printable(f"error: {found or _in_words(error)}"), file=sys.stderr)
        sys.exit(2)


def _in_words(error: Exception) -> str:
    """An error without the system's number."""
    if isinstance(error, OSError) and error.strerror:
        named = f"{legible(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
        return named + error.strerror[:1].lower() + error.strerror[1:]
    return str(error)
