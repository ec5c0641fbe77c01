"""Which scenes are prepared: official lists, lists in the raw folder, lists of one's own."""

import json
from pathlib import Path

import pytest

from data_prep.scannet.lists import find_jobs, split_lists
from tests.helpers.mistakes import raises


def test_official_lists_and_their_selection(tmp_path: Path) -> None:
    assert {split: len(names) for split, names in split_lists(tmp_path).items()} == {
        "train": 1201, "val": 312, "test": 100,
    }  # fmt: skip
    assert list(split_lists(tmp_path, ["val", "train"])) == ["train", "val"]
    with raises("unknown-name", "train, val, test", "'valid'"):
        split_lists(tmp_path, ["valid"])


def test_lists_of_the_folder_of_a_file_and_of_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "scannetv2_val.txt").write_text("scene0001_00\nscene0001_00\nscene0002_00\n")
    assert split_lists(tmp_path) == {"val": ["scene0001_00", "scene0002_00"]}
    own = {"train": ["a"], "holdout": ["b", "c"]}
    assert split_lists(tmp_path, own) == own
    (tmp_path / "splits.json").write_text(json.dumps(own))
    assert split_lists(tmp_path, tmp_path / "splits.json") == own
    (tmp_path / "subset.json").write_text('["val"]')
    assert list(split_lists(tmp_path, str(tmp_path / "subset.json"))) == ["val"]


@pytest.mark.parametrize("name", ["../../etc", "..", ".", "", "/etc", "a/b", ".hidden", "a\0b", 3, None])
def test_lists_cannot_leave_the_folder(tmp_path: Path, name: object) -> None:
    with raises("bad-name", "train", repr(name)):
        split_lists(tmp_path, {"train": ["scene0000_00", name]})
    split = name if isinstance(name, str) else "a/b"
    with raises("bad-name", repr(split)):
        split_lists(tmp_path, {split: ["scene0000_00"]})


def test_a_scene_belongs_to_one_split(tmp_path: Path) -> None:
    with raises("ambiguous", "scene x", "train", "val"):
        split_lists(tmp_path, {"train": ["x"], "val": ["x"]})


@pytest.mark.parametrize(
    "text, mistake",
    [
        (None, ("file-access", "splits.json", "No such file")), ("{", ("damaged-file", "splits.json")), ("3", ("malformed", "splits.json")), ('{"a": "b"}', ("malformed", "split a")),
        ('["val", ["train"]]', ("unknown-name", "['train']")), ('["val", {}]', ("unknown-name", "{}")),
    ],
)  # fmt: skip
def test_damaged_files_of_lists(tmp_path: Path, text: str | None, mistake: tuple[str, ...]) -> None:
    if text is not None:
        (tmp_path / "splits.json").write_text(text)
    with raises(*mistake):
        split_lists(tmp_path, tmp_path / "splits.json")


def test_the_folder_of_a_scan_says_whether_it_has_labels(tmp_path: Path) -> None:
    for folder in ("scans/a", "scans/own", "scans_test/b", "scans_test/a"):
        (tmp_path / folder).mkdir(parents=True)
    lists = {"train": ["a", "gone", "b"], "test": ["b2", "own"], "val": ["c"]}
    lists["test"].append("b")
    jobs, missing = find_jobs(tmp_path, tmp_path / "out", lists)
    assert [(job.folder.parent.name, job.target.parent.name, job.folder.name, job.labels) for job in jobs] == [
        ("scans", "train", "a", True),
        ("scans", "test", "own", True),
        ("scans_test", "test", "b", False),
    ]
    assert missing == {"train": ["gone", "b"], "test": ["b2"], "val": ["c"]}


def test_a_byte_order_mark_is_no_part_of_a_scene(tmp_path: Path) -> None:
    (tmp_path / "scannetv2_train.txt").write_bytes(b"\xef\xbb\xbfscene0000_00  \r\n\r\nscene0002_00\t\r\n")
    assert split_lists(tmp_path) == {"train": ["scene0000_00", "scene0002_00"]}


def test_a_training_split_of_which_nothing_is_there_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "scans" / "b").mkdir(parents=True)
    with raises("missing-scene", "train", 2, "('a', 'c')", tmp_path / "scans", "splits=[val]"):
        find_jobs(tmp_path, tmp_path / "out", {"train": ["a", "c"], "val": ["b"]})
    assert len(find_jobs(tmp_path, tmp_path / "out", {"val": ["b", "c"]})[0]) == 1
