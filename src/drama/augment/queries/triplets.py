"""Triplet: an LLM invents a search task and writes the query, what answers it, and what nearly does (paper,
section 3, after Wang et al. 2024, "Improving Text Embeddings with Large Language Models").

What it writes never reaches the corpus: the passages are kept next to the examples. Raw answers and what
became of them are in `triplets.jsonl`.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from drama.augment.candidate import Candidate
from drama.augment.context import REFUSED, Context, LLMSettings
from drama.augment.prompts.prompt_file import prompt_inputs
from drama.augment.prompts.triplet_prompt import LANGUAGE, TripletPrompt
from drama.augment.queries.maker import LanguageCheck, Maker
from drama.augment.queries.triplet_answer import Parts, parse_triplet
from drama.errors import DramaError
from drama.language import LANGUAGE_NAMES
from drama.llm import Sampling
from drama.records import Document, Documents
from drama.settings import Names

KIND = "triplet"
SOURCE = "written"
"""The source of these rows, which come from no corpus."""


class TripletSettings(Maker, LLMSettings):
    """Queries and passages that an LLM makes up (paper, section 3: Triplet)."""

    kinds = {KIND: "count"}
    amount = 100
    from_documents = False

    count: int = Field(default=0, ge=0)
    """Triplets requested in each language; 0 = none."""
    languages: Names = ["en"]
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
        """Yield the triplets of `count` answers in each language, with their passages.

        Raises:
            DramaError: no such LLM or prompt, fewer different requests than `count`, the server does not
                answer, or the corpus has an id of ours.
        """
        if not self.count:
            return
        prompt = TripletPrompt.load(self.prompt, "triplets")
        asked = [
            (lang, {**values, LANGUAGE: LANGUAGE_NAMES.get(lang, lang)})
            for lang in self.languages
            for values in prompt.draw(self.count, context.seed)
        ]
        llm = context.open_llm(self)
        chats = [prompt.messages(values) for _, values in asked]
        if not all(map(llm.fits, chats)):
            raise DramaError(f"augment.triplets.prompt: '{self.prompt}' is too long for {self.llm}")
        answers = context.ask(llm, chats, self.sampling, self.batch_size, "write triplets")
        context.figures["llm: triplets"] = llm.usage.figures()
        lines, made = [], []
        for number, ((lang, values), answer) in enumerate(zip(asked, answers, strict=True)):
            parts, outcome = None, REFUSED
            if answer is not None:
                parts, outcome = parse_triplet(answer, lang, self.language_check != "none")
            context.count(f"{KIND}: {outcome}")
            identity = f"{KIND}-{number:06d}"
            lines.append({"id": identity, "asked": values, "answer": answer, "outcome": outcome})
            if parts is not None:
                made.append(_candidate(identity, parts, lang))
        context.write_lines("triplets.jsonl", lines)
        _check_ids(made, documents)
        yield from made


def _candidate(identity: str, parts: Parts, lang: str) -> Candidate:
    positive = Document(f"{identity}/positive", "", parts.positive, lang, SOURCE)
    negative = Document(f"{identity}/negative", "", parts.negative, lang, SOURCE)
    written = (positive, negative)
    return Candidate(identity, parts.query, KIND, positive.id, lang, SOURCE, written=written)


def _check_ids(made: list[Candidate], documents: Documents) -> None:
    names = {d.id for candidate in made for d in candidate.written}
    taken = next((d.id for d in documents if d.id in names), None)
    if taken is not None:
        raise DramaError(
            f"a document of the corpus is called '{taken}', as a written passage is",
            hint="rename it, or give the corpus a second input, which puts its name before every id",
        )
