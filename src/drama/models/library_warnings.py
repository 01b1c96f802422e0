"""What transformers and sentence-transformers say about results becomes our own warnings. Their advice on
speed, on names that will go, and what we check ourselves, stays unsaid."""

import logging
import re
import sys

from drama.console import warn

_LIBRARIES = ("transformers", "sentence_transformers")
_NOISE = re.compile(
    r"LOAD REPORT|deprecat|will be removed|fast path|flash|kernel|slow|pad_token_id|generation flags"
    r"|following generation|longer than the specified maximum|gradient checkpointing|Unrecognized keys in"
    r"|tie_word_embeddings|No sentence-transformers model found|Creating a new one|README|"
    r"`use_cache",
    re.IGNORECASE,
)
"""Advice, progress, and reports that `drama.models.open` reads itself."""


class Notes(logging.Handler):
    """A log handler: each warning once, through our console."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, unless it is noise or has been said."""
        text = " ".join(record.getMessage().split())
        if _NOISE.search(text) or text in self._said:
            return
        self._said.add(text)
        warn(f"{record.name.split('.')[0]}: {text}")


def listen() -> None:
    """Have the libraries' warnings come through `Notes`. For the command line: in a program of others, their
    logging is theirs to set up."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        if not any(isinstance(handler, Notes) for handler in logger.handlers):
            logger.addHandler(Notes())
            logger.propagate = False


def replace_handler() -> None:
    """Remove transformers' own handler where ours listens: it adds one when it is imported."""
    logger = logging.getLogger("transformers")
    if "transformers" in sys.modules and any(isinstance(handler, Notes) for handler in logger.handlers):
        from transformers.utils import logging as library

        library.disable_default_handler()
