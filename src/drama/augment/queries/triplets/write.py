"""Asking an LLM for triplets. What it writes never reaches the corpus: passages lie beside the examples."""

import json
from typing import NamedTuple

from drama.augment.candidate import Candidate
from drama.augment.llm_run import REFUSED, LLMRun
from drama.augment.queries.triplets.parse import parse_triplet
from drama.augment.queries.triplets.prompt import LANGUAGE, load_triplet_prompt
from drama.augment.settings import TripletSettings
from drama.errors import DramaError
from drama.files import write_text
from drama.language import LANGUAGE_NAMES
from drama.records import Document, Documents, Example

KIND = "triplet"
SOURCE = "written"
"""The source of these rows, which come from no corpus."""


class Triplet(NamedTuple):
    """A query with the two passages that were written for it."""

    id: str
    query: str
    positive: Document
    negative: Document

    def candidate(self) -> Candidate:
        """As a query among the others, so that none stands twice."""
        return Candidate(self.id, self.query, KIND, self.positive.id, self.positive.lang, SOURCE)

    def example(self) -> Example:
        """As written: nothing is ranked, so the scores only tell one from the other."""
        lang = self.positive.lang
        pair = [self.positive.id], [self.negative.id]
        return Example(self.id, self.query, *pair, [1.0], [0.0], KIND, lang, SOURCE, self.positive.id)


def write_triplets(documents: Documents, settings: TripletSettings, run: LLMRun) -> list[Triplet]:
    """The triplets of `settings.count` answers in each language.

    Args:
        documents: the corpus, whose ids are not given to written passages too.
        settings: how many, in which languages, by which LLM and prompt.
        run: its folder gets `triplets.jsonl`, with what was asked; its seed draws the requests.

    Raises:
        DramaError: no such LLM or prompt, fewer different requests than asked for, the server does not
            answer, or the corpus has an id of ours.
    """
    if settings.count == 0:
        return []
    prompt = load_triplet_prompt(settings.prompt)
    asked = [
        (lang, {**values, LANGUAGE: LANGUAGE_NAMES.get(lang, lang)})
        for lang in settings.languages
        for values in prompt.draw(settings.count, run.seed)
    ]
    llm = run.open(settings.llm, settings.precision)
    chats = [prompt.messages(values) for _, values in asked]
    if not all(map(llm.fits, chats)):
        raise DramaError(f"augment.triplets.prompt: '{settings.prompt}' is too long for {settings.llm}")
    answers = run.ask(llm, chats, settings.sampling, settings.batch_size, "write triplets")
    run.figures["llm: triplets"] = llm.usage.figures()
    lines, made = [], []
    for number, ((lang, values), answer) in enumerate(zip(asked, answers, strict=True)):
        parts, outcome = None, REFUSED
        if answer is not None:
            parts, outcome = parse_triplet(answer, lang, settings.language_check == "detector")
        run.count(f"{KIND}: {outcome}")
        identity = f"{KIND}-{number:06d}"
        lines.append({"id": identity, "asked": values, "answer": answer, "outcome": outcome})
        if parts is not None:
            positive, negative = (
                Document(f"{identity}/{name}", "", text, lang, SOURCE)
                for name, text in (("positive", parts.positive), ("negative", parts.negative))
            )
            made.append(Triplet(identity, parts.query, positive, negative))
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_text(run.folder / "triplets.jsonl", text)
    names = {d.id for t in made for d in (t.positive, t.negative)}
    taken = next((d.id for d in documents if d.id in names), None)
    if taken is not None:
        raise DramaError(
            f"a document of the corpus is called '{taken}', as a written passage is",
            hint="rename it, or give the corpus a second input, which puts its name before every id",
        )
    return made
