"""The zip that is handed in: valid, whole or absent, the same bytes again; and what a split asks for."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.scannet.preparation import prepare
from pointnc.benchmarks.predictions import parse_lines, write_labels
from pointnc.benchmarks.scannet import split_scenes, taxonomy
from pointnc.benchmarks.submission import InvalidSubmission, expected_scenes, find_violations, write_zip
from tests.helpers.mistakes import raises
from tests.helpers.synthetic import write_raw_root

FINE, COARSE = taxonomy("scannet200"), taxonomy("scannet20")
EXPECTED = {"scene0001_00": 40, "scene0002_00": 25}


def fill(folder: Path, label_set=FINE, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    for scene, count in EXPECTED.items():
        write_labels(folder / f"{scene}.txt", rng.choice(label_set.ids, count))
    return folder


@settings(deadline=None, max_examples=10)
@given(
    st.dictionaries(
        st.from_regex(r"scene[0-9]{4}_[0-9]{2}", fullmatch=True), st.integers(1, 80), min_size=1, max_size=5
    ),
    st.data(),
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, expected: dict[str, int], data: st.DataObject) -> None:
    label_set = data.draw(st.sampled_from([FINE, COARSE]))
    folder = tmp_path_factory.mktemp("submission")
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    index = {scene: rng.integers(0, len(label_set), count) for scene, count in expected.items()}
    for scene, labels in index.items():
        write_labels(folder / "txt" / f"{scene}.txt", label_set.decode(labels))
    path = write_zip(folder / "txt", folder / "out" / "a.zip", label_set, expected)
    assert find_violations(path, label_set, expected) == []
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{scene}.txt" for scene in sorted(expected)]
        assert archive.testzip() is None
        for scene, labels in index.items():
            values = parse_lines(archive.read(f"{scene}.txt"), keep=1).values
            np.testing.assert_array_equal(label_set.encode(values), labels)


def test_equal_labels_give_equal_bytes(tmp_path: Path) -> None:
    first, second = fill(tmp_path / "a"), tmp_path / "b"
    second.mkdir()
    for path in sorted(first.iterdir(), reverse=True):
        (second / path.name).write_bytes(path.read_bytes())
        os.utime(second / path.name, (1e9, 1e9))
        (second / path.name).chmod(0o600)
    zips = [write_zip(folder, tmp_path / f"{folder.name}.zip", FINE, EXPECTED) for folder in (first, second)]
    assert zips[0].read_bytes() == zips[1].read_bytes()


def test_other_files_of_the_folder_stay_out(tmp_path: Path) -> None:
    folder = fill(tmp_path / "txt")
    (folder / "notes.md").write_text("mine")
    (folder / "._scene0001_00.txt").write_text("a Mac's")
    (folder / "old.txt").mkdir()
    with zipfile.ZipFile(write_zip(folder, tmp_path / "a.zip", FINE, EXPECTED)) as archive:
        assert archive.namelist() == ["scene0001_00.txt", "scene0002_00.txt"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "scene0002_00.txt").unlink(), ("scene0002_00", "missing")),
        (lambda folder: write_labels(folder / "scene0002_00.txt", np.ones(24, int)), ("scene0002_00, line 24", "25 vertices")),
        (lambda folder: write_labels(folder / "scene0002_00.txt", np.zeros(25, int)), ("scene0002_00, line 1", "0 is no id")),
        (lambda folder: write_labels(folder / "scene0005_00.txt", np.ones(5, int)), ("scene0005_00.txt", "no scene")),
        (lambda folder: (folder / "readme.txt").write_text("mine"), ("readme.txt", "no scene")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [None, b"of before"])
def test_invalid_is_not_written(tmp_path: Path, spoil, words: tuple[str, ...], before: bytes | None) -> None:
    folder, out = fill(tmp_path / "txt"), tmp_path / "out" / "a.zip"
    out.parent.mkdir()
    if before:
        out.write_bytes(before)
    spoil(folder)
    with raises("invalid-submission", "a.zip", kind=InvalidSubmission) as error:
        write_zip(folder, out, FINE, EXPECTED, overwrite=True)
    for word in words:
        assert word in str(error.value)
    assert len(error.value.violations) == 1
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == ({"a.zip": before} if before else {})


def test_interrupted_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = fill(tmp_path / "txt"), tmp_path / "out" / "a.zip"
    real = zipfile.ZipFile.open

    def breaks(self: zipfile.ZipFile, member: zipfile.ZipInfo, *arguments: str) -> object:
        if member.filename == "scene0002_00.txt":
            raise failure
        return real(self, member, *arguments)

    monkeypatch.setattr(zipfile.ZipFile, "open", breaks)
    failure: BaseException = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        write_zip(folder, out, FINE, EXPECTED)
    failure = OSError(28, "No space left on device")
    with raises("file-access", "No space left on device", "a.zip"):
        write_zip(folder, out, FINE, EXPECTED)
    assert list(out.parent.iterdir()) == []


def test_existing_output_is_kept(tmp_path: Path) -> None:
    folder, out = fill(tmp_path / "txt"), tmp_path / "a.zip"
    out.write_bytes(b"precious")
    with raises("exists", "overwrite=true", "a.zip"):
        write_zip(folder, out, FINE, EXPECTED)
    assert out.read_bytes() == b"precious"
    write_zip(folder, out, FINE, EXPECTED, overwrite=True)
    assert find_violations(out, FINE, EXPECTED) == []
    with raises("path-kind", tmp_path, "out=FILE.zip"):
        write_zip(folder, tmp_path, FINE, EXPECTED, overwrite=True)


def test_empty_folder(tmp_path: Path) -> None:
    with raises("nothing-there", tmp_path, "<scene>.txt"):
        write_zip(tmp_path, tmp_path / "a.zip", FINE, EXPECTED)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=1, val=1, test=2), root / "store", workers=1)
    return root


@pytest.mark.parametrize(("split", "scenes"), [("val", ["scene0001_00"]), ("test", ["scene0002_00", "scene0003_00"])])
def test_store_and_raw_root_ask_for_the_same(scans: Path, split: str, scenes: list[str]) -> None:
    from_store, from_raw = expected_scenes(split, scans / "store"), expected_scenes(split, scans / "raw")
    assert from_store == from_raw
    assert list(from_store) == scenes
    for scene, count in from_store.items():
        assert count == len(np.load(scans / "store" / split / scene / "coord.npy"))


def test_official_list_and_raw_scenes_that_are_not_there(scans: Path, tmp_path: Path) -> None:
    assert expected_scenes("test") == dict.fromkeys(split_scenes("test"))
    mesh = next((scans / "raw" / "scans_test").glob("*/*_vh_clean_2.ply"))
    scene = split_scenes("test")[7]
    (tmp_path / "scans_test" / scene).mkdir(parents=True)
    (tmp_path / "scans_test" / scene / f"{scene}_vh_clean_2.ply").write_bytes(mesh.read_bytes())
    expected = expected_scenes("test", tmp_path)
    assert len(expected) == 100
    assert [name for name, count in expected.items() if count] == [scene]


def test_root_without_the_split(scans: Path, tmp_path: Path) -> None:
    with raises("nothing-there", tmp_path, "val", "data_root="):
        expected_scenes("val", tmp_path)
    with raises("unknown-name", "'validation'", "train, val, test"):
        expected_scenes("validation")
    scene = split_scenes("test")[0]
    (tmp_path / "scans_test" / scene).mkdir(parents=True)
    with raises("nothing-there", "100 scenes", "scans_test"):
        expected_scenes("test", tmp_path)
    (tmp_path / "scans_test" / scene / f"{scene}_vh_clean_2.ply").write_bytes(b"ply\nend_header\n")
    with raises("damaged-file", "scene0707_00_vh_clean_2.ply"):
        expected_scenes("test", tmp_path)
