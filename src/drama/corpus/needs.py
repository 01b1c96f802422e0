"""What the corpus stage needs."""

from drama.corpus.readers.hub_dataset import SCHEME
from drama.corpus.settings import CorpusSettings
from drama.workspace import Needs


def needs(settings: CorpusSettings) -> Needs:
    """The tokenizer that counts a chunk's tokens, and the reader of hub datasets."""
    hub = any(name.startswith(SCHEME) for name in settings.inputs)
    return Needs(
        models=[settings.chunk.tokenizer] if settings.chunk.tokenizer else [],
        extras=[("datasets", "datasets")] if hub else [],
    )
