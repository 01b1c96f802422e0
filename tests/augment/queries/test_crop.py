"""Crops of texts whose sentences can't be found."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from drama.augment.context import Context
from drama.augment.queries.crop import CropSettings
from drama.language import AT_SPACES
from drama.records import Document
from drama.servers.settings import ServerSettings


def test_thai_without_its_library_is_cropped_counted_and_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pycrfsuite", None)
    thai = "วันนี้อากาศดีมาก เราไปสวนสาธารณะกัน พรุ่งนี้ฝนจะตก ปัจจุบันเขาเป็นครู ต่อมาเขาย้ายไปเชียงใหม่"
    documents = [
        Document("1", "", "The wing lifts the plane over the sea.", "en"),
        Document("2", "", thai, "th"),
        Document("3", "", thai[::-1], "th"),
    ]
    counts: Counter[str] = Counter()
    context = Context(tmp_path, tmp_path, 0, lambda outcome: counts.update([outcome]), {}, ServerSettings())
    made = list(CropSettings().make(documents, context))
    assert [candidate.lang for candidate in made] == ["en", "th", "th"]
    assert made[1].query in thai
    assert counts == {"sent: made": 3, f"sent: {AT_SPACES}": 2}
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("drama-retrieval[thai]") == said.count("warning:") == 1
