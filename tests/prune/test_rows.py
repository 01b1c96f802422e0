"""Rows on disk: all tokens in order, and an even choice that is held out."""

import resource
from pathlib import Path

import torch
from transformers import AutoTokenizer

from drama.prune.text.rows import RowFile, domain_rows, read_rows
from drama.records import Document


def test_rows_hold_all_tokens_and_the_held_out_are_spread(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "0", 4, seed=1)
    for start in range(0, 4 * 4000, 10):  # texts of ten tokens run over the rows' ends
        file.add(list(range(start, start + 10)))
    file.close()
    rows_RL, held_RL = read_rows(tmp_path / "0", 4)
    assert (file.rows, len(held_RL), len(rows_RL)) == (4000, 32, 4000 - 32)
    both_RL = torch.cat([rows_RL.long(), held_RL])
    assert torch.equal(both_RL.sort(dim=0).values.flatten(), torch.arange(16_000))
    first = held_RL[:, 0] / 16_000
    assert first.min() < 0.2
    assert first.max() > 0.8
    again = RowFile(tmp_path / "1", 4, seed=1)
    again.add(list(range(16_000)))
    again.close()
    assert torch.equal(read_rows(tmp_path / "1", 4)[1], held_RL)


def test_each_row_has_the_opening(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "0", 4, seed=1, opening=[99])
    file.add(list(range(7)))
    file.close()
    rows_RL, held_RL = read_rows(tmp_path / "0", 4)
    assert torch.cat([held_RL, rows_RL.long()]).tolist() == [[99, 0, 1, 2], [99, 3, 4, 5]]


def test_a_text_that_is_shorter_than_a_row_waits(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "0", 8, seed=0)
    file.add([1, 2, 3])
    assert (file.rows, file.texts) == (0, 1)
    file.add([4, 5, 6, 7, 8, 9])
    file.close()
    rows_RL, held_RL = read_rows(tmp_path / "0", 8)
    assert held_RL.tolist() == [list(range(1, 9))]
    assert len(rows_RL) == 0


def test_there_may_be_more_domains_than_a_process_can_open_files(tiny_llm: Path, tmp_path: Path) -> None:
    documents = [Document(str(i), "", "wings give lift " * 9, "en", f"site-{i % 90}") for i in range(180)]
    tokenizer = AutoTokenizer.from_pretrained(tiny_llm)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/dev/fd").iterdir())) + 30, before[1]))
    try:
        found, _ = domain_rows(documents, tokenizer, "source", 16, 1, tmp_path / "rows")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(found) == 90
    assert {domain.texts for domain in found} == {2}
    assert all(domain.rows_RL.sum() > 0 for domain in found)
