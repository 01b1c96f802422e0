"""vLLM in this process; its own answers only where it is installed."""

import math
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from drama.augment import AugmentSettings
from drama.errors import DramaError, MissingExtraError
from drama.llm import Sampling, VLLMEngine, load_engine, open_chat

GREEDY = Sampling(max_new_tokens=12, temperature=0.0)
CHATS = [[{"role": "user", "content": f"What does the {word} do?"}] for word in ("wing", "compiler", "sea")]


@pytest.fixture
def wide_heads(tiny_llm: Path, tmp_path: Path) -> Path:
    """The tiny LLM's tokenizer and a model with heads of 64: vLLM on a CPU has no kernel for 16."""
    shutil.copytree(tiny_llm, tmp_path, dirs_exist_ok=True)
    config = LlamaConfig.from_pretrained(tiny_llm, head_dim=64)
    torch.manual_seed(1)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
def test_answers_are_those_of_the_engine(wide_heads: Path) -> None:
    engine = load_engine(wide_heads, "fp32")
    expected = [answer for batch in engine.generate(CHATS, GREEDY, 1) for answer in batch]
    model = open_chat(f"vllm:{wide_heads}", precision="fp32")
    batches = list(model.generate(CHATS, GREEDY, 2))
    assert [len(batch) for batch in batches] == [2, 1]
    assert [answer for batch in batches for answer in batch] == expected
    assert model.usage.prompt_tokens == engine.usage.prompt_tokens
    drawn = Sampling(max_new_tokens=12, temperature=0.8)
    first = [answer for batch in model.generate(CHATS, drawn, 3, seed=1) for answer in batch]
    again = [answer for batch in model.generate(CHATS[::-1], drawn, 1, seed=1) for answer in batch]
    assert first == again[::-1]


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_says_what_to_install(tiny_llm: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"drama-retrieval\[vllm\]"):
        list(VLLMEngine(f"vllm:{tiny_llm}").generate(CHATS, GREEDY, 2))


TOKENS = 50


def draw(seed: int) -> int:
    """The first token as vLLM draws it for a request with a seed: by noise from a generator of its own. All
    of fifty tokens are equally probable."""
    noise = torch.empty(TOKENS).exponential_(generator=torch.Generator().manual_seed(seed))
    return 10 + int((torch.full((TOKENS,), 1 / TOKENS) / noise).argmax())


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`stand_in(output)`: a module in vLLM's place, whose answers are a function of sampling parameters."""

    def put(output: Callable[[Any], Any]) -> None:
        class LLM:
            def __init__(self, **_: Any) -> None: ...

            def generate(self, prompts: list[Any], how: list[Any], use_tqdm: bool) -> list[Any]:
                assert len(prompts) == len(how)
                return [SimpleNamespace(outputs=[output(each)]) for each in how]

        module = ModuleType("vllm")
        module.LLM, module.SamplingParams = LLM, SimpleNamespace  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "vllm", module)

    return put


def test_each_prompt_draws_its_own_noise(tiny_llm: Path, stand_in: Callable[..., None]) -> None:
    """A thousand prompts of fifty equally probable first tokens: one seed for all gave one token to all."""
    stand_in(lambda how: SimpleNamespace(token_ids=[draw(how.seed)], finish_reason="length"))
    model = VLLMEngine(f"vllm:{tiny_llm}")
    prompts = [[{"role": "user", "content": f"text {i}"}] for i in range(1000)]
    how = Sampling(max_new_tokens=1, temperature=0.8)
    found = [a.text for batch in model.generate(prompts, how, 32, seed=1) for a in batch]
    assert len({*found}) == TOKENS
    largest = max(found.count(text) for text in {*found})
    assert largest < 20 + 6 * math.sqrt(20)  # twenty each, as independent draws give
    again = [a.text for batch in model.generate(prompts[::-1], how, 7, seed=1) for a in batch]
    assert again[::-1] == found  # neither order nor batch size matter
    assert found != [a.text for batch in model.generate(prompts, how, 32, seed=2) for a in batch]


def test_cut_answers_are_told_apart(tiny_llm: Path, stand_in: Callable[..., None]) -> None:
    for reason, ending in (("stop", "end"), ("length", "cut off")):
        stand_in(lambda how, reason=reason: SimpleNamespace(token_ids=[40], finish_reason=reason))
        (batch,) = VLLMEngine(f"vllm:{tiny_llm}").generate(CHATS, GREEDY, 8)
        assert {answer.ending for answer in batch} == {ending}


def test_prompts_and_identity(tiny_llm: Path) -> None:
    model, engine = VLLMEngine(f"vllm:{tiny_llm}"), load_engine(tiny_llm, "fp32")
    assert model.identity not in (engine.identity, VLLMEngine(f"vllm:{tiny_llm}", "bf16").identity)
    assert model.together(8) == 1
    assert model.fits(CHATS[0])
    with pytest.raises(DramaError, match="is longer than 4"):
        list(VLLMEngine(f"vllm:{tiny_llm}", longest=4).generate(CHATS, GREEDY, 2))
    with pytest.raises(DramaError, match="at most 1024"):
        list(model.generate(CHATS, Sampling(max_new_tokens=2000), 2))


def test_settings_know_its_weights() -> None:
    settings = AugmentSettings.parse({"synthesize": {"documents": 3, "llm": "vllm:here/model"}}, "augment")
    assert settings.models() == ["here/model"]
    with pytest.raises(DramaError, match="logits"):
        AugmentSettings.parse({"rerank": {"method": "likelihood", "llm": "vllm:here/model"}}, "augment")
