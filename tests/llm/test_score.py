"""Likelihoods by one padded pass with few logits equal those computed token by token."""

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
    widths = []
    forward = engine.model.forward

    def watched(*, logits_to_keep, **inputs):
        out = forward(logits_to_keep=logits_to_keep, **inputs)
        widths.append(tuple(out.logits.shape[:2]))
        return out

    monkeypatch.setattr(engine.model, "forward", watched)
    monkeypatch.setattr(score, "LARGEST_LOGITS", 512 * 8)
    monkeypatch.setattr(
        score.inspect, "signature", lambda _: type("S", (), {"parameters": {"logits_to_keep"}})
    )
    assert answer_log_likelihoods(engine, prompts[:2], answers[:2], 3) == pytest.approx(
        expected[:2], abs=1e-4
    )
    assert all(rows == 1 for rows, _ in widths)  # memory bounds the batch
    assert widths[0][1] == 1 + len(engine.tokenizer("wing")["input_ids"])


def test_first_token(engine: Engine, texts: list[str]) -> None:
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
