"""Streaming scatter: against numpy over all points, in any cut and order, far from the origin, over ranks."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from pointnc.collapse import ClassScatter, NearestCenter
from pointnc.collapse import scatter as scatter_module

K, D = 7, 5
BUCKETS = torch.tensor([0, 0, 1, 1, 2, 2, 2])


def points(count: int, seed: int = 0, offset: float = 0.0) -> tuple[Tensor, Tensor]:
    """Class 3 is absent, some points have no label."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, K, (count,), generator=generator)
    labels[labels == 3] = 4
    features = torch.randn(count, D, generator=generator, dtype=torch.float64) * (1 + labels[:, None].abs())
    return features + labels[:, None] + offset, labels


def assert_equals_numpy(scatter: ClassScatter, features: Tensor, labels: Tensor, rtol: float = 1e-9) -> None:
    x, y = features.double().numpy(), labels.numpy()
    within = np.zeros((3, D, D))
    for k in range(K):
        own = x[y == k]
        assert int(scatter.counts[k]) == len(own)
        if len(own):
            np.testing.assert_allclose(scatter.means[k], own.mean(0), rtol=rtol)
            within[BUCKETS[k]] += (own - own.mean(0)).T @ (own - own.mean(0))
    np.testing.assert_allclose(scatter.within, within, rtol=rtol, atol=rtol * np.abs(within).max())


def test_one_pass_equals_numpy_over_all_points() -> None:
    features, labels = points(500)
    scatter = ClassScatter(K, D, BUCKETS)
    scatter.update(features, labels)
    assert_equals_numpy(scatter, features, labels)
    assert scatter.seen.tolist() == [True, True, True, False, True, True, True]


@pytest.mark.parametrize("cuts", [[1, 1, 1, 497], [250, 0, 250], [500], [3] * 166 + [2]])
def test_any_cut_and_any_chunk_give_the_same(cuts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scatter_module.CHUNK, "cpu", 7)
    features, labels = points(500)
    scatter = ClassScatter(K, D, BUCKETS)
    for x, y in zip(features.split(cuts), labels.split(cuts)):
        scatter.update(x, y)
    assert_equals_numpy(scatter, features, labels)


def test_merge_equals_all_at_once() -> None:
    first, second = points(300, seed=1), points(70, seed=2, offset=3.0)
    parts = [ClassScatter(K, D, BUCKETS) for _ in range(3)]  # the last one stays empty
    for part, (features, labels) in zip(parts, (first, second)):
        part.update(features, labels)
    for other in parts[1:]:
        parts[0].merge(other)
    assert_equals_numpy(parts[0], *(torch.cat(pair) for pair in zip(first, second)))
    with pytest.raises(ValueError, match="same classes"):
        parts[0].merge(ClassScatter(K, D))


def test_a_weight_stands_for_so_many_points() -> None:
    features, labels = points(60)
    weights = torch.randint(0, 5, (60,), generator=torch.Generator().manual_seed(3))
    scatter = ClassScatter(K, D, BUCKETS)
    scatter.update(features, labels, weights)
    assert_equals_numpy(scatter, features.repeat_interleave(weights, 0), labels.repeat_interleave(weights))


def test_far_from_the_origin_no_digit_is_lost() -> None:
    # Squares of 1e7 in float64 leave two digits of a variance of 1; the textbook formula fails this.
    features, labels = points(2000, offset=1e7)
    scatter = ClassScatter(K, D, BUCKETS)
    for x, y in zip(features.split(100), labels.split(100)):
        scatter.update(x, y)
    assert_equals_numpy(scatter, features, labels, rtol=1e-6)


def test_points_that_are_not_finite_are_left_out_and_counted() -> None:
    features, labels = points(100)
    bad = features.clone()
    bad[:10, 2] = float("nan")
    bad[10:20, 0] = float("inf")
    scatter = ClassScatter(K, D, BUCKETS)
    scatter.update(bad, labels)
    assert_equals_numpy(scatter, features[20:], labels[20:])
    assert scatter.nonfinite == int((labels[:20] >= 0).sum()) > 0


def test_buckets_must_name_every_class() -> None:
    with pytest.raises(ValueError, match="buckets"):
        ClassScatter(K, D, torch.tensor([0, 1]))


def _rank_points(rank: int) -> tuple[Tensor, Tensor]:
    features, labels = points(90 + 40 * rank, seed=10 + rank, offset=2.0 * rank)
    if rank == 1:
        labels[labels == 0] = 1  # class 0 on one rank only
    return features, labels


def _work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    wait = datetime.timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2, timeout=wait)
    features, labels = _rank_points(rank)
    if rank == 1:
        features[5] = float("nan")
    scatter = ClassScatter(K, D, BUCKETS)
    scatter.update(features, labels)
    scatter.all_reduce()
    nearest = NearestCenter(torch.eye(K, D), torch.ones(K, dtype=torch.bool))
    nearest.update(features, torch.zeros_like(labels), labels)
    nearest.all_reduce()
    state = {key: getattr(scatter, key) for key in ("counts", "means", "within", "nonfinite")}
    torch.save({**state, "points": nearest.points}, f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


def test_two_ranks_end_with_the_sums_over_all_points(tmp_path: Path) -> None:
    mp.spawn(_work, args=(str(tmp_path),), nprocs=2, daemon=True)
    features, labels = (torch.cat(pair) for pair in zip(_rank_points(0), _rank_points(1)))
    assert labels[95] >= 0
    labels[95] = -1  # rank 1 has left it out
    for rank in range(2):
        found = torch.load(tmp_path / f"rank{rank}.pt", weights_only=True)
        scatter = ClassScatter(K, D, BUCKETS)
        scatter.counts, scatter.means, scatter.within = found["counts"], found["means"], found["within"]
        assert_equals_numpy(scatter, features, labels)
        assert found["nonfinite"] == 1
        assert int(found["points"].sum()) == int((labels >= 0).sum()) + 1
