"""Started by torchrun with a folder and a backbone: one of the processes that train its cases."""

import json
import sys
from pathlib import Path

import torch.distributed as dist

from drama.train import TrainSettings, train
from drama.train.replay import replay


def main(folder: Path, backbone: Path) -> None:
    dist.init_process_group("gloo")
    for name, values in json.loads((folder / "cases.json").read_text()).items():
        settings = TrainSettings.parse(values, "train")
        out = folder / "two" / name
        train(settings, backbone, folder / "p.parquet", folder / "e.parquet", out, 0, folder / "teacher")
    found = replay(folder / "two/plain", folder / "replayed")
    if found is not None:
        (folder / "replay.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
