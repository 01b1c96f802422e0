"""Which token begins an answer: with tokenizers of every kind, on chats and on plain text."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from drama.augment.prompts.list_prompt import ListPrompt
from drama.augment.rerank.first_identifier import FirstIdentifier, first_tokens
from drama.augment.rerank.sliding import Window
from drama.errors import DramaError
from drama.llm import AnswerCache, Engine, load_engine, next_token_log_probs
from drama.models.resolve import cache_folder

LETTERS = list("ABCDEF")
PROMPT = ListPrompt.load("first_identifier", "rerank")
TEXTS = [
    "The order is B > A > C.",
    "A: a text. B: another. C: more",
    "Answer A B C D E F",
    "A B C D E F > D > E > F",
] * 9
INST = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %} {{ m['content'] }}</s>{% else %}"
    "[INST] {{ m['content'] }} [/INST]{% endif %}{% endfor %}"
)


def words(letters: list[str]) -> list[dict[str, str]]:
    return PROMPT.messages("a query", ["a text", "another"], letters)


@pytest.fixture
def engine(tiny_llm: Path) -> Engine:
    return load_engine(tiny_llm, "fp32")


def with_tokenizer(engine: Engine, pre: Any, template: str | None) -> Engine:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre
    characters = sorted(
        {letter for text in [*TEXTS, PROMPT.user, PROMPT.system] for letter in text} | {"▁", "Ġ"}
    )
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=characters,
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = template
    return Engine(engine.model, fast, "tiny")


CHAT = (
    "{% for m in messages %}{{ m['role'] }}\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant\n{% endif %}"
)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
APART = pre_tokenizers.Sequence(
    [pre_tokenizers.Metaspace(prepend_scheme="never"), pre_tokenizers.Split("▁", "isolated")]
)
KINDS = {
    "bytes": (BYTES, None, "ĠA"),
    "spaces as in Gemma": (pre_tokenizers.Metaspace(prepend_scheme="never", split=True), None, "▁A"),
    "spaces as in Llama 2": (pre_tokenizers.Metaspace(prepend_scheme="first", split=True), None, "▁A"),
    "spaces apart": (APART, None, "A"),
    "a chat": (BYTES, CHAT, "A"),
    "a chat with a space before each answer": (BYTES, INST, "ĠA"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_token_is_the_one_that_follows_the_prompt(engine: Engine, kind: str) -> None:
    pre, template, expected = KINDS[kind]
    own = with_tokenizer(engine, pre, template)
    before, tokens = first_tokens(own, words(LETTERS), LETTERS)
    assert own.tokenizer.convert_ids_to_tokens(tokens[0]) == expected
    assert before == ([own.tokenizer.convert_tokens_to_ids("▁")] if kind == "spaces apart" else [])
    # As in a text that holds prompt and answer: what the LLM was trained on.
    text = own._text(words(LETTERS)) + own._gap
    begin = not own.chat
    for letter, token in zip(LETTERS, tokens, strict=True):
        whole = own.tokenizer(f"{text}{letter}", add_special_tokens=begin)["input_ids"]
        assert whole == [*own.tokens(words(LETTERS)), *before, token]


def test_scores_are_those_of_the_next_token(engine: Engine, tmp_path: Path) -> None:
    import torch

    base = with_tokenizer(engine, KINDS["spaces apart"][0], None)
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        reranker = FirstIdentifier(base, PROMPT, cache, 2, 3, 2)
        windows = [Window("tea", ["green", "black", "white"]), Window("milk", ["cow", "oat"])]
        found = reranker.order(windows)
        for window, order in zip(windows, found, strict=True):
            ids = [*base.tokens(PROMPT.messages(*window, reranker.identifiers)), *reranker.before]
            with torch.no_grad():
                logits_V = base.model(input_ids=torch.tensor([ids])).logits[0, -1]
            scores = logits_V[reranker.tokens[: len(window.texts)]].tolist()
            assert order.order == sorted(range(len(scores)), key=lambda i: -scores[i])
    one = next_token_log_probs(base, [words(LETTERS)], [40, 41], 1, [7])
    assert one == next_token_log_probs(base, [words(LETTERS)], [40, 41], 2, [7])


def test_letters_that_are_no_tokens_are_named(engine: Engine) -> None:
    split = SimpleNamespace(
        continuation=lambda _, letter: [5, ord(letter)] if letter != "B" else [6, 7, 8], name="m"
    )
    with pytest.raises(DramaError, match="'B' is not one token"):
        first_tokens(split, [], LETTERS)  # type: ignore[arg-type]


@pytest.mark.skipif(not cache_folder("smollm2-135m").is_dir(), reason="smollm2-135m is not cached")
def test_smollm2_as_a_chat_and_as_a_base_model(tmp_path: Path) -> None:
    engine = load_engine("smollm2-135m", weights=False)
    spell = engine.tokenizer.convert_ids_to_tokens
    assert spell(first_tokens(engine, words(LETTERS), LETTERS)[1]) == LETTERS
    engine.tokenizer.chat_template, engine.chat = None, False
    del engine._gap
    assert spell(first_tokens(engine, words(LETTERS), LETTERS)[1]) == [f"Ġ{letter}" for letter in LETTERS]


@pytest.mark.slow
@pytest.mark.skipif(not cache_folder("gemma3-270m").is_dir(), reason="gemma3-270m is not cached")
def test_gemma_is_a_base_model() -> None:
    engine = load_engine("gemma3-270m", weights=False)
    before, tokens = first_tokens(engine, words(LETTERS), LETTERS)
    assert before == []
    assert engine.tokenizer.convert_ids_to_tokens(tokens) == [f"▁{letter}" for letter in LETTERS]
