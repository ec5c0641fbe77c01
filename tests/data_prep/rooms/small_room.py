"""A room of boxes that is small enough to reason about: 3 x 2.4 x 2.2 m, a table with a box on it, a picture."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.room import PlacedObject, Room
from data_prep.rooms.shapes import Mesh, box, join

SIZE = (3.0, 2.4, 2.2)
TABLE_HEIGHT = 0.7


def block(low: tuple[float, float, float], high: tuple[float, float, float], color: tuple[int, int, int]) -> Mesh:
    size = np.subtract(high, low)
    middle = np.add(low, high) / 2
    return box(size, color, at=(middle[0], middle[1], low[2]))


def structure() -> list[PlacedObject]:
    x, y, z = SIZE
    t = 0.1
    parts = [
        ("floor", block((-t, -t, -t), (x + t, y + t, 0), (150, 110, 70))),
        ("ceiling", block((-t, -t, z), (x + t, y + t, z + t), (230, 230, 230))),
        ("wall", block((-t, 0, 0), (0, y, z), (200, 195, 180))),
        ("wall", block((x, 0, 0), (x + t, y, z), (200, 195, 180))),
        ("wall", block((0, -t, 0), (x, 0, z), (200, 195, 180))),
        ("wall", block((0, y, 0), (x, y + t, z), (200, 195, 180))),
    ]
    return [PlacedObject(label, mesh, None, "structure") for label, mesh in parts]


def empty_room(name: str = "scene0000_00") -> Room:
    return Room(name, "office", SIZE, tuple(structure()))


def small_room(name: str = "scene0000_00") -> Room:
    top = block((1.0, 0.9, 0.6), (2.0, 1.6, TABLE_HEIGHT), (120, 70, 30))
    leg = block((1.4, 1.15, 0), (1.6, 1.35, 0.6), (120, 70, 30))
    objects = [
        *structure(),
        PlacedObject("table", join(top, leg), 0, "floor"),
        PlacedObject("box", block((1.3, 1.1, 0.7), (1.6, 1.4, 0.95), (40, 90, 160)), 6, "top"),
        PlacedObject("picture", block((1.0, 2.36, 1.1), (1.9, 2.4, 1.7), (200, 40, 40)), 5, "wall"),
    ]
    return Room(name, "office", SIZE, tuple(objects))


def surface_samples(room: Room, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points spread evenly over all surfaces, their outward normals and the numbers of their objects."""
    corner = np.concatenate([item.mesh.vertices[item.mesh.faces] for item in room.objects])
    owner = np.repeat(np.arange(len(room.objects)), [len(item.mesh.faces) for item in room.objects])
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(cross, axis=1)
    face = rng.choice(len(area), count, p=area / area.sum())
    weight = rng.dirichlet((1, 1, 1), count)
    point = np.einsum("nc,ncd->nd", weight, corner[face])
    return point, cross[face] / area[face, None], owner[face]
