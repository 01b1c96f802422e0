"""Started by torchrun with a folder and a backbone: one of the processes that train its cases."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch.distributed as dist
from safetensors.torch import save_file

from drama.compute import unshard
from drama.train import TrainSettings, train
from drama.train.optimiser import Optimiser
from drama.train.replay import replay


@contextmanager
def first_gradients(path: Path) -> Iterator[None]:
    """Of a training in the block: each trained parameter's gradient at its first step, not clipped yet."""
    step = Optimiser.step

    def keeps(self: Optimiser, number: int) -> tuple[float, float]:
        if not path.exists():
            every = [p.grad for o in self._all for group in o.param_groups for p in group["params"]]
            found = {str(i): g.to_dense() if g.is_sparse else g for i, g in enumerate(every) if g is not None}
            gradients = unshard(found)
            if not dist.is_initialized() or dist.get_rank() == 0:
                save_file({name: tensor.clone() for name, tensor in gradients.items()}, path)
        return step(self, number)

    with patch.object(Optimiser, "step", keeps):
        yield


def main(folder: Path, backbone: Path) -> None:
    dist.init_process_group("gloo")
    for name, values in json.loads((folder / "cases.json").read_text()).items():
        settings = TrainSettings.parse(values, "train")
        out = folder / "two" / name
        with first_gradients(folder / f"two {name}.safetensors"):
            train(settings, backbone, folder / "p.parquet", folder / "e.parquet", out, 0, folder / "teacher")
    found = replay(folder / "two/plain", folder / "replayed")
    if found is not None:
        (folder / "replay.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
