"""QGen: queries that an LLM writes for documents (paper, section 3).

Every answer lands in the store's `answers.sqlite` with its batch; a rerun asks only for what is missing.
The raw answers and what became of them are in `generated.jsonl`.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from drama.augment.candidate import Candidate
from drama.augment.language import wrong_language
from drama.augment.llm_run import REFUSED, LLMRun
from drama.augment.settings import LanguageCheck, SynthesizeSettings
from drama.errors import DramaError
from drama.files import write_text
from drama.language import count_words, cut_words
from drama.llm import AnswerLines, ChatModel, Prompt, load_prompt
from drama.records import Document, Documents

_LONGEST_WORDS = 40
_LABEL = re.compile(r"^(query|question|search query|answer|keywords?|claim|title)\s*:\s*", re.IGNORECASE)


def synthesize(documents: Documents, settings: SynthesizeSettings, run: LLMRun) -> Iterator[Candidate]:
    """A query by each prompt for each of `settings.documents` documents, by a seeded choice.

    Args:
        documents: the corpus.
        settings: how many, by which LLM, prompt and sampling.
        run: its folder gets `generated.jsonl`.

    Raises:
        DramaError: no such LLM or prompt, or its server does not answer.
    """
    if settings.documents == 0:
        return
    number = min(settings.documents, len(documents))
    rows = {*random.Random(run.seed).sample(range(len(documents)), number)}
    # Prompts of like length go together, so that a batch holds little padding.
    wanted = (document for row, document in enumerate(documents) if row in rows)
    chosen = sorted(wanted, key=lambda d: (len(d.text), d.id))
    llm = run.open(settings.llm, settings.precision)
    lines, made = [], []
    for name in settings.prompts:
        stem = Path(name).stem
        series = "qgen" if len(settings.prompts) == 1 else f"qgen-{stem}"
        prompt = load_prompt(name)
        if prompt.answer is not None and prompt.answer.tokens > settings.sampling.max_new_tokens:
            raise DramaError(
                f"prompt '{name}': its answers may take {prompt.answer.tokens} tokens",
                hint=f"set augment.synthesize.sampling.max_new_tokens to {prompt.answer.tokens}",
            )
        answers = _answers(chosen, llm, prompt, f"write queries: {stem}", settings, run)
        for number, document in enumerate(chosen):
            answer = answers.get(document.id)
            if answer is None:
                query, outcome = "", REFUSED if document.id in answers else "text too long for the LLM"
            else:
                query, outcome = parse_query(
                    answer, document.full_text, document.lang, settings.language_check, prompt.answer
                )
            run.count(f"{series}: {outcome}")
            lines.append(
                {
                    "document": document.id,
                    "prompt": stem,
                    "answer": answer,
                    "query": query,
                    "outcome": outcome,
                }
            )
            if outcome in ("ok", "repaired"):
                origin = (document.id, document.lang, document.source)
                made.append(Candidate(f"{series}-{number:06d}", query, "qgen", *origin))
    run.figures["llm: synthesize"] = llm.usage.figures()
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_text(run.folder / "generated.jsonl", text)
    yield from made


def parse_query(
    answer: str,
    text: str,
    lang: str = "",
    check: LanguageCheck = "detector",
    lines: AnswerLines | None = None,
) -> tuple[str, str]:
    """(query, outcome) of an LLM's answer about a text in a language.

    Outcomes: `ok`; `repaired` (a label, quotes, an announcement or further lines were taken off); `malformed`
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
    said: str | None = answer.strip()
    if lines is not None and answer.strip():
        said = lines.read(answer)
        if said is None:
            return "", "malformed"
    written = [line.strip() for line in (said or "").splitlines() if line.strip()]
    if not written:
        return "", "empty"
    announced = len(written) > 1 and written[0].endswith(":")
    query = _LABEL.sub("", written[announced]).strip().strip('"“”*').strip()
    outcome = "ok" if query == said else "repaired"
    words = count_words(query)
    if not query:
        return "", "empty"
    if words < 2 and len(query) < 6:
        return query, "too short"
    if words > _LONGEST_WORDS:
        return query, "too long"
    if words >= 3 and _plain(query) in _plain(text):
        return query, "copied"
    if wrong_language(query, text, lang, check):
        return query, "wrong language"
    return query, outcome


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _answers(
    documents: Sequence[Document],
    llm: ChatModel,
    prompt: Prompt,
    title: str,
    settings: SynthesizeSettings,
    run: LLMRun,
) -> dict[str, str | None]:
    """Document id → raw answer, None where a server refuses; documents whose prompt is too long for the LLM
    are not among them."""
    asked = {d.id: prompt.messages(cut_words(d.full_text, settings.text_words)) for d in documents}
    asked = {identity: messages for identity, messages in asked.items() if llm.fits(messages)}
    answers = run.ask(llm, list(asked.values()), settings.sampling, settings.batch_size, title)
    return dict(zip(asked, answers, strict=True))
