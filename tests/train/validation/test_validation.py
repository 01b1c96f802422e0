"""What is held out is not trained on; its measures are the formulas; the best weights are kept."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drama.compute import World
from drama.errors import DramaError, FileError
from drama.records import Collection, Example, read_examples
from drama.records.measures import MEASURES
from drama.retriever import Retriever
from drama.train import TrainSettings
from drama.train.examples import hold_out, query_key
from drama.train.phases import TrainData
from drama.train.tokens import document_tokens
from drama.train.validation.ranking import Ranking, measure
from drama.train.validation.validator import Validator
from drama.workspace import read_events, read_manifest

SHARE = {"validation": {"share": 0.25, "every": 5}}


@given(st.lists(st.sampled_from(["a", "A ", "b", "c", "d e", "d, e"]), min_size=1), st.floats(0, 0.9))
def test_a_query_is_held_out_whole_or_not_at_all(queries: list[str], share: float) -> None:
    rows = [Example(str(i), q, ["d"], [], [], [], "sent") for i, q in enumerate(queries)]
    trained, held = hold_out(rows, share, seed=1)
    assert sorted([*trained, *held]) == sorted(rows)
    kept, out = ({query_key(e.query) for e in part} for part in (trained, held))
    assert not kept & out
    assert len(out) == round(share * len(kept | out))


def test_measures_are_the_formulas() -> None:
    torch.manual_seed(0)
    queries, documents = torch.randn(5, 6), torch.randn(30, 6)
    ids = [f"d{n}" for n in range(30)]
    relevant = {f"q{q}": {f"d{(7 * q + k) % 30}": 1 for k in range(3)} for q in range(5)}
    best = ids[int((documents @ queries[0]).argmax())]
    hidden = {"q0": best} if best not in relevant["q0"] else {}
    assert hidden
    ranking = Ranking(list(relevant), [], ids, [], relevant, hidden)
    expected = {"nDCG@10": 0.0, "RR@10": 0.0, "R@100": 0.0}
    for q, (query, judged) in enumerate(relevant.items()):
        order = sorted(range(30), key=lambda n: -float(queries[q] @ documents[n]))
        found = [ids[n] in judged for n in order if ids[n] != hidden.get(query)]
        gains = [1 / math.log2(place + 2) for place, hit in enumerate(found[:10]) if hit]
        expected["nDCG@10"] += sum(gains) / sum(1 / math.log2(place + 2) for place in range(3)) / 5
        expected["RR@10"] += next((1 / (i + 1) for i, hit in enumerate(found[:10]) if hit), 0.0) / 5
        expected["R@100"] += sum(found) / 3 / 5
    measured = measure(ranking, queries, documents)
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_vectors_of_zeros_find_nothing_and_ties_go_as_in_search() -> None:
    documents = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    queries = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    relevant = {"asks": {"b": 1, "empty": 1}, "silent": {"b": 1}}
    ranking = Ranking([*relevant], [], ["empty", "b", "c", "z"], [], relevant, {})
    measured = measure(ranking, queries, documents)
    assert measured["RR@10"] == pytest.approx(1 / 2 / 2)  # c comes before b
    assert measured["R@100"] == pytest.approx(1 / 2 / 2)  # "empty" is not found


def test_measured_on_time_without_changing_the_training(inputs: Any, tmp_path: Path) -> None:
    out = inputs.train(tmp_path / "out", **SHARE)
    assert read_manifest(out).counts["examples: held out"] == 2
    events = read_events(out / "events.jsonl")
    assert [e["step"] for e in events if "held_out" in e] == [5, 10, 12]
    assert set(events[-1]["held_out"]) == {"loss", *MEASURES}
    seldom = inputs.train(tmp_path / "seldom", validation={"share": 0.25, "every": 12})
    assert [e["loss"] for e in read_events(seldom / "events.jsonl")] == [e["loss"] for e in events]


def test_judged_queries_rank_their_collection(inputs: Any, tmp_path: Path, small_collection: Path) -> None:
    where = {"collection": str(small_collection), "split": "test", "every": 12}
    out = inputs.train(tmp_path / "out", validation=where)
    events = read_events(out / "events.jsonl")
    retriever = Retriever.load(out / "model")
    judged = Collection.read(small_collection)
    queries = retriever.encode_queries([q.text for q in judged.queries])
    scores = queries @ retriever.encode_documents([d.full_text for d in judged.documents]).T
    place = (scores > np.diag(scores)[:, None]).sum(axis=1) + 1
    assert events[-1]["judged"]["RR@10"] == pytest.approx(np.mean(1 / place), abs=1e-5)


def test_the_best_weights_become_the_model(inputs: Any, tmp_path: Path) -> None:
    how = {"share": 0.5, "every": 1, "measure": "loss", "keep": "best"}
    out = inputs.train(
        tmp_path / "out", optimiser={"learning_rate": 0.05}, compute={"precision": "fp32"}, validation=how
    )
    measured = {e["step"]: e["held_out"]["loss"] for e in read_events(out / "events.jsonl")}
    best = min(measured, key=lambda step: measured[step])
    assert best < 12
    manifest = read_manifest(out)
    assert (manifest.figures["best_step"], manifest.figures["best_measure"]) == (best, measured[best])
    assert not (out / "best").exists()
    settings = TrainSettings.parse(manifest.settings, "train")
    retriever = Retriever.load(out / "model")
    _, held = hold_out(list(read_examples(inputs.examples)), 0.5, seed=3)
    batch = settings.batch
    documents = document_tokens(
        retriever, [inputs.passages], held, batch.document_length, tmp_path / "tokens"
    )
    queries = retriever.tokens([e.query for e in held], "query", batch.query_length)
    data = TrainData(held, queries, documents)
    assert settings.validation is not None
    again = Validator(
        retriever, settings.validation, batch, settings.loss, settings.compute, data, 3, World()
    ).measure()
    assert again["held_out"]["loss"] == pytest.approx(measured[best], rel=1e-4)


def test_training_ends_when_nothing_gets_better(inputs: Any, tmp_path: Path) -> None:
    how = {"share": 0.5, "every": 1, "measure": "loss", "patience": 2}
    out = inputs.train(tmp_path / "out", optimiser={"learning_rate": 1e-12}, validation=how)
    figures, events = read_manifest(out).figures, read_events(out / "events.jsonl")
    assert figures["ended_early_after"] == len(events) == figures["best_step"] + 2 < 12


@pytest.mark.parametrize("keep", ["best", "last"])
def test_resume_equals_an_uninterrupted_run(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    how = {"share": 0.5, "every": 1, "measure": "loss", "keep": keep, "patience": 3}
    changes = {"validation": how, "optimiser": {"learning_rate": 0.05}, "checkpoint_every": 2}
    whole = inputs.train(tmp_path / "whole", **changes)
    from drama.train.trainer import Trainer

    step = Trainer.step
    last = len(read_events(whole / "events.jsonl")) - 1

    def stops(self: Trainer, number: int) -> dict[str, object]:
        if number == last:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stops)
        with pytest.raises(KeyboardInterrupt):
            inputs.train(tmp_path / "cut", **changes)
    cut = inputs.train(tmp_path / "cut", **changes)
    for key in ("loss", "held_out"):
        one, other = ([e[key] for e in read_events(out / "events.jsonl")] for out in (whole, cut))
        assert one == other
    expected, got = (Retriever.load(out / "model").tensors() for out in (whole, cut))
    assert all(torch.equal(tensor, got[name]) for name, tensor in expected.items())


def test_too_small_a_share_and_a_missing_split_are_refused(
    inputs: Any, tmp_path: Path, small_collection: Path
) -> None:
    with pytest.raises(DramaError, match=r"validation.*nothing to measure"):
        inputs.train(tmp_path, validation={"every": 5})
    with pytest.raises(DramaError, match=r"0\.1 of the queries is 1 examples"):
        inputs.train(tmp_path / "share", validation={"share": 0.1})
    with pytest.raises(DramaError, match=r"no measure 'ndcg'; available: loss, nDCG@10"):
        inputs.train(tmp_path, validation={"share": 0.5, "measure": "ndcg"})
    with pytest.raises(FileError, match="no such split"):
        inputs.train(tmp_path / "split", validation={"collection": str(small_collection)})
