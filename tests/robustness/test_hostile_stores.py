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
from pointnc.scenes.legend import read_legend
from pointnc.scenes.ply import write_ply
from pointnc.scenes.scene import Scene
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scenes.writing import write_manifest
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
    "list": ("malformed", "[]"),
    "null": ("malformed", "null"),
    "empty": ("damaged-file", ""),
    "nothing": ("malformed", "{}"),
    "nested": ("too-large", DEEP),
    "closed": ("too-large", "[" * 90_000 + "]" * 90_000),
    "long number": ("damaged-file", '{"version": ' + "9" * 5000 + "}"),
    "text": ("malformed", '{"version": "1"}'),
    "constant": ("damaged-file", '{"version": NaN}'),
    "true": ("malformed", '{"version": true, "taxonomies": {}, "splits": {}}'),
    "newer": ("other-version", '{"version": 2, "taxonomies": {}, "splits": {}}'),
    "half": ("malformed", '{"version": 1, "taxonomies": {}, "splits": {"train": 3}}'),
    "scenes": ("malformed", '{"version": 1, "taxonomies": {}, "splits": {"train": {"scenes": {"a": 1}}}}'),
    "origin": ("malformed", '{"version": 1, "taxonomies": {}, "splits": {"train": {"scenes": {"a": {"origin": ["1", 2, 3]}}}}}'),
    "infinite origin": ("damaged-file", '{"version": 1, "taxonomies": {}, "splits": {"train": {"scenes": {"a": {"origin": [1e999, 2, 3]}}}}}'),
    "listed": ("malformed", '{"version": 1, "taxonomies": {}, "splits": {}, "listed": {"train": [1]}}'),
}  # fmt: skip


@pytest.mark.parametrize("case", JSON)
def test_a_damaged_manifest_gets_a_line(case: str, store: Path) -> None:
    code, text = JSON[case]
    (store / "manifest.json").write_text(text)
    uses: tuple[Callable[[], object], ...] = (
        lambda: train(store),
        lambda: SceneStore(store).load("train", SCENE),
        lambda: check(store, workers=1),
        lambda: rooms_store._scenes(store),
    )
    for use in uses:
        with raises(code, "manifest.json"):
            use()


def test_a_manifest_that_is_no_utf8_gets_a_line(store: Path) -> None:
    (store / "manifest.json").write_bytes(b'{"version": 1, "source": "\xff"}')
    with raises("damaged-file", "manifest.json", "utf-8"):
        train(store)


@pytest.mark.parametrize(
    "counts", ["x", [1, 2], [1, 2, 3, "4"], [1, 2, 3, 10**30], [[1], 2, 3, 4], [1, 2, 3, -4], [1.5, 2, 3, 4]]
)
def test_histograms_that_are_none_get_a_line(counts: Any, store: Path) -> None:
    path = store / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["splits"]["train"]["scenes"][SCENE]["histogram"]["segment4"] = counts
    path.write_text(json.dumps(manifest))
    with raises("malformed", "manifest.json", "histogram", "segment4"):
        SceneStore(store).histogram("train", CLASSES)


def test_a_histogram_that_is_not_the_labels_is_found_when_they_are_read(store: Path) -> None:
    path = store / "manifest.json"
    manifest = json.loads(path.read_text())
    counts = manifest["splits"]["train"]["scenes"][SCENE]["histogram"]["segment4"]
    counts[0], counts[1] = counts[0] + 1, counts[1] - 1
    path.write_text(json.dumps(manifest))
    with raises("damaged-file", SCENE, "manifest.json", "segment4"):
        train(store)


@pytest.mark.parametrize("case", JSON)
def test_a_damaged_record_of_a_scene_gets_a_line(case: str, store: Path) -> None:
    code, text = JSON[case]
    (store / "train" / SCENE / "scene.json").write_text(text)
    if case in ("empty", "list", "null", "nested", "closed", "long number", "constant", "infinite origin"):
        assert read_record(store / "train" / SCENE) == {}
        with raises(code, SCENE, "scene.json"):
            write_manifest(store, [CLASSES], source="a test")
    else:
        write_manifest(store, [CLASSES], source="a test")  # it says nothing of use


def test_damaged_records_of_rooms_get_a_line(tmp_path: Path) -> None:
    texts = ((DEEP, "too-large"), ("[]", "malformed"), ('{"a": 1e}', "damaged-file"), ("\udcff", "damaged-file"))
    for text, code in texts:
        (tmp_path / "rooms.json").write_text(text, encoding="utf-8", errors="surrogateescape")
        with raises(code, "rooms.json"):
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

REASONS = {
    **dict.fromkeys(("complex", "dates", "truth", "long double", "other byte order", "texts"), "dtype"),
    **dict.fromkeys(("scalar", "four columns", "flat"), "shape"),
    "short": "other-length", "far": "out-of-range",
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
@pytest.mark.parametrize("name", ["coord", "normal", "color"])
def test_damaged_arrays_get_a_line(name: str, case: str, store: Path) -> None:
    path, value = store / "train" / SCENE / f"{name}.npy", ARRAYS[case]
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        np.save(path, value)
    code = REASONS.get(case, "damaged-file")
    with raises(code, SCENE, name):
        train(store)
    report = check(store, workers=1)
    assert not report.sound
    if isinstance(value, bytes) or case in ("scalar", "complex", "dates", "truth", "texts", "four columns"):
        with raises(code, SCENE, name):
            read_cloud(path.parent)


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        (np.zeros(POINTS), ("dtype", "segment4.npy", "float64")),
        (np.zeros(POINTS, bool), ("dtype", "segment4.npy", "bool")),
        (np.zeros((POINTS, 0), np.int16), ("shape", "segment4.npy", (POINTS, 0))),
        (np.full(POINTS, 2**62), ("unknown-label", f"label {2**62}", "4 classes")),
        (np.zeros(3, np.int16), ("other-length", "semantic", "3 rows", POINTS)),
    ],
)
def test_labels_of_another_kind_get_a_line(value: Any, mistake: tuple[Any, ...], store: Path) -> None:
    np.save(store / "train" / SCENE / "segment4.npy", value)
    with raises(*mistake, SCENE):
        train(store)
    (store / "manifest.json").unlink()
    with raises(*mistake, SCENE):
        SceneStore(store).histogram("train", CLASSES)


@pytest.mark.parametrize(
    ("key", "values", "mistake"),
    [
        ("color", np.full((4, 3), 1e300), ("out-of-range", "1e+300", "0 to 255")),
        ("color", np.full((4, 3), -1, np.int16), ("out-of-range", "-1", "0 to 255")),
        ("color", np.full((4, 3), 256, np.int16), ("out-of-range", "256", "0 to 255")),
        ("coord", np.full((4, 3), 1e9, np.float32), ("out-of-range", "1e+09", "1e+08")),
        ("normal", np.full((4, 3), 1e300), ("out-of-range", "1e+300", "-100 to 100")),
        ("normal", np.full((4, 3), np.nan, np.float32), ("not-finite", "NaN", "4 of 4")),
        ("coord", np.array([[0, 0, np.inf]] * 4, np.float32), ("not-finite", "NaN", "4 of 4")),
    ],
)
def test_values_out_of_range_get_a_line(key: str, values: Any, mistake: tuple[str, ...]) -> None:
    arrays = {"coord": np.zeros((4, 3), np.float32), key: values}
    with raises(*mistake, "scene a", key):
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

READ = (
    "a name that is a list", "a name that is none", "infinite", "half", "ids that are a text", "train_only",
    "classes without end", "colors",
)  # fmt: skip
"""Yaml that can be read, but is no taxonomy."""


@pytest.mark.parametrize("case", YAML)
def test_hostile_taxonomies_get_a_line(case: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(YAML[case], encoding="utf-8", errors="surrogateescape")
    code = "too-large" if case == "too large" else "taxonomy" if case in READ else "damaged-file"
    with raises(code, "custom" if case in READ else "a.yaml") as caught:
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
    with raises("too-large" if text == DEEP else "malformed", "classes.json", "taxonomy="):
        read_legend(tmp_path / "classes.json")


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data).replace('"@"', "1e999"))


RAW: dict[str, tuple[str, Callable[[Any], object], tuple[str, ...]]] = {
    "segment beyond integers": (
        "objects",
        lambda data: data["segGroups"][0].update(segments=[10**30]),
        ("damaged-file", "object 0"),
    ),
    "infinite segment": (
        "objects",
        lambda data: data["segGroups"][0].update(segments=["@"]),
        ("damaged-file", "1e999"),
    ),
    "segments that are a text": (
        "objects",
        lambda data: data["segGroups"][0].update(segments="123"),
        ("malformed", "object 0"),
    ),
    "a label that is a list": (
        "objects",
        lambda data: data["segGroups"][0].update(label=[1]),
        ("malformed", "object 0"),
    ),
    "an object that is a number": ("objects", lambda data: data["segGroups"].append(3), ("malformed", "object 6")),
    "nested over-segments": (
        "segments",
        lambda data: data.update(segIndices=[[one] for one in data["segIndices"]]),
        ("damaged-file", "segIndices"),
    ),
    "over-segments beyond integers": (
        "segments",
        lambda data: data["segIndices"].__setitem__(0, 2**40),
        ("damaged-file", "segIndices"),
    ),
}


@pytest.mark.parametrize("case", RAW)
def test_hostile_annotations_get_a_line(case: str, tmp_path: Path) -> None:
    samples.raw_folder(tmp_path)
    folder = tmp_path / "scans" / SCENE
    kind, change, mistake = RAW[case]
    edit(annotation_paths(folder)[kind], change)
    with raises(*mistake, annotation_paths(folder)[kind]):
        read_scan(folder)


def test_faraway_meshes_get_a_line(tmp_path: Path) -> None:
    samples.raw_folder(tmp_path)
    folder = tmp_path / "scans" / SCENE
    scan = read_scan(folder)
    coord = scan.coord.copy()
    coord[0] = 1e30
    colors = {name: scan.color[:, i] for i, name in enumerate(("red", "green", "blue"))}
    write_ply(mesh_path(folder), {axis: coord[:, i] for i, axis in enumerate("xyz")} | colors, scan.faces)
    with raises("not-finite", mesh_path(folder), "1e+06 m"):
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
    with raises("ambiguous", LABEL_MAP_FILE, "column"):
        LabelMap.from_tsv(path)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (DEEP, ("too-large", "a.json")),
        ("{", ("damaged-file", "a.json")),
        ('{"train": [[]]}', ("bad-name", "train", "[]")),
        ("\udcff", ("damaged-file", "a.json")),
    ],
)
def test_hostile_split_lists_get_a_line(text: str, mistake: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    with raises(*mistake):
        split_lists(None, tmp_path / "a.json")
