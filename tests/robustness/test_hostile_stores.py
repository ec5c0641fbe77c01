"""Stores, label sets and raw scans that are damaged or made to hurt: a line each, none believed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.check.checking import check
from data_prep.custom.scene import read_record
from data_prep.rooms import generate
from data_prep.rooms import store as rooms_store
from data_prep.scannet.lists import split_lists
from data_prep.scannet.raw import annotation_paths, mesh_path, read_scan
from pointnc.benchmarks.scannet import LABEL_MAP_FILE, LabelMap
from pointnc.clouds import read_cloud
from pointnc.data.dataset import SceneDataset
from pointnc.errors import UserError
from pointnc.scenes.legend import read_legend
from pointnc.scenes.ply import write_ply
from pointnc.scenes.scene import Scene
from pointnc.scenes.store import SceneStore, write_manifest
from pointnc.scenes.taxonomy import Taxonomy
from tests.helpers.mistakes import raises
from tests.robustness import samples
from tests.robustness.samples import CLASSES, POINTS, SCENE

DEEP = "[" * 200_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    samples.store(tmp_path)
    return tmp_path


def train(root: Path) -> None:
    data = SceneDataset(SceneStore(root), "train", CLASSES, ("color", "normal", "strength"), voxel_size=0.1)
    assert np.isfinite(np.asarray(data[0].features)).all()


JSON = {
    "list": "[]", "null": "null", "empty": "", "nothing": "{}", "nested": DEEP, "closed": "[" * 90_000 + "]" * 90_000,
    "long number": '{"version": ' + "9" * 5000 + "}", "text": '{"version": "1"}', "constant": '{"version": NaN}',
    "true": '{"version": true, "taxonomies": {}, "splits": {}}', "newer": '{"version": 2, "taxonomies": {}, "splits": {}}',
    "half": '{"version": 1, "taxonomies": {}, "splits": {"train": 3}}',
    "scenes": '{"version": 1, "taxonomies": {}, "splits": {"train": {"scenes": {"a": 1}}}}',
    "origin": '{"version": 1, "taxonomies": {}, "splits": {"train": {"scenes": {"a": {"origin": ["1", 2, 3]}}}}}',
    "infinite origin": '{"version": 1, "taxonomies": {}, "splits": {"train": {"scenes": {"a": {"origin": [1e999, 2, 3]}}}}}',
    "listed": '{"version": 1, "taxonomies": {}, "splits": {}, "listed": {"train": [1]}}',
}  # fmt: skip


@pytest.mark.parametrize("case", JSON)
def test_a_damaged_manifest_gets_a_line(case: str, store: Path) -> None:
    (store / "manifest.json").write_text(JSON[case])
    uses: tuple[Callable[[], object], ...] = (
        lambda: train(store),
        lambda: SceneStore(store).load("train", SCENE),
        lambda: check(store, workers=1),
        lambda: rooms_store._scenes(store),
    )
    for use in uses:
        with pytest.raises(UserError, match=r"manifest\.json"):
            use()


def test_a_manifest_that_is_no_utf8_gets_a_line(store: Path) -> None:
    (store / "manifest.json").write_bytes(b'{"version": 1, "source": "\xff"}')
    with raises("damaged-file", "manifest.json", "'utf-8'"):
        train(store)


@pytest.mark.parametrize(
    "counts", ["x", [1, 2], [1, 2, 3, "4"], [1, 2, 3, 10**30], [[1], 2, 3, 4], [1, 2, 3, -4], [1.5, 2, 3, 4]]
)
def test_histograms_that_are_none_get_a_line(counts: Any, store: Path) -> None:
    path = store / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["splits"]["train"]["scenes"][SCENE]["histogram"]["segment4"] = counts
    path.write_text(json.dumps(manifest))
    with raises("malformed", "manifest.json"):
        SceneStore(store).histogram("train", CLASSES)


def test_a_histogram_that_is_not_the_labels_is_found_when_they_are_read(store: Path) -> None:
    path = store / "manifest.json"
    manifest = json.loads(path.read_text())
    counts = manifest["splits"]["train"]["scenes"][SCENE]["histogram"]["segment4"]
    counts[0], counts[1] = counts[0] + 1, counts[1] - 1
    path.write_text(json.dumps(manifest))
    with raises("damaged-file", "segment4", "manifest.json"):
        train(store)


@pytest.mark.parametrize("case", JSON)
def test_a_damaged_record_of_a_scene_gets_a_line(case: str, store: Path) -> None:
    (store / "train" / SCENE / "scene.json").write_text(JSON[case])
    if case in ("empty", "list", "null", "nested", "closed", "long number", "constant", "infinite origin"):
        assert read_record(store / "train" / SCENE) == {}
        with pytest.raises(UserError, match=r"scene\.json"):
            write_manifest(store, [CLASSES], source="a test")
    else:
        write_manifest(store, [CLASSES], source="a test")  # it says nothing of use


def test_damaged_records_of_rooms_get_a_line(tmp_path: Path) -> None:
    for text in (DEEP, "[]", '{"a": 1e}', "\udcff"):
        (tmp_path / "rooms.json").write_text(text, encoding="utf-8", errors="surrogateescape")
        with pytest.raises(UserError, match=r"rooms\.json"):
            generate._claim(tmp_path, {"version": 1}, overwrite=False)


def header(shape: str, kind: str = "'<f4'") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


def archive() -> bytes:
    out = io.BytesIO()
    np.savez(out, coord=np.zeros((POINTS, 3), np.float32))
    return out.getvalue()


ARRAYS: dict[str, Any] = {
    "zip": archive(), "begins like a zip": b"PK\3\4nonsense", "no header": b"\x93NUMPY\1\0", "shape": header(f"({10**30}, 3)"),
    "huge shape": header(f"({2**62}, 3)"), "nested shape": header("(" * 500 + ")" * 500), "token": header("(5, 3"),
    "syntax": header("5 3"), "objects": header("(5, 3)", "'|O'"), "negative": header("(-5, 3)"),
    "scalar": np.float32(1), "complex": np.zeros((POINTS, 3), complex), "dates": np.zeros((POINTS, 3), "M8[s]"),
    "truth": np.zeros((POINTS, 3), bool), "long double": np.zeros((POINTS, 3), np.longdouble),
    "other byte order": np.zeros((POINTS, 3), ">f4"), "texts": np.zeros((POINTS, 3), "U3"),
    "four columns": np.zeros((POINTS, 4), np.float32), "flat": np.zeros(3 * POINTS, np.float32), "short": np.zeros((3, 3), np.float32),
    "far": np.full((POINTS, 3), 1e30, np.float64),
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
@pytest.mark.parametrize("name", ["coord", "normal", "color"])
def test_damaged_arrays_get_a_line(name: str, case: str, store: Path) -> None:
    path, value = store / "train" / SCENE / f"{name}.npy", ARRAYS[case]
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        np.save(path, value)
    with pytest.raises(UserError, match=f"{name}|{SCENE}"):
        train(store)
    report = check(store, workers=1)
    assert not report.sound
    if isinstance(value, bytes) or case in ("scalar", "complex", "dates", "truth", "texts", "four columns"):
        with pytest.raises(UserError, match=f"{name}|{SCENE}"):
            read_cloud(path.parent)


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(POINTS),
        np.zeros(POINTS, bool),
        np.zeros((POINTS, 0), np.int16),
        np.full(POINTS, 2**62),
        np.zeros(3, np.int16),
    ],
)
def test_labels_of_another_kind_get_a_line(value: Any, store: Path) -> None:
    np.save(store / "train" / SCENE / "segment4.npy", value)
    with pytest.raises(UserError, match=f"segment4|{SCENE}"):
        train(store)
    (store / "manifest.json").unlink()
    with pytest.raises(UserError, match=f"segment4|{SCENE}"):
        SceneStore(store).histogram("train", CLASSES)


@pytest.mark.parametrize(
    ("key", "values", "mistake"),
    [
        ("color", np.full((4, 3), 1e300), ("out-of-range", "1e+300")),
        ("color", np.full((4, 3), -1, np.int16), ("out-of-range", "-1")),
        ("color", np.full((4, 3), 256, np.int16), ("out-of-range", "0", "255")),
        ("coord", np.full((4, 3), 1e9, np.float32), ("out-of-range", "09", "08")),
        ("normal", np.full((4, 3), 1e300), ("out-of-range", "300", "-100")),
        ("normal", np.full((4, 3), np.nan, np.float32), ("not-finite", "NaN", "4")),
        ("coord", np.array([[0, 0, np.inf]] * 4, np.float32), ("not-finite", "NaN", "4")),
    ],
)
def test_values_out_of_range_get_a_line(key: str, values: Any, mistake: tuple[str, ...]) -> None:
    arrays = {"coord": np.zeros((4, 3), np.float32), key: values}
    with raises(*mistake):
        Scene("a", **arrays).validate()


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
YAML = {
    **{f"alias bomb in {key}": f"{BOMB}{key}: *a11\n" for key in ("names", "name", "groups", "ids", "segment", "classes", "colors")},
    "alias bomb as a name": f"{BOMB}names: [*a11]\n", "an alias of itself": "names: &a [*a]\n", "deep": "- " * 50_000,
    "deep braces": "names: " + "[" * 20_000, "a name that is a list": "names: [[a]]\n", "a name that is none": "names: [null]\n",
    "long number": "names: [a]\nids: [" + "9" * 5000 + "]\n", "infinite": "names: [a]\nids: [.inf]\n", "half": "names: [a]\nids: [1.5]\n",
    "ids that are a text": "names: [a]\nids: '1'\n", "train_only": "names: [a]\ntrain_only: [99]\n", "tag": "names: [!!timestamp x]\n",
    "classes without end": "names: [" + "a, " * 200 + "]\n", "code": "names: [!!python/name:os.system ]\n", "colors": "names: [a]\ncolors: [[1e999, 0, 0]]\n",
    "too large": "#" * (1 << 20) + "\nnames: [a]\n", "no utf-8": "names: [\udcff]\n",
}  # fmt: skip


@pytest.mark.parametrize("case", YAML)
def test_hostile_taxonomies_get_a_line(case: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(YAML[case], encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError) as caught:
        Taxonomy.from_yaml(tmp_path / "a.yaml")
    assert str(caught.value).isprintable() and len(str(caught.value)) <= 2100


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        "[]",
        '{"1": 5}',
        '{"1": {"name": [[1]], "color": [1, 2, 3]}}',
        '{"x": {}}',
        '{"1": {"name": "a", "color": "abc"}}',
    ],
)
def test_hostile_legends_get_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(text)
    with pytest.raises(UserError, match=r"classes\.json"):
        read_legend(tmp_path / "classes.json")


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data).replace('"@"', "1e999"))


RAW: dict[str, tuple[str, Callable[[Any], object]]] = {
    "segment beyond integers": ("objects", lambda data: data["segGroups"][0].update(segments=[10**30])),
    "infinite segment": ("objects", lambda data: data["segGroups"][0].update(segments=["@"])),
    "segments that are a text": ("objects", lambda data: data["segGroups"][0].update(segments="123")),
    "a label that is a list": ("objects", lambda data: data["segGroups"][0].update(label=[1])),
    "an object that is a number": ("objects", lambda data: data["segGroups"].append(3)),
    "nested over-segments": ("segments", lambda data: data.update(segIndices=[[one] for one in data["segIndices"]])),
    "over-segments beyond integers": ("segments", lambda data: data["segIndices"].__setitem__(0, 2**40)),
}


@pytest.mark.parametrize("case", RAW)
def test_hostile_annotations_get_a_line(case: str, tmp_path: Path) -> None:
    samples.raw_folder(tmp_path)
    folder = tmp_path / "scans" / SCENE
    kind, change = RAW[case]
    edit(annotation_paths(folder)[kind], change)
    with pytest.raises(UserError, match=SCENE):
        read_scan(folder)


def test_faraway_meshes_get_a_line(tmp_path: Path) -> None:
    samples.raw_folder(tmp_path)
    folder = tmp_path / "scans" / SCENE
    scan = read_scan(folder)
    coord = scan.coord.copy()
    coord[0] = 1e30
    colors = {name: scan.color[:, i] for i, name in enumerate(("red", "green", "blue"))}
    write_ply(mesh_path(folder), {axis: coord[:, i] for i, axis in enumerate("xyz")} | colors, scan.faces)
    with raises("not-finite", "1e+06", "scene0000_00_vh_clean_2.ply"):
        read_scan(folder)


def test_alignments_that_move_too_far_get_a_line(tmp_path: Path) -> None:
    samples.raw_folder(tmp_path)
    folder = tmp_path / "scans" / SCENE
    (folder / f"{SCENE}.txt").write_text("axisAlignment = " + "1e300 " * 16)
    with raises("out-of-range", "axisAlignment", "scene0000_00.txt"):
        read_scan(folder)


@pytest.mark.parametrize(
    "row",
    ["1e3\twall\tx\t1\t1\tx", f"{10**30}\twall\tx\t1\t1\tx", "-5\twall\tx\t1\t1\tx", f"{'9' * 5000}\twall\tx\t1\t1\tx"],
)
def test_hostile_label_tables_get_a_line(row: str, tmp_path: Path) -> None:
    samples.label_table(tmp_path)
    path = tmp_path / LABEL_MAP_FILE
    path.write_text(path.read_text() + row + "\n")
    with raises("damaged-file", "line 8", "scannetv2-labels.combined.tsv"):
        LabelMap.from_tsv(path)


def test_a_label_table_with_a_column_twice_gets_a_line(tmp_path: Path) -> None:
    samples.label_table(tmp_path)
    path = tmp_path / LABEL_MAP_FILE
    path.write_text(path.read_text().replace("count", "id"))
    with raises("ambiguous", "twice", "scannetv2-labels.combined.tsv"):
        LabelMap.from_tsv(path)


@pytest.mark.parametrize("text", [DEEP, "{", '{"train": [[]]}', "\udcff"])
def test_hostile_split_lists_get_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=r"a\.json|train"):
        split_lists(None, tmp_path / "a.json")
