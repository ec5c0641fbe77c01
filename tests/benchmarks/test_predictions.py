"""Prediction files: what is written is what is read, byte for byte what numpy writes, and which lines are refused."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointnc.benchmarks.predictions import (
    NOT_PARSED,
    cache_folder,
    format_labels,
    parse_lines,
    read_labels,
    write_labels,
)
from pointnc.benchmarks.scannet import taxonomy
from tests.helpers.mistakes import raises

INT64 = np.iinfo(np.int64)
DTYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64]


def savetxt(ids: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, ids, fmt="%d")
    return stream.getvalue()


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, st.integers(1, 60)))
    | hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(INT64.min + 1, INT64.max))
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, ids: np.ndarray) -> None:
    ids = np.where(ids == INT64.min, INT64.min + 1, ids).astype(ids.dtype) if ids.dtype == np.int64 else ids
    path = tmp_path_factory.mktemp("labels") / "scene.txt"
    write_labels(path, ids)
    assert path.read_bytes() == savetxt(ids)
    read = read_labels(path)
    assert read.dtype == np.int64
    np.testing.assert_array_equal(read, ids)


@pytest.mark.parametrize("name", ["scannet200", "scannet20"])
def test_ids_of_the_benchmarks(name: str) -> None:
    ids = np.random.default_rng(0).choice(taxonomy(name).ids, 5000)
    assert format_labels(ids) == savetxt(ids)


def test_writing_needs_a_vector_of_integers(tmp_path: Path) -> None:
    for ids in (np.zeros(3), np.zeros((2, 2), int), np.zeros(0, int), np.zeros(2, bool)):
        with pytest.raises(ValueError, match="vector of integers"):
            write_labels(tmp_path / "scene.txt", ids)
    assert not list(tmp_path.iterdir())


def test_failed_writing_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scene.txt"
    write_labels(path, np.array([1, 2]))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="space"):
        write_labels(path, np.array([3, 4]))
    assert [item.name for item in tmp_path.iterdir()] == ["scene.txt"]
    np.testing.assert_array_equal(read_labels(path), [1, 2])


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"1\n2", [1, 2]),
        (b"1\r\n22\r\n", [1, 22]),
        (b" 7\t\n+8 \n-1\n", [7, 8, -1]),
        (b"0001191\n00000000000000000000", None),
        (b"000000000000000005\n", [5]),
        (b"9223372036854775807\n-9223372036854775807\n", [INT64.max, -INT64.max]),
    ],
)
def test_ways_to_write_an_integer(tmp_path: Path, raw: bytes, values: list[int] | None) -> None:
    path = tmp_path / "scene.txt"
    path.write_bytes(raw)
    if values is None:
        with raises("damaged-file", "line 2", "scene.txt"):
            read_labels(path)
    else:
        np.testing.assert_array_equal(read_labels(path), values)


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        (b"1\n2\nwall\n", 3, "'wall' is no integer"),
        (b"1\n\n2\n", 2, "is blank"),
        (b"1\n2\n\n", 3, "is blank"),
        (b"1\n   \n2\n", 2, "is blank"),
        (b"1.0\n", 1, "'1.0' is no integer"),
        (b"1 2\n", 1, "'1 2' is no integer"),
        (b"1\n1_0\n", 2, "'1_0' is no integer"),
        (b"5\n9223372036854775808\n", 2, "is no integer"),
        (b"\xef\xbb\xbf1\n2\n", 1, r"\xef\xbb\xbf1"),
        ("1\n٣\n".encode(), 2, "is no integer"),
        (b"1\n\x001\n", 2, "is no integer"),
        (b"1\r2\r3\r", 1, "is no integer"),
    ],
)
def test_first_bad_line_is_named(tmp_path: Path, raw: bytes, line: int, words: str) -> None:
    path = tmp_path / "scene.txt"
    path.write_bytes(raw)
    with raises("damaged-file", "scene.txt") as error:
        read_labels(path)
    message = str(error.value)
    assert f"{path}, line {line}: " in message
    assert words in message
    assert len(message.splitlines()) == 1


def test_missing_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "scene.txt").touch()
    with raises("empty-file", "scene.txt"):
        read_labels(tmp_path / "scene.txt")
    with raises("file-access", "other.txt"):
        read_labels(tmp_path / "other.txt")


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=40) | st.text("0123456789-+ \t\r\nx", max_size=40).map(str.encode))
def test_parsing_agrees_with_a_plain_loop(raw: bytes) -> None:
    expected = []
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    for line in lines[:-1] if lines[-1] == b"" else lines:
        sign, digits = 1, line.strip(b" \t")
        if digits[:1] in (b"+", b"-"):
            sign, digits = (-1 if digits[:1] == b"-" else 1), digits[1:]
        good = 1 <= len(digits) <= 19 and all(48 <= byte <= 57 for byte in digits)
        value = sign * int(digits) if good else None
        expected.append(value if value is not None and -INT64.max <= value <= INT64.max else None)
    parsed = parse_lines(raw, keep=3)
    assert parsed.values.tolist() == [NOT_PARSED if value is None else value for value in expected]
    bad = [row + 1 for row, value in enumerate(expected) if value is None]
    assert parsed.faulty == len(bad)
    assert [line for line, _ in parsed.faults] == bad[:3]


def test_cache_folder_changes_with_all_that_predictions_depend_on(tmp_path: Path) -> None:
    scene = tmp_path / "coord.npy"
    np.save(scene, np.zeros((4, 3)))
    options = {"tta": {"degrees": [0]}, "halo": 1.0}
    first = cache_folder(tmp_path, "abc", options, {"a": scene})
    assert first == cache_folder(tmp_path, "abc", dict(reversed(options.items())), {"a": scene})
    others = [
        cache_folder(tmp_path, "abd", options, {"a": scene}),
        cache_folder(tmp_path, "abc", options | {"halo": 0.5}, {"a": scene}),
        cache_folder(tmp_path, "abc", options, {"b": scene}),
    ]
    os.utime(scene, ns=(1, 1))
    others.append(cache_folder(tmp_path, "abc", options, {"a": scene}))
    assert len({first, *others}) == 5
    assert first.parent == tmp_path
