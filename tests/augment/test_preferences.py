"""The improvement round: judged rows and preferences in one pair of files, whatever their ids."""

from pathlib import Path

import pytest

from drama.augment import add_preferences
from drama.errors import DramaError
from drama.records import Document, Example, read_examples, read_passages, write_examples, write_passages


def rows(kind: str, n: int) -> list[Example]:
    return [
        Example(f"{kind}-{i}", f"{kind} {i}", [f"d{i}"], [f"d{i + 1}"], [1.0], [0.1], kind, origin=f"d{i}")
        for i in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("preferred", [2, 9])
def test_as_many_preferences_as_judged_queries(preferred: int, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("judged", "judged-p", "preferred", "preferred-p")]
    write_examples(files[0], rows("supervised", 4))
    write_passages(files[1], [Document(f"d{i}", "", f"judged {i}") for i in range(50)])
    write_examples(files[2], [*rows("sent", 6), *rows("rerank", preferred)])
    write_passages(files[3], [Document(f"d{i}", "", f"preferred {i}") for i in range(50)])
    manifest = add_preferences(*files, tmp_path / "out", seed=1)
    found = list(read_examples(tmp_path / "out/examples.parquet"))
    assert [r.kind for r in found] == ["supervised"] * 4 + ["rerank"] * min(preferred, 4)
    assert manifest.counts["preferred: not in the draw"] == max(0, preferred - 4)
    texts = {d.id: d.text for d in read_passages(tmp_path / "out/passages.parquet")}
    assert {*texts} == {i for r in found for i in (*r.positive_ids, *r.negative_ids)}
    for row in found:
        number = row.id.rsplit("-", 1)[1]
        whose = "preferred" if row.kind == "rerank" else "judged"
        assert texts[row.positive_ids[0]] == f"{whose} {number}"
        assert row.origin in row.positive_ids
    again = tmp_path / "again"
    add_preferences(*files, again, seed=1)
    assert (again / "examples.parquet").read_bytes() == (tmp_path / "out/examples.parquet").read_bytes()
    with pytest.raises(DramaError, match="holds no row of kind 'rerank'"):
        add_preferences(*files[:2], files[0], files[1], tmp_path / "none", seed=1)
