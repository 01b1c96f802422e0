"""Losses against naive references."""

import math

import torch
from torch.nn.functional import normalize

from drama.train.loss import (
    embedding_loss,
    false_negatives,
    info_nce,
    info_nce_of_documents,
    kl_to_teacher,
    ranking_loss,
)


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


def test_matryoshka_is_the_mean_over_renormalised_cuts() -> None:
    torch.manual_seed(0)
    queries, documents = torch.randn(3, 8), torch.randn(4, 8)
    positive, mask = torch.tensor([0, 1, 2]), torch.zeros(3, 4, dtype=torch.bool)
    expected = 0.0
    for dim in (8, 4):
        cosines = normalize(queries[:, :dim], dim=1) @ normalize(documents[:, :dim], dim=1).T
        expected += torch.nn.functional.cross_entropy(cosines / 0.1, positive).item() / 2
    got = ranking_loss(queries, documents, positive, mask, (8, 4), temperature=0.1)
    assert math.isclose(got.item(), expected, rel_tol=1e-5)


def test_a_masked_document_gets_no_gradient() -> None:
    torch.manual_seed(0)
    queries = torch.randn(1, 4)
    documents = torch.randn(3, 4, requires_grad=True)
    mask = torch.tensor([[False, False, True]])
    ranking_loss(queries, documents, torch.tensor([0]), mask, (4,), 0.05).backward()
    assert documents.grad is not None
    assert documents.grad[2].abs().max() == 0
    assert documents.grad[1].abs().max() > 0


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
    assert math.isclose(info_nce_of_documents(scores, positive, mask).item(), total / 4, rel_tol=1e-5)


def test_what_the_teacher_finds_nearer_than_the_positive_is_no_negative() -> None:
    torch.manual_seed(0)
    teacher, positive = torch.rand(6, 9), torch.randint(9, (6,))
    for margin in (0.0, 0.2, -0.3):
        mask = false_negatives(teacher, positive, margin)
        for b in range(6):
            for n in range(9):
                wanted = bool(n != positive[b] and teacher[b, n] > teacher[b, positive[b]] - margin)
                assert bool(mask[b, n]) is wanted
