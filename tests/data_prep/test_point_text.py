"""Lines of points: what is read, what is fixed, what is left out, what is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.s3dis.point_text import parse, read_points, repair
from tests.helpers.mistakes import raises

GOOD = [b"22.383 6.858 3.050 155 155 165", b"-1.5 +2 .25 0 255 1e2", b"1\t2\t3\t4.6\t5\t6"]


def write(path: Path, *lines: bytes, end: bytes = b"\n") -> Path:
    path.write_bytes(b"".join(line + end for line in lines))
    return path


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \n"])
def test_points_are_read(tmp_path: Path, end: bytes) -> None:
    points = read_points(write(tmp_path / "a.txt", *GOOD, b"", end=end))
    expected = np.array([[22.383, 6.858, 3.05], [-1.5, 2, 0.25], [1, 2, 3]], np.float32)
    np.testing.assert_array_equal(points.coord, expected)
    np.testing.assert_array_equal(points.color, np.array([[155, 155, 165], [0, 255, 100], [5, 5, 6]], np.uint8))
    assert (points.repaired, points.dropped) == (0, 0)


@pytest.mark.parametrize(
    "line, row",
    [
        # The damaged lines of the published data: Area_5/hallway_6, Area_3/hallway_2, Area_2/auditorium_1.
        (b"22.350 6.692 3.048 185\x10187 182", [22.350, 6.692, 3.048, 185, 187, 182]),
        (b"19.302 -9.1\x160 1.785 146 137 106", [19.302, -9.160, 1.785, 146, 137, 106]),
        (b"0.5775 -12.4075 2.604 167.\x1000000 175.0 177.0", [0.5775, -12.4075, 2.604, 167, 175, 177]),
        (b"1 2\xff3 4 5 6", [1, 2, 3, 4, 5, 6]),
        (b"1 2 3 4 5 6\x1a", [1, 2, 3, 4, 5, 6]),
        (b"1 2 3 4 5 6x", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_one_stray_character_is_repaired(tmp_path: Path, line: bytes, row: list[float]) -> None:
    assert parse(line) is None
    assert repair(line) == row
    points = read_points(write(tmp_path / "a.txt", GOOD[0], line, GOOD[1]))
    assert (points.repaired, points.dropped) == (1, 0)
    np.testing.assert_array_equal([*points.coord[1], *points.color[1]], np.array(row, np.float32))


@pytest.mark.parametrize(
    "line",
    [
        b"\xff9.160 2 3 4 5 6",  # may have been a sign
        b"1 2.\xff5 3 4 5 6",  # may have been any digit
        b"1 2 3 185\x10\x10187 182",
        b"1 2 3 4 5",
        b"1 2 3 4 5 6 7",
        b"1 2 3 4 5 256",
        b"1 2 3 -1 5 6",
        b"nan 2 3 4 5 6",
        b"1e99 2 3 4 5 6",
        b"1 2 3 4 5 1_0",
        b"1 2\xff3 4 5 300",
        b"22.383 6.8",
    ],
)
def test_other_lines_are_left_out_and_counted(tmp_path: Path, line: bytes) -> None:
    points = read_points(write(tmp_path / "a.txt", GOOD[0], line, GOOD[1]))
    assert (len(points.coord), points.repaired, points.dropped) == (2, 0, 1)


numbers = st.floats(-99, 99).map(lambda value: f"{value:.3f}")
bytes_ = st.integers(0, 255).map(str)


@settings(max_examples=200, deadline=None)
@given(st.tuples(numbers, numbers, numbers, bytes_, bytes_, bytes_), st.data())
def test_a_damaged_byte_never_gives_other_numbers(words: tuple[str, ...], data: st.DataObject) -> None:
    """A byte that became a control character or beyond ASCII: the line's numbers, or none."""
    line = " ".join(words).encode()
    place = data.draw(st.integers(0, len(line) - 2))
    truth = parse(line)
    lost = line[place] ^ 0x20  # one flipped bit: what is fixed must be right
    stray = data.draw(st.sampled_from([*range(9), 0x7F, *range(0x80, 0x100), lost]))
    found = repair(line[:place] + bytes([stray]) + line[place + 1 :])
    assert found is None or found == truth
    if 0x30 <= line[place] <= 0x39 and stray == lost:
        assert found == truth


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with raises("empty-file", "a.txt"):
        read_points(write(tmp_path / "a.txt"))
    with raises("missing-file", "none.txt"):
        read_points(tmp_path / "none.txt")
    with raises("damaged-file", "3 of 3 lines", "'x y z red green blue'", "b.txt"):
        read_points(write(tmp_path / "b.txt", *[b"1 2 3"] * 3))
    with raises("damaged-file", "11 of 111 lines", "c.txt"):
        read_points(write(tmp_path / "c.txt", *[GOOD[0]] * 100, *[b"1 2 3"] * 11))
    assert read_points(write(tmp_path / "d.txt", *[GOOD[0]] * 100, *[b"1 2 3"] * 10)).dropped == 10
    with raises("damaged-file", "e.txt", "'x y z red green blue'"):
        read_points(write(tmp_path / "e.txt", bytes(range(256)) * 20))
    with raises("damaged-file", "0 of 0 lines", "f.txt"):
        read_points(write(tmp_path / "f.txt", b"", b"  "))
