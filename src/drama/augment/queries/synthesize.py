"""QGen: queries that an LLM writes for documents (paper, section 3).

Every answer is kept in the store's `answers.sqlite` with its batch; a rerun asks only for what is missing.
The raw answers and their outcomes are in `generated.jsonl`.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from drama.augment.candidate import Candidate
from drama.augment.context import REFUSED, Context, LLMSettings
from drama.augment.prompts.labelled import labelled_lines
from drama.augment.prompts.prompt_file import prompt_inputs
from drama.augment.prompts.text_prompt import AnswerLines, TextPrompt
from drama.augment.queries.maker import LanguageCheck, Maker
from drama.errors import DramaError
from drama.language import count_words, cut_words, plain_text, wrong_language
from drama.llm import ChatModel, Sampling, cached_answers
from drama.records import Document, Documents

_LONGEST_WORDS = 40
_LABELS = ("query", "question", "search query", "answer", "keyword", "keywords", "claim", "title")


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
        chosen = _choose(documents, self.documents, context.seed)
        llm = context.open_llm(self)
        lines: list[dict[str, Any]] = []
        made = []
        for stem, prompt in prompts.items():
            series = "qgen" if len(prompts) == 1 else f"qgen-{stem}"
            answers = self._answers(chosen, llm, prompt, f"write queries: {stem}", context)
            for number, document in enumerate(chosen):
                answer = answers.get(document.id)
                if answer is None:
                    query, outcome = "", REFUSED if document.id in answers else "text too long for the LLM"
                else:
                    text, check = document.full_text, self.language_check
                    query, outcome = parse_query(answer, text, document.lang, check, prompt.answer)
                context.count(f"{series}: {outcome}")
                found = {"answer": answer, "query": query, "outcome": outcome}
                lines.append({"document": document.id, "prompt": stem, **found})
                if outcome in ("ok", "repaired"):
                    origin = (document.id, document.lang, document.source)
                    made.append(Candidate(f"{series}-{number:06d}", query, "qgen", *origin))
        context.figures["llm: synthesize"] = llm.usage.figures()
        context.write_lines("generated.jsonl", lines)
        yield from made

    def _prompt(self, name: str) -> TextPrompt:
        prompt = TextPrompt.load(name, "queries")
        if prompt.answer is not None and prompt.answer.tokens > self.sampling.max_new_tokens:
            raise DramaError(
                f"prompt '{name}': its answers may take {prompt.answer.tokens} tokens",
                hint=f"set augment.synthesize.sampling.max_new_tokens to {prompt.answer.tokens}",
            )
        return prompt

    def _answers(
        self, documents: Sequence[Document], llm: ChatModel, prompt: TextPrompt, title: str, context: Context
    ) -> dict[str, str | None]:
        """Document id → raw answer, None where a server refuses; documents whose prompt is too long for the
        LLM are not among them."""
        chats = {d.id: prompt.messages(cut_words(d.full_text, self.text_words)) for d in documents}
        chats = {identity: messages for identity, messages in chats.items() if llm.fits(messages)}
        how = self.sampling, self.batch_size, context.seed
        answers = cached_answers(llm, list(chats.values()), *how, context.answers, title)
        return dict(zip(chats, answers, strict=True))


def _choose(documents: Documents, count: int, seed: int) -> list[Document]:
    """A seeded choice. Prompts of similar length go together, so that a batch holds little padding."""
    rows = {*random.Random(seed).sample(range(len(documents)), min(count, len(documents)))}
    wanted = (document for row, document in enumerate(documents) if row in rows)
    return sorted(wanted, key=lambda d: (len(d.text), d.id))


def parse_query(
    answer: str,
    text: str,
    lang: str = "",
    check: LanguageCheck = "detector",
    lines: AnswerLines | None = None,
) -> tuple[str, str]:
    """(query, outcome) of an LLM's answer about a text in a language.

    Outcomes: `ok`; `repaired` (a label, quotes, an announcement or further lines were removed); `malformed`
    (not the lines that the prompt asks for); `empty`; `too short` (one word of under 6 letters); `too long`
    (over 40 words); `copied` (the text's own words, in order); `wrong language` (see `wrong_language`).

    >>> parse_query("why do cats purr", "Cats purr when content.")
    ('why do cats purr', 'ok')
    >>> parse_query('Query: "why do cats purr"', "Cats purr when content.")
    ('why do cats purr', 'repaired')
    >>> parse_query("Here is a query:\\nwhy do cats purr", "Cats purr when content.")
    ('why do cats purr', 'repaired')
    >>> parse_query("cats purr when content", "Cats purr when content.")[1]
    'copied'
    """
    given: str | None = answer.strip()
    if lines is not None and given:
        given = lines.read(answer)
        if given is None:
            return "", "malformed"
    written = [line.strip() for line in (given or "").splitlines() if line.strip()]
    if not written:
        return "", "empty"
    announced = len(written) > 1 and written[0].endswith((":", "："))
    _, labelled = labelled_lines(written[announced], _LABELS)
    query = (labelled[0].text if labelled else written[announced]).strip().strip('"“”*').strip()
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
    return query, "ok" if query == given else "repaired"
