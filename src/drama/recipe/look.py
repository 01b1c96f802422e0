"""A look at a corpus before a run: what is in it, in which languages, and how long the run will take."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from drama.corpus.readers.formats import corpus_reader, kind, page_reader
from drama.corpus.readers.inputs import read_input
from drama.corpus.readers.tally import Tally
from drama.files.folders import walk
from drama.language.guess import LanguageGuesser
from drama.language.words import count_words
from drama.records import Document

_SECONDS = 30.0
"""How long documents are read for a look; what comes after is estimated."""
_ENGLISH = 0.9
"""Share of English documents from which the recipe is one for English."""
_TOKENS_A_WORD, _TOKENS_A_CHARACTER = 1.4, 1 / 3.6
"""The larger product counts: prose has more characters a token, code fewer, Chinese few a word."""
_TOKENS_A_PASSAGE, _LONGEST = 200, 240
"""On average where documents are cut at headings and sentences; and at most."""
_JUDGED = 4000
"""Passages that a stock model encodes too, for the figures without judgments."""
_NOT_READ = ", not read"
_OTHER = 90.0
"""Seconds of a run besides reading and encoding."""


class Look(NamedTuple):
    """What is in a folder; counts are of what was read."""

    documents: int
    left_out: Counter[str]
    """Reason → files and documents."""
    duplicates: int
    languages: Counter[str]
    words: int
    tokens: int
    """About how many a model makes of them."""
    long: int
    """Documents that will be cut."""
    seconds: float
    whole: bool
    """All of it was read."""
    files: Counter[str]
    """Kind → files, of all."""
    size: int
    """Bytes of the files that can be read."""

    @property
    def scale(self) -> float:
        """The whole corpus against what was read: by files, of which most are a document each."""
        readable = sum(n for name, n in self.files.items() if not name.endswith(_NOT_READ))
        return 1.0 if self.whole else max(1.0, readable / max(1, self.documents))

    @property
    def passages(self) -> int:
        """About how many passages the corpus becomes."""
        read = max(self.documents, round(self.tokens / _TOKENS_A_PASSAGE))
        return round(self.scale * read)

    @property
    def recipe(self) -> str:
        """The recipe for its languages."""
        english = self.languages["en"] / max(1, self.languages.total())
        return "adapt-fast" if english >= _ENGLISH else "adapt-multilingual"


def look_at(name: str, seconds: float = _SECONDS) -> Look:
    """Read a corpus, or as much of it as can be read in some seconds.

    Args:
        name: of an input, as in `corpus.inputs`.
        seconds: no document is begun later than that.

    Raises:
        DramaError: missing, or nothing in it can be read.
    """
    begin = time.monotonic()
    left_out: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    seen: set[int] = set()
    documents, words, tokens, long = 0, 0, 0, 0
    whole = True

    def in_time() -> Iterator[Document]:
        nonlocal whole
        for document in read_input(name, Tally(lambda outcome: left_out.update([outcome]))):
            yield document
            if time.monotonic() - begin > seconds:
                whole = False
                return

    guesser = LanguageGuesser([])
    for document, lang in guesser.named(((d, d.lang) for d in in_time()), lambda d: d.full_text):
        text = hash(" ".join(document.full_text.split()))
        if not document.full_text:
            left_out["empty, left out"] += 1
            continue
        documents += 1
        if text in seen:
            continue
        seen.add(text)
        count = count_words(document.full_text)
        words += count
        own = round(max(count * _TOKENS_A_WORD, len(document.full_text) * _TOKENS_A_CHARACTER))
        tokens += own
        long += own > _LONGEST
        languages[lang or "unknown"] += 1
    for lang, main in guesser.rare().items():
        languages[main] += languages.pop(lang, 0)
    files, size = _files(Path(name))
    took = time.monotonic() - begin
    return Look(
        documents, left_out, documents - len(seen), languages, words, tokens, long, took, whole, files, size
    )


def _files(path: Path) -> tuple[Counter[str], int]:
    """Kinds of files, and the bytes of those that can be read."""
    if not path.is_dir():
        return Counter({kind(path): 1}), path.stat().st_size if path.is_file() else 0
    found: Counter[str] = Counter()
    size = 0
    for file in walk(path, hidden=False):
        readable = corpus_reader(file) is not None or page_reader(file) is not None
        found[kind(file) if readable else f"{kind(file)}{_NOT_READ}"] += 1
        size += file.stat().st_size if readable else 0
    return found, size


def minutes_of(look: Look, gigaflops: float) -> float:
    """About how long the recipe's run will take on this machine.

    Encoding takes two operations a token and parameter that is no embedding; reading took what it took.

    Args:
        look: at the whole corpus.
        gigaflops: of a matrix product, a second.
    """
    parameters = {"adapt-fast": 10.6e6, "adapt-multilingual": 21.3e6}[look.recipe]
    passages = look.passages
    encoded = look.scale * look.tokens * (1 + min(passages, _JUDGED) / max(1, passages))
    return (2 * parameters * encoded / (gigaflops * 1e9) + look.scale * look.seconds + _OTHER) / 60


def gigaflops_here() -> float:
    """What matrix products reach on this machine now, in fp32."""
    import numpy as np

    a_NN = np.ones((1024, 1024), dtype=np.float32)
    a_NN @ a_NN
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        a_NN @ a_NN
        best = min(best, time.perf_counter() - begin)
    return 2 * 1024**3 / best / 1e9
