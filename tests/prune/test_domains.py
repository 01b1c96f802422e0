"""Languages as domains: rows by language, shares that follow what was lost, and the same after a cut."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from drama.errors import DramaError
from drama.prune import PruneSettings, prune
from drama.prune.learn.domains import Domain, Mixture, mean_loss, reference_losses
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
    given = mixture(start={"fi": 9, "de": 1})
    assert given.shares() == {"de": 0.1, "fi": 0.9}
    assert abs(given.batch(4000, torch.Generator().manual_seed(0))[:, 0].float().mean() - 0.9) < 0.03


def test_shares_move_to_what_was_lost() -> None:
    shares = mixture(start="even", largest_share=1.0)
    assert [step for step in range(30) if shares.due(step, 10)] == [9, 19, 29]
    shares.update({"de": 1.0, "fi": 4.0})  # de is better than its reference: no excess, no reward
    expected = (1 - 1e-4) * math.e / (1 + math.e) + 1e-4 / 2
    assert shares.shares() == {"de": round(1 - expected, 4), "fi": round(expected, 4)}
    shares.update({"de": 2.0, "fi": 1e6})
    assert torch.isfinite(shares.shares_K).all()
    assert shares.shares_K.min() >= 0.5e-4


FIVE = [Domain(name, *rows(number, 20)) for number, name in enumerate(("ar", "de", "en", "sw", "th"))]
LOST = {"ar": 0.4, "de": 0.5, "en": 0.6, "sw": 1.0, "th": 1.5}
"""Loss above the parent's, the same for ever: the child is too small to reach it."""


def after_ten_updates(**values) -> Mixture:
    settings = DomainSettings.parse({"start": "even", **values}, "domains")
    parent = {domain.name: 2.0 for domain in FIVE}
    shares = Mixture(FIVE, settings, reference_losses(parent, FIVE, settings))
    for _ in range(10):
        shares.update({name: 2.0 + lost for name, lost in LOST.items()})
    return shares


def test_no_language_takes_all_batches_though_none_reaches_its_parent() -> None:
    assert after_ten_updates(largest_share=1.0).shares()["th"] > 0.99  # the paper's rule
    capped = after_ten_updates()
    assert capped.shares()["th"] == 0.6
    assert float(capped.shares_K.sum()) == pytest.approx(1.0)
    assert capped.shares()["sw"] > capped.shares()["en"] > capped.shares()["de"] > capped.shares()["ar"] > 0
    narrow = after_ten_updates(largest_share=0.3).shares()
    assert narrow["th"] == narrow["sw"] == 0.3
    # What the child can reach may be said instead: then nothing is left to be made up.
    reached = {name: 2.0 + lost for name, lost in LOST.items()}
    assert set(after_ten_updates(references=reached).shares().values()) == {0.2}
    assert set(after_ten_updates(reference_scale=1.75).shares().values()) == {0.2}
    some = after_ten_updates(references={"th": 3.5}).shares()
    assert some["sw"] == max(some.values())


def test_a_share_that_begins_above_the_cap_may_keep_it() -> None:
    shares = mixture(start={"de": 9, "fi": 1}, largest_share=0.5)
    shares.update({"de": 9.0, "fi": 3.0})
    assert shares.shares() == {"de": 0.9, "fi": 0.1}
    shares.update({"de": 2.0, "fi": 9.0})
    assert shares.shares() == {"de": 0.5, "fi": 0.5}


def test_names_that_are_not_read_are_refused() -> None:
    with pytest.raises(DramaError, match=r"domains\.start: 'sw' is not among") as wrong:
        mixture(start={"sw": 1, "de": 1, "fi": 1})
    assert wrong.value.hint == "there are: de, fi"
    with pytest.raises(DramaError, match=r"domains\.start: no share for fi"):
        mixture(start={"de": 1})
    settings = DomainSettings(references={"sw": 2.0})
    with pytest.raises(DramaError, match=r"domains\.references: 'sw' is not among"):
        reference_losses({"de": 1.0, "fi": 1.0}, DOMAINS, settings)


def numbered(count: int) -> torch.Tensor:
    return torch.arange(count).repeat_interleave(4).reshape(count, 4)


def test_every_row_is_read_once_before_any_comes_again() -> None:
    domains = [Domain("de", numbered(37), numbered(1)), Domain("fi", 100 + numbered(23), numbered(1))]
    shares = Mixture(domains, DomainSettings(start="even"), {}, seed=5)
    read = shares.batch(600, torch.Generator().manual_seed(0))[:, 0].tolist()
    orders = []
    for first, count in ((0, 37), (100, 23)):
        own = [row for row in read if first <= row < first + count]
        passes = [own[start : start + count] for start in range(0, len(own) - count + 1, count)]
        assert len(passes) > 5
        assert all(sorted(one) == list(range(first, first + count)) for one in passes)
        orders += passes
    assert len({tuple(order) for order in orders}) == len(orders)  # each pass in an order of its own
    other = Mixture(domains, DomainSettings(start="even"), {}, seed=6)
    assert other.batch(600, torch.Generator().manual_seed(0))[:, 0].tolist() != read


def test_a_mixture_goes_on_where_another_stopped() -> None:
    one, two = (mixture(start="even") for _ in range(2))
    one.batch(7, torch.Generator().manual_seed(0))
    one.update({"de": 2.0, "fi": 4.0})
    two.load(one.state())
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    same = [own.batch(30, generator) for own, generator in zip((one, two), generators, strict=True)]
    assert torch.equal(*same)
    assert one.shares() == two.shares()


def test_one_domain_and_no_updates_measure_nothing() -> None:
    assert not mixture().due(49, 0)
    assert not Mixture(DOMAINS[:1], DomainSettings(), {}).due(0, 1)


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
        "domains": {"held_out_rows": 1},
        "recovery": {
            "steps": 8, "batch_size": 2, "max_length": 16, "checkpoint_every": 3, "learning_rate": 3e-3,
            "shares_every": 2,
        },
    }  # fmt: skip
    if method == "shearing":
        values["shearing"] = {"steps": 4, "batch_size": 2, "shares_every": 2}
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
    references = json.loads((tmp_path / "whole/references.json").read_text(encoding="utf-8"))
    measured = [e["step"] for e in events if "domain_losses" in e]
    assert measured == list(range(2, len(events) + 1, 2))
    assert set(events[1]["domain_losses"]) == set(events[1]["domain_shares"]) == {"en", "fi"}
    assert abs(sum(events[1]["domain_shares"].values()) - 1) < 1e-3
    if method == "shearing":  # recovery goes on from the last shares of the masks
        last, first = events[3], events[5]
        moved = {
            name: share * math.exp(max(0.0, first["domain_losses"][name] - references["probes"][name]))
            for name, share in last["domain_shares"].items()
        }
        total = sum(moved.values())
        capped = {name: min(0.6, share / total) for name, share in moved.items()}
        assert max(capped.values()) == pytest.approx(max(first["domain_shares"].values()), abs=0.01)
        assert max(capped, key=capped.get) == max(first["domain_shares"], key=first["domain_shares"].get)

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
        "domains": {"leave_out": ["yo"]},
        "recovery": {"steps": 2, "batch_size": 4, "max_length": 16, "shares_every": 1},
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
