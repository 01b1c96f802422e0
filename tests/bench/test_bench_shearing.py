"""The benchmark of mask learning: both kinds read the same rows, and the ratios are of the raw figures."""

import json
from pathlib import Path

import pytest

from drama.errors import DramaError
from drama_bench.shearing import bench_shearing


@pytest.mark.slow
def test_both_kinds_begin_with_the_same_loss_and_ratios_are_of_medians(
    tiny_llm: Path, texts: list[str], tmp_path: Path
) -> None:
    source = tmp_path / "texts.jsonl"
    rows = [
        {"_id": str(i), "text": text * 3, "lang": "en" if i % 2 else "fi"} for i, text in enumerate(texts)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    path = bench_shearing(tmp_path, 1, [str(source)], str(tiny_llm), 2, 16, 3)
    result = json.loads(path.read_text(encoding="utf-8"))
    plain, shearing = result["rounds"]
    assert (plain["kind"], shearing["kind"]) == ("plain", "shearing")
    # At the start nearly all masks are one.
    assert shearing["lm_losses"][0] == pytest.approx(plain["lm_losses"][0], rel=0.05)
    assert len(plain["lm_losses"]) == len(shearing["lm_losses"]) == 3
    for name, key in (("step_time", "step_seconds"), ("peak_memory", "peak_memory_mb")):
        assert result["summary"][f"{name}_vs_plain"] == pytest.approx(shearing[key] / plain[key], abs=1e-3)
    with pytest.raises(DramaError, match="are less than one batch"):
        bench_shearing(tmp_path, 1, [str(source)], str(tiny_llm), 4096, 16, 3)
