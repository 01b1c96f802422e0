"""Triplet: an LLM invents a search task and writes the query, what answers it, and what nearly does (paper,
section 3, after Wang et al. 2024, "Improving Text Embeddings with Large Language Models").

The passages are kept next to the examples and never reach the corpus. Raw answers and their outcomes are in
`triplets.jsonl`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from drama.augment.candidate import Candidate
from drama.augment.context import Context, LLMSettings
from drama.augment.prompts.around import bare
from drama.augment.prompts.labelled import labelled_lines, opened
from drama.augment.prompts.prompt_file import prompt_inputs
from drama.augment.prompts.triplet_prompt import LANGUAGE, TripletPrompt
from drama.augment.queries.maker import LanguageCheck, Maker
from drama.errors import DramaError
from drama.language import LANGUAGE_NAMES, Language, count_words, plain_text, surely_another_language
from drama.llm import BROKEN, CUT_OFF, Answer, Sampling, cached_answers
from drama.records import Document, Documents
from drama.settings import EachOnce

KIND = "triplet"
SOURCE = "written"
"""The source of these rows, which come from no corpus."""
_LABELS = ("Task", "Query", "Positive", "Negative")
_SHORTEST_PASSAGE = 8
_LONGEST_QUERY = 40
_WRITTEN_ID = re.compile(rf"{KIND}-\d{{6,}}/(?:positive|negative)")


class Parts(NamedTuple):
    """The parts of an answer."""

    task: str
    query: str
    positive: str
    negative: str


class TripletSettings(Maker, LLMSettings):
    """Queries and passages that an LLM makes up (paper, section 3: Triplet)."""

    kinds = {KIND: "count"}
    amount = 100
    from_documents = False

    count: int = Field(default=0, ge=0)
    """Triplets requested in each language; 0 = none."""
    languages: EachOnce[Language] = ["en"]
    """Language codes, as in the corpus."""
    prompt: str = "triplet"
    """The built-in prompt, or the path of a YAML file."""
    language_check: LanguageCheck = "detector"
    """`detector`: leave out what is surely in another language than requested; `none`: keep it."""
    sampling: Sampling = Sampling(max_new_tokens=512)

    def inputs(self) -> dict[str, Path]:
        """See `Maker`."""
        return prompt_inputs([self.prompt]) if self.count else {}

    def make(self, documents: Documents, context: Context) -> Iterator[Candidate]:
        """Yield the triplets of `count` answers in each language, with their passages."""
        prompt = TripletPrompt.load(self.prompt, "triplets")
        asked = [
            (lang, {**values, LANGUAGE: LANGUAGE_NAMES.get(lang, lang)})
            for lang in self.languages
            for values in prompt.draw(self.count, context.seed)
        ]
        llm = self.open(context.server, context.ray)
        _check_ids(documents)
        chats = (prompt.messages(values) for _, values in asked)
        how = self.sampling, self.batch_size, context.seed
        answers = cached_answers(llm, chats, *how, context.answers, "write triplets", len(asked))
        with context.lines("triplets.jsonl") as write:
            for number, ((lang, values), answer) in enumerate(zip(asked, answers, strict=True)):
                parts, outcome = read_triplet(answer, lang, self.language_check != "none")
                context.count(f"{KIND}: {outcome}")
                identity = f"{KIND}-{number:06d}"
                write({"id": identity, "asked": values, "answer": answer.text, "outcome": outcome})
                if parts is not None:
                    yield _candidate(identity, parts, lang)
        context.figures["llm: triplets"] = llm.usage.figures()


def _candidate(identity: str, parts: Parts, lang: str) -> Candidate:
    positive = Document(f"{identity}/positive", "", parts.positive, lang, SOURCE)
    negative = Document(f"{identity}/negative", "", parts.negative, lang, SOURCE)
    written = (positive, negative)
    return Candidate(identity, parts.query, KIND, positive.id, lang, SOURCE, written=written)


def _check_ids(documents: Documents) -> None:
    """Before the LLM is asked: refuse a corpus with an id that a written passage could get."""
    taken = next((d.id for d in documents if _WRITTEN_ID.fullmatch(d.id)), None)
    if taken is not None:
        raise DramaError(
            f"a document of the corpus is called '{taken}', as a written passage may be",
            hint="rename it, or give the corpus a second input, which puts its name before every id",
        )


def read_triplet(answer: Answer, lang: str, check: bool = True) -> tuple[Parts | None, str]:
    """(parts, outcome) of an LLM's answer, which may be a refusal, begin with thinking, or be cut off.

    Outcomes: those of `parse_triplet`; `too long for the LLM`; `refused by the server`; `thinking
    not finished`; `cut off`.
    """
    if answer.problem:
        return None, answer.problem
    if answer.cut:
        return None, CUT_OFF
    parts, outcome = parse_triplet(answer.said, lang, check)
    return parts, "repaired" if outcome == "ok" and answer.said != answer.text else outcome


def parse_triplet(answer: str, lang: str, check: bool = True) -> tuple[Parts | None, str]:
    """(parts, outcome) of an LLM's answer in the requested language, which is checked where `check` is on.

    Outcomes: `ok`; `repaired` (marks around the labels, words before the first one, a fence or JSON were
    removed); `missing part`; `malformed` (broken characters); `parts repeated or out of order`; `query too
    long` (over 40 words); `passage too short` (under 8); `copied` (the positive quotes the query word for
    word, or both passages are the same); `wrong language` (see `surely_another_language`; of any part but the
    task).

    >>> passage = "Leaves are rolled and dried at once, so that they keep their colour."
    >>> answer = f"Task: Find out.\\nQuery: making green tea\\nPositive: {passage}\\nNegative: No. {passage}"
    >>> parts, outcome = parse_triplet(answer, "en")
    >>> parts.query, outcome
    ('making green tea', 'ok')
    >>> parse_triplet("Query: making green tea", "en")
    (None, 'missing part')
    """
    whole = opened(answer, _LABELS) or ""
    before, found = labelled_lines(whole, _LABELS)
    texts = [bare(" ".join(part.text.split()), lang) for part in found]
    labels = tuple(part.label for part in found)
    given = dict(zip(labels, texts, strict=True))
    if not all(given.get(label) for label in _LABELS):
        return None, "missing part"
    if labels != _LABELS:
        return None, "parts repeated or out of order"
    if BROKEN in "".join(texts):
        return None, "malformed"
    parts = Parts(*texts)
    problem = _problem(parts, lang, check)
    if problem:
        return None, problem
    plain = whole == answer and not before.strip() and all(part.plain for part in found)
    return parts, "ok" if plain else "repaired"


def _problem(parts: Parts, lang: str, check: bool) -> str:
    if count_words(parts.query) > _LONGEST_QUERY:
        return "query too long"
    if min(count_words(parts.positive), count_words(parts.negative)) < _SHORTEST_PASSAGE:
        return "passage too short"
    query, positive, negative = map(plain_text, parts[1:])
    if positive == negative or (count_words(parts.query) >= 3 and query in positive):
        return "copied"
    if check and any(surely_another_language(text, lang) for text in parts[1:]):
        return "wrong language"
    return ""
