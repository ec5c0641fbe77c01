"""Scores against an independent slow oracle of every convention, and by hand where conventions part."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.benchmarks.scannet import taxonomy as scannet
from pointnc.scenes import Taxonomy
from pointnc.scoring import CONVENTIONS, confusion, majority_score, score
from tests.helpers.mistakes import raises
from tests.oracles import confusion as oracle

GROUPS = ("head", "head", "common", "tail", "tail")
TAXONOMY = Taxonomy.from_dict({"names": ["wall", "floor", "lamp", "clock", "mug"], "groups": list(GROUPS)})
PLAIN = Taxonomy.from_dict({"names": ["wall", "floor"]})
LABEL = st.integers(-2, 6)


def _same(found: float, wanted: object) -> bool:
    return math.isnan(found) if wanted is None else found == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=120, deadline=None)
@given(pairs=st.lists(st.tuples(LABEL, LABEL), max_size=25), convention=st.sampled_from(CONVENTIONS))
def test_equals_the_oracle(pairs: list[tuple[int, int]], convention: str) -> None:
    prediction, truth = [p for p, _ in pairs], [t for _, t in pairs]
    counts = confusion(np.array(prediction, np.int64), np.array(truth, np.int64), 5)
    scores = score(counts, TAXONOMY, convention)
    wanted = oracle.scores(prediction, truth, GROUPS, convention)
    for found, value in zip(scores.iou, wanted.pop("iou")):  # type: ignore[call-overload]
        assert _same(float(found), value)
    for key, value in wanted.items():
        assert _same(getattr(scores, key), value), key
    assert scores.truth_points.tolist() == [truth.count(k) for k in range(5)]


def test_conventions_by_hand() -> None:
    # wall: 3 right, 1 taken for lamp; floor: 1 right, 1 outside the set; lamp predicted once, never true; clock and
    # mug nowhere.
    counts = np.zeros((5, 6), np.int64)
    counts[0, 0], counts[0, 2], counts[1, 1], counts[1, 5] = 3, 1, 1, 1
    found = {c: score(counts, TAXONOMY, c) for c in CONVENTIONS}
    assert found["official"].miou == pytest.approx((75 + 50 + 0) / 3)
    assert found["nonnan"].miou == pytest.approx((75 + 50 + 0) / 3)
    assert found["absent_zero"].miou == pytest.approx((75 + 50) / 5)
    assert found["with_truth"].miou == pytest.approx((75 + 50) / 2)
    assert math.isnan(found["official"].tail)
    assert found["absent_zero"].tail == 0
    assert found["official"].common == 0
    assert math.isnan(found["with_truth"].common)
    assert found["official"].mean_accuracy == pytest.approx((75 + 50) / 2)
    assert found["absent_zero"].mean_accuracy == pytest.approx((75 + 50) / 5)
    assert all(scores.overall_accuracy == pytest.approx(400 / 6) for scores in found.values())


def test_dictionary_is_plain_json() -> None:
    counts = torch.zeros(5, 6, dtype=torch.int64)
    counts[0, 0] = 3
    scores = score(counts, TAXONOMY).to_dict()
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert list(scores) == [
        "convention",
        "miou",
        "head",
        "common",
        "tail",
        "overall_accuracy",
        "mean_accuracy",
        "per_class",
    ]
    assert scores["convention"] == "official"
    assert scores["miou"] == scores["head"] == 100
    assert scores["tail"] is None
    assert scores["per_class"] == {"wall": 100.0, "floor": None, "lamp": None, "clock": None, "mug": None}


def test_a_set_without_groups_has_no_group_scores() -> None:
    scores = score(np.array([[1, 0, 0], [0, 1, 0]]), PLAIN)
    assert scores.miou == 100
    assert all(math.isnan(value) for value in (scores.head, scores.common, scores.tail))


def test_scannet200_groups_are_those_of_the_benchmark() -> None:
    taxonomy = scannet("scannet200")
    truth = np.arange(200)
    head_right = np.where(np.array(taxonomy.groups) == "head", truth, -1)
    scores = score(confusion(head_right, truth, 200), taxonomy)
    assert (scores.head, scores.common, scores.tail) == (100, 0, 0)
    assert scores.miou == pytest.approx(100 * 66 / 200)


@settings(max_examples=30, deadline=None)
@given(truth=st.lists(st.integers(0, 4), min_size=1, max_size=30), train=st.permutations(range(5)))
def test_majority_is_predicting_one_class_everywhere(truth: list[int], train: list[int]) -> None:
    points = np.bincount(truth, minlength=5)
    most_frequent = train.index(4)
    wanted = oracle.scores([most_frequent] * len(truth), truth, GROUPS, "official")
    scores = majority_score(np.array(train), points, TAXONOMY)
    assert scores.miou == pytest.approx(wanted["miou"])
    assert scores.overall_accuracy == pytest.approx(wanted["overall_accuracy"])


def test_bad_arguments_are_refused() -> None:
    with raises("option", "'pointcept'", "official"):
        score(np.zeros((5, 6), np.int64), TAXONOMY, "pointcept")
    with pytest.raises(ValueError, match=r"\(5, 6\)"):
        score(np.zeros((5, 5), np.int64), TAXONOMY)
