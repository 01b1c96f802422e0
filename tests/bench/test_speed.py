"""`drama bench speed`: every model in every round, and ratios to the last."""

import json
from pathlib import Path

import pytest

from drama.errors import DramaError
from drama_bench.speed import bench_speed


def test_ratios_are_to_the_last_model(bert: Path, small_collection: Path, tmp_path: Path) -> None:
    corpus, again = small_collection / "corpus.jsonl", bert.parent / ".." / bert.parent.name / bert.name
    models = [str(bert), str(again)]
    result = json.loads(
        bench_speed(models, corpus, tmp_path, rounds=2, documents=4, max_length=64).read_text()
    )
    assert [sorted(r) for r in result["rounds"]] == [sorted(models)] * 2
    assert result["summary"][models[-1]]["times_the_last"]["median"] == 1.0
    assert all(found["documents_per_second"] > 0 for found in result["summary"].values())
    with pytest.raises(DramaError, match="of 999 that were asked"):
        bench_speed(models, corpus, tmp_path, rounds=1, documents=999, max_length=64)
