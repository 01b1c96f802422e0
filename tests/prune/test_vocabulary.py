"""A smaller vocabulary: any text goes through, known words are tokenised as before, the model is the same."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from drama.errors import DramaError
from drama.prune import PruneSettings, prune
from drama.prune.vocabulary.cut import cut_vocabulary
from drama.prune.vocabulary.keep import frequent_by_language
from drama.records import Document, write_passages

ALL = [
    "The river carries sand to the sea.",
    "Bread rises because yeast turns sugar into gas.",
    "Größe 漢字 น้ำ",
]
SEEN = ["The river carries bread.", "The sea."]


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(ALL, trainer)
    tokenizer.add_special_tokens(["<s>", "</s>"])  # above the vocabulary, as Llama 3 and Qwen have them
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return tokenizer


def byte_fallback() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256))]
    tokenizer.train_from_iterator(
        ALL, trainers.BpeTrainer(vocab_size=420, special_tokens=special, show_progress=False)
    )
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = spec["added_tokens"][:3]  # bytes are plain tokens, as in Llama 2 and Gemma
    return Tokenizer.from_str(json.dumps(spec))


def seen() -> list[tuple[str, str]]:
    return [(str(i % 2), text) for i, text in enumerate(SEEN)]


@pytest.fixture(scope="module", params=[byte_level, byte_fallback], ids=["byte-level", "byte-fallback"])
def parts(request: pytest.FixtureRequest):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=request.param(), bos_token="<s>", eos_token="</s>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer) + 7, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, tie_word_embeddings=request.param is byte_level,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=[tokenizer.eos_token_id],
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    return model, tokenizer, *cut_vocabulary(model, tokenizer, seen, 1.0)


def test_what_was_seen_is_tokenised_as_before_and_the_model_is_the_same(parts) -> None:
    model, tokenizer, child, smaller, figures = parts
    assert figures["vocabulary_kept"] == len(smaller) == child.config.vocab_size < len(tokenizer)
    assert figures["tokens_per_word_kept"] == figures["tokens_per_word_parent"]
    tables = 1 if model.config.tie_word_embeddings else 2
    assert figures["vocabulary_parameters_saved"] == (model.config.vocab_size - len(smaller)) * 16 * tables
    rows = tokenizer.convert_tokens_to_ids(smaller.convert_ids_to_tokens(range(len(smaller))))
    for text in SEEN:
        assert smaller.tokenize(text) == tokenizer.tokenize(text)
        old = model(**tokenizer(text, return_tensors="pt", return_token_type_ids=False)).logits
        new = child(**smaller(text, return_tensors="pt", return_token_type_ids=False)).logits
        torch.testing.assert_close(new, old[..., rows], atol=1e-6, rtol=0)
    assert smaller.bos_token == "<s>"
    assert smaller.bos_token_id == child.config.bos_token_id == child.generation_config.bos_token_id
    assert child.config.eos_token_id == [smaller.eos_token_id]


# Not ▁ and <: the parent itself turns the one into a space, and special tokens begin with the other.
@given(st.text(st.characters(exclude_characters="▁<", exclude_categories=["Cs"])))
@settings(max_examples=60, deadline=None)
def test_any_text_goes_through(parts, text: str) -> None:
    smaller = parts[3]
    ids = smaller(text, add_special_tokens=False)["input_ids"]
    assert smaller.decode(ids, clean_up_tokenization_spaces=False) == text


def test_a_lower_coverage_keeps_less(parts) -> None:
    model, tokenizer, _, _, figures = parts
    _, smaller, less = cut_vocabulary(model, tokenizer, seen, 0.2)
    assert less["vocabulary_kept"] < figures["vocabulary_kept"]
    assert set(less["tokens_per_word_kept"]) == {"0", "1"}
    for language, parent in less["tokens_per_word_parent"].items():
        assert less["tokens_per_word_kept"][language] > parent
    assert smaller.decode(smaller(ALL[2], add_special_tokens=False)["input_ids"]) == ALL[2]


def test_a_language_that_is_not_read_has_no_say_and_is_told(parts) -> None:
    model, tokenizer, _, _, figures = parts
    _, _, less = cut_vocabulary(model, tokenizer, seen, 1.0, unread=["1"])
    assert less["vocabulary_kept"] < figures["vocabulary_kept"]
    assert less["tokens_per_word_parent"] == figures["tokens_per_word_parent"]
    assert less["tokens_per_word_kept"]["0"] == figures["tokens_per_word_kept"]["0"]
    assert less["tokens_per_word_kept"]["1"] > figures["tokens_per_word_kept"]["1"]


def test_other_tokenizers_are_refused() -> None:
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0})))
    with pytest.raises(DramaError, match="only BPE tokenizers that fall back on bytes"):
        cut_vocabulary(None, words, seen, 0.9)


def test_the_stage_cuts_and_prunes(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    write_passages(tmp_path / "p.parquet", [Document(f"d{i}", "", " ".join(texts[:3])) for i in range(6)])
    values = {
        "parent": str(tiny_llm), "shape": {"layers": 2}, "vocabulary": {"coverage": 0.99},
        "recovery": {"steps": 3, "batch_size": 2, "max_length": 16},
    }  # fmt: skip
    figures = prune(PruneSettings.parse(values, "prune"), tmp_path / "p.parquet", tmp_path / "out").figures
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out/model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out/model")
    assert model.config.vocab_size == len(tokenizer) == figures["vocabulary_kept"] < 512
    assert sum(p.numel() for p in model.parameters()) == figures["parameters_pruned"]
    assert tokenizer.decode(tokenizer(texts[7], add_special_tokens=False)["input_ids"]) == texts[7]
    assert tokenizer.chat_template


def test_a_small_language_keeps_its_own_pieces() -> None:
    counts = {"en": Counter(dict.fromkeys(range(100), 1000)), "yo": Counter({200: 30, 201: 20})}
    assert sum(counts["yo"].values()) < 0.0006 * sum(counts["en"].values())  # below what 0.999 leaves out
    found = frequent_by_language(counts, 0.999)
    assert set(found["yo"]) == {200, 201}
    assert len(found["en"]) == 100


def test_a_small_language_is_tokenised_as_before(parts) -> None:
    model, tokenizer = parts[:2]

    def texts() -> list[tuple[str, str]]:
        return [("en", text) for text in SEEN * 2000] + [("de", "Größe")] * 3

    _, smaller, figures = cut_vocabulary(model, tokenizer, texts, 0.999)
    tokens = [len(smaller.tokenize(text)) for text in ("Größe", *SEEN * 2000)]
    assert 3 * tokens[0] / sum(tokens[1:]) < 0.001
    assert smaller.tokenize("Größe") == tokenizer.tokenize("Größe")
    assert figures["tokens_per_word_kept"] == figures["tokens_per_word_parent"]
    assert set(figures["vocabulary_frequent"]) == {"de", "en"}
    assert figures["vocabulary_frequent"]["de"] == len(set(tokenizer.tokenize("Größe")))
    _, _, without = cut_vocabulary(model, tokenizer, texts, 0.999, unread=["de"])
    assert set(without["vocabulary_frequent"]) == {"en"}
    assert without["tokens_per_word_kept"]["de"] > figures["tokens_per_word_kept"]["de"]
