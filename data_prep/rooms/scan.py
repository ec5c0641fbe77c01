"""A room to the raw scan that a depth camera and ScanNet's annotators would have made of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.fusion import fuse
from data_prep.rooms.meshing import compact, extract
from data_prep.rooms.painting import paint
from data_prep.rooms.recipes import nyu40
from data_prep.rooms.room import Room
from data_prep.rooms.scanner import Frames, Scanner, record
from data_prep.rooms.segments import over_segment
from data_prep.scannet.raw import RawObject, RawScan
from pointnc.scenes.mesh import vertex_normals

SMALLEST_PIECE = 30
"""Vertices below which a piece of mesh without connection is taken for noise."""


def scan_room(room: Room, rng: np.random.Generator, scanner: Scanner | None = None) -> RawScan:
    """Scan a room: walk through it with a depth camera, fuse the frames to a mesh, annotate the mesh.

    Args:
        room: the room.
        rng: source of chance.
        scanner: the settings; the default ones without.

    Returns:
        The scan in the scanner's frame: the room's, turned about the vertical and shifted. ``axis_alignment``
        leads back into the room's frame.
    """
    scanner = scanner or Scanner()
    frames = record(room, scanner, rng)
    vertices, faces, color, objects = reconstruct(frames, scanner.voxel_size)
    segments = over_segment(vertex_normals(vertices, faces), faces, objects)
    alignment = _alignment(room, rng)
    coord = (vertices - alignment[:3, 3]) @ alignment[:3, :3]
    return RawScan(
        name=room.name,
        coord=coord.astype(np.float32),
        color=color,
        faces=faces,
        axis_alignment=alignment,
        segment_ids=segments,
        objects=_annotate(room, objects, segments),
        nyu40=_nyu40_ids(room, objects),
    )


def reconstruct(
    frames: Frames, voxel_size: float
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.int16]]:
    """Fuse frames to a colored mesh with N vertices.

    Vertices that no frame confirms, such as the far side of a truncation band, are dropped.

    Args:
        frames: the frames.
        voxel_size: edge of the fusion's voxels in meters.

    Returns:
        vertices (N, 3) in meters, faces (F, 3), color (N, 3), and the object of each vertex (N,), -1 for none.
    """
    vertices, faces = extract(fuse(frames, voxel_size))
    painted = paint(vertices, vertex_normals(vertices, faces), frames, voxel_size)
    kept, faces = compact(faces, painted.views > 0, SMALLEST_PIECE)
    return vertices[kept], faces, painted.color[kept], painted.object[kept]


def _annotate(room: Room, objects: NDArray[np.int16], segments: NDArray[np.int32]) -> tuple[RawObject, ...]:
    """Return one annotated object for every object of the room that was seen."""
    segment, first = np.unique(segments, return_index=True)
    owner = objects[first]
    return tuple(
        RawObject(item.label, tuple(segment[owner == index].tolist()))
        for index, item in enumerate(room.objects)
        if (owner == index).any()
    )


def _nyu40_ids(room: Room, objects: NDArray[np.int16]) -> NDArray[np.uint16]:
    """Return (N,) NYU40 ids, 0 for a vertex without an object."""
    ids = nyu40()
    # The last entry is what -1 picks.
    table = np.array([*(ids.get(item.label, 0) for item in room.objects), 0], np.uint16)
    return table[objects]


def _alignment(room: Room, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the (4, 4) transform from a random scanner's frame into the room's, with the digits that are written."""
    # Never nearly along the axes: who forgets to align shall notice.
    angle = np.pi / 2 * rng.integers(4) + rng.uniform(0.35, np.pi / 2 - 0.35)
    start = np.array([*room.size[:2], 0]) * rng.uniform(0.2, 0.8, 3) + (0, 0, rng.uniform(-0.1, 0.1))
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = start
    return matrix.round(6)
