"""Losses against naive references."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from drama.errors import DramaError
from drama.train.losses.contrastive import document_to_query, info_nce
from drama.train.losses.pairs import Pairs, Scored
from drama.train.losses.settings import DistillSettings, LossSettings
from drama.train.losses.terms import (
    TERMS,
    embedding_loss,
    false_negatives,
    kl_to_scores,
    kl_to_teacher,
    margin_mse,
    ranking_loss,
)

PLAIN = LossSettings()


def pairs_with(
    cosines_BN: torch.Tensor,
    positive_B: torch.Tensor,
    mask_BN: torch.Tensor,
    temperature: float = 1.0,
    teacher_BN: torch.Tensor | None = None,
    scored: Scored | None = None,
) -> Pairs:
    """Pairs whose dot products are these numbers."""
    unit_NN = torch.eye(cosines_BN.shape[1])
    return Pairs(cosines_BN, unit_NN, positive_B, mask_BN, temperature, teacher_BN, scored)


def test_info_nce_is_the_formula() -> None:
    torch.manual_seed(0)
    scores = torch.randn(3, 5)
    mask = torch.zeros(3, 5, dtype=torch.bool)
    mask[0, 4] = mask[2, 0] = True
    positive = [1, 2, 3]
    total = 0.0
    for b in range(3):
        kept = [n for n in range(5) if not mask[b, n]]
        total -= math.log(math.exp(scores[b, positive[b]]) / sum(math.exp(scores[b, n]) for n in kept))
    assert math.isclose(info_nce(scores, torch.tensor(positive), mask).item(), total / 3, rel_tol=1e-5)


def test_kl_is_zero_at_the_teacher_and_positive_elsewhere() -> None:
    torch.manual_seed(0)
    teacher = torch.rand(4, 6)
    assert kl_to_teacher(teacher, teacher, 0.05).item() == 0.0
    assert kl_to_teacher(teacher.flip(0), teacher, 0.05).item() > 0.0


def test_kl_to_teacher_is_the_formula() -> None:
    torch.manual_seed(0)
    cosines, teacher = torch.rand(3, 5), torch.rand(3, 5)
    total = 0.0
    for b in range(3):
        wanted, got = ([math.exp(x / 0.1) for x in row[b].tolist()] for row in (teacher, cosines))
        for t, s in zip(wanted, got, strict=True):
            total += t / sum(wanted) * math.log(t / sum(wanted) / (s / sum(got)))
    assert math.isclose(kl_to_teacher(cosines, teacher, 0.1).item(), total / 3, rel_tol=1e-4)


def test_kl_to_scores_is_the_formula_over_each_querys_own_documents() -> None:
    torch.manual_seed(0)
    cosines = torch.rand(3, 6, requires_grad=True)
    own = [([4, 0, 2], [1.5, 0.2, -1.0]), ([1, 3], [0.1, 0.4]), ([], [])]
    columns, scores = torch.zeros(3, 3, dtype=torch.long), torch.full((3, 3), -math.inf)
    total = 0.0
    for b, (documents, labels) in enumerate(own):
        columns[b, : len(documents)] = torch.tensor(documents, dtype=torch.long)
        scores[b, : len(labels)] = torch.tensor(labels)
        teacher = [math.exp(score) for score in labels]
        student = [math.exp(cosines[b, n].item() / 0.1) for n in documents]
        for t, s in zip(teacher, student, strict=True):
            total += t / sum(teacher) * math.log(t / sum(teacher) / (s / sum(student)))
    ignored = torch.zeros(3, dtype=torch.long), torch.zeros(3, 6, dtype=torch.bool)
    loss = kl_to_scores(pairs_with(cosines, *ignored, 0.1, scored=Scored(columns, scores)))
    assert math.isclose(loss.item(), total / 3, rel_tol=1e-4)
    loss.backward()
    assert cosines.grad is not None
    assert cosines.grad.isfinite().all()
    assert {(b, n) for b, n in cosines.grad.nonzero().tolist()} == {(0, 4), (0, 0), (0, 2), (1, 1), (1, 3)}


def test_matryoshka_is_the_mean_over_renormalised_cuts() -> None:
    torch.manual_seed(0)
    queries, documents = torch.randn(3, 8), torch.randn(4, 8)
    positive, mask = torch.tensor([0, 1, 2]), torch.zeros(3, 4, dtype=torch.bool)
    expected = 0.0
    for dim in (8, 4):
        cosines = normalize(queries[:, :dim], dim=1) @ normalize(documents[:, :dim], dim=1).T
        expected += torch.nn.functional.cross_entropy(cosines / 0.1, positive).item() / 2
    got = ranking_loss(Pairs(queries, documents, positive, mask, 0.1), (8, 4), PLAIN)
    assert math.isclose(got.item(), expected, rel_tol=1e-5)


def test_a_masked_document_gets_no_gradient() -> None:
    torch.manual_seed(0)
    queries = torch.randn(1, 4)
    documents = torch.randn(3, 4, requires_grad=True)
    mask = torch.tensor([[False, False, True]])
    ranking_loss(Pairs(queries, documents, torch.tensor([0]), mask, 0.05), (4,), PLAIN).backward()
    assert documents.grad is not None
    assert documents.grad[2].abs().max() == 0
    assert documents.grad[1].abs().max() > 0


def test_embedding_loss_is_the_formula() -> None:
    torch.manual_seed(0)
    projected, teacher = torch.randn(5, 3), torch.randn(5, 3)
    total = 0.0
    for x, y in zip(projected.tolist(), teacher.tolist(), strict=True):
        product = sum(a * b for a, b in zip(x, y, strict=True))
        total += 1.0 - product / math.sqrt(sum(a * a for a in x) * sum(b * b for b in y))
    assert math.isclose(embedding_loss(projected, teacher).item(), total / 5, rel_tol=1e-5)


def test_embedding_loss_ignores_length() -> None:
    teacher = torch.randn(5, 3)
    assert embedding_loss(teacher * 7, teacher).abs() < 1e-6


def test_documents_find_their_query_among_those_that_do_not_share_them() -> None:
    torch.manual_seed(0)
    scores = torch.randn(4, 5)
    positive = torch.tensor([1, 2, 1, 4])  # queries 0 and 2 share document 1
    mask = torch.zeros(4, 5, dtype=torch.bool)
    mask[3, 2] = True  # document 2, drawn for query 1, is known as a positive of query 3
    negatives = {0: [1, 3], 1: [0, 2], 2: [1, 3], 3: [0, 1, 2]}
    total = 0.0
    for b, others in negatives.items():
        column = scores[:, positive[b]]
        total -= math.log(math.exp(column[b]) / sum(math.exp(column[j]) for j in (b, *others)))
    got = document_to_query(pairs_with(scores, positive, mask))
    assert math.isclose(got.item(), total / 4, rel_tol=1e-5)


def test_what_the_teacher_finds_nearer_than_the_positive_is_no_negative() -> None:
    torch.manual_seed(0)
    teacher, positive = torch.rand(6, 9), torch.randint(9, (6,))
    for margin in (0.0, 0.2, -0.3):
        mask = false_negatives(teacher, positive, margin)
        for b in range(6):
            for n in range(9):
                wanted = bool(n != positive[b] and teacher[b, n] > teacher[b, positive[b]] - margin)
                assert bool(mask[b, n]) is wanted


def some_scores() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores of 4 queries and 6 documents, drawn positives (0 and 2 share one), a mask."""
    torch.manual_seed(1)
    mask = torch.zeros(4, 6, dtype=torch.bool)
    mask[0, 3] = mask[1, 4] = mask[3, 2] = True
    return torch.randn(4, 6), torch.tensor([1, 2, 1, 4]), mask


def test_further_negatives_are_queries_and_documents_that_share_no_positive() -> None:
    _, positive, mask = some_scores()
    queries, documents = normalize(torch.randn(4, 5), dim=1), normalize(torch.randn(6, 5), dim=1)
    total = 0.0
    for b in range(4):
        own = int(positive[b])
        logits = [float(queries[b] @ documents[n]) for n in range(6) if n != own and not mask[b, n]]
        for other in range(4):
            theirs = int(positive[other])
            if theirs != own and not mask[b, theirs]:
                logits.append(float(queries[b] @ queries[other]))
        logits += [float(documents[own] @ documents[n]) for n in range(6) if n != own and not mask[b, n]]
        logits.insert(0, float(queries[b] @ documents[own]))
        total -= math.log(math.exp(logits[0] / 0.2) / sum(math.exp(x / 0.2) for x in logits)) / 4
    further = LossSettings(directions=["query_to_document", "query_to_query", "document_to_document"])
    pairs = Pairs(queries, documents, positive, mask, 0.2)
    assert math.isclose(ranking_loss(pairs, (5,), further).item(), total, rel_tol=1e-5)


def test_two_directions_count_half_each() -> None:
    _, positive, mask = some_scores()
    pairs = Pairs(torch.randn(4, 5), torch.randn(6, 5), positive, mask, 0.2)

    def loss(*directions: str) -> float:
        return ranking_loss(pairs, (5,), LossSettings.parse({"directions": [*directions]}, "loss")).item()

    one, other = loss("query_to_document"), loss("document_to_query")
    assert one != other
    both = loss("query_to_document", "document_to_query")
    assert math.isclose(both, (one + other) / 2, rel_tol=1e-5)
    both = loss("query_to_document", "query_to_query", "document_to_query")
    assert math.isclose(both, (loss("query_to_document", "query_to_query") + other) / 2, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("directions", "message"),
    [
        ([], "must be among them"),
        (["query_to_query"], "must be among them"),
        (["document_to_query", "query_to_query"], "adds negatives to query_to_document"),
        (["query_to_document", "query_to_document"], "name each once"),
    ],
)
def test_directions_that_do_not_fit_are_refused(directions: list[str], message: str) -> None:
    with pytest.raises(DramaError, match=message):
        LossSettings.parse({"directions": directions}, "train.loss")


def test_the_ranking_loss_is_the_weighted_sum_of_its_terms() -> None:
    cosines, positive, mask = some_scores()
    scored = Scored(torch.tensor([[1, 3], [2, 0], [1, 5], [4, 0]]), torch.rand(4, 2))
    pairs = pairs_with(normalize(cosines, dim=1), positive, mask, 0.2, torch.rand(4, 6), scored)
    weights = {"kl": 0.25, "margin": 2.0, "scores": 3.0}
    distill = DistillSettings.parse({f"{name}_weight": weight for name, weight in weights.items()}, "distill")
    settings = LossSettings(distill=distill)
    weights["contrast"] = 0.75
    assert weights.keys() == TERMS.keys()
    at_full_width = {"corpus", "embedding"}
    assert settings.weights().keys() == TERMS.keys() | at_full_width  # no weight without its term
    expected = sum(weight * TERMS[name](pairs, settings).item() for name, weight in weights.items())
    assert math.isclose(ranking_loss(pairs, (6,), settings).item(), expected, rel_tol=1e-5)


def test_margins_are_compared_with_the_teachers() -> None:
    cosines, positive, mask = some_scores()
    teacher = torch.rand(4, 6)
    errors = [
        ((cosines[b, p] - cosines[b, n]) - (teacher[b, p] - teacher[b, n])).item() ** 2
        for b, p in enumerate(positive.tolist())
        for n in range(6)
        if n != p and not mask[b, n]
    ]
    got = margin_mse(pairs_with(cosines, positive, mask, teacher_BN=teacher))
    assert math.isclose(got.item(), sum(errors) / len(errors), rel_tol=1e-5)
    assert margin_mse(pairs_with(teacher + 0.3, positive, mask, teacher_BN=teacher)).item() < 1e-12
    alone = torch.ones(4, 6, dtype=torch.bool)
    assert margin_mse(pairs_with(cosines, positive, alone, teacher_BN=teacher)).item() == 0.0


def test_a_learnt_temperature_has_the_gradient_of_the_formula() -> None:
    _, positive, mask = some_scores()
    queries, documents = torch.randn(4, 5), torch.randn(6, 5)
    log_temperature = torch.tensor(math.log(0.1), requires_grad=True)

    def loss(temperature: float | torch.Tensor) -> torch.Tensor:
        return ranking_loss(Pairs(queries, documents, positive, mask, temperature), (5,), PLAIN)

    loss(log_temperature.exp()).backward()
    up, down = (loss(math.exp(math.log(0.1) + step)).item() for step in (1e-2, -1e-2))
    assert log_temperature.grad is not None
    assert math.isclose(log_temperature.grad.item(), (up - down) / 2e-2, rel_tol=1e-2)
