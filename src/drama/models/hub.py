"""The Hugging Face Hub, where it is reachable. Never needed."""

import os
from pathlib import Path

from drama.errors import DramaError

_PATTERNS = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "1_Pooling/*", "2_*/*", "README.md"]


def take_from_hub(hub_id: str) -> Path:
    """The local snapshot of a hub model, downloaded where it is not cached.

    Raises:
        DramaError: the hub can't be reached, or has no such model.
    """
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "5")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=_PATTERNS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DramaError(
            f"{hub_id}: not on the hub, or the hub can't be reached ({first})",
            hint="give a local folder, a GGUF file, or a short name (`drama pull` lists them)",
        ) from None
