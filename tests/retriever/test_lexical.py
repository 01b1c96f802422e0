"""The lexical branch: its cosines are those of BM25's weights, it is saved whole, other libraries agree."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from transformers import BertTokenizerFast

from drama.errors import DramaError
from drama.retriever import Retriever, RetrieverSettings, load_encoder
from drama.retriever.lexical import K1, LEXICAL, B, LexicalBranch
from drama.retriever.lexical_settings import LexicalSettings


def retriever(bert: Path, texts: list[str], dims: int = 4096, weight: float = 0.5) -> Retriever:
    lexical = LexicalSettings(dims=dims, weight=weight)
    found = Retriever.from_llm(bert, RetrieverSettings(query_prefix="", max_length=64, lexical=lexical))
    tokens = found.tokens(texts, "document")
    found.lexical = LexicalBranch.fit(found.tokenizer, tokens, "en", lexical, seed=5)
    return found


def test_cosines_are_those_of_bm25s_weights(bert: Path, texts: list[str]) -> None:
    model = retriever(bert, texts)
    branch = model.lexical
    assert branch is not None
    tokens = model.tokens(texts, "document")
    special = {*model.tokenizer.all_special_ids}
    words = [Counter(branch.direction_V[t] for t in ids if t not in special) for ids in tokens]
    mean = sum(w.total() for w in words) / len(words)
    rarity = {
        w: math.log(1 + (len(words) - n + 0.5) / (n + 0.5))
        for w, n in Counter(k for w in words for k in w).items()
    }

    def weights(of: Counter[int]) -> dict[int, float]:
        norm = K1 * (1 - B + B * of.total() / mean)
        found = {w: rarity[w] * n / (n + norm) for w, n in of.items()}
        length = math.sqrt(sum(v * v for v in found.values()))
        return {w: v / length for w, v in found.items()}

    expected = [
        [sum(a[w] * b.get(w, 0.0) for w in a) for b in map(weights, words)] for a in map(weights, words)
    ]
    vectors = branch.vectors(tokens)
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=5 / math.sqrt(4096))


def test_forms_of_a_word_share_a_direction(tmp_path: Path) -> None:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "wing", "wings", "##wing", "##wings", "sea"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"))
    branch = LexicalBranch.fit(tokenizer, [[5, 9], [6]], "en", LexicalSettings(dims=8), seed=0)
    assert branch.direction_V.tolist() == [-1] * 5 + [0, 0, 1, 2, 3]
    unstemmed = LexicalBranch.fit(tokenizer, [[5, 9], [6]], "", LexicalSettings(dims=8), seed=0)
    assert unstemmed.direction_V.tolist() == [-1] * 5 + [0, 1, 2, 3, 4]
    wing, wings = branch.vectors([[5], [6]])
    np.testing.assert_array_equal(wing, wings)


def test_words_of_a_prefix_weigh_nothing(bert: Path, texts: list[str]) -> None:
    tokenizer = retriever(bert, texts).tokenizer
    how = ([tokenizer(text)["input_ids"] for text in texts], "en", LexicalSettings(dims=64), 0)
    branch = LexicalBranch.fit(tokenizer, *how, prefixes=[texts[0]])
    of_prefix, other = branch.vectors([tokenizer(texts[0])["input_ids"], tokenizer(texts[1])["input_ids"]])
    assert not of_prefix.any()
    assert other.any()


def test_a_vector_is_both_parts_and_can_be_cut_to_the_first(bert: Path, texts: list[str]) -> None:
    model = retriever(bert, texts, dims=64, weight=0.5)
    assert model.dims == (96, 32)
    plain = Retriever.from_llm(bert, RetrieverSettings(query_prefix="", max_length=64))
    np.testing.assert_allclose(
        model.encode_documents(texts, dim=32), plain.encode_documents(texts), atol=1e-6
    )
    assert model.lexical is not None
    words = model.lexical.vectors(model.tokens(texts, "document"))
    own = plain.encode_documents(texts)
    both = model.encode_documents(texts)
    np.testing.assert_allclose(both @ both.T, (own @ own.T + 0.5 * words @ words.T) / 1.5, atol=1e-5)


def test_saved_and_opened_it_is_the_same_and_sentence_transformers_agrees(
    bert: Path, texts: list[str], tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    model = retriever(bert, texts, dims=64)
    model.save(tmp_path / "model")
    opened = load_encoder(tmp_path / "model")
    assert isinstance(opened, Retriever)
    before = opened.fingerprint
    assert Retriever.load(tmp_path / "model").fingerprint == before
    expected = opened.encode_documents(texts)
    np.testing.assert_array_equal(model.encode_documents(texts), expected)
    other = SentenceTransformer(str(tmp_path / "model"), trust_remote_code=True)
    np.testing.assert_allclose(other.encode_document(texts), expected, atol=1e-5)
    np.testing.assert_allclose(other.encode_query(texts[:2]), opened.encode_queries(texts[:2]), atol=1e-5)
    other.save(str(tmp_path / "again"))
    again = SentenceTransformer(str(tmp_path / "again"), trust_remote_code=True)
    np.testing.assert_allclose(again.encode_document(texts), expected, atol=1e-5)
    assert opened.lexical is not None
    opened.lexical.signs_RK[0] *= -1
    assert opened.fingerprint != before


def test_a_text_without_known_words_has_no_lexical_part(bert: Path, texts: list[str]) -> None:
    model = retriever(bert, texts, dims=16)
    assert model.lexical is not None
    assert not model.lexical.vectors(model.tokens([""], "query")).any()
    assert np.isfinite(model.encode_queries([""])).all()


def test_damaged_or_empty(bert: Path, texts: list[str], tmp_path: Path) -> None:
    model = retriever(bert, texts, dims=16)
    with pytest.raises(DramaError, match="hold no tokens"):
        LexicalBranch.fit(model.tokenizer, [[]], "en", LexicalSettings(), 0)
    model.save(tmp_path / "model")
    (tmp_path / "model" / LEXICAL / "model.safetensors").write_bytes(b"x" * 40)
    with pytest.raises(DramaError, match=r"lexical/model\.safetensors"):
        load_encoder(tmp_path / "model")
