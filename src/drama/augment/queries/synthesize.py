"""QGen: queries that an LLM writes for documents (paper, section 3).

Every answer is kept in the store's `answers.sqlite` with its batch; a rerun asks only for what is missing.
The raw answers and their outcomes are in `generated.jsonl`.
"""

import random
from collections.abc import Iterator
from itertools import pairwise, tee
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from drama.augment.candidate import Candidate
from drama.augment.context import Context, LLMSettings
from drama.augment.prompts.around import bare
from drama.augment.prompts.labelled import labelled_lines, opened
from drama.augment.prompts.prompt_file import prompt_inputs
from drama.augment.prompts.text_prompt import AnswerLines, TextPrompt
from drama.augment.queries.maker import LanguageCheck, Maker
from drama.errors import DramaError
from drama.language import count_words, cut_words, plain_text, wrong_language
from drama.llm import BROKEN, CUT_OFF, Answer, Messages, Sampling, cached_answers, chunks
from drama.records import Document, Documents

_LONGEST_WORDS = 40
_LABELS = (
    "query", "queries", "question", "questions", "search query", "search queries", "answer", "keyword",
    "keywords", "claim", "title",
)  # fmt: skip
_TOGETHER = 1 << 14
"""Documents in memory, of which those of similar length are next to each other in batches."""


class SynthesizeSettings(Maker, LLMSettings):
    """Queries that an instruction-following LLM writes (paper, section 3: QGen)."""

    kinds = {"qgen": "documents"}
    amount = None

    batch_size: int = Field(default=32, ge=1)
    """Prompts at once."""
    documents: int = Field(default=0, ge=0)
    """Documents that get a query, by a seeded choice; 0 = none."""
    prompts: list[str] = ["question"]
    """One query for each chosen document and prompt: `question`, `question-any-language`, `keyword`, `claim`,
    `title`, `code`, `search-agent` (after the paper's), or the path of a YAML file."""
    text_words: int = Field(default=100, ge=8)
    """Words of a document that the LLM reads."""
    round_trip: int = Field(default=0, ge=0)
    """Keep a query only if its document is among the first N hits of the label retrievers; 0 = keep all."""
    language_check: LanguageCheck = "detector"
    """`detector`: leave out a query that has no letter of the document's script, or that is surely in another
    language; `none`: keep it."""
    sampling: Sampling = Sampling()

    @model_validator(mode="after")
    def _each_prompt_once(self) -> Self:
        stems = [Path(name).stem for name in self.prompts]
        if not stems or len({*stems}) < len(stems):
            raise ValueError(f"prompts must name at least one prompt, and each prompt once: {self.prompts}")
        return self

    def inputs(self) -> dict[str, Path]:
        """See `Maker`."""
        return prompt_inputs(self.prompts) if self.documents else {}

    def make(self, documents: Documents, context: Context) -> Iterator[Candidate]:
        """Yield a query by each prompt for each of `documents` documents, by a seeded choice."""
        prompts = {Path(name).stem: self._prompt(name) for name in self.prompts}
        total = min(self.documents, len(documents))
        llm = self.open(context.server, context.ray)
        with context.lines("generated.jsonl") as write:
            for stem, prompt in prompts.items():
                series = "qgen" if len(prompts) == 1 else f"qgen-{stem}"
                title = f"write queries: {stem}"
                chosen, asked = tee(_choose(documents, self.documents, context.seed))
                chats = self._chats(asked, prompt)
                how = self.sampling, self.batch_size, context.seed, context.answers, title, total
                answers = cached_answers(llm, chats, *how)
                for number, (document, answer) in enumerate(zip(chosen, answers, strict=True)):
                    text, check = document.full_text, self.language_check
                    query, outcome = read_query(answer, text, document.lang, check, prompt.answer)
                    context.count(f"{series}: {outcome}")
                    found = {"answer": answer.text, "query": query, "outcome": outcome}
                    write({"document": document.id, "prompt": stem, **found})
                    if outcome in ("ok", "repaired"):
                        origin = (document.id, document.lang, document.source)
                        yield Candidate(f"{series}-{number:06d}", query, "qgen", *origin)
        context.figures["llm: synthesize"] = llm.usage.figures()

    def _prompt(self, name: str) -> TextPrompt:
        prompt = TextPrompt.load(name, "queries")
        if prompt.answer is not None and prompt.answer.tokens > self.sampling.max_new_tokens:
            raise DramaError(
                f"prompt '{name}': its answers may take {prompt.answer.tokens} tokens",
                hint=f"set augment.synthesize.sampling.max_new_tokens to {prompt.answer.tokens}",
            )
        return prompt

    def _chats(self, documents: Iterator[Document], prompt: TextPrompt) -> Iterator[Messages]:
        for document in documents:
            yield prompt.messages(cut_words(document.full_text, self.text_words))


def _choose(documents: Documents, count: int, seed: int) -> Iterator[Document]:
    """A seeded choice (Knuth, algorithm S: no more than a few documents are in memory). Prompts of similar
    length go together, so that a batch holds little padding."""
    rng = random.Random(seed)
    chosen = _sample(documents, min(count, len(documents)), rng)
    for some in chunks(chosen, _TOGETHER):
        yield from sorted(some, key=lambda d: (len(d.text), d.id))


def _sample(documents: Documents, count: int, rng: random.Random) -> Iterator[Document]:
    left = len(documents)
    for document in documents:
        if left * rng.random() < count:
            yield document
            count -= 1
        left -= 1


def read_query(
    answer: Answer,
    text: str,
    lang: str = "",
    check: LanguageCheck = "detector",
    lines: AnswerLines | None = None,
) -> tuple[str, str]:
    """(query, outcome) of an LLM's answer, which may be a refusal, begin with thinking, or be cut off.

    Outcomes: those of `parse_query`; `too long for the LLM`; `refused by the server`; `thinking not
    finished`.

    >>> read_query(Answer("<think>They ask.</think>why do cats purr"), "Cats purr when content.")
    ('why do cats purr', 'repaired')
    >>> read_query(Answer("why do ca", "cut off"), "Cats purr when content.")
    ('', 'cut off')
    """
    if answer.problem:
        return "", answer.problem
    query, outcome = parse_query(answer.said, text, lang, check, lines, answer.cut)
    return query, "repaired" if outcome == "ok" and answer.said != answer.text else outcome


def parse_query(
    answer: str,
    text: str,
    lang: str = "",
    check: LanguageCheck = "detector",
    lines: AnswerLines | None = None,
    cut: bool = False,
) -> tuple[str, str]:
    r"""(query, outcome) of an LLM's answer about a text in a language.

    Outcomes: `ok`; `repaired` (a label, quotes, a number, a fence, JSON, an announcement or further lines
    were removed); `malformed` (not the lines that the prompt asks for, JSON without a query, or broken
    characters); `cut off` (the query reaches the end of an answer that is `cut`); `empty`; `too short` (one
    word of under 6 letters); `too long` (over 40 words); `copied` (the text's own words, in order); `wrong
    language` (see `wrong_language`).

    >>> parse_query("why do cats purr", "Cats purr when content.")
    ('why do cats purr', 'ok')
    >>> parse_query('Query: "why do cats purr"', "Cats purr when content.")
    ('why do cats purr', 'repaired')
    >>> parse_query("Here is a query:\nwhy do cats purr", "Cats purr when content.")
    ('why do cats purr', 'repaired')
    >>> parse_query("cats purr when content", "Cats purr when content.")[1]
    'copied'
    """
    labels = _LABELS if lines is None else lines.labels
    whole = opened(answer, labels)
    line = None if whole is None else _line(whole) if lines is None else lines.read(answer)
    if line is None and answer.strip():
        return "", CUT_OFF if cut else "malformed"
    line = line or ""
    if cut and answer.rstrip().endswith(line):
        return "", CUT_OFF
    following = (whole or "").partition(line)[2].strip() if line else ""
    query = bare(line, lang, following)
    if lines is None and (labelled := labelled_lines(query, _LABELS)[1]):
        query = bare(labelled[0].text, lang)
    if BROKEN in query:
        return "", "malformed"
    words = count_words(query)
    if not query:
        return "", "empty"
    if words < 2 and len(query) < 6:
        return query, "too short"
    if words > _LONGEST_WORDS:
        return query, "too long"
    if words >= 3 and plain_text(query) in plain_text(text):
        return query, "copied"
    if check != "none" and wrong_language(query, text, lang):
        return query, "wrong language"
    given = answer.strip() if lines is None else line
    return query, "ok" if query == given and whole == answer else "repaired"


def _line(answer: str) -> str:
    """The line that holds the query: the first one, or the one after an announcement or a label alone."""
    written = [line.strip() for line in answer.splitlines() if line.strip()]
    for line, following in pairwise(written):
        announces = line.rstrip("*_ ").endswith((":", "：")) or (
            line.endswith("!") and labelled_lines(following, _LABELS)[1]
        )
        if not announces:
            return line
    return written[-1] if written else ""
