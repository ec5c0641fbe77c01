"""Spread frames: known optima, bounds, determinism, and a cache that is never needed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from pointnc.collapse import (
    SimplexETF,
    SpreadFrame,
    build_frame,
    cosine_bound,
    largest_cosine,
    minimize_largest_cosine,
    spread_frame,
    welch_bound,
)
from pointnc.collapse.frame_cache import kept
from pointnc.collapse.lower_bounds import levenshtein_bound, simplex_bound
from tests.helpers.mistakes import raises


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POINTNC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "frames"


def _random(num_classes: int, dim: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(num_classes, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("num_classes", "dim"), [(2, 1), (3, 2), (5, 9), (20, 19), (97, 96)])
def test_the_simplex_where_it_exists(num_classes: int, dim: int) -> None:
    vectors = spread_frame(num_classes, dim, seed=4)
    gram = torch.full((num_classes, num_classes), -1 / (num_classes - 1), dtype=torch.float64).fill_diagonal_(1)
    torch.testing.assert_close(vectors @ vectors.T, gram, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("num_classes", "dim"), [(4, 2), (5, 3), (21, 19), (38, 19), (192, 96), (200, 128)])
def test_right_angles_up_to_twice_the_dimensions(num_classes: int, dim: int) -> None:
    vectors = spread_frame(num_classes, dim)
    assert vectors.shape == (num_classes, dim)
    assert largest_cosine(vectors) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(num_classes, dtype=torch.float64))


@pytest.mark.parametrize(
    ("num_classes", "dim", "optimum"),
    [
        (9, 2, math.cos(2 * math.pi / 9)),
        (12, 3, 1 / math.sqrt(5)),  # icosahedron
        (24, 3, 1 - 1 / (2 * 1.3437133738**2)),  # snub cube, of that circumradius
        (16, 5, 1 / 5),  # this and the next meet Levenshtein's bound
        (27, 6, 1 / 4),
        (56, 7, 1 / 3),
    ],
)
def test_known_optima_are_found(num_classes: int, dim: int, optimum: float) -> None:
    assert largest_cosine(spread_frame(num_classes, dim)) == pytest.approx(optimum, abs=1e-5)


@pytest.mark.parametrize(("num_classes", "dim"), [(7, 4), (10, 5), (30, 20), (40, 20)])
def test_the_search_itself_reaches_simplex_and_right_angles(num_classes: int, dim: int) -> None:
    assert largest_cosine(minimize_largest_cosine(_random(num_classes, dim))) < 2e-3
    simplex = minimize_largest_cosine(_random(dim + 1, dim))
    assert largest_cosine(simplex) == pytest.approx(-1 / dim, abs=1e-5)


def test_the_search_is_never_worse_than_its_start() -> None:
    start = spread_frame(24, 12)
    assert largest_cosine(minimize_largest_cosine(start, steps=3)) <= largest_cosine(start)


@settings(max_examples=30, deadline=None)
@given(num_classes=st.integers(2, 60), dim=st.integers(2, 20), seed=st.integers(0, 1000))
def test_no_vectors_go_below_the_bounds(num_classes: int, dim: int, seed: int) -> None:
    for vectors in (_random(num_classes, dim, seed), minimize_largest_cosine(_random(num_classes, dim, seed), steps=4)):
        reached = largest_cosine(vectors)
        assert reached >= cosine_bound(num_classes, dim) - 1e-9
        assert reached >= simplex_bound(num_classes) - 1e-9
        assert largest_cosine(vectors, absolute=True) >= welch_bound(num_classes, dim) - 1e-9


def test_bounds_by_hand() -> None:
    assert levenshtein_bound(16, 5) == pytest.approx(1 / 5)
    assert levenshtein_bound(44, 8) == pytest.approx((math.sqrt(11) - 1) / 10) == levenshtein_bound(240, 8)  # its end
    assert levenshtein_bound(27, 6) == pytest.approx(1 / 4)
    assert welch_bound(28, 7) == pytest.approx(1 / 3)  # 28 equiangular lines
    assert cosine_bound(8, 7) == -1 / 7
    assert cosine_bound(9, 7) == cosine_bound(14, 7) == 0 < cosine_bound(15, 7)
    assert cosine_bound(3, 1) == 1


def test_seeds_decide_and_the_global_random_state_does_not() -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first = spread_frame(66, 3, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert threads == torch.get_num_threads()
    torch.manual_seed(99)
    assert (first - spread_frame(66, 3, seed=2)).abs().max() > 0.1


def test_the_number_of_threads_changes_no_bit(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = spread_frame(90, 40)
    assert [file.suffix for file in cache.iterdir()] == [".safetensors"]
    assert torch.equal(spread_frame(90, 40), first)
    monkeypatch.setenv("POINTNC_CACHE", str(cache.parent / "other"))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    again = spread_frame(90, 40)
    torch.set_num_threads(threads)
    assert torch.equal(again, first)


def _polygon() -> torch.Tensor:
    return spread_frame(9, 2)


def test_what_is_kept_is_not_looked_for_again(cache: Path) -> None:
    first = kept(9, 2, 0, _polygon)
    assert len(list(cache.iterdir())) == 1
    assert torch.equal(kept(9, 2, 0, lambda: pytest.fail("looked for again")), first)
    assert not torch.equal(kept(9, 2, 1, lambda: -first), first)


@pytest.mark.parametrize("damage", ["cut", "shape", "dtype", "length", "nan", "name"])
def test_a_damaged_cache_is_replaced(cache: Path, damage: str) -> None:
    first = kept(9, 2, 0, _polygon)
    (file,) = cache.iterdir()
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        wrong = {
            "shape": first[:, :1].contiguous(),
            "dtype": first.float(),
            "length": 2 * first,
            "nan": first * math.nan,
            "name": first,
        }
        save_file({"other" if damage == "name" else "vectors": wrong[damage]}, file)
    assert torch.equal(kept(9, 2, 0, _polygon), first)
    assert torch.equal(load_file(file)["vectors"], first)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("POINTNC_CACHE", str(tmp_path / "file"))
    assert torch.equal(kept(9, 2, 0, _polygon), _polygon())
    assert (tmp_path / "file").read_text() == "not a folder"


def test_module_says_what_was_reached() -> None:
    frame = SpreadFrame(27, 6)
    assert frame.vectors.dtype == torch.float32
    assert frame.largest_cosine == pytest.approx(0.25, abs=1e-5)
    assert frame.bound == pytest.approx(0.25)
    assert "largest_cosine=0.2500, bound=0.2500" in repr(frame)


def test_auto_takes_the_simplex_where_there_is_one() -> None:
    assert isinstance(build_frame("auto", 20, 19), SimplexETF)
    assert isinstance(build_frame("auto", 20, 18), SpreadFrame)
    assert isinstance(build_frame("spread", 20, 19), SpreadFrame)
    assert largest_cosine(build_frame("spread", 20, 19).vectors) == pytest.approx(-1 / 19, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "num_classes", "dim", "mistake"),
    [
        ("spread", 1, 4, ("option", "frame", "2 classes", "1")),
        ("simplex", 1, 4, ("option", "frame", "2 classes", "1")),
        ("spread", 3, 1, ("option", "frame", "2 dimensions", "projector_channels")),
        ("spread", 3, 0, ("option", "2 dimensions", "0")),
        ("simplex", 20, 18, ("option", "frame=auto", "20 classes", "19 dimensions")),
        ("cross", 20, 18, ("option", "frame=cross", "auto, simplex, spread")),
    ],
)
def test_impossible_frames_get_a_line(kind: str, num_classes: int, dim: int, mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        build_frame(kind, num_classes, dim)
