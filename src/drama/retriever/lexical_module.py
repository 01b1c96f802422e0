"""The lexical branch of a DRAMA retriever as a module of sentence-transformers, without any import of drama.

`drama` copies this file into a retriever's folder as drama_lexical.py; sentence-transformers runs it if it is
told to trust the folder's code. The same vectors as `drama.retriever.lexical`.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file


class LexicalBranch(torch.nn.Module):
    """Adds dimensions in which texts are near that share rare words.

    Args:
        tensors: `directions` [V], `idf` [R], `signs` [R, K] and `length`.
        config: `weight` of the lexical cosine, BM25's `k1` and `b`, and the `dims` of the whole vector.
    """

    directions: torch.Tensor
    idf: torch.Tensor
    signs: torch.Tensor
    length: torch.Tensor

    def __init__(self, tensors: dict[str, torch.Tensor], config: dict[str, float]) -> None:
        super().__init__()
        self.config = config
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        """Append the lexical part to `sentence_embedding`, and scale to unit length."""
        semantic_BD = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=-1)
        texts = zip(features["input_ids"], features["attention_mask"], strict=True)
        lexical_BK = torch.stack([self._text(ids[mask.bool()]) for ids, mask in texts])
        both = torch.cat([semantic_BD, self.config["weight"] ** 0.5 * lexical_BK.to(semantic_BD)], dim=1)
        features["sentence_embedding"] = torch.nn.functional.normalize(both, dim=-1)
        return features

    def _text(self, ids: torch.Tensor) -> torch.Tensor:
        found = self.directions[ids]
        rows, counts = torch.unique(found[found >= 0], return_counts=True)
        k1, b = self.config["k1"], self.config["b"]
        norm = k1 * (1 - b + b * float(counts.sum()) / float(self.length))
        weights = counts / (counts + norm) * self.idf[rows]
        return torch.nn.functional.normalize(weights @ self.signs[rows].float(), dim=-1)

    def get_sentence_embedding_dimension(self) -> int:
        """Width of the whole vector."""
        return int(self.config["dims"])

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Write what `load` reads, and this code into the model's folder."""
        folder = Path(output_path)
        shutil.copyfile(__file__, folder.parent / "drama_lexical.py")
        save_file(
            {name: tensor.contiguous() for name, tensor in self.named_buffers()}, folder / "model.safetensors"
        )
        (folder / "config.json").write_text(json.dumps(self.config))

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> "LexicalBranch":
        """Read the branch from the model's folder, or from the hub."""
        places = {}
        for name in ("model.safetensors", "config.json"):
            path = Path(model_name_or_path) / subfolder / name
            if not path.is_file():
                from huggingface_hub import hf_hub_download

                path = Path(hf_hub_download(model_name_or_path, f"{subfolder}/{name}"))
            places[name] = path
        return cls(load_file(places["model.safetensors"]), json.loads(places["config.json"].read_text()))
