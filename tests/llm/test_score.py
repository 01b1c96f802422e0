"""Likelihoods by one padded pass with few logits equal those computed token by token."""

from functools import wraps
from pathlib import Path

import pytest
import torch

from drama.errors import DramaError
from drama.llm import Engine, answer_log_likelihoods, load_engine, next_token_log_probs, score


@pytest.fixture(scope="module")
def engine(tiny_llm: Path) -> Engine:
    return load_engine(tiny_llm, "fp32")


def log_probs(engine: Engine, tokens: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return engine.model(input_ids=torch.tensor([tokens])).logits[0].float().log_softmax(-1)


def test_likelihood_of_an_answer(engine: Engine, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [[{"role": "user", "content": text[: 9 + 8 * i]}] for i, text in enumerate(texts)]
    answers = ["wing", "a long answer about rivers", *texts[:6]]
    expected = []
    for prompt, answer in zip(prompts, answers, strict=True):
        begin = engine.tokens(prompt)
        end = engine.tokenizer(answer, add_special_tokens=False)["input_ids"]
        all_LV = log_probs(engine, begin + end)
        expected.append(sum(all_LV[len(begin) - 1 + i, t].item() for i, t in enumerate(end)) / len(end))
    assert answer_log_likelihoods(engine, prompts, answers, 3) == pytest.approx(expected, abs=1e-4)
    monkeypatch.setattr(engine, "share_prefix", False)
    assert answer_log_likelihoods(engine, prompts, answers, 3) == pytest.approx(expected, abs=1e-4)
    monkeypatch.setattr(engine, "share_prefix", True)
    widths = []
    forward = engine.model.forward

    @wraps(forward)
    def watched(**inputs):
        out = forward(**inputs)
        widths.append((inputs["input_ids"].shape[1], out.logits.shape[1]))
        return out

    monkeypatch.setattr(engine.model, "forward", watched)
    # One prompt with several answers is read once; logits are as many as the longest answer's tokens.
    several = answer_log_likelihoods(engine, [prompts[1]] * 8, answers, 8)
    counts = [len(engine.tokenizer(a, add_special_tokens=False)["input_ids"]) for a in answers]
    assert widths == [(len(engine.tokens(prompts[1])) - 1, 1), (max(counts), max(counts))]
    assert several[1] == pytest.approx(expected[1], abs=1e-4)
    widths.clear()
    monkeypatch.setattr(engine, "share_prefix", False)
    monkeypatch.setattr(score, "LARGEST_LOGITS", 512 * 8)
    found = answer_log_likelihoods(engine, prompts[:2], answers[:2], 3)
    assert found == pytest.approx(expected[:2], abs=1e-4)
    assert len(widths) == 2  # memory bounds the batch


@pytest.mark.parametrize("share", [False, True])
def test_first_token(engine: Engine, texts: list[str], share: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "share_prefix", share)
    prompts = [[{"role": "user", "content": text[: 9 + 8 * i]}] for i, text in enumerate(texts)]
    tokens = [40, 41, 99]
    for prompt, found in zip(prompts, next_token_log_probs(engine, prompts, tokens, 3), strict=True):
        expected = log_probs(engine, engine.tokens(prompt))[-1, tokens].log_softmax(-1)
        assert found == pytest.approx(expected.tolist(), abs=1e-4)


def test_what_has_no_score(engine: Engine) -> None:
    prompt = [{"role": "user", "content": "x"}]
    with pytest.raises(DramaError, match="without a token"):
        answer_log_likelihoods(engine, [prompt], [""], 1)
    with pytest.raises(DramaError, match="longer than 1536"):
        answer_log_likelihoods(engine, [prompt], ["wing " * 2000], 1)
