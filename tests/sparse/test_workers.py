"""How work is shared out among threads."""

import pytest
import torch

from pointnc.runtime.threads import SMALL, pieces


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100_003])
@pytest.mark.parametrize("most", [0, 1, 3])
@pytest.mark.parametrize("width", [0, 1, 64])
def test_pieces_lie_side_by_side_and_cover_all(length, most, width):
    runs = pieces(length, most, width)
    assert [row for first, last in runs for row in range(first, last)] == list(range(length))
    assert len(runs) <= (most or 8)
    sizes = [last - first for first, last in runs]
    assert max(sizes) - min(sizes) <= 1


def test_a_short_pass_is_not_shared_out():
    assert len(pieces(1000)) == 8
    assert len(pieces(1000, width=64)) == 1
    assert len(pieces(2 * SMALL // 64, width=64)) == 2
    assert len(pieces(SMALL, width=64)) == 8


def test_one_thread_gets_one_run():
    torch.set_num_threads(1)
    assert pieces(1000) == [(0, 1000)]
    assert len(pieces(1000, most=3)) == 3
