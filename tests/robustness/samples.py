"""Small intact files of every kind that somebody else may give, each made in milliseconds."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from data_prep.scannet.raw import write_scan
from pointnc.benchmarks import scannet
from pointnc.clouds.lzf import compress, decompress
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scenes.writing import write_manifest, write_scene
from tests.clouds import test_formats as clouds
from tests.helpers.synthetic import raw_scan, write_label_map

CLASSES = Taxonomy.from_dict({"name": "four", "segment": "segment4", "names": ["wall", "floor", "chair", "lamp"]})
SCENE = "scene0000_00"
POINTS = 40
ROOMS = {"version": 1, "seed": 0, "scanner": {"poses": 3, "voxel_size": 0.05}}


def mesh_ply(path: Path) -> None:
    """A mesh as ScanNet has it, with triangles alone."""
    scan = raw_scan(SCENE, seed=0, spacing=0.4)
    write_scan(scan, path.parent / SCENE)
    (path.parent / SCENE / f"{SCENE}_vh_clean_2.ply").rename(path)


def e57(path: Path) -> None:
    """One scan with colors and a pose."""
    import pye57

    columns = clouds.values(utm=False)
    data = {f"cartesian{axis.upper()}": columns[axis] for axis in "xyz"}
    data |= {f"color{name.title()}": columns[name] for name in ("red", "green", "blue")}
    with pye57.E57(str(path), mode="w") as file:
        file.write_scan_raw(data, translation=np.array([1.0, 0, 0]))


def labels_beside(root: Path) -> None:
    """Labels as a text, and as raw numbers."""
    np.savetxt(root / "a.labels", np.arange(40) % 5, "%d")
    (np.arange(40, dtype="<u4") % 5 | 0x30000).astype("<u4").tofile(root / "b.label")


def lzf_pcd(path: Path) -> None:
    """A compressed pcd whose data repeat themselves, as real ones do."""
    clouds.pcd(path, "binary_compressed")
    head, _, body = path.read_bytes().partition(b"binary_compressed\n")
    size = int.from_bytes(body[4:8], "little")
    raw = decompress(body[8:], size)[: size // 2] + b"\0"
    packed, left = compress(raw), size - len(raw)
    while left:
        length = min(left, 264)
        if length >= 9:
            packed += bytes([7 << 5, length - 9, 0])  # so many bytes from one byte back
        else:
            packed += bytes([length - 1]) + bytes(length)
        left -= length
    path.write_bytes(head + b"binary_compressed\n" + np.array([len(packed), size], "<u4").tobytes() + packed)


def raw_folder(root: Path) -> None:
    """A raw ScanNet folder with one scan and the label table."""
    write_scan(raw_scan(SCENE, seed=0, spacing=0.4), root / "scans" / SCENE, {"sceneType": "Office"})
    (root / "scannetv2_train.txt").write_text(f"{SCENE}\n")
    write_label_map(root / scannet.LABEL_MAP_FILE)


def label_table(root: Path) -> None:
    """The table alone."""
    write_label_map(root / scannet.LABEL_MAP_FILE)


def s3dis_text(root: Path) -> None:
    """An object of an S3DIS room, one of its lines damaged."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.uniform(-9, 9, (30, 3)).round(3), rng.integers(0, 256, (30, 3))])
    lines = [" ".join(f"{value:g}" for value in row) for row in rows]
    (root / "chair_1.txt").write_text("\n".join([*lines, "1 2 3 4 5\x106"]) + "\n")


def split_lists(root: Path) -> None:
    """Splits of one's own."""
    (root / "splits.json").write_text(json.dumps({"train": ["scene0000_00"], "val": ["scene0001_00"]}))


def taxonomy_yaml(root: Path) -> None:
    """Classes one by one, as ``data_prep.taxonomy`` writes them."""
    rows = [f"  - {{id: {n}, name: {name}, color: [{n}, 2, 3], group: head}}" for n, name in enumerate(CLASSES.names)]
    (root / "taxonomy.yaml").write_text(
        "\n".join(["name: four", "segment: segment4", "train_only: [3]", "classes:", *rows]) + "\n"
    )


def legend(root: Path) -> None:
    """``classes.json``."""
    names = enumerate(CLASSES.names)
    (root / "classes.json").write_text(json.dumps({str(n): {"name": name, "color": [n, 2, 3]} for n, name in names}))


def store(root: Path) -> None:
    """A store of one scene for each split."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        labels = rng.integers(-1, len(CLASSES), POINTS)
        arrays = {
            "coord": rng.uniform(0, 2, (POINTS, 3)),
            "color": rng.integers(0, 256, (POINTS, 3)),
            "normal": np.tile([0, 0, 1.0], (POINTS, 1)),
            "strength": rng.random((POINTS, 1)),
            "segment4": labels,
            "instance": labels,
        }
        counts = np.bincount(labels + 1, minlength=len(CLASSES) + 1)[1:].tolist()
        record = {"points": POINTS, "histogram": {"segment4": counts}, "origin": [1.0, 2, 3]}
        write_scene(root / split / SCENE, arrays, record)
    write_manifest(root, [CLASSES], source="a test")


def submission(root: Path) -> None:
    """A zip of two scenes."""
    with zipfile.ZipFile(root / "submission.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("scene0000_00", "scene0001_00"):
            archive.writestr(f"{name}.txt", "\n".join(["1"] * 10 + ["3"] * 10) + "\n")


def rooms_json(root: Path) -> None:
    """What ``data_prep.rooms`` leaves of its settings."""
    (root / "rooms.json").write_text(json.dumps(ROOMS))
