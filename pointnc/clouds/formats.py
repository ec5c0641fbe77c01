"""Which format a file has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pointnc.clouds.arrays import NpyFile, NpzFile
from pointnc.clouds.cloud import CloudFile, PointCloud, check_columns
from pointnc.clouds.e57 import E57File
from pointnc.clouds.las import LasFile
from pointnc.clouds.pcd import PcdFile
from pointnc.clouds.ply import PlyFile
from pointnc.clouds.raw_scan import RawScan
from pointnc.clouds.stored_scene import StoreScene
from pointnc.clouds.text import TextFile
from pointnc.errors import UserError

SUFFIXES: dict[str, type[CloudFile]] = {
    ".ply": PlyFile,
    ".pcd": PcdFile,
    ".las": LasFile,
    ".laz": LasFile,
    ".e57": E57File,
    ".xyz": TextFile,
    ".txt": TextFile,
    ".csv": TextFile,
    ".asc": TextFile,
    ".pts": TextFile,
    ".xyzn": TextFile,
    ".xyzrgb": TextFile,
    ".npy": NpyFile,
    ".npz": NpzFile,
    ".bin": RawScan,
}
"""Suffix, in lower case, to what reads it."""


def open_cloud(path: str | Path, columns: Sequence[str] = ()) -> CloudFile:
    """Open a point cloud: a file of a known suffix, or the folder of a store's scene.

    Args:
        path: of it.
        columns: what the columns of a table (text, or npy without names) are; nothing: its first line or a guess.

    Raises:
        UserError: it is missing, empty, damaged, or of an unknown format.
    """
    path = Path(path)
    if path.is_dir():
        return StoreScene(path)
    if not path.exists():
        raise UserError(f"{path} does not exist", code="missing-file")
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UserError(
            f"{path}: unknown format {path.suffix or 'without a suffix'}; known are {', '.join(SUFFIXES)}",
            code="wrong-format",
        )
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes)", code="empty-file")
    cloud = kind(path, columns) if issubclass(kind, TextFile | NpyFile | RawScan) else kind(path)
    check_columns(cloud.names(), path)
    return cloud


def read_cloud(path: str | Path) -> PointCloud:
    """Return all points of a file.

    Raises:
        UserError: see :func:`open_cloud`; or it has no points.
    """
    cloud = open_cloud(path)
    if len(cloud) == 0:
        raise UserError(f"{path} has no points", code="no-points")
    return cloud.read()
