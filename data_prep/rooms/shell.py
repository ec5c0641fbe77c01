"""The bare room: floor, ceiling and four walls as single-sided sheets that look into the room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.recipes.palette import any_of, cardboard, ceramic, colorful, metal, muted, white, wood
from data_prep.rooms.room import PlacedObject
from data_prep.rooms.shapes import Color, Mesh

Rng = np.random.Generator
FLOOR, CEILING, WALL = 0, 1, 2
"""Index in ``Room.objects`` of the floor, the ceiling and the first of the four walls."""


def wall_length(wall: NDArray[np.int64], size: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the length in meters of walls by number: 0 at y = 0, then counter-clockwise seen from above."""
    return np.where(wall % 2 == 0, size[0], size[1])


def wall_pose(
    wall: NDArray[np.int64], along: NDArray[np.float64], gap: NDArray[np.float64], size: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return (K, 4) poses on the floor with the back to a wall.

    Args:
        wall: (K,) walls by number.
        along: (K,) meters along the wall from its end of lower x or y.
        gap: (K,) meters between the wall and the back.
        size: extent of the room.
    """
    pose = np.zeros((len(wall), 4))
    far = np.where(wall == 1, size[0], size[1]) - gap
    across = np.where((wall == 0) | (wall == 3), gap, far)
    level = wall % 2 == 0
    pose[:, 0] = np.where(level, along, across)
    pose[:, 1] = np.where(level, across, along)
    pose[:, 3] = wall * (np.pi / 2)
    return pose


def make_shell(size: tuple[float, float, float], rng: Rng) -> list[PlacedObject]:
    """Return floor, ceiling and the four walls of a room of ``size``."""
    x, y, z = size
    paint = any_of(white, white, white, muted)(rng)
    accent = any_of(muted, colorful, white)(rng) if rng.random() < 0.3 else paint
    chosen = rng.integers(4)
    made = [
        PlacedObject("floor", _floor(x, y, rng), None, "structure"),
        PlacedObject("ceiling", _sheet((0, 0, z), (0, y, 0), (x, 0, 0), white(rng), 3, rng), None, "structure"),
    ]
    edges = [((0, 0, 0), (x, 0, 0)), ((x, 0, 0), (0, y, 0)), ((x, y, 0), (-x, 0, 0)), ((0, y, 0), (0, -y, 0))]
    for index, (start, along) in enumerate(edges):
        color = accent if index == chosen else paint
        # Upwards first: the face then looks to the left of the way round, which is into the room.
        mesh = _sheet(start, (0, 0, z), along, color, 3, rng)
        made.append(PlacedObject("wall", mesh, None, "structure"))
    return made


def _floor(x: float, y: float, rng: Rng) -> Mesh:
    """Return a floor of planks, tiles or carpet."""
    kind = rng.integers(3)
    along, across, color, spread = (
        (1.2, 0.14, wood(rng), 7.0),
        (0.33, 0.33, any_of(ceramic, metal, cardboard)(rng), 4.0),
        (0.25, 0.25, any_of(muted, metal)(rng), 3.0),
    )[kind]
    return _sheet((0, 0, 0), (x, 0, 0), (0, y, 0), color, spread, rng, (along, across))


def _sheet(
    start: tuple[float, float, float],
    first: tuple[float, float, float],
    second: tuple[float, float, float],
    color: Color,
    spread: float,
    rng: Rng,
    cell: tuple[float, float] = (0.4, 0.4),
) -> Mesh:
    """Return a parallelogram of colored cells that looks along ``first`` x ``second``.

    Args:
        start: its corner, meters.
        first: one edge, meters.
        second: the other edge.
        color: RGB.
        spread: standard deviation of a cell's brightness, of 255; stains across several cells come on top.
        rng: source of chance.
        cell: size of a cell along both edges, meters.
    """
    one, two = np.array(first, np.float64), np.array(second, np.float64)
    columns = max(2, round(np.linalg.norm(one) / cell[0]))
    rows = max(2, round(np.linalg.norm(two) / cell[1]))
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    vertices = np.array(start) + u.reshape(-1, 1) * one + v.reshape(-1, 1) * two
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    a, b, c, d = corner, corner + 1, corner + columns + 2, corner + columns + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    wave = rng.uniform(-2, 2, (2, 3))
    phase = wave[:, 0, None, None] + wave[:, 1, None, None] * u[:-1, :-1] + wave[:, 2, None, None] * v[:-1, :-1]
    shade = 3 * np.sin(2 * np.pi * phase).sum(axis=0).ravel() + rng.normal(0, spread, rows * columns)
    rgb = np.clip(np.array(color) + shade[:, None], 0, 255).astype(np.uint8)
    return Mesh(vertices, faces, np.tile(rgb, (2, 1)))
