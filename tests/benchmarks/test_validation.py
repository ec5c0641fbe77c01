"""Every violation of a submission is found and named with scene and line; a valid one has none."""

import io
import stat
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pointnc.benchmarks.predictions import format_labels
from pointnc.benchmarks.scannet import split_scenes, taxonomy
from pointnc.benchmarks.validation import Violation, find_violations
from tests.helpers.mistakes import raises

FINE, COARSE = taxonomy("scannet200"), taxonomy("scannet20")
EXPECTED = {"scene0001_00": 40, "scene0002_00": 25, "scene0003_01": 60}


def predictions(label_set=FINE, expected: Mapping[str, int] = EXPECTED, seed: int = 0) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {f"{scene}.txt": format_labels(rng.choice(label_set.ids, count)) for scene, count in expected.items()}


def zipped(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def with_line(data: bytes, line: int, text: bytes) -> bytes:
    lines = data.splitlines()
    lines[line - 1] = text
    return b"\n".join(lines) + b"\n"


def assert_only(violations: list[Violation], where: str, line: int | None, *words: str) -> None:
    assert [(violation.where, violation.line) for violation in violations] == [(where, line)]
    text = str(violations[0])
    for word in (where, f"line {line}" if line else "", *words):
        assert word in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("label_set", [FINE, COARSE], ids=lambda item: item.name)
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_valid(tmp_path: Path, label_set, method: int) -> None:
    path = zipped(tmp_path / "a.zip", predictions(label_set), method)
    assert find_violations(path, label_set, EXPECTED) == []
    assert find_violations(path, label_set, dict.fromkeys(EXPECTED)) == []


def test_valid_with_other_line_ends(tmp_path: Path) -> None:
    files = predictions()
    files["scene0001_00.txt"] = files["scene0001_00.txt"].replace(b"\n", b"\r\n")
    files["scene0002_00.txt"] = files["scene0002_00.txt"].removesuffix(b"\n")
    assert find_violations(zipped(tmp_path / "a.zip", files), FINE, EXPECTED) == []


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        (7, b"0", "0 is no id of scannet200"),
        (40, b"12", "12 is no id of scannet200"),
        (1, b"1192", "1192 is no id of scannet200"),
        (3, b"-1", "-1 is no id of scannet200"),
        (3, b"", "is blank"),
        (40, b"  ", "is blank"),
        (9, b"wall", "'wall' is no integer"),
        (9, b"3.0", "'3.0' is no integer"),
        (9, b"1 2", "'1 2' is no integer"),
        (9, b"9" * 300, "is no integer"),
    ],
)
def test_bad_line(tmp_path: Path, line: int, text: bytes, words: str) -> None:
    files = predictions()
    files["scene0001_00.txt"] = with_line(files["scene0001_00.txt"], line, text)
    assert_only(find_violations(zipped(tmp_path / "a.zip", files), FINE, EXPECTED), "scene0001_00", line, words)


def test_ids_of_the_other_label_set(tmp_path: Path) -> None:
    files = predictions(COARSE)
    files["scene0002_00.txt"] = with_line(files["scene0002_00.txt"], 5, b"13")
    assert 13 in FINE.ids
    assert_only(find_violations(zipped(tmp_path / "a.zip", files), COARSE, EXPECTED), "scene0002_00", 5, "scannet20")


@pytest.mark.parametrize(
    ("count", "line", "words"),
    [
        (39, 39, ("is the last", "40 vertices")),
        (41, 41, ("one too many", "41 lines", "40 vertices")),
        (0, None, ("is empty", "40 vertices")),
    ],
)
def test_line_count(tmp_path: Path, count: int, line: int | None, words: tuple[str, ...]) -> None:
    files = predictions()
    files["scene0001_00.txt"] = b"3\n" * count
    path = zipped(tmp_path / "a.zip", files)
    assert_only(find_violations(path, FINE, EXPECTED), "scene0001_00", line, *words)
    if count:
        assert find_violations(path, FINE, {**EXPECTED, "scene0001_00": None}) == []


def test_missing_and_unknown_scenes(tmp_path: Path) -> None:
    files = predictions()
    del files["scene0002_00.txt"]
    assert_only(find_violations(zipped(tmp_path / "a.zip", files), FINE, EXPECTED), "scene0002_00", None, "missing")
    files = predictions() | {"scene0009_00.txt": b"1\n"}
    assert_only(
        find_violations(zipped(tmp_path / "a.zip", files), FINE, EXPECTED), "scene0009_00.txt", None, "no scene"
    )


def test_all_of_the_official_test_scenes_are_asked_for(tmp_path: Path) -> None:
    expected = dict.fromkeys(split_scenes("test"))
    violations = find_violations(zipped(tmp_path / "a.zip", {}), FINE, expected)
    assert [violation.where for violation in violations] == list(expected)
    assert len(violations) == 100


@pytest.mark.parametrize("name", ["readme.md", "scene0001_00.npy", ".DS_Store", "scene0001_00.TXT", "a\nb"])
def test_files_that_are_not_txt(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", predictions() | {name: b"1\n"})
    violations = find_violations(path, FINE, EXPECTED)
    assert [(violation.where, violation.line) for violation in violations] == [(name, None)]
    assert "no txt file" in str(violations[0])
    assert len(str(violations[0]).splitlines()) == 1


def test_nested_folder_is_named_once_and_its_scenes_are_checked(tmp_path: Path) -> None:
    files = {f"submission/{name}": data for name, data in predictions().items()}
    path = zipped(tmp_path / "a.zip", {"submission/": b"", **files})
    assert_only(find_violations(path, FINE, EXPECTED), "submission/", None, "folder with 3 files")
    files["submission/scene0001_00.txt"] = with_line(files["submission/scene0001_00.txt"], 4, b"0")
    violations = find_violations(zipped(path, files), FINE, EXPECTED)
    assert {(violation.where, violation.line) for violation in violations} == {
        ("submission/", None),
        ("scene0001_00", 4),
    }


def test_folder_that_a_mac_adds(tmp_path: Path) -> None:
    files = predictions() | {f"__MACOSX/._{name}": b"\0\5\26" for name in predictions()}
    assert_only(find_violations(zipped(tmp_path / "a.zip", files), FINE, EXPECTED), "__MACOSX/", None, "folder")


@pytest.mark.parametrize(
    "name",
    ["/scene0001_00.txt", "../scene0001_00.txt", "a/../../scene0001_00.txt", "C:\\scene0001_00.txt", "..\\x.txt"],
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", predictions() | {name: b"1\n"})
    assert_only(find_violations(path, FINE, EXPECTED), name, None, "absolute")


def test_link(tmp_path: Path) -> None:
    files = predictions()
    link = zipfile.ZipInfo("scene0001_00.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    del files["scene0001_00.txt"]
    path = zipped(tmp_path / "a.zip", files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    violations = [str(violation) for violation in find_violations(path, FINE, EXPECTED)]
    assert violations == ["scene0001_00.txt: is a link; zip the file itself", "scene0001_00: is missing"]


def test_duplicate(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", predictions())
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("scene0003_01.txt", b"1\n" * 60)
    assert_only(find_violations(path, FINE, EXPECTED), "scene0003_01", None, "more than once")


@pytest.mark.parametrize("label_set", [FINE, COARSE], ids=lambda item: item.name)
def test_train_indices_are_recognized(tmp_path: Path, label_set) -> None:
    K = len(label_set)
    files = {f"{scene}.txt": format_labels(np.arange(count) % K) for scene, count in EXPECTED.items()}
    violations = find_violations(zipped(tmp_path / "a.zip", files), label_set, EXPECTED)
    assert violations[0].where == ""
    assert "train indices" in str(violations[0])
    # Besides, the first line of each wrong value is named.
    wrong = [index for index in range(min(60, K)) if index not in label_set.ids]
    named = {violation.line for violation in violations if violation.where == "scene0003_01" and violation.line}
    assert named == {index + 1 for index in wrong[:10]}


def test_a_few_wrong_ids_are_not_taken_for_train_indices(tmp_path: Path) -> None:
    files = predictions()
    files["scene0001_00.txt"] = with_line(with_line(files["scene0001_00.txt"], 2, b"0"), 3, b"1191")
    files["scene0001_00.txt"] = with_line(files["scene0001_00.txt"], 9, b"12")
    violations = find_violations(zipped(tmp_path / "a.zip", files), FINE, EXPECTED)
    assert [(violation.where, violation.line) for violation in violations] == [("scene0001_00", 2), ("scene0001_00", 9)]


def test_many_violations_of_a_kind_are_summed_up(tmp_path: Path) -> None:
    files = predictions()
    files["scene0003_01.txt"] = b"".join(b"x%d\n" % i for i in range(30)) + b"".join(
        b"%d\n" % i for i in range(2000, 2030)
    )
    violations = find_violations(zipped(tmp_path / "a.zip", files), FINE, EXPECTED)
    assert [violation.line for violation in violations] == [*range(1, 11), None, *range(31, 41), None]
    assert "20 further lines" in violations[10].what
    assert "20 further values" in violations[21].what


def test_equal_wrong_values_are_named_once(tmp_path: Path) -> None:
    files = predictions()
    files["scene0002_00.txt"] = b"1\n" * 5 + b"0\n" * 20
    assert_only(find_violations(zipped(tmp_path / "a.zip", files), FINE, EXPECTED), "scene0002_00", 6, "20 lines")


def flip(path: Path, offset: int, value: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[offset : offset + len(value)] = value
    path.write_bytes(data)


def test_encrypted_member(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", predictions())
    data = path.read_bytes()
    # The flag of the first member, in its own header and in the directory at the end.
    flip(path, 6, b"\1")
    flip(path, data.index(b"PK\1\2") + 8, b"\1")
    assert_only(find_violations(path, FINE, EXPECTED), "scene0001_00", None, "encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression(tmp_path: Path, method: int) -> None:
    violations = find_violations(zipped(tmp_path / "a.zip", predictions(), method), FINE, EXPECTED)
    assert [violation.where for violation in violations] == list(EXPECTED)
    assert all("use deflate" in violation.what for violation in violations)


def test_damaged_member_and_the_rest_is_still_checked(tmp_path: Path) -> None:
    files = predictions()
    files["scene0003_01.txt"] = with_line(files["scene0003_01.txt"], 2, b"0")
    path = zipped(tmp_path / "a.zip", files)
    flip(path, 30 + len("scene0001_00.txt") + 10, b"\xff\xff\xff\xff")
    violations = find_violations(path, FINE, EXPECTED)
    assert [(violation.where, violation.line) for violation in violations] == [
        ("scene0001_00", None),
        ("scene0003_01", 2),
    ]
    assert "damaged" in violations[0].what


@pytest.mark.parametrize("keep", [0, 1, 200, -1, -30])
def test_no_zip_or_a_truncated_one(tmp_path: Path, keep: int) -> None:
    path = zipped(tmp_path / "a.zip", predictions())
    path.write_bytes(path.read_bytes()[:keep])
    assert_only(find_violations(path, FINE, EXPECTED), "", None, "damaged")


def test_no_bytes_of_damage_crash_the_check(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", predictions()).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(whole)
        for offset in rng.integers(0, len(data), 3):
            data[offset] = rng.integers(256)
        (tmp_path / "b.zip").write_bytes(data)
        for violation in find_violations(tmp_path / "b.zip", FINE, EXPECTED):
            assert len(str(violation).splitlines()) == 1


@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_bomb_is_not_unpacked(tmp_path: Path, honest: bool, known: bool) -> None:
    size = 1 << 26
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("scene0001_00.txt", "w") as stream:
            for _ in range(size >> 20):
                stream.write(b"1\n" * (1 << 19))
        for name, data in predictions(expected={"scene0002_00": 25, "scene0003_01": 60}).items():
            archive.writestr(name, data)
    data = bytearray(bomb.getvalue())
    if not honest:  # the sizes in both headers say 80 bytes
        for start, field in ((0, 22), (data.index(b"PK\1\2"), 24)):
            data[start + field : start + field + 4] = struct.pack("<I", 80)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    tracemalloc.start()
    violations = find_violations(path, FINE, {**EXPECTED, "scene0001_00": 40 if known else None})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [violation.where for violation in violations] == ["scene0001_00"]
    assert peak < size / 16


def test_missing_zip(tmp_path: Path) -> None:
    for path in (tmp_path / "none.zip", tmp_path):
        with raises("missing-file", path):
            find_violations(path, FINE, EXPECTED)
