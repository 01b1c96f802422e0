"""Training gone wrong is reported: collapse, guessing, and judged queries among the examples."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cosine_similarity

from drama.errors import DramaError
from drama.records import Example, read_examples, write_examples
from drama.train import TrainSettings, train
from drama.train.examples import leaked
from drama.train.losses.health import chance, health, mean_cosine, suspicions
from drama.train.losses.pairs import Pairs
from drama.workspace import read_manifest


def test_mean_cosine_is_that_of_all_pairs() -> None:
    torch.manual_seed(0)
    texts = torch.randn(6, 4)
    pairs = [cosine_similarity(texts[i], texts[j], dim=0) for i in range(6) for j in range(6) if i != j]
    assert mean_cosine(texts) == pytest.approx(float(sum(pairs)) / 30, abs=1e-5)
    assert mean_cosine(torch.ones(5, 3)) == pytest.approx(1.0, abs=1e-5)


def test_vectors_that_are_all_alike_give_the_loss_of_a_guess() -> None:
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[0, 4] = True
    assert chance(mask) == pytest.approx((math.log(4) + math.log(5)) / 2)
    found = health(Pairs(torch.ones(2, 3), torch.ones(5, 3), torch.tensor([0, 1]), mask, 0.05))
    assert found["contrast"] == pytest.approx(found["chance"], abs=1e-5)


def course(contrast: float, cosine: float, steps: int = 40) -> list[dict[str, float]]:
    return [
        {"step": s, "contrast": contrast, "chance": 2.0, "mean_cosine": cosine} for s in range(1, steps + 1)
    ]


def test_a_suspicion_needs_twenty_late_steps() -> None:
    assert suspicions(course(0.5, 0.3), 40) == {}
    assert set(suspicions(course(2.0, 0.3), 40)) == {"no better than chance"}
    assert set(suspicions(course(0.5, 0.99), 40)) == {"collapse"}
    assert suspicions(course(2.5, 0.99, steps=27), 40) == {}
    assert len(suspicions(course(2.5, 0.99, steps=28), 40)) == 2


def test_a_run_that_learns_nothing_says_so(
    inputs: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = inputs.train(
        tmp_path / "out", steps=30, optimiser={"learning_rate": 1e-12}, retriever={"max_length": 64}
    )
    (found,) = read_manifest(out).figures["warnings"]
    assert "where guessing gives" in found
    assert capfd.readouterr().err.replace("\n", " ").count("where guessing gives") == 1
    sound = inputs.train(tmp_path / "sound", steps=30)
    assert "warnings" not in read_manifest(sound).figures


def test_batches_without_a_second_candidate_are_reported_however_short_the_run(
    inputs: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    same = [e._replace(positive_ids=["d0"], negative_ids=[]) for e in read_examples(inputs.examples)]
    write_examples(tmp_path / "same.parquet", same)
    settings = TrainSettings.parse({"steps": 3, "batch": {"size": 4}}, "train")
    train(settings, inputs.backbone, inputs.passages, tmp_path / "same.parquet", tmp_path / "out")
    (found,) = read_manifest(tmp_path / "out").figures["warnings"]
    assert "no query of a batch has a second candidate" in found
    assert " ".join(capfd.readouterr().err.split()).count("has a second candidate") == 1
    now_and_then = [{**event, "chance": event["step"] % 2} for event in course(0.0, 0.3)]
    assert suspicions(now_and_then, 40) == {}


def test_leaks_are_found_by_their_words() -> None:
    rows = [Example(str(i), q, ["d"], [], [], [], "sent") for i, q in enumerate(["A b?", "a  B", "ab", "c"])]
    assert [e.id for e in leaked(rows, ["a b!", "d"])] == ["0", "1"]


@pytest.mark.parametrize("action", ["refuse", "leave_out", "warn"])
def test_judged_queries_among_the_examples(
    inputs: Any, tmp_path: Path, leaking_collection: Path, action: str
) -> None:
    leaks = {"collections": [str(leaking_collection)], "action": action}
    if action == "refuse":
        with pytest.raises(DramaError, match="2 training examples ask a judged query"):
            inputs.train(tmp_path / "out", leaks=leaks)
        return
    counts = read_manifest(inputs.train(tmp_path / "out", steps=2, leaks=leaks)).counts
    assert counts[f"examples: judged query, {'left out' if action == 'leave_out' else 'trained on'}"] == 2
