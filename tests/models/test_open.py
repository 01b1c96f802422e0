"""A folder whose weights, names, shapes or tokens do not fit is refused with its cause; what is only unusual
is opened."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, BertConfig, BertForMaskedLM

from drama.errors import DramaError
from drama.files import digest, fingerprint_path
from drama.models.files import SUMS, check_files, weights_hash, weights_of, write_sums
from drama.models.open import open_config, open_model, open_tokenizer
from drama.prune.load import load_causal_lm, save_causal_lm

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def copied(tiny_llm: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_llm, tmp_path / "copied"))


def change(folder: Path, how: Callable[[Tensors], Tensors]) -> None:
    file = folder / "model.safetensors"
    save_file(how(load_file(file)), file, metadata={"format": "pt"})


def edit(folder: Path, name: str = "config.json", **values: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def nan(tensors: Tensors) -> Tensors:
    tensors["model.layers.1.mlp.down_proj.weight"][0, 0] = float("nan")
    return tensors


def infinite(tensors: Tensors) -> Tensors:
    tensors["model.norm.weight"][3] = float("-inf")
    return tensors


CHANGES: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "missing": (
        lambda t: {k: v for k, v in t.items() if ".layers.2." not in k},
        "9 tensors of the model are not in the",
    ),
    "module": (lambda t: {"module." + k: v for k, v in t.items()}, r"begin with 'module\.'"),
    "compiled": (lambda t: {"_orig_mod." + k: v for k, v in t.items()}, r"begin with '_orig_mod\.'"),
    "peft": (lambda t: {"base_model.model." + k: v for k, v in t.items()}, r"'base_model\.model\.'.*merge"),
    "one more layer": (
        lambda t: t | {k.replace(".3.", ".4."): v.clone() for k, v in t.items() if ".layers.3." in k},
        r"9 tensors that config\.json's model has no place for",
    ),
    "a bias": (
        lambda t: t | {"model.layers.0.self_attn.q_proj.bias": torch.ones(64)},
        r"no place for, for example model\.layers\.0\.self_attn\.q_proj\.bias",
    ),
    "an adapter": (
        lambda t: t | {"model.layers.0.self_attn.q_proj.lora_A.weight": torch.ones(2, 64)},
        "no place for, for example .*lora_A",
    ),
    "nan": (nan, r"layers\.1\.mlp\.down_proj\.weight holds NaN or infinity"),
    "infinity": (infinite, r"norm\.weight holds NaN or infinity"),
    "shape": (
        lambda t: t | {"model.norm.weight": torch.ones(63)},
        r"norm\.weight has the shape \(63,\), and config\.json says \(64,\)",
    ),
}


@pytest.mark.parametrize("auto", [AutoModel, AutoModelForCausalLM])
@pytest.mark.parametrize("kind", CHANGES)
def test_weights_that_do_not_fit_are_refused(copied: Path, kind: str, auto: Any) -> None:
    how, message = CHANGES[kind]
    change(copied, how)
    with pytest.raises(DramaError, match=f"(?s)^{copied}: .*{message}"):
        open_model(auto, copied, torch.float32)


def test_what_has_no_effect_is_opened(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = open_model(AutoModel, copied, torch.float32).state_dict()
    head = torch.ones(512, 64)
    change(copied, lambda t: t | {"lm_head.weight": head, "model.rotary_emb.inv_freq": torch.ones(8)})
    again = open_model(AutoModel, copied, torch.float32).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())
    assert "warning" not in capsys.readouterr().err
    change(copied, lambda t: t | {"vision.patch.weight": torch.ones(2)})
    open_model(AutoModel, copied, torch.float32)
    assert "1 tensors are not used by a LlamaModel, for example vision.patch.weight" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_bert_without_pooler_is_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertForMaskedLM(BertConfig(**size, intermediate_size=16)).save_pretrained(tmp_path)
    open_model(AutoModel, tmp_path, torch.float32)
    assert "warning" not in capsys.readouterr().err


FILES = {
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 5\n", "Git LFS pointer"),
    "empty": (b"", "cut off"),
    "no header": (b"\x00" * 4, "cut off"),
    "a long header": ((1 << 60).to_bytes(8, "little") + b"{}", "header"),
    "no JSON": ((6).to_bytes(8, "little") + b"\xff\xfe{}{}", "its header can't be read"),
    "a list": ((2).to_bytes(8, "little") + b"[]", "its header can't be read"),
    "nested": ((200_000).to_bytes(8, "little") + b"[" * 200_000, "its header can't be read"),
}


@pytest.mark.parametrize("kind", FILES)
def test_damaged_files_are_named(copied: Path, kind: str) -> None:
    content, message = FILES[kind]
    (copied / "model.safetensors").write_bytes(content)
    with pytest.raises(DramaError, match=f"^{copied}/model.safetensors: .*{message}"):
        open_model(AutoModel, copied, torch.float32)


@pytest.mark.parametrize("cut", [-1, 1])
def test_a_file_of_another_length_is_named(copied: Path, cut: int) -> None:
    file = copied / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:cut] if cut < 0 else whole + b"x")
    message = "cut off" if cut < 0 else "damaged"
    with pytest.raises(DramaError, match=f"{message}: it has {len(whole) + cut} bytes of {len(whole)}"):
        open_model(AutoModel, copied, torch.float32)


def test_quantised_weights_are_refused(copied: Path) -> None:
    edit(copied, quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(DramaError, match=r"quantised \(gptq\)"):
        open_model(AutoModel, copied, torch.float32)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"model_type": "llama", "hidden_size": "x"}', "\x00", '{"a": 1}']
)
def test_a_broken_config_is_named(copied: Path, text: str) -> None:
    (copied / "config.json").write_text(text)
    with pytest.raises(DramaError, match=f"^{copied}"):
        open_model(AutoModel, copied, torch.float32)


def test_code_in_a_folder_is_never_run(copied: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for name in ("configuration_my", "modeling_my"):
        (copied / f"{name}.py").write_text(f"open({str(ran)!r}, 'w')\n")
    auto_map = {"AutoConfig": "configuration_my.MyConfig", "AutoModel": "modeling_my.MyModel"}
    edit(copied, model_type="mine", auto_map=auto_map)
    for opened in (open_config, open_tokenizer, lambda f: open_model(AutoModel, f, torch.float32)):
        with pytest.raises(
            DramaError, match=r"needs code of its own \(configuration_my\.MyConfig\), which drama"
        ):
            opened(copied)
    assert not ran.exists()
    edit(copied, model_type="llama")  # transformers has it itself
    open_model(AutoModel, copied, torch.float32)
    assert not ran.exists()


class Evil:
    """What a pickle may do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


def test_a_pickle_that_runs_code_is_refused_and_one_of_tensors_is_read(copied: Path, tmp_path: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    (copied / "model.safetensors").unlink()
    torch.save(tensors, copied / "pytorch_model.bin")
    got = open_model(AutoModel, copied, torch.float32).state_dict()
    assert torch.equal(got["norm.weight"], tensors["model.norm.weight"])
    torch.save(tensors | {"model.norm.weight": Evil(tmp_path / "ran")}, copied / "pytorch_model.bin")
    with pytest.raises(DramaError, match=f"^{copied}"):
        open_model(AutoModel, copied, torch.float32)
    assert not (tmp_path / "ran").exists()


def test_special_tokens_beyond_the_table_become_text_and_others_are_refused(
    tiny_llm: Path, copied: Path
) -> None:
    whole = AutoTokenizer.from_pretrained(tiny_llm)
    rows = len(whole)
    edit(copied, vocab_size=rows)
    with_pad = AutoTokenizer.from_pretrained(tiny_llm)
    with_pad.add_special_tokens({"pad_token": "[PAD]"})
    assert with_pad.pad_token_id == rows
    with_pad.save_pretrained(copied)
    opened = open_tokenizer(copied)
    assert (opened.pad_token, len(opened)) == ("</s>", rows)
    assert max(opened("a [PAD] b")["input_ids"]) < rows
    assert opened("the wing")["input_ids"] == whole("the wing")["input_ids"]
    assert opened(["the wing", "a"], padding=True)["input_ids"][1][-1] == whole.eos_token_id
    opened.save_pretrained(copied)  # as after pruning
    assert len(open_tokenizer(copied)) == rows
    more = AutoTokenizer.from_pretrained(tiny_llm)
    more.add_tokens([AddedToken("aircraft")])
    more.save_pretrained(copied)
    with pytest.raises(DramaError, match=f"has {rows + 1} tokens, the model {rows} .*'aircraft'"):
        open_tokenizer(copied)
    whole.save_pretrained(copied)
    edit(copied, vocab_size=2)  # EOS has no row
    with pytest.raises(DramaError, match=f"has {rows} tokens, the model 2"):
        open_tokenizer(copied)


def test_a_tokenizer_without_eos_is_refused_where_one_is_needed(copied: Path) -> None:
    edit(copied, "tokenizer_config.json", eos_token=None, pad_token=None)
    (copied / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(DramaError, match="has no EOS"):
        open_tokenizer(copied, needs_end=True)


def test_one_flipped_byte_anywhere_is_detected(copied: Path) -> None:
    write_sums(copied)
    check_files(copied)
    for name in (path.name for path in copied.iterdir() if path.is_file()):
        whole = (copied / name).read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            (copied / name).write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            with pytest.raises(DramaError, match=f"^{copied}/"):
                open_model(AutoModel, copied, torch.float32)
        (copied / name).write_bytes(whole)
    check_files(copied)
    (copied / "tokenizer.json").rename(copied.parent / "blob")
    (copied / "tokenizer.json").symlink_to(copied.parent / "blob")  # as in the hub's cache
    check_files(copied)
    (copied / "tokenizer.json").unlink()
    with pytest.raises(DramaError, match=r"tokenizer\.json: no such file, though SHA256SUMS lists it"):
        check_files(copied)
    (copied / SUMS).write_text(f"{'0' * 64}  ../outside\n")
    with pytest.raises(DramaError, match="SHA256SUMS, line 1: not a line"):
        check_files(copied)


def test_a_process_reads_each_file_once_for_its_hash(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is opened, named in a manifest or identified by its files, and when it is saved."""
    monkeypatch.setenv("DRAMA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(digest, "_SETTLED", 0)
    read: list[str] = []
    real = digest._digest
    monkeypatch.setattr(digest, "_digest", lambda path: read.append(path.name) or real(path))
    write_sums(copied)
    model, tokenizer = load_causal_lm(copied), open_tokenizer(copied)
    load_causal_lm(copied)
    weights_of({"parent": copied})
    fingerprint_path(copied)
    assert sorted(read) == sorted(path.name for path in copied.iterdir())
    read.clear()
    save_causal_lm(tmp_path / "saved", model, tokenizer)
    assert sorted(read) == sorted(path.name for path in (tmp_path / "saved").iterdir() if path.name != SUMS)


def test_the_hash_of_weights_follows_the_weights(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAMA_CACHE", str(tmp_path / "cache"))
    first = weights_hash(copied)
    assert weights_of({"parent": copied}) == {"weights of parent": first}
    edit(copied, name="config.json", note="no weight")
    assert weights_hash(copied) == first
    shutil.copytree(copied, tmp_path / "elsewhere")
    assert weights_hash(tmp_path / "elsewhere") == first
    change(copied, lambda t: t | {"model.norm.weight": torch.full((64,), 2.0)})
    assert weights_hash(copied) != first
    (copied / "model.safetensors").unlink()
    assert weights_of({"parent": copied}) == {}
    with pytest.raises(DramaError, match="holds no weights"):
        weights_hash(copied)
