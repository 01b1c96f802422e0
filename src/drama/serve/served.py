"""What is served: a model, and an index where there is one, which is opened again when it was rebuilt."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drama.console import note
from drama.errors import DramaError, check_list
from drama.retriever import Encoder, load_encoder
from drama.retriever.model import Retriever
from drama.retriever.queries import QueryEncoder
from drama.retriever.vectors import Array, check_dim
from drama.search import Index
from drama.search.folder import INFO
from drama.serve.batcher import Batcher, Prepared
from drama.serve.limits import Limits

_FEW = 32
"""Tokens that numpy encodes faster than torch."""
_CHARACTERS_PER_TOKEN = 4
"""Assumed of a model that does not show its tokens."""
Watch = Callable[[int, int, float], None]


class Model:
    """An encoder behind a batcher."""

    def __init__(
        self, encoder: Encoder, name: str, limits: Limits, watch: Watch, computing: threading.Lock
    ) -> None:
        self.encoder, self.name, self._computing = encoder, name, computing
        self.fingerprint = encoder.fingerprint
        self.dims = encoder.dims
        self._light = _light(encoder)
        self.batcher = Batcher(self._encode_alone, limits.batch_tokens, limits.waiting_tokens, watch)

    def width(self, dim: int | None) -> int:
        """The width to cut vectors to.

        Raises:
            DramaError: the model was not trained at it.
        """
        return check_dim(self.name, dim, self.dims)

    def prepare(self, texts: Sequence[str], kind: str) -> list[Prepared]:
        """Texts cut into tokens, where the model shows them."""
        check_list(texts, "texts")
        if not isinstance(self.encoder, Retriever):
            return [Prepared(kind, text, 1 + len(text) // _CHARACTERS_PER_TOKEN) for text in texts]
        return [Prepared(kind, ids, max(1, len(ids))) for ids in self.encoder.tokens(texts, kind)]

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of some of the model's own token ids.

        Raises:
            DramaError: the model takes no token ids, or has none of these.
        """
        if not isinstance(self.encoder, Retriever):
            raise DramaError(f"{self.name} takes texts, no token ids")
        size = len(self.encoder.tokenizer)
        if bad := [i for i in ids if not 0 <= i < size]:
            raise DramaError(f"token id {bad[0]}: {self.name} has ids from 0 to {size - 1}")
        return str(self.encoder.tokenizer.decode(ids, skip_special_tokens=True))

    def _encode_alone(self, items: Sequence[Prepared]) -> Array:
        with self._computing:
            return self._encode(items)

    def _encode(self, items: Sequence[Prepared]) -> Array:
        if isinstance(self.encoder, Retriever):
            tokens = [item.content for item in items if not isinstance(item.content, str)]
            if self._light is not None and sum(map(len, tokens)) <= _FEW:
                return self._light.encode_tokens(tokens)
            return self.encoder.encode_tokens(tokens)
        vectors_ND = np.empty((len(items), self.encoder.dim), dtype=np.float32)
        for kind, encode in (
            ("query", self.encoder.encode_queries),
            ("document", self.encoder.encode_documents),
        ):
            rows = [row for row, item in enumerate(items) if item.kind == kind]
            if rows:
                vectors_ND[rows] = encode([str(items[row].content) for row in rows])
        return vectors_ND


def _name_of(model: str) -> str:
    """What clients call a model: a run's by the run, another by its folder or as it was named.

    >>> [_name_of(name) for name in ("/runs/mine/train/model", "/models/small", "all-minilm-l6-v2")]
    ['mine', 'small', 'all-minilm-l6-v2']
    """
    folder = Path(model)
    if folder.parts[-2:] == ("train", "model") and len(folder.resolve().parts) > 3:
        return folder.resolve().parents[1].name
    return folder.resolve().name if folder.is_dir() else folder.name or model


def _light(encoder: Encoder) -> QueryEncoder | None:
    """The same model in numpy, where there is such a form of it as it was opened."""
    if not isinstance(encoder, Retriever) or encoder.precision != "fp32":
        return None
    if encoder.backbone.device.type != "cpu":
        return None
    return QueryEncoder.open(Path(encoder.name), encoder.settings.max_length)


@dataclass(frozen=True)
class Now:
    """What is served now. A request takes it once, so that model and index fit together."""

    model: Model
    index: Index | None


class Served:
    """A model and perhaps an index.

    Args:
        path: an index folder, or a model as `load_encoder` takes it.
        model: where the index's model is now, if it was moved apart from it.
        limits: of the batches.
        watch: told of each batch.

    Raises:
        DramaError: neither an index nor a model.
    """

    def __init__(self, path: str, model: str | None, limits: Limits, watch: Watch) -> None:
        self._path, self._given, self._limits, self._watch = path, model, limits, watch
        self.computing = threading.Lock()
        """Held by what keeps the cores busy."""
        self._stamp = self._stamped()
        if self._stamp is not None:
            index = self._open()
            self.now = Now(self._model_of(index), index)
        elif Path(path).is_dir() and (Path(path) / "index" / INFO).is_file():
            raise DramaError(f"{path}: neither an index nor a model", hint=f"did you mean {path}/index?")
        else:
            encoder = load_encoder(path)
            self.now = Now(Model(encoder, _name_of(path), limits, watch, self.computing), None)

    def reload(self) -> bool:
        """Open the index again if it was rebuilt; until it is open, the old one answers.

        Raises:
            DramaError, OSError: what is there now can't be opened; the old one stays.
        """
        stamp = self._stamped()
        if stamp is None or stamp == self._stamp:
            return False
        self._stamp = stamp  # a broken index is tried once, not every time
        index, model = self._open(), self.now.model
        if index.fingerprint != model.fingerprint:
            # Requests that took the old model before now may still submit to it.
            later = threading.Timer(2 * self._limits.seconds, model.batcher.close)
            later.daemon = True
            later.start()
            model = self._model_of(index)
        self.now = Now(model, index)
        note(f"serve: opened the rebuilt index, {len(index)} passages")
        return True

    def _open(self) -> Index:
        index = Index.open(Path(self._path), self._given, dense=False, light=False)
        index.map_all()
        return index

    def _model_of(self, index: Index) -> Model:
        encoder = index.encoder
        assert not isinstance(encoder, QueryEncoder)  # it was not opened light
        return Model(encoder, _name_of(encoder.name), self._limits, self._watch, self.computing)

    def _stamped(self) -> tuple[int, int] | None:
        """Changes when the index is rebuilt; None where there is none, as while it is being rebuilt."""
        try:
            found = (Path(self._path) / INFO).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino
