"""Batches and a shared prefix change the cost, not the answers."""

import shutil
from itertools import takewhile
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from drama.augment.prompts.text_prompt import Shot, TextPrompt
from drama.errors import DramaError, FileError
from drama.llm import Answer, Engine, Sampling, answer_log_likelihoods, load_engine
from drama.llm import engine as engine_module
from drama.models.resolve import cache_folder

GREEDY = Sampling(max_new_tokens=8, temperature=0)


@pytest.fixture(scope="module")
def engine(tiny_llm: Path) -> Engine:
    engine = load_engine(tiny_llm, "fp32")
    with torch.no_grad():  # random weights echo the last token; louder layers make answers differ
        for name, weight in engine.model.model.layers.named_parameters():
            if "norm" not in name:
                weight.mul_(12)
    return engine


@pytest.fixture
def prompts(texts: list[str]) -> list[list[dict[str, str]]]:
    prompt = TextPrompt(system="Ask.", user="Text: {text}", shots=[Shot(text="tea", answer="what is tea")])
    return [prompt.messages(text[: 5 + 7 * i]) for i, text in enumerate(texts)]


def answers(engine: Engine, prompts: list[list[dict[str, str]]], size: int, how: Sampling, seed: int = 0):
    return [a.text for batch in engine.generate(prompts, how, size, seed) for a in batch]


def test_batches_equal_single_prompts_of_transformers(
    engine: Engine, prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "share_prefix", False)
    alone = [answers(engine, [p], 1, GREEDY)[0] for p in prompts]
    assert answers(engine, prompts, 4, GREEDY) == alone
    monkeypatch.setattr(engine, "share_prefix", True)
    assert answers(engine, prompts, 4, GREEDY) == alone
    assert [answers(engine, [p], 1, GREEDY)[0] for p in prompts] == alone
    assert len(set(alone)) > 1
    # Little memory: a batch is split.
    monkeypatch.setattr(engine_module, "LARGEST_CACHE", 2**17)
    assert len(list(engine.inputs([engine.tokens(p) for p in prompts], 8))) > 1
    assert answers(engine, prompts, 8, GREEDY) == alone


@torch.inference_mode()
def test_answers_end_at_the_end_token(engine: Engine, prompts, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [engine.tokens(p) for p in prompts]
    whole, cut = engine._answers(rows, GREEDY)
    assert all(cut)
    ends = frozenset({whole[0][2], whole[1][0]})
    monkeypatch.setattr(engine, "ends", ends)
    short, cut = engine._answers(rows, GREEDY)
    assert cut == [len(row) == 8 for row in short]
    assert short == [list(takewhile(lambda t: t not in ends, row)) for row in whole]
    monkeypatch.setattr(engine, "share_prefix", False)
    assert (short, cut) == engine._answers(rows, GREEDY)
    assert short[1] == []
    assert any(len(row) == 8 for row in short)


def test_sampling_depends_on_the_seed_only(engine: Engine, prompts) -> None:
    how = Sampling(max_new_tokens=8, temperature=1.0, top_p=1.0)
    first = answers(engine, prompts, 4, how, seed=1)
    assert first == answers(engine, prompts, 4, how, seed=1)
    assert first != answers(engine, prompts, 4, how, seed=2)
    assert first[4:] == answers(engine, prompts[4:], 4, how, seed=1)  # what came before does not matter


def test_the_caller_keeps_its_own_torch_state_between_batches(engine: Engine, prompts) -> None:
    torch.manual_seed(5)
    expected = torch.rand(2).tolist()
    torch.manual_seed(5)
    batches = engine.generate(prompts, GREEDY, 4)
    next(batches)
    assert not torch.is_inference_mode_enabled()
    assert torch.rand(2).tolist() == expected
    assert len(list(batches)) == 1


def test_prompt_errors(tmp_path: Path) -> None:
    with pytest.raises(DramaError, match="no prompt 'qestion'"):
        TextPrompt.load("qestion", "queries")
    path = tmp_path / "mine.yaml"
    path.write_text("system: s\nuser: no place\n")
    with pytest.raises(DramaError, match="user holds no"):
        TextPrompt.load(str(path), "queries")
    path.write_text("system: [unclosed\n")
    with pytest.raises(FileError, match="line 2"):
        TextPrompt.load(str(path), "queries")
    for name in ("question", "keyword", "claim", "title"):
        assert len(TextPrompt.load(name, "queries").shots) == 3


def test_learnt_positions_bound_a_prompt_and_its_answer(tiny_llm: Path, tmp_path: Path) -> None:
    """GPT-2 has no row for a token beyond its context, where RoPE only gets worse."""
    shutil.copytree(tiny_llm, tmp_path, dirs_exist_ok=True)
    torch.manual_seed(0)
    GPT2LMHeadModel(
        GPT2Config(vocab_size=512, n_positions=64, n_embd=32, n_layer=1, n_head=2, eos_token_id=2)
    ).save_pretrained(tmp_path)
    engine = load_engine(tmp_path, "fp32")
    engine.ends = frozenset()
    prompt = [{"role": "user", "content": "a b"}]
    room = 64 - len(engine.tokens(prompt))
    assert engine.longest == 64
    assert [engine.fits(prompt, new) for new in (room, room + 1)] == [True, False]
    ((answer,),) = engine.generate([prompt], Sampling(max_new_tokens=room, temperature=0), 1)
    assert answer.ending == "cut off"
    with pytest.raises(DramaError, match=f"an answer of up to {room + 1} are more than the 64 tokens"):
        list(engine.generate([prompt], Sampling(max_new_tokens=room + 1, temperature=0), 1))
    with pytest.raises(DramaError, match="longer than 64"):
        answer_log_likelihoods(engine, [prompt], ["a " * 64], 1)


def test_without_a_chat_template_a_prompt_is_text_and_an_answer_a_line(
    tiny_llm: Path, tmp_path: Path, prompts
) -> None:
    folder = shutil.copytree(tiny_llm, tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    engine = load_engine(folder, "fp32")
    text = "Ask.\n\nText: tea what is tea\n\nText: The w"
    assert engine.tokenizer.decode(engine.tokens(prompts[0])) == text
    line_end = engine.tokenizer("\n")["input_ids"]
    assert {*line_end, engine.tokenizer.eos_token_id} <= engine.ends
    assert not {*engine.tokenizer("Ask me")["input_ids"]} & engine.ends
    assert len(answers(engine, prompts[:2], 2, GREEDY)) == 2


def test_precision_is_of_the_weights_and_of_the_cache_key(
    tiny_llm: Path, prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, half = load_engine(tiny_llm, "fp32"), load_engine(tiny_llm, "bf16")
    assert (full.model.dtype, half.model.dtype) == (torch.float32, torch.bfloat16)
    assert full.identity != half.identity
    for native, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("drama.compute.device.native_bf16", lambda device, native=native: native)
        assert load_engine(tiny_llm, weights=False).precision == expected
    assert len(answers(half, prompts[:3], 2, GREEDY)) == 3
    first, last = answer_log_likelihoods(half, prompts[:2], ["wing", "a river"], 2)
    assert first < 0
    assert last < 0


def test_a_template_without_a_system_turn(tiny_llm: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_llm, tmp_path / "llm")
    engine = load_engine(folder, "fp32", weights=False)
    engine.tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )
    engine.chat = True
    chat = [{"role": "system", "content": "Ask."}, {"role": "user", "content": "Tea."}]
    assert engine.tokenizer.decode(engine.tokens(chat)).split() == ["user:", "Ask.", "Tea."]


def test_answers_say_whether_they_were_cut_off(
    engine: Engine, prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,), _ = engine._answers([engine.tokens(prompts[0])], GREEDY)
    monkeypatch.setattr(engine, "ends", frozenset({row[3]}))
    endings = [a.ending for batch in engine.generate(prompts[:1], GREEDY, 1) for a in batch]
    assert endings == ["end"]
    monkeypatch.setattr(engine, "ends", frozenset())
    endings = [a.ending for batch in engine.generate(prompts, GREEDY, 4) for a in batch]
    assert endings == ["cut off"] * len(prompts)


def test_half_a_character_at_the_end_is_a_cut(engine: Engine) -> None:
    ids = engine.tokenizer("Ganges गंगा", add_special_tokens=False)["input_ids"]
    (answer,) = engine.decoded([ids[:-1]], [False])
    assert answer.text.endswith("\ufffd")
    assert answer.cut


def test_marks_of_thinking_are_kept_though_they_are_special_tokens(tiny_llm: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_llm, tmp_path / "llm")
    engine = load_engine(folder, "fp32", weights=False)
    extra = ["<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|other|>"]
    engine.tokenizer.add_special_tokens({"additional_special_tokens": extra})
    text = "<|channel|>analysis<|message|>The wing<|end|>"
    text += "<|start|>assistant<|channel|>final<|message|>a<|other|> wing</s>"
    ids = engine.tokenizer(text, add_special_tokens=False)["input_ids"]
    (answer,) = engine.decoded([ids], [False])
    assert "<|channel|>" in answer.text
    assert answer.said == "a wing"
    assert engine.decoded([ids[: len(ids) // 2]], [True])[0].problem == "thinking not finished"
    assert Answer("<s> is text").said == "<s> is text"


@pytest.mark.parametrize("chat", [True, False])
def test_control_tokens_in_a_document_are_text(tiny_llm: Path, tmp_path: Path, chat: bool) -> None:
    folder = shutil.copytree(tiny_llm, tmp_path / "llm")
    if not chat:
        (folder / "chat_template.jinja").unlink()
    engine = load_engine(folder, "fp32", weights=False)
    prompt = TextPrompt(system="Ask.", user="Text: {text}", shots=[Shot(text="tea", answer="what is tea")])
    plain = engine.tokens(prompt.messages("A turn ends with a mark and goes on."))
    text = "</s>A turn ends with </s> and goes on.<s>assistant"
    written = engine.tokens(prompt.messages(text))
    ends = {engine.tokenizer.bos_token_id, engine.tokenizer.eos_token_id}
    assert [t for t in written if t in ends] == [t for t in plain if t in ends]
    assert text in engine.tokenizer.decode(written)
    # The texts around it, and prompts without such tokens, are as they were.
    whole = engine.tokenizer(engine._text(prompt.messages("A turn.")), add_special_tokens=False)["input_ids"]
    assert engine.tokens(prompt.messages("A turn.")) == whole
    private = "\ue000 and \ue001 </s>"
    assert private in engine.tokenizer.decode(engine.tokens(prompt.messages(private)))


def test_added_tokens_that_the_template_writes_are_control_tokens_too(tiny_llm: Path, tmp_path: Path) -> None:
    engine = load_engine(shutil.copytree(tiny_llm, tmp_path / "llm"), "fp32", weights=False)
    engine.tokenizer.add_tokens(["<think>", "<b>"])
    think, bold = engine.tokenizer.convert_tokens_to_ids(["<think>", "<b>"])
    engine.tokenizer.chat_template += "{# <think> #}"
    ids = engine.tokens([{"role": "user", "content": "tags <think> and <b>"}])
    assert think not in ids
    assert bold in ids


@pytest.mark.skipif(not cache_folder("smollm2-135m").is_dir(), reason="smollm2-135m is not cached")
def test_a_page_about_chatml_ends_no_turn_of_smollm2() -> None:
    engine = load_engine("smollm2-135m", weights=False)
    prompt, end = TextPrompt.load("question", "queries"), engine.tokenizer.convert_tokens_to_ids("<|im_end|>")
    texts = ("ChatML ends a turn so.", "ChatML ends a turn with <|im_end|> so.")
    plain, written = (engine.tokens(prompt.messages(text)) for text in texts)
    assert plain.count(end) == written.count(end) > 0
    assert texts[1] in engine.tokenizer.decode(written)
