"""What is attacked: for each format an intact file, the ways to damage it, and how it is read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.check.checking import check
from data_prep.custom.scene import read_record
from data_prep.rooms import generate
from data_prep.rooms import store as rooms_store
from data_prep.s3dis.point_text import read_points
from data_prep.scannet import lists
from data_prep.scannet.scene import Job, prepare_scene
from pointnc.benchmarks import scannet
from pointnc.benchmarks.validation import find_violations
from pointnc.clouds import open_cloud
from pointnc.clouds.conditions import Conditions
from pointnc.clouds.label_file import read_label_file
from pointnc.clouds.survey import survey_points
from pointnc.data.dataset import SceneDataset
from pointnc.errors import UserError
from pointnc.scenes.legend import read_legend
from pointnc.scenes.scene import FARTHEST
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scenes.writing import write_manifest
from tests.clouds import test_formats as clouds
from tests.helpers.dialects import TEXTS
from tests.helpers.dialects_laser import LASER
from tests.helpers.dialects_ply import PLYS
from tests.robustness import samples
from tests.robustness.e57_pages import E57
from tests.robustness.mutations import Mutation, any_of, blind, by_fields, by_json, by_npy, by_words, by_yaml, by_zip
from tests.robustness.samples import CLASSES, SCENE


@dataclass(frozen=True)
class Subject:
    """One format.

    Attributes:
        make: writes intact files into a folder.
        targets: pattern of those that are damaged, one at a time.
        mutate: damages the bytes of one.
        read: reads what is in the folder; raises UserError where it is refused, and AssertionError where what was read
            is not what its type promises.
    """

    make: Callable[[Path], object]
    targets: str
    mutate: Mutation
    read: Callable[[Path], object]


def read_cloud_file(path: Path) -> None:
    """Read and rewrite a cloud as ``predict`` does."""
    source = open_cloud(path)
    names = source.names()
    if len(source) == 0:
        raise UserError(f"{path} has no points")
    cloud = source.read()
    count = len(source)
    assert len(cloud) == count and cloud.coord.shape == (count, 3) and cloud.coord.dtype == np.float64
    assert cloud.color is None or (cloud.color.shape == (count, 3) and cloud.color.dtype.kind in "iuf")
    assert cloud.normal is None or (cloud.normal.shape == (count, 3) and cloud.normal.dtype == np.float32)
    assert all(len(values) == count for values in cloud.attributes.values())
    seen = survey_points([cloud], path)
    conditions, _ = Conditions.of(seen, ("color", "normal"), "auto")
    good = conditions.usable(cloud.coord)
    usable = cloud.select(good)
    assert good.sum() <= count and np.isfinite(conditions.coord(usable)).all()
    assert conditions.color(usable).shape == (good.sum(), 3)
    normal = conditions.normal(usable)
    assert normal is None or not np.isinf(normal).any()
    mesh = source.mesh_normals()
    assert mesh is None or (mesh.shape == (count, 3) and not np.isinf(mesh).any())
    target = path.with_name(f"copy{'.ply' if path.suffix in ('.e57', '.bin') else path.suffix}")
    source.rewrite(target, [{"label": np.arange(count, dtype=np.int32)}])
    copy = open_cloud(target)
    assert len(copy) == count and len(copy.names()) >= min(len(names), 4)
    np.testing.assert_array_equal(copy.read().coord, cloud.coord)


def read_labels_beside(root: Path) -> None:
    """Read labels of a file of their own."""
    for path in sorted(root.iterdir()):
        found = read_label_file(path)
        assert all(values.ndim == 1 and values.dtype.kind in "iuf" for values in found.values())


def read_store_arrays(root: Path) -> None:
    """Use a scene for training, counting, checking and as a cloud."""
    scene = None
    refused = []
    for use in (_train, _count, _check, lambda folder: read_cloud_file(folder / "train" / SCENE)):
        try:
            scene = use(root)
        except UserError as error:
            refused.append(error)
    if refused:
        raise refused[0]
    del scene


def _train(root: Path) -> None:
    data = SceneDataset(SceneStore(root), "train", CLASSES, ("color", "normal", "coord", "strength"), voxel_size=0.1)
    scene = data.scene(0)
    assert all(len(values) == len(scene) for values in scene.arrays().values())
    assert scene.coord.dtype == np.float32 and np.abs(scene.coord).max() <= FARTHEST
    sample = data[0]
    assert np.isfinite(np.asarray(sample.features)).all()


def _count(root: Path) -> None:
    store = SceneStore(root)
    counts = store.scene_histograms("train", CLASSES)
    assert counts.shape == (1, len(CLASSES)) and counts.min() >= 0
    (root / "manifest.json").rename(root / "aside")
    counts = SceneStore(root).histogram("train", CLASSES)
    assert counts.shape == (len(CLASSES),) and counts.min() >= 0
    (root / "aside").rename(root / "manifest.json")


def _check(root: Path) -> None:
    report = check(root, workers=1)
    assert len(report.scenes) >= 1


def read_manifest(root: Path) -> None:
    """Use a store whose manifest is damaged."""
    store = SceneStore(root)
    store.check_taxonomy(CLASSES)
    counts = store.scene_histograms("train", CLASSES)
    assert counts.shape == (1, len(CLASSES)) and counts.dtype == np.int64
    assert np.isfinite(store.load("train", SCENE, "segment4").origin).all()
    _train(root)
    _check(root)
    assert rooms_store._scenes(root) >= 0


def read_scene_json(root: Path) -> None:
    """Sum the records of a store up."""
    read_record(root / "train" / SCENE)
    write_manifest(root, [CLASSES], source="a test")
    read_manifest(root)


def read_raw(root: Path) -> None:
    """Prepare a raw scan."""
    names = scannet.LabelMap.from_tsv(root / scannet.LABEL_MAP_FILE)
    target = root / "store" / "train" / SCENE
    prepare_scene(Job(root / "scans" / SCENE, target, labels=True), names)
    scene = SceneStore(root / "store").load("train", SCENE, "segment200").validate()
    assert all(np.isfinite(values).all() for values in scene.arrays().values())


def read_points_text(root: Path) -> None:
    """Read an object of S3DIS."""
    points = read_points(root / "chair_1.txt")
    assert len(points.coord) == len(points.color) > 0 and np.isfinite(points.coord).all()


def read_submission(root: Path) -> None:
    """Look for violations."""
    found = find_violations(
        root / "submission.zip", scannet.taxonomy("scannet20"), {"scene0000_00": 20, "scene0001_00": None}
    )
    assert all("\n" not in str(one) and str(one).isprintable() for one in found)
    if found:
        raise UserError(str(found[0]))


def read_taxonomy(root: Path) -> None:
    """Read a taxonomy and compute with it."""
    _use(Taxonomy.from_yaml(root / "taxonomy.yaml"))


def _use(taxonomy: Taxonomy) -> None:
    ids = np.array(taxonomy.ids)
    assert (taxonomy.decode(taxonomy.encode(ids)) == ids).all()
    assert Taxonomy.from_dict(taxonomy.to_dict()) == taxonomy


def _cloud(name: str, make: Callable[[Path], object], *mutations: Mutation) -> Subject:
    return Subject(lambda root: make(root / name), name, any_of(*mutations), lambda root: read_cloud_file(root / name))


def _text(make: Callable[[Path], object], targets: str, read: Callable[[Path], object], *more: Mutation) -> Subject:
    return Subject(make, targets, any_of(blind, by_words(), by_words(), *more), read)


LAS = by_fields([(24, 1), (25, 1), (94, 2), (96, 4), (100, 4), (104, 1), (105, 2), (107, 4), (131, 8), (155, 8)])
LAS_14 = by_fields(
    [(94, 2), (96, 4), (100, 4), (104, 1), (105, 2), (227, 8), (235, 8), (243, 4), (247, 8), (395, 2), (395, 2)]
)
LASZIP = by_fields([*((375 + 54 * n + at, 2) for n in (1, 2, 3) for at in range(0, 120, 2))])


def _chunk_table(data: bytes, rng: object) -> bytes:
    start = int.from_bytes(data[96:100], "little")
    table = int.from_bytes(data[start : start + 8], "little")
    return by_fields(
        [(start, 8), (table, 4), (table + 4, 4), (table + 8, 4), *((start + at, 4) for at in range(40, 100, 4))]
    )(data, rng)  # type: ignore[arg-type]


HEAD = by_words(400)
SUBJECTS: dict[str, Subject] = {
    "ply, little endian": _cloud("a.ply", lambda p: clouds.ply(p, "binary_little_endian"), blind, HEAD, HEAD),
    "ply, big endian": _cloud("a.ply", lambda p: clouds.ply(p, "binary_big_endian"), blind, HEAD, HEAD),
    "ply, ascii": _cloud("a.ply", lambda p: clouds.ply(p, "ascii"), blind, HEAD, by_words()),
    "ply, mesh": _cloud("a.ply", samples.mesh_ply, blind, HEAD, HEAD),
    "ply, lists": _cloud("a.ply", PLYS["lists of vertices"].write, blind, by_words(500), by_words(500)),
    "ply, lists before the vertices": _cloud("a.ply", PLYS["lists first"].write, blind, by_words(500), by_words(500)),
    "ply, lists in ascii": _cloud("a.ply", PLYS["lists of vertices, ascii"].write, blind, by_words(500), by_words()),
    "pcd, ascii": _cloud("a.pcd", lambda p: clouds.pcd(p, "ascii"), blind, HEAD, by_words()),
    "pcd, binary": _cloud("a.pcd", lambda p: clouds.pcd(p, "binary"), blind, HEAD, HEAD),
    "pcd, compressed": _cloud("a.pcd", samples.lzf_pcd, blind, HEAD),
    "las 1.2": _cloud("a.las", lambda p: clouds.las(p, "1.2", 3), blind, LAS, LAS),
    "las 1.4": _cloud("a.las", clouds.las, blind, LAS_14, LAS_14),
    "laz 1.2": _cloud("a.laz", lambda p: clouds.las(p, "1.2", 3), blind, LAS, _chunk_table, _chunk_table),
    "laz 1.4": _cloud("a.laz", clouds.las, blind, LAS_14, _chunk_table, _chunk_table, LASZIP),
    "e57": _cloud("a.e57", samples.e57, *E57),
    "e57, spherical": _cloud("a.e57", LASER["e57 spherical with sky"].write, *E57),
    "e57, scans that differ": _cloud("a.e57", LASER["e57 scans that differ"].write, *E57),
    "copc": _cloud("a.copc.laz", LASER["COPC"].write, blind, LAS_14, _chunk_table, LASZIP),
    "bin": _cloud("a.bin", LASER["nuScenes"].write, blind),
    "csv, decimal commas": _cloud("a.csv", TEXTS["semicolon"].write, blind, HEAD, by_words()),
    "labels beside a cloud": Subject(samples.labels_beside, "*.label*", any_of(blind, by_words()), read_labels_beside),
    "csv": _cloud("a.csv", lambda p: clouds.text(p, ",", "x,y,z,red,green,blue,intensity"), blind, HEAD, by_words()),
    "txt": _cloud("a.txt", lambda p: clouds.text(p, " ", None), blind, by_words()),
    "npy": _cloud("a.npy", lambda p: clouds.npy(p, False), blind, by_npy, by_npy),
    "npy, records": _cloud("a.npy", lambda p: clouds.npy(p, True), blind, by_npy, by_npy),
    "npz": _cloud("a.npz", clouds.npz, blind, by_zip(any_of(blind, by_npy)), by_zip(by_npy)),
    "raw scan, ply": Subject(samples.raw_folder, "scans/*/*.ply", any_of(blind, HEAD, HEAD), read_raw),
    "raw scan, json": Subject(samples.raw_folder, "scans/*/*.json", any_of(blind, by_json, by_json), read_raw),
    "raw scan, txt": _text(samples.raw_folder, "scans/*/*.txt", read_raw),
    "S3DIS txt": _text(samples.s3dis_text, "*.txt", read_points_text),
    "label table": _text(samples.label_table, "*.tsv", lambda root: scannet.LabelMap.from_tsv(root / scannet.LABEL_MAP_FILE)),
    "split lists": _text(samples.split_lists, "*.json", lambda root: lists.split_lists(None, root / "splits.json"), by_json),
    "taxonomy yaml": _text(samples.taxonomy_yaml, "*.yaml", read_taxonomy, by_yaml),
    "classes.json": _text(samples.legend, "*.json", lambda root: _use(read_legend(root / "classes.json")), by_json, by_json),
    "store, arrays": Subject(samples.store, "train/*/*.npy", any_of(blind, by_npy, by_npy), read_store_arrays),
    "manifest.json": Subject(samples.store, "manifest.json", any_of(blind, by_words(), by_json, by_json), read_manifest),
    "scene.json": Subject(samples.store, "train/*/scene.json", any_of(blind, by_words(), by_json, by_json), read_scene_json),
    "rooms.json": _text(samples.rooms_json, "*.json", lambda root: generate._claim(root, dict(samples.ROOMS), False), by_json),
    "submission zip": Subject(samples.submission, "*.zip", any_of(blind, by_zip(any_of(blind, by_words())), by_zip(by_words())), read_submission),
}  # fmt: skip
"""Name, as the table has it, to what is done. Further formats are added here: nothing else knows them."""


def fill(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder again with these files."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
