"""The retriever folder: weights, tokenizer, and what sentence-transformers needs to load it unchanged.

config.json, model.safetensors      transformers (is_causal: false)
tokenizer.json, …                   BOS + text + EOS, no chat template
modules.json, 1_Pooling/, (2_Dense/,) 3_Normalize/, sentence_bert_config.json,
config_sentence_transformers.json
lexical/, drama_lexical.py          the lexical branch, where there is one, and the code that adds it in
                                    sentence-transformers (trust_remote_code=True)
drama.json                          our settings, trained dims among them
README.md                           the model card
SHA256SUMS                          the files' hashes, compared whenever the folder is opened
"""

import shutil
from pathlib import Path
from typing import Any

import torch

from drama.files import atomic_folder, write_json
from drama.models.files import LEXICAL_MODULE, write_sums
from drama.retriever.backbone import parameters_without_embeddings
from drama.retriever.head import FOLDER, write_head
from drama.retriever.lexical import K1, LEXICAL, B, LexicalBranch
from drama.retriever.settings import SETTINGS, RetrieverSettings


def write_folder(
    folder: Path,
    backbone: Any,
    head: torch.nn.Linear | None,
    lexical: LexicalBranch | None,
    tokenizer: Any,
    settings: RetrieverSettings,
    dims: tuple[int, ...],
) -> None:
    """Write the folder atomically: a reader sees all of it or none."""
    settings = settings.model_copy(update={"dims": dims})
    with atomic_folder(folder) as partial:
        backbone.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        (partial / "chat_template.jinja").unlink(missing_ok=True)
        write_json(partial / SETTINGS, settings.model_dump(mode="json"))
        width = backbone.config.hidden_size
        parts = _sentence_transformers_files(settings, width, head is not None, lexical is not None)
        for name, content in parts.items():
            write_json(partial / name, content)
        if head is not None:
            write_head(partial, head)
        if lexical is not None:
            lexical.write(partial)
            how = {"weight": _weight(settings), "k1": K1, "b": B, "dims": max(dims)}
            write_json(partial / LEXICAL / "config.json", how)
            shutil.copyfile(Path(__file__).with_name("lexical_module.py"), partial / "drama_lexical.py")
        (partial / "README.md").write_text(_card(settings, backbone, head), encoding="utf-8")
        write_sums(partial)


def _weight(settings: RetrieverSettings) -> float:
    assert settings.lexical is not None
    return settings.lexical.weight


def _sentence_transformers_files(
    settings: RetrieverSettings, width: int, has_head: bool, has_words: bool
) -> dict[str, Any]:
    package = "sentence_transformers.models"
    steps = [("", "Transformer"), ("1_Pooling", "Pooling")]
    steps += [(FOLDER, "Dense")] if has_head else []
    steps += [("3_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"{package}.{kind}"}
        for i, (path, kind) in enumerate(steps)
    ]
    if has_words:
        modules.append({"idx": len(steps), "name": str(len(steps)), "path": LEXICAL, "type": LEXICAL_MODULE})
    return {
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": settings.max_length, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": width,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": settings.pooling == "mean",
            "pooling_mode_max_tokens": False,
            "pooling_mode_lasttoken": settings.pooling == "last",
            "include_prompt": True,
        },
        "3_Normalize/config.json": {},
        "config_sentence_transformers.json": {
            "prompts": {"query": settings.query_prefix, "document": settings.document_prefix},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }


def _card(settings: RetrieverSettings, backbone: Any, head: torch.nn.Linear | None) -> str:
    config = backbone.config
    body = parameters_without_embeddings(backbone)
    words, trust = "", ""
    if settings.lexical is not None:
        more, weight = settings.lexical.dims, settings.lexical.weight
        words = f"\n| lexical branch | {more} dimensions more, weight {weight} |"
        trust = ", trust_remote_code=True"
    linear = "" if head is None else f"a linear layer to {head.out_features} dimensions, then "
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags: [sentence-transformers, dense-retrieval, matryoshka, drama]
---
# A DRAMA retriever

{config.model_type}, {config.num_hidden_layers} layers, hidden {config.hidden_size}:
{body:,} parameters without embeddings.

| | |
|---|---|
| attention | {"bidirectional" if settings.bidirectional else "causal"} |
| pooling | {settings.pooling}, then {linear}L2 normalisation; cosine |
| query prefix | `{settings.query_prefix!r}` |
| document prefix | `{settings.document_prefix!r}` |
| longest text | {settings.max_length} tokens |
| trained widths | {", ".join(map(str, settings.dims))}: cut, then renormalise |{words}

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("this folder"{trust})
scores = model.encode_query(["a question"]) @ model.encode_document(["a text"]).T
```
"""
