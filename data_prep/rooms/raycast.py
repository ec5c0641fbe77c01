"""Rays against the surfaces of a room: what is hit first, how far away, at which angle."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.ray_tree import RayTree
from data_prep.rooms.room import Room


@dataclass(frozen=True)
class Hits:
    """What R rays hit first.

    Attributes:
        distance: (R,) float32, in lengths of the ray's direction; infinite where nothing is hit.
        face: (R,) int32 face of the surface, -1 where nothing is hit.
    """

    distance: NDArray[np.float32]
    face: NDArray[np.int32]


class RoomSurface:
    """All F triangles of a room in a search tree: Embree's, or our own where Embree is not installed.

    Attributes:
        object: (F,) int16 index in ``Room.objects`` of each face.
        color: (F, 3) uint8 RGB.
        normal: (F, 3) float32 outward unit normals.
    """

    def __init__(self, room: Room) -> None:
        meshes = [item.mesh for item in room.objects]
        corners = np.concatenate([mesh.vertices[mesh.faces] for mesh in meshes])
        self.object: NDArray[np.int16] = np.repeat(
            np.arange(len(meshes), dtype=np.int16), [len(mesh.faces) for mesh in meshes]
        )
        self.color: NDArray[np.uint8] = np.concatenate([mesh.color for mesh in meshes])
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(cross, axis=1, keepdims=True)
        self.normal: NDArray[np.float32] = (cross / np.maximum(area, 1e-12)).astype(np.float32)
        corners = corners.astype(np.float32)
        self._tree = _Embree(corners) if find_spec("embreex") else RayTree(corners)

    def cast(self, origin: NDArray[np.float32], direction: NDArray[np.float32]) -> Hits:
        """Follow R rays to the first surface.

        Args:
            origin: (R, 3) or (3,) start of each ray, meters.
            direction: (R, 3), of any length.
        """
        direction = np.ascontiguousarray(direction, np.float32)
        origin = np.ascontiguousarray(np.broadcast_to(origin, direction.shape), np.float32)
        return Hits(*self._tree.first_hits(origin, direction))


class _Embree:
    """:class:`RayTree` by Embree, several times as quick; it has no wheel for Linux on aarch64."""

    def __init__(self, corners: NDArray[np.float32]) -> None:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        # Robust: rays must not slip through the edge between two triangles.
        self._scene = EmbreeScene(robust=True)
        TriangleMesh(self._scene, corners)

    def first_hits(
        self, origin: NDArray[np.float32], direction: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        # Embree's tracer keeps the first hit only; "output" makes it return distances and faces together.
        found = self._scene.run(origin, direction, output=True)
        return np.where(found["primID"] < 0, np.float32(np.inf), found["tfar"]), found["primID"]
