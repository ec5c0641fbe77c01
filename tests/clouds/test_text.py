"""Text files as other programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import open_cloud, read_cloud
from tests.helpers.mistakes import raises

NEW = {"label": np.array([7, 8], np.int32)}


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def labeled(path: Path) -> bytes:
    target = path.with_name(f"labeled{path.suffix}")
    open_cloud(path).rewrite(target, [NEW])
    assert len(read_cloud(target)) == 2
    return target.read_bytes()


@pytest.mark.parametrize("heading", [b"x,y,z,red\r\n", b""])
def test_a_byte_order_mark_is_kept_and_not_read(tmp_path: Path, heading: bytes) -> None:
    mark = b"\xef\xbb\xbf"
    path = write(tmp_path / "a.csv", mark + heading + b"1,2,3,4\r\n5,6,7,8\r\n")
    np.testing.assert_array_equal(read_cloud(path).coord, [[1, 2, 3], [5, 6, 7]])
    names = b"x,y,z,red,label\r\n" if heading else b"# x,y,z,column4,label\r\n"
    assert labeled(path) == mark + names + b"1,2,3,4,7\r\n5,6,7,8,8\r\n"


def test_quotes_and_words_are_kept(tmp_path: Path) -> None:
    text = '"x","y","z","class","height"\n"1","2.5","3","chair, old","9"\n"5","6","7","wall","10"\n'
    path = write(tmp_path / "a.csv", text)
    file = open_cloud(path)
    cloud = file.read()
    np.testing.assert_array_equal(cloud.coord, [[1, 2.5, 3], [5, 6, 7]])
    assert list(cloud.attributes) == ["height"] and file.remarks == ["class: words, which are kept but not read"]
    assert file.names() == ["x", "y", "z", "class", "height"]
    first, second, third = labeled(path).decode().splitlines()
    assert (first, second) == ('"x","y","z","class","height",label', '"1","2.5","3","chair, old","9",7')
    assert third.endswith(",8")


@pytest.mark.parametrize("text", ["1 2 3 chair\n5 6 7 wall\n", "label x y z\nchair 1 2 3\nwall 5 6 7\n"])
def test_words_without_quotes(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.txt", text)
    np.testing.assert_array_equal(read_cloud(path).coord, [[1, 2, 3], [5, 6, 7]])


def test_a_line_with_the_number_of_points_is_no_point(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "2\n1 2 3 -800 250 0 9\n5 6 7 400 8 9 10\n")
    cloud = read_cloud(path)
    np.testing.assert_array_equal(cloud.coord, [[1, 2, 3], [5, 6, 7]])
    np.testing.assert_array_equal(cloud.color, [[250, 0, 9], [8, 9, 10]])
    np.testing.assert_array_equal(cloud.attributes["intensity"], [-800, 400])
    names = b"# x y z intensity red green blue label\n"
    result = write(tmp_path / "b.txt", labeled(path))
    assert result.read_bytes() == b"2\n" + names + b"1 2 3 -800 250 0 9 7\n5 6 7 400 8 9 10 8\n"
    np.testing.assert_array_equal(read_cloud(result).attributes["label"], [7, 8])


def test_a_sentence_before_the_points_is_no_point(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "made by hand in May\n1 2 3\n5 6 7\n")
    result = write(tmp_path / "b.txt", labeled(path))
    assert result.read_bytes() == b"made by hand in May\n# x y z label\n1 2 3 7\n5 6 7 8\n"
    np.testing.assert_array_equal(read_cloud(result).attributes["label"], [7, 8])


@pytest.mark.parametrize("word", ["nan", "inf"])
def test_the_first_point_may_lack_colors(tmp_path: Path, word: str) -> None:
    path = write(tmp_path / "a.xyz", f"1 2 3 {word} 0 0\n5 6 7 8 9 10\n")
    color = read_cloud(path).color
    assert color is not None and color[1].tolist() == [8, 9, 10]


@pytest.mark.parametrize(
    ("rows", "mistake"),
    [
        ("1 2 3\n1 2\n", ("damaged-file", "point 2", "2 columns", "3", "a.txt")),
        ("1 2 3\n" * 9 + "1 2 3 4\n", ("damaged-file", "point 10", "4 columns", "3", "a.txt")),
        ("1 2 3\n1 2 chair\n", ("damaged-file", "point 2", "'chair'", "a.txt")),
        ("1 2 3 wall\n1 2 3\n", ("damaged-file", "point 2", "3 columns", "4", "a.txt")),
        ("1 2 3 wall\n1 2 3 4 5\n", ("damaged-file", "point 2", "5 columns", "4", "a.txt")),
        ("1\n2\n", ("missing-column", "1 columns", "a.txt")),
    ],
)
def test_what_is_wrong_is_said_in_own_words(tmp_path: Path, rows: str, mistake: tuple[str, ...]) -> None:
    with raises(*mistake) as caught:
        read_cloud(write(tmp_path / "a.txt", rows))
    assert "usecols" not in str(caught.value)


def test_a_line_of_names_that_comes_again_stays_no_point(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,3\nx,y,z\n4,5,6\n")
    open_cloud(tmp_path / "a.csv").rewrite(tmp_path / "b.csv", [{"label": np.array([7, 8])}])
    assert read_cloud(tmp_path / "b.csv").attributes["label"].tolist() == [7, 8]
