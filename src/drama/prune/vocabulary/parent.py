"""The parent with fewer tokens, as a folder that the rounds start from."""

import json
from pathlib import Path
from typing import Any

from drama.console import note
from drama.files import write_json
from drama.prune.load import load_causal_lm, load_tokenizer, save_causal_lm
from drama.prune.text.corpus import Corpus
from drama.prune.vocabulary.cut import VocabularySettings, cut_vocabulary


def cut_parent(folder: Path, settings: VocabularySettings, corpus: Corpus, out: Path) -> dict[str, Any]:
    """Leave in `out` the model with the tokens that the corpus needs; returns figures about them.

    Raises:
        DramaError: a tokenizer whose vocabulary can't be cut.
    """
    record = out.with_name("vocabulary.json")
    if not out.is_dir():
        note("prune: cutting the vocabulary")
        model, tokenizer, figures = cut_vocabulary(
            load_causal_lm(folder),
            load_tokenizer(folder),
            corpus.named_texts,
            settings.coverage,
            corpus.settings.leave_out,
        )
        write_json(record, figures)
        save_causal_lm(out, model, tokenizer)
    found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    return found
