"""What the actors of a cluster do, in this process: Ray itself is not installed."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from drama.errors import DramaError
from drama.llm import Sampling, load_engine
from drama.llm import on_ray as module
from drama.workers import RaySettings, work_through

GREEDY = Sampling(max_new_tokens=4, temperature=0.0)
CHATS = [[{"role": "user", "content": f"What does the {word} do?"}] for word in ("wing", "compiler", "sea")]


@pytest.fixture
def copied(tiny_llm: Path, tmp_path: Path) -> Path:
    for file in tiny_llm.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_actors_answer_as_this_process_and_refuse_another_model(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "work_through", lambda make, items, ray: work_through(make, items))
    model = module.RayEngine(str(copied), RaySettings(), "fp32")
    engine = load_engine(copied, "fp32")
    expected = list(engine.generate(CHATS, GREEDY, 2))
    assert list(model.generate(CHATS, GREEDY, 2)) == expected
    assert model.usage == engine.usage

    torch.manual_seed(1)
    LlamaForCausalLM(LlamaConfig.from_pretrained(copied)).save_pretrained(copied)
    with pytest.raises(DramaError, match="has another model of this name") as caught:
        list(model.generate(CHATS, GREEDY, 2))
    assert model.identity in caught.value.message
