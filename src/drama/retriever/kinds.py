"""What kind of model a folder holds, by its JSON files: one that drama computes itself, one that is left to
sentence-transformers, or one that does not embed texts."""

from pathlib import Path
from typing import Any

from drama.errors import DramaError
from drama.files import read_json

_EMBEDS = "SentenceTransformer"
_TASKS = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice")


def for_sentence_transformers(folder: Path) -> bool:
    """True if the folder lists its modules, or is an encoder with a decoder (T5), which is left out."""
    return (folder / "modules.json").is_file() or bool(
        _read(folder / "config.json").get("is_encoder_decoder")
    )


def check_embeds(folder: Path) -> None:
    """Refuse a model that was trained to score or to label texts: its states do not embed them.

    Raises:
        DramaError: it is a reranker, a classifier, or a sparse or multi-vector model.
    """
    kind = _read(folder / "config_sentence_transformers.json").get("model_type", _EMBEDS)
    names = _read(folder / "config.json").get("architectures") or [""]
    listed = (folder / "modules.json").is_file()
    if kind != _EMBEDS:
        what = str(kind)
    elif not listed and str(names[0]).endswith(_TASKS):
        what = str(names[0])
    else:
        return
    raise DramaError(
        f"{folder}: {what}: a reranker or classifier, not a model that gives each text one vector",
        hint="give an embedding model, or the encoder that it was made from",
    )


def _read(path: Path) -> dict[str, Any]:
    value = read_json(path) if path.is_file() else {}
    return value if isinstance(value, dict) else {}
