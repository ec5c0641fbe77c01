"""Small raw scans with known labels, made in milliseconds: a floor, walls, and boxes of furniture."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from data_prep.scannet.raw import RawObject, RawScan, write_scan
from pointnc.benchmarks.scannet import LABEL_MAP_FILE

# raw name, ScanNet200 id, NYU40 id, color; the last one is not in ScanNet20.
CLASSES = (
    ("wall", 1, 1, (220, 215, 200)),
    ("floor", 3, 2, (140, 100, 70)),
    ("table", 4, 7, (160, 120, 60)),
    ("bed", 11, 4, (90, 110, 190)),
    ("office chair", 10, 5, (40, 40, 45)),
    ("tissue box", 230, 40, (200, 60, 50)),
)


def sheet(origin: tuple, along: tuple, across: tuple, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """A rectangular mesh; its normal is along × across."""
    origin, along, across = (np.array(v, float) for v in (origin, along, across))
    u = np.arange(int(np.linalg.norm(along) / spacing) + 1) * spacing / np.linalg.norm(along)
    v = np.arange(int(np.linalg.norm(across) / spacing) + 1) * spacing / np.linalg.norm(across)
    coord = (origin + u[:, None, None] * along + v[None, :, None] * across).reshape(-1, 3)
    corner = (np.arange(len(u) - 1)[:, None] * len(v) + np.arange(len(v) - 1)).ravel()
    right = corner + len(v)
    faces = np.concatenate([np.stack([corner, right, right + 1], 1), np.stack([corner, right + 1, corner + 1], 1)])
    return coord, faces


def raw_scan(name: str, seed: int, spacing: float = 0.08) -> RawScan:
    """A room of 2.4 × 2 m with boxes; over-segment 100 i + j is the j-th sheet of object i."""
    rng = np.random.default_rng(seed)
    sheets: list[tuple[int, tuple[np.ndarray, np.ndarray]]] = [
        (1, sheet((0, 0, 0), (2.4, 0, 0), (0, 2, 0), spacing)),
        (0, sheet((0, 0, 0), (0, 2, 0), (0, 0, 1.6), spacing)),
        (0, sheet((0, 0, 0), (0, 0, 1.6), (2.4, 0, 0), spacing)),
    ]
    for kind in (2, 3, 4, 5):
        x, y = rng.uniform(0.2, 1.6), rng.uniform(0.2, 1.3)
        w, d, h = rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.6), (0.9, 0.3, 0.5, 0.15)[kind - 2]
        sheets.append((kind, sheet((x, y, h), (w, 0, 0), (0, d, 0), spacing)))
        sheets.append((kind, sheet((x, y, 0), (w, 0, 0), (0, 0, h), spacing)))
    coords, faces, colors, segments = [], [], [], []
    start = 0
    members: dict[int, list[int]] = {}
    for number, (kind, (coord, triangles)) in enumerate(sheets):
        coords.append(coord + rng.normal(0, 0.002, coord.shape))
        faces.append(triangles + start)
        colors.append(np.clip(np.array(CLASSES[kind][3]) + rng.normal(0, 12, (len(coord), 3)), 0, 255))
        segments.append(np.full(len(coord), 100 * kind + number))
        members.setdefault(kind, []).append(100 * kind + number)
        start += len(coord)
    angle = rng.uniform(0.2, 1.2)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    shift = np.array([3.0, -2.0, 0.5])
    alignment = np.eye(4)
    alignment[:3, :3], alignment[:3, 3] = turn.T, -turn.T @ shift
    segment_ids = np.concatenate(segments).astype(np.int32)
    nyu40 = np.array([c[2] for c in CLASSES])[segment_ids // 100]
    return RawScan(
        name=name,
        coord=(np.concatenate(coords) @ turn.T + shift).astype(np.float32),
        color=np.concatenate(colors).astype(np.uint8),
        faces=np.concatenate(faces).astype(np.int32),
        axis_alignment=alignment,
        segment_ids=segment_ids,
        objects=tuple(RawObject(CLASSES[kind][0], tuple(ids)) for kind, ids in members.items()),
        nyu40=nyu40,
    )


def write_label_map(path: Path, names: tuple = CLASSES) -> None:
    """The benchmark's table, with the rows that the scans need."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(["id", "raw_category", "category", "count", "nyu40id", "nyu40class"])
        for name, fine, coarse, _ in names:
            writer.writerow([fine, name, name, 1, coarse, name])


def write_raw_root(root: Path, train: int = 4, val: int = 2, test: int = 0) -> Path:
    """A raw ScanNet root with split lists of its own."""
    number = 0
    for split, count in (("train", train), ("val", val), ("test", test)):
        names = [f"scene{number + i:04d}_00" for i in range(count)]
        for i, name in enumerate(names):
            scan = raw_scan(name, seed=number + i)
            write_scan(scan, root / ("scans_test" if split == "test" else "scans") / name, {"sceneType": "Office"})
        number += count
        (root / f"scannetv2_{split}.txt").write_text("\n".join(names) + "\n")
    write_label_map(root / LABEL_MAP_FILE)
    return root
