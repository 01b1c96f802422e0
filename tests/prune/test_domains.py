"""Languages as domains: rows by language, shares that follow what was lost, and the same after a cut."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from drama.errors import DramaError
from drama.prune import PruneSettings, prune
from drama.prune.learn.domains import Domain, Mixture, mean_loss
from drama.prune.learn.settings import DomainSettings
from drama.prune.load import load_tokenizer
from drama.prune.text.corpus import calibration_batches
from drama.prune.text.rows import domain_rows
from drama.records import Document, write_passages
from drama.workspace import read_events


def rows(value: int, count: int, held_out: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((count, 4), value), torch.full((held_out, 4), value)


DOMAINS = [Domain("de", *rows(0, 30, 3)), Domain("fi", *rows(1, 10))]


def mixture(references: dict[str, float] | None = None, **values) -> Mixture:
    return Mixture(DOMAINS, DomainSettings.parse(values, "domains"), references or {"de": 2.0, "fi": 3.0})


def test_batches_follow_the_shares() -> None:
    drawn = mixture().batch(4000, torch.Generator().manual_seed(0))
    assert drawn.shape == (4000, 4)
    assert abs(drawn[:, 0].float().mean() - 0.25) < 0.03
    even = mixture(start="even").batch(4000, torch.Generator().manual_seed(0))
    assert abs(even[:, 0].float().mean() - 0.5) < 0.03


def test_shares_move_to_what_was_lost() -> None:
    shares = mixture(start="even", update_every=10)
    assert [step for step in range(30) if shares.due(step)] == [9, 19, 29]
    shares.update({"de": 1.0, "fi": 4.0})  # de is better than its reference: no excess, no reward
    expected = (1 - 1e-4) * math.e / (1 + math.e) + 1e-4 / 2
    assert shares.shares() == {"de": round(1 - expected, 4), "fi": round(expected, 4)}
    shares.update({"de": 2.0, "fi": 1e6})
    assert torch.isfinite(shares.shares_K).all()
    assert shares.shares_K.min() >= 0.5e-4


def test_one_domain_and_no_updates_measure_nothing() -> None:
    assert not mixture(update_every=0).due(49)
    assert not Mixture(DOMAINS[:1], DomainSettings(update_every=1), {}).due(0)


def test_every_held_out_row_counts_alike() -> None:
    assert mean_loss({"de": 1.0, "fi": 5.0}, DOMAINS) == 2.0


def test_rows_by_language_and_what_is_too_little(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny_llm)
    documents = [Document(str(i), "", t, "en" if i < 5 else "", "web") for i, t in enumerate(texts)]
    documents.append(Document("x", "", "yo", "yo", "web"))
    found, left_out = domain_rows(iter(documents), tokenizer, "lang", 16, 0, tmp_path / "rows")
    again, _ = domain_rows(iter([]), tokenizer, "lang", 16, 0, tmp_path / "rows")
    assert all(torch.equal(a.rows_RL, b.rows_RL) for a, b in zip(found, again, strict=True))
    assert [d.name for d in found] == ["en", "unknown"]
    assert left_out == {"yo": 1}
    for domain in found:
        seen = {tuple(row) for row in domain.rows_RL.tolist()}
        assert len(domain.held_out_RL) >= 1
        assert not seen & {tuple(row) for row in domain.held_out_RL.tolist()}
    assert [d.name for d in domain_rows(documents, tokenizer, "source", 16, 0, tmp_path / "2")[0]] == ["web"]
    with pytest.raises(DramaError, match="too few for two rows of 4096 tokens"):
        domain_rows(documents, tokenizer, "lang", 4096, 0, tmp_path / "3")


@pytest.mark.parametrize("method", ["importance", "shearing"])
def test_the_stage_logs_languages_and_a_cut_changes_nothing(
    tiny_llm: Path, texts: list[str], tmp_path: Path, stopped_after: Any, method: str
) -> None:
    passages = tmp_path / "passages.parquet"
    halves = {"en": texts[:4], "fi": texts[4:]}
    write_passages(
        passages,
        [
            Document(f"{lang}{i}", "", " ".join(own[i:] + own[:i]), lang)
            for lang, own in halves.items()
            for i in range(4)
        ],
    )
    values = {
        "parent": str(tiny_llm), "shape": {"layers": 2, "intermediate": 48}, "method": method,
        "domains": {"update_every": 2, "held_out_rows": 1},
        "recovery": {
            "steps": 8, "batch_size": 2, "max_length": 16, "checkpoint_every": 3, "learning_rate": 3e-3,
        },
    }  # fmt: skip
    if method == "shearing":
        values["shearing"] = {"steps": 4, "batch_size": 2}
    chosen = PruneSettings.parse(values, "prune")
    figures = prune(chosen, passages, tmp_path / "whole", seed=1).figures
    languages = {row["name"]: row for row in figures["perplexity_by_language"]}
    assert set(languages) == {"en", "fi"}
    for name, row in languages.items():
        assert row["ratio"] == pytest.approx(row["pruned"] / row["parent"], abs=1e-3)
        assert row["pruned"] < row["sliced"]
        assert row["lost"] == (row["ratio"] > 2)
        assert name in figures["languages_lost"]
    events = read_events(tmp_path / "whole/events.jsonl")
    measured = [e["step"] for e in events if "domain_losses" in e]
    assert measured == list(range(2, len(events) + 1, 2))
    assert set(events[1]["domain_losses"]) == set(events[1]["domain_shares"]) == {"en", "fi"}
    assert abs(sum(events[1]["domain_shares"].values()) - 1) < 1e-3

    with stopped_after(5):
        prune(chosen, passages, tmp_path / "cut", seed=1)
    assert prune(chosen, passages, tmp_path / "cut", seed=1).figures == figures
    whole, cut = (load_file(tmp_path / d / "model/model.safetensors") for d in ("whole", "cut"))
    assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items())


def test_a_language_that_is_left_out_is_measured_only(
    tiny_llm: Path, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages = tmp_path / "passages.parquet"
    rows = [
        Document(f"{lang}{i}", "", " ".join([word, *own]), lang)
        for lang, word, own in (("en", "zebra", texts[:4]), ("yo", "gnu", texts[4:]))
        for i in range(4)
    ]
    write_passages(passages, rows)
    values = {
        "parent": str(tiny_llm), "shape": {"layers": 2},
        "domains": {"leave_out": ["yo"], "update_every": 1},
        "recovery": {"steps": 2, "batch_size": 4, "max_length": 16},
    }  # fmt: skip
    seen: list[torch.Tensor] = []
    real = Mixture.batch

    def watched(self, size: int, generator: torch.Generator) -> torch.Tensor:
        seen.append(real(self, size, generator))
        return seen[-1]

    monkeypatch.setattr(Mixture, "batch", watched)
    calibrated: list[str] = []

    def noted(strings, *rest):
        calibrated.extend(strings)
        return calibration_batches(calibrated, *rest)

    monkeypatch.setattr("drama.prune.text.corpus.calibration_batches", noted)
    figures = prune(PruneSettings.parse(values, "prune"), passages, tmp_path / "out").figures
    languages = {row["name"]: row for row in figures["perplexity_by_language"]}
    assert (languages["en"]["read"], languages["yo"]["read"]) == (True, False)
    english = domain_rows(rows[:4], load_tokenizer(tiny_llm), "lang", 16, 0, tmp_path / "rows")[0][0]
    allowed = {tuple(row) for row in english.rows_RL.tolist()}
    assert {tuple(row) for batch in seen for row in batch.tolist()} <= allowed
    assert len(calibrated) == 4
    assert not any("gnu" in text for text in calibrated)
    for names, message in ((["sw"], "have no lang 'sw'"), (["en", "yo"], "nothing is left")):
        wrong = PruneSettings.parse({**values, "domains": {"leave_out": names}}, "prune")
        with pytest.raises(DramaError, match=message):
            prune(wrong, passages, tmp_path / "wrong")


def test_without_recovery_none_is_lost_and_small_languages_are_one_warning(
    tiny_llm: Path, texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passages = tmp_path / "passages.parquet"
    rows = [Document(f"{lang}{i}", "", " ".join(texts), lang) for lang in ("en", "fi") for i in range(4)]
    rows += [Document(lang, "", "wing", lang) for lang in ("la", "de", "")]
    write_passages(passages, rows)
    values = {
        "parent": str(tiny_llm),
        "shape": {"layers": 1, "intermediate": 8},
        "recovery": {"steps": 0, "max_length": 16},
    }
    manifest = prune(PruneSettings.parse(values, "prune"), passages, tmp_path / "out")
    assert not any(row["lost"] for row in manifest.figures["perplexity_by_language"])
    assert manifest.figures["languages_lost"].startswith("without recovery")
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("warning:") == 1
    assert "la (1 texts), de (1 texts), unknown (1 texts). Add text, or name" in said
    assert manifest.counts["texts: la has too little for two rows, left out"] == 1
