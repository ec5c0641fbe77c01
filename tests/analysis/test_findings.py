"""Pairs, bins and orders on matrices small enough to check by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pointnc.analysis.pairs import bins, closest, confused, contact_order, context


def symmetric(upper: dict[tuple[int, int], float], S: int) -> np.ndarray:
    matrix = np.zeros((S, S))
    for (a, b), value in upper.items():
        matrix[a, b] = matrix[b, a] = value
    return matrix


def test_confusion_in_percent_of_the_truth() -> None:
    counts = np.array([[3, 1, 0, 4], [0, 0, 0, 0], [0, 5, 5, 0]])
    np.testing.assert_allclose(confused(counts), [[37.5, 12.5, 0], [0, 0, 0], [0, 50, 50]])


def test_closest_pairs_come_first_and_name_the_commoner_class() -> None:
    cosine = symmetric({(0, 1): 0.2, (0, 2): 0.9, (1, 2): 0.5, (1, 3): -0.4}, 4) + np.eye(4)
    confusion = np.arange(16.0).reshape(4, 4)
    found = closest(np.array([7, 3, 5, 1]), cosine, None, cosine / 2, confusion, [-cosine], count=3)
    assert [(pair.first, pair.second) for pair in found] == [(7, 5), (3, 5), (7, 3)]
    best = found[0]
    assert (best.cosine, best.contact, *best.other_cosines) == pytest.approx((0.9, 0.45, -0.9))
    assert (best.first_as_second, best.second_as_first) == (2, 8)
    assert best.classifier_cosine is None
    # Pairs that are no closer than a right angle are not too close, however few there are.
    assert len(closest(np.array([7, 3, 5, 1]), cosine, None, cosine, confusion, [], count=99)) == 3


def test_bins_hold_every_pair_once() -> None:
    rng = np.random.default_rng(0)
    contact = symmetric({(a, b): max(0.0, rng.uniform(-0.5, 1)) for a in range(9) for b in range(a)}, 9)
    cosine = symmetric({(a, b): rng.uniform(-1, 1) for a in range(9) for b in range(a)}, 9)
    found = bins(contact, cosine)
    assert sum(entry.pairs for entry in found) == 36
    assert found[0].name == "never" and found[0].pairs == (contact[np.triu_indices(9, 1)] == 0).sum()
    apart = cosine[np.triu_indices(9, 1)][contact[np.triu_indices(9, 1)] == 0]
    assert found[0].middle == pytest.approx(np.median(apart))
    strongest = np.argsort(-contact[np.triu_indices(9, 1)])[: found[-1].pairs]
    assert found[-1].middle == pytest.approx(np.median(cosine[np.triu_indices(9, 1)][strongest]))
    assert [entry.name for entry in bins(np.zeros((3, 3)), cosine[:3, :3])] == ["never"]


def test_a_chain_of_contacts_is_found_again() -> None:
    shuffled = np.random.default_rng(1).permutation(8)
    contact = np.zeros((10, 10))  # the last two touch nothing
    for a, b in pairwise(shuffled):
        contact[a, b] = contact[b, a] = 0.5
    order = contact_order(contact)
    chain = order[:8].tolist()
    assert chain in (shuffled.tolist(), shuffled[::-1].tolist())
    assert sorted(order[8:]) == [8, 9]
    assert sorted(contact_order(np.zeros((3, 3)))) == [0, 1, 2]


def test_context_says_none_where_nothing_varies() -> None:
    rng = np.random.default_rng(2)
    cosine = symmetric({(a, b): rng.uniform(-1, 1) for a in range(6) for b in range(a)}, 6)
    found = context((cosine + 1) / 2, cosine, np.zeros((6, 6)), permutations=99)
    assert found["correlation"] == pytest.approx(1)
    assert found["p_value"] == pytest.approx(0.01)
    assert found["touching_correlation"] == pytest.approx(1)
    assert found["confusion_correlation"] is None
    assert context(np.zeros((6, 6)), cosine, cosine, permutations=9)["correlation"] is None
