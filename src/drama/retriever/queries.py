"""A few queries without torch: a retriever's folder read and run in numpy, so that a search begins at once.

Importing torch and transformers takes seconds, most of the time of a command that asks one question. The
vectors are those of `Retriever.encode_queries`, up to rounding; a test holds them together. For many texts
torch is faster.

Legend: T tokens of a text, D hidden size, H heads, E width of a head.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from drama.files import read_json
from drama.models.files import check_files
from drama.retriever.lexical import LexicalBranch, joined
from drama.retriever.settings import RetrieverSettings, read_settings
from drama.retriever.vectors import Array, check_dim, truncate

_WEIGHTS, _HEAD = "model.safetensors", "2_Dense/model.safetensors"
_ENCODERS = {"bert": 0, "roberta": 1, "xlm-roberta": 1}
"""Model types like BERT's → how many positions stand before the first, beside that of padding."""
_DECODERS = ("llama", "mistral", "qwen2")
Weights = dict[str, npt.NDArray[np.float32]]


class QueryEncoder:
    """Encodes queries one by one.

    Args:
        folder: of a retriever that drama wrote, of a kind for which `can_read` is true.
        max_length: cut texts to this many tokens instead of the model's own limit.
    """

    def __init__(self, folder: Path, settings: RetrieverSettings, max_length: int | None = None) -> None:
        from safetensors import safe_open
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        check_files(folder)
        self.name = str(folder)
        self._settings = settings
        self._config: dict[str, Any] = read_json(folder / "config.json")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length or settings.max_length)
        self._table = "embed_tokens.weight"
        if self._config["model_type"] in _ENCODERS:
            self._table = "embeddings.word_embeddings.weight"
        self._file = cast(Any, safe_open(folder / _WEIGHTS, framework="numpy"))
        names = [name for name in self._file.keys() if name != self._table]  # noqa: SIM118  no dict
        self._weights: Weights = {name: self._file.get_tensor(name) for name in names}
        self._head_ED: Array | None = None
        if (folder / _HEAD).is_file():
            self._head_ED = load_file(folder / _HEAD)["linear.weight"]
        self._lexical = LexicalBranch.read(folder) if settings.lexical is not None else None

    @classmethod
    def open(cls, folder: Path, max_length: int | None = None) -> Self | None:
        """The encoder of a folder; None for a kind that only torch reads."""
        settings = read_settings(folder) if folder.is_dir() else None
        if settings is None or not can_read(folder, settings):
            return None
        return cls(folder, settings, max_length)

    @property
    def dim(self) -> int:
        """Full width."""
        semantic: int = self._config["hidden_size"] if self._head_ED is None else self._head_ED.shape[0]
        return semantic + (0 if self._lexical is None else self._lexical.dims)

    @property
    def dims(self) -> tuple[int, ...]:
        """Widths the model may be cut to, widest first."""
        semantic = self.dim - (0 if self._lexical is None else self._lexical.dims)
        return tuple(sorted({*self._settings.dims, semantic, self.dim}, reverse=True))

    def encode_queries(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of queries [N, D] float32 of unit length."""
        width = check_dim(self.name, dim, self.dims)
        prefix = self._settings.query_prefix
        read = [self._tokenizer.encode(prefix + text).ids for text in texts]
        return np.concatenate([self._vector(ids, width) for ids in read])

    def encode_tokens(self, tokens: Sequence[Sequence[int]]) -> Array:
        """`Retriever.encode_tokens` at full width: twice as fast for a few tokens, slower for many."""
        return np.concatenate([self._vector(ids, self.dim) for ids in tokens])

    def _vector(self, ids: Sequence[int], width: int) -> Array:
        states_TD = self._states(ids)
        pooled_D = states_TD[-1] if self._settings.pooling == "last" else states_TD.mean(axis=0)
        if self._head_ED is not None:
            pooled_D = self._head_ED @ pooled_D
        own_1D = truncate(pooled_D[None], width)
        if self._lexical is None or self._settings.lexical is None or width <= len(pooled_D):
            return own_1D
        return joined(own_1D, self._lexical.vectors([ids]), self._settings.lexical.weight)

    def _states(self, ids: Sequence[int]) -> Array:
        """States of the last layer [T, D]."""
        rows = self._file.get_slice(self._table)
        embedded_TD = np.stack([np.asarray(rows[i : i + 1], dtype=np.float32)[0] for i in ids])
        if self._config["model_type"] in _ENCODERS:
            return _bert(self._config, self._weights, embedded_TD)
        return _llama(self._config, self._weights, embedded_TD, self._settings.bidirectional)


def can_read(folder: Path, settings: RetrieverSettings) -> bool:
    """Whether a retriever's kind, activation and positions are known here, and its weights are in fp32."""
    config = read_json(folder / "config.json")
    kind = config.get("model_type")
    if not (folder / _WEIGHTS).is_file() or config.get("dtype", "float32") != "float32":
        return False
    if kind in _ENCODERS:
        absolute = config.get("position_embedding_type", "absolute") == "absolute"
        return bool(absolute and config.get("hidden_act") == "gelu" and settings.bidirectional)
    rope = config.get("rope_parameters") or {}
    full = not config.get("use_sliding_window") and not (kind == "mistral" and config.get("sliding_window"))
    plain = rope.get("rope_type", "default") == "default" and "rope_theta" in rope
    return kind in _DECODERS and plain and full and config.get("hidden_act") == "silu"


# --- BERT -----------------------------------------------------------------------------------------------


def _bert(config: dict[str, Any], weights: Weights, embedded_TD: Array) -> Array:
    before = _ENCODERS[config["model_type"]]
    first = config["pad_token_id"] + 1 if before else 0
    x_TD = embedded_TD + weights["embeddings.position_embeddings.weight"][first : first + len(embedded_TD)]
    x_TD = x_TD + weights["embeddings.token_type_embeddings.weight"][0]
    epsilon = config["layer_norm_eps"]
    x_TD = _layer_norm(weights, "embeddings.LayerNorm", x_TD, epsilon)
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        q_THE, k_THE, v_THE = (
            _linear(weights, f"{at}.attention.self.{name}", x_TD).reshape(
                len(x_TD), config["num_attention_heads"], -1
            )
            for name in ("query", "key", "value")
        )
        attended_TD = _attend(q_THE, k_THE, v_THE, causal=False)
        attended_TD = _linear(weights, f"{at}.attention.output.dense", attended_TD)
        x_TD = _layer_norm(weights, f"{at}.attention.output.LayerNorm", x_TD + attended_TD, epsilon)
        inner_TF = _gelu(_linear(weights, f"{at}.intermediate.dense", x_TD))
        x_TD = x_TD + _linear(weights, f"{at}.output.dense", inner_TF)
        x_TD = _layer_norm(weights, f"{at}.output.LayerNorm", x_TD, epsilon)
    return x_TD


def _layer_norm(weights: Weights, name: str, x_TD: Array, epsilon: float) -> Array:
    mean_T1 = x_TD.mean(axis=1, keepdims=True)
    spread_T1 = np.sqrt(x_TD.var(axis=1, keepdims=True) + epsilon)
    normed: Array = (x_TD - mean_T1) / spread_T1 * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return normed


def _gelu(x: Array) -> Array:
    gelu: Array = (0.5 * x * (1 + _erf(x / np.float32(2**0.5)))).astype(np.float32)
    return gelu


def _erf(x: Array) -> Array:
    """The error function within 1.5e-7 (Abramowitz and Stegun 7.1.26): importing scipy's takes longer than a
    query.

    >>> _erf(np.array([-1.0, 0.0, 0.5])).round(6).tolist()
    [-0.842701, 0.0, 0.5205]
    """
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    found: Array = np.sign(x) * (1 - series * np.exp(-x * x))
    return found


# --- Llama ----------------------------------------------------------------------------------------------


def _llama(config: dict[str, Any], weights: Weights, x_TD: Array, bidirectional: bool) -> Array:
    epsilon, heads = config["rms_norm_eps"], config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    turn = _rotation(len(x_TD), width, config["rope_parameters"]["rope_theta"])
    for layer in range(config["num_hidden_layers"]):
        at = f"layers.{layer}"
        normed_TD = _rms_norm(weights, f"{at}.input_layernorm", x_TD, epsilon)
        q_THE, k_TGE, v_TGE = (
            _linear(weights, f"{at}.self_attn.{name}_proj", normed_TD).reshape(len(x_TD), -1, width)
            for name in "qkv"
        )
        share = heads // config["num_key_value_heads"]
        k_THE, v_THE = (np.repeat(x_TGE, share, axis=1) for x_TGE in (_rotated(k_TGE, *turn), v_TGE))
        attended_TD = _attend(_rotated(q_THE, *turn), k_THE, v_THE, causal=not bidirectional)
        x_TD = x_TD + _linear(weights, f"{at}.self_attn.o_proj", attended_TD)
        normed_TD = _rms_norm(weights, f"{at}.post_attention_layernorm", x_TD, epsilon)
        gate_TF = _linear(weights, f"{at}.mlp.gate_proj", normed_TD)
        inner_TF = gate_TF / (1 + np.exp(-gate_TF)) * _linear(weights, f"{at}.mlp.up_proj", normed_TD)
        x_TD = x_TD + _linear(weights, f"{at}.mlp.down_proj", inner_TF)
    return _rms_norm(weights, "norm", x_TD, epsilon)


def _rms_norm(weights: Weights, name: str, x_TD: Array, epsilon: float) -> Array:
    size_T1 = np.sqrt((x_TD**2).mean(axis=1, keepdims=True) + np.float32(epsilon))
    normed: Array = x_TD / size_T1 * weights[f"{name}.weight"]
    return normed


def _rotation(tokens: int, width: int, theta: float) -> tuple[Array, Array]:
    """Cosines and sines of each position's turn [T, 1, E]."""
    frequency = 1 / theta ** (np.arange(0, width, 2) / width)
    angle_T1E = np.tile(np.outer(np.arange(tokens), frequency), 2)[:, None]
    return np.cos(angle_T1E).astype(np.float32), np.sin(angle_T1E).astype(np.float32)


def _rotated(x_THE: Array, cosine: Array, sine: Array) -> Array:
    first, second = np.split(x_THE, 2, axis=2)
    across_THE = np.concatenate([-second, first], axis=2, dtype=np.float32)
    turned: Array = x_THE * cosine + across_THE * sine
    return turned


# --- both -----------------------------------------------------------------------------------------------


def _linear(weights: Weights, name: str, x_TD: Array) -> Array:
    out: Array = x_TD @ weights[f"{name}.weight"].T
    bias = weights.get(f"{name}.bias")
    return out if bias is None else out + bias


def _attend(q_THE: Array, k_THE: Array, v_THE: Array, causal: bool) -> Array:
    """Softmax attention [T, H·E]."""
    scores_HTT: Array = np.einsum("the,she->hts", q_THE, k_THE) / np.float32(q_THE.shape[2] ** 0.5)
    if causal:
        scores_HTT[:, np.triu(np.ones(scores_HTT.shape[1:], dtype=bool), 1)] = -np.inf
    scores_HTT -= scores_HTT.max(axis=2, keepdims=True)
    share_HTT = np.exp(scores_HTT)
    share_HTT /= share_HTT.sum(axis=2, keepdims=True)
    attended_TD: Array = np.einsum("hts,she->the", share_HTT, v_THE).reshape(len(q_THE), -1)
    return attended_TD
