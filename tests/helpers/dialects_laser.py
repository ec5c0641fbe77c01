"""The room of ``dialects.py`` as scanners write it: e57, las, laz, raw scans."""

from __future__ import annotations

import struct
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.helpers.dialects import COLOR, COORD, COUNT, LABEL, STRENGTH, Case, Write

SKY = tuple(range(0, COUNT, 4))
"""Rows of which no light came back."""

TURN = np.array([0.8, 0.0, 0.0, 0.6])  # about z, as a quaternion w x y z
SHIFT = np.array([100.0, 50.0, 3.0])

Fields = dict[str, tuple[Any, NDArray[Any]]]
"""Name to (least, greatest) for whole numbers, or None for floating point; and values."""


def matrix() -> NDArray[np.float64]:
    w, z = TURN[0], TURN[3]
    return np.array([[1 - 2 * z * z, -2 * w * z, 0], [2 * w * z, 1 - 2 * z * z, 0], [0, 0, 1.0]])


def xyz(coord: NDArray[np.float64]) -> Fields:
    return {f"cartesian{axis}": (None, coord[:, i]) for i, axis in enumerate("XYZ")}


def spherical(coord: NDArray[np.float64]) -> Fields:
    distance = np.linalg.norm(coord, axis=1)
    azimuth, elevation = np.arctan2(coord[:, 1], coord[:, 0]), np.arcsin(coord[:, 2] / distance)
    names = ("Range", "Azimuth", "Elevation")
    return {f"spherical{name}": (None, values) for name, values in zip(names, (distance, azimuth, elevation))}


def rgb(most: int = 255, rows: slice = slice(None)) -> Fields:
    factor = most // 255
    names = ("Red", "Green", "Blue")
    return {f"color{name}": ((0, most), COLOR[rows, i].astype(int) * factor) for i, name in enumerate(names)}


def e57(*scans: Fields, pose: bool = False) -> Write:
    def write(path: Path) -> None:
        import pye57

        library = pye57.libe57
        with pye57.E57(str(path), mode="w") as file:
            image = file.image_file
            if any(":" in name for fields in scans for name in fields):
                image.extensionsAdd("nor", "http://www.libe57.org/E57_NOR_surface_normals.txt")
            for fields in scans:
                scan = library.StructureNode(image)
                scan.set("guid", library.StringNode(image, f"{{{uuid.uuid4()}}}"))
                if pose:
                    where, turn, shift = (library.StructureNode(image) for _ in range(3))
                    for name, value in zip("wxyz", TURN):
                        turn.set(name, library.FloatNode(image, value))
                    for name, value in zip("xyz", SHIFT):
                        shift.set(name, library.FloatNode(image, value))
                    where.set("rotation", turn)
                    where.set("translation", shift)
                    scan.set("pose", where)
                prototype = library.StructureNode(image)
                for name, (limits, _) in fields.items():
                    node = (
                        library.FloatNode(image, 0.0, library.E57_DOUBLE, -1e9, 1e9)
                        if limits is None
                        else library.IntegerNode(image, limits[0], *limits)
                    )
                    prototype.set(name, node)
                vector = library.VectorNode(image, True)
                points = library.CompressedVectorNode(image, prototype, vector)
                scan.set("points", points)
                file.data3d.append(scan)
                buffers = library.VectorSourceDestBuffer()
                kept = {}
                for name, (limits, values) in fields.items():
                    kept[name] = np.ascontiguousarray(values, "d" if limits is None else "q")
                    count = len(kept[name])
                    buffers.append(library.SourceDestBuffer(image, name, kept[name], count, True, True))
                writer = points.writer(buffers)
                writer.write(len(next(iter(kept.values()))))
                writer.close()

    return write


def invalid(name: str) -> Fields:
    return {name: ((0, 2), np.isin(np.arange(COUNT), SKY) * 2)}


def at_scanner() -> NDArray[np.float64]:
    coord = COORD.copy()
    coord[list(SKY)] = 0
    return coord


def halves() -> tuple[Fields, Fields]:
    """Two scans, the second with colors of 16 bits, and with intensities that the first lacks."""
    half = COUNT // 2
    first = {**xyz(COORD[:half]), **rgb(rows=slice(half)), "classification": ((0, 9), LABEL[:half])}
    second = {**xyz(COORD[half:]), **rgb(65535, slice(half, None)), "classification": ((0, 9), LABEL[half:])}
    return first, {**second, "intensity": (None, STRENGTH[half:])}


CLASS: Fields = {"classification": ((0, 9), LABEL)}
NORMALS: Fields = {f"nor:normal{axis}": (None, np.full(COUNT, float(axis == "Z"))) for axis in "XYZ"}


def las(version: str, form: int, bits: int = 16, withheld: tuple[int, ...] = (), copc: bool = False) -> Write:
    def write(path: Path) -> None:
        import laspy

        header = laspy.LasHeader(version=version, point_format=form)
        header.offsets, header.scales = [500_000, 0, 0], np.full(3, 0.001)
        if copc:
            header.vlrs.append(laspy.VLR("copc", 1, "copc info", b"\0" * 160))
        data = laspy.LasData(header)
        data.x, data.y, data.z = COORD.T
        for i, name in enumerate(("red", "green", "blue")):
            data[name] = COLOR[:, i].astype(np.uint16) * (257 if bits == 16 else 1)
        data.classification = LABEL
        data.withheld = np.isin(np.arange(COUNT), withheld)
        if not copc:
            data.write(str(path))
            return
        import io

        stream = io.BytesIO()
        with laspy.LasWriter(stream, header, do_compress=True, closefd=False) as writer:
            writer.write_points(data.points)
        path.write_bytes(with_octree(bytearray(stream.getvalue())))

    return write


def with_octree(raw: bytearray) -> bytes:
    """Make a laz file a COPC one of a single node: what the specification 1.0 asks for."""
    start = struct.unpack_from("<I", raw, 96)[0]
    (table,) = struct.unpack_from("<q", raw, start)
    assert raw[377:381] == b"copc"
    struct.pack_into("<5dQQ2d", raw, 429, 3, 3, 3, 2.5, 0.1, len(raw) + 60, 32, 0, 0)
    entry = struct.pack("<4iQii", 0, 0, 0, 0, start + 8, table - start - 8, COUNT)
    struct.pack_into("<QI", raw, 235, len(raw), 1)
    return bytes(raw) + struct.pack("<H16sHQ32s", 0, b"copc", 1000, len(entry), b"EPT Hierarchy") + entry


def raw(*parts: NDArray[Any]) -> Write:
    return lambda path: path.write_bytes(np.column_stack([COORD, *parts]).astype("<f4").tobytes()) and None


RING = np.arange(COUNT) % 32

LASER = {
    "e57 with sky": Case(
        ".e57",
        e57({**xyz(at_scanner()), **rgb(), **CLASS, **invalid("cartesianInvalidState")}),
        label="classification",
        lost=SKY,
        copy=".ply",
    ),
    "e57 spherical": Case(".e57", e57({**spherical(COORD), **rgb(), **CLASS}), label="classification", copy=".ply"),
    "e57 spherical with sky": Case(
        ".e57", e57({**spherical(COORD), **rgb(), **invalid("sphericalInvalidState")}), lost=SKY, copy=".ply"
    ),
    "e57 of 16 bits": Case(".e57", e57({**xyz(COORD), **rgb(65535), **NORMALS}), copy=".ply"),
    "e57 scans that differ": Case(".e57", e57(*halves()), label="classification", copy=".ply"),
    "e57 with pose": Case(
        ".e57",
        e57({**xyz((COORD - SHIFT) @ matrix()), **rgb(), **CLASS}, pose=True),
        label="classification",
        copy=".ply",
    ),
    "las 1.2": Case(".las", las("1.2", 3), label="classification"),
    "las of 8 bits": Case(".las", las("1.4", 7, bits=8), label="classification"),
    "las withheld": Case(".las", las("1.4", 8, withheld=(2, 9)), label="classification", lost=(2, 9)),
    "laz": Case(".laz", las("1.4", 7), label="classification"),
    "COPC": Case(".copc.laz", las("1.4", 7, copc=True), label="classification", copy=".laz"),
    "KITTI": Case(".bin", raw(STRENGTH), color=False, copy=".ply"),
    "nuScenes": Case(".pcd.bin", raw(COLOR[:, 0], RING), color=False, copy=".ply"),
    "nuScenes renamed": Case(".bin", raw(COLOR[:, 0] - 0.0, RING), color=False, copy=".ply"),
}
