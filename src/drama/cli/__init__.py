"""The command line: one file a command. Nothing heavy is imported before a command runs."""

import os
import sys
from importlib.metadata import entry_points

import typer

from drama.errors import DramaError

_DEBUG = "--debug"
_STOPPED = 130


def _quiet() -> None:
    """Keep other libraries' progress bars and advice out of our output."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")


def _app() -> typer.Typer:
    from drama.cli.augment import augment
    from drama.cli.corpus import corpus
    from drama.cli.encode import encode
    from drama.cli.evaluate import evaluate
    from drama.cli.index import index
    from drama.cli.prune import prune
    from drama.cli.pull import pull
    from drama.cli.replay import replay
    from drama.cli.report import report
    from drama.cli.run import run
    from drama.cli.search import search
    from drama.cli.teach import teach
    from drama.cli.train import train
    from drama.cli.version import version

    app = typer.Typer(
        help="Turn an LLM into a small, fast dense retriever for any corpus, without hand-made labels.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        epilog="`drama --debug COMMAND …` shows the traceback of an error.",
    )
    stages = (run, pull, corpus, prune, augment, teach, train, replay, evaluate, encode, index, search)
    for command in (*stages, report):
        app.command()(command)
    app.command()(version)
    for plugin in entry_points(group="drama.commands"):  # `drama bench`, where drama-bench is installed
        app.add_typer(plugin.load(), name=plugin.name)
    return app


def main() -> None:
    """Entry point. Exit status: 0 done, 2 a mistake that the message explains, 130 stopped by Ctrl-C."""
    debug = _DEBUG in sys.argv
    if debug:
        sys.argv.remove(_DEBUG)
    _quiet()
    try:
        _app()()
    except DramaError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as stop:  # typer turns the first into the second, silently
        if isinstance(stop, SystemExit) and stop.code != _STOPPED:
            raise
        print("stopped; run the same command again to go on from here", file=sys.stderr)
        sys.exit(_STOPPED)
    except OSError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
