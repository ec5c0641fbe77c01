"""Triangle meshes and the few solids that furniture is composed of.

Every solid is closed, its triangles run counter-clockwise seen from outside, and ``at`` is the center of its base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Mesh:
    """A colored triangle mesh with V vertices and F faces.

    Attributes:
        vertices: (V, 3) float64, meters, z up.
        faces: (F, 3) int32 vertex indices, counter-clockwise seen from outside.
        color: (F, 3) uint8 RGB of each face.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    color: NDArray[np.uint8]

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """(2, 3) lowest and highest coordinates, meters."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    @property
    def volume(self) -> float:
        """Signed volume in cubic meters: positive for a closed mesh whose faces look outwards."""
        a, b, c = np.moveaxis(self.vertices[self.faces], 1, 0)
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> Mesh:
        """Return the mesh shifted by meters."""
        return Mesh(self.vertices + np.array((x, y, z)), self.faces, self.color)

    def turned(self, angle: float, axis: str = "z") -> Mesh:
        """Return the mesh rotated by ``angle`` radians about the x, y or z axis through the origin."""
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        vertices = self.vertices.copy()
        cos, sin = np.cos(angle), np.sin(angle)
        vertices[:, i] = cos * self.vertices[:, i] - sin * self.vertices[:, j]
        vertices[:, j] = sin * self.vertices[:, i] + cos * self.vertices[:, j]
        return Mesh(vertices, self.faces, self.color)


def join(*meshes: Mesh) -> Mesh:
    """Return one mesh of several."""
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + np.int32(offset) for mesh, offset in zip(meshes, offsets)]),
        np.concatenate([mesh.color for mesh in meshes]),
    )


def paint(color: ArrayLike, faces: int) -> NDArray[np.uint8]:
    """Return (faces, 3) uint8 of one RGB color (0-255), or of one color for each face."""
    rgb = np.clip(np.asarray(color, np.float64), 0, 255).astype(np.uint8)
    return np.broadcast_to(rgb, (faces, 3))


# The corners of a unit box that stands on z = 0, and its twelve triangles.
_CORNERS = np.array([(x, y, z) for z in (0, 1) for y in (-0.5, 0.5) for x in (-0.5, 0.5)], np.float64)
_BOX = np.array(
    [(0, 2, 3), (0, 3, 1), (4, 5, 7), (4, 7, 6), (0, 1, 5), (0, 5, 4),
     (2, 6, 7), (2, 7, 3), (0, 4, 6), (0, 6, 2), (1, 3, 7), (1, 7, 5)], np.int32,
)  # fmt: skip


def box(size: Sequence[float], color: Color, at: Sequence[float] = (0, 0, 0)) -> Mesh:
    """Return an axis-aligned box of ``size`` (x, y, z)."""
    return Mesh(_CORNERS * size + at, _BOX, paint(color, 12))


@lru_cache
def _loft_faces(rings: int, points: int) -> NDArray[np.int32]:
    ring, point = np.meshgrid(np.arange(rings - 1), np.arange(points), indexing="ij")
    a = (ring * points + point).ravel()
    b = (ring * points + (point + 1) % points).ravel()
    side = np.concatenate([np.stack([a, b, b + points], 1), np.stack([a, b + points, a + points], 1)])
    rim = np.arange(points)
    bottom = np.stack([np.full(points, rings * points), np.roll(rim, -1), rim], 1)
    last = (rings - 1) * points
    top = np.stack([np.full(points, rings * points + 1), last + rim, last + np.roll(rim, -1)], 1)
    return np.concatenate([side, bottom, top]).astype(np.int32)


def loft(rings: NDArray[np.float64], color: Color) -> Mesh:
    """Return the closed skin over a stack of rings, capped by fans about the middle of the first and the last.

    Args:
        rings: (R, P, 3) star-shaped rings, counter-clockwise seen from the last one's side.
        color: RGB.
    """
    R, P, _ = rings.shape
    caps = rings[[0, -1]].mean(axis=1)
    faces = _loft_faces(R, P)
    return Mesh(np.concatenate([rings.reshape(-1, 3), caps]), faces, paint(color, len(faces)))


@lru_cache
def _circle(points: int) -> NDArray[np.float64]:
    angle = np.arange(points) * (2 * np.pi / points) + np.pi / points
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def lathe(
    profile: Sequence[tuple[float, float]], color: Color, at: Sequence[float] = (0, 0, 0), points: int = 16
) -> Mesh:
    """Return the solid of revolution of a ``profile`` of (radius > 0, z) from its base to its top.

    A profile that turns back inwards and down makes a vessel.
    """
    radius, z = np.array(profile, np.float64).T
    rings = np.empty((len(radius), points, 3))
    rings[:, :, :2] = radius[:, None, None] * _circle(points)
    rings[:, :, 2] = z[:, None]
    return loft(rings + at, color)


def cylinder(
    radius: float, height: float, color: Color, at: Sequence[float] = (0, 0, 0), top: float | None = None
) -> Mesh:
    """Return an upright cylinder, or a truncated cone with radius ``top`` above."""
    return lathe([(radius, 0), (radius if top is None else top, height)], color, at, 16 if radius > 0.02 else 8)


@lru_cache
def _rounding(corner: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    quarter = np.linspace(0, np.pi / 2, corner)
    angle = (np.arange(4)[:, None] * (np.pi / 2) + quarter).ravel()
    sign = np.repeat([(1, 1), (-1, 1), (-1, -1), (1, -1)], corner, axis=0)
    # (sine, cosine) of the rings' latitude: up the lower edge, then up the upper one.
    latitude = np.concatenate([quarter - np.pi / 2, quarter])
    return np.stack([np.cos(angle), np.sin(angle)], 1), sign.astype(np.float64), latitude


def rounded_box(size: Sequence[float], color: Color, at: Sequence[float] = (0, 0, 0), radius: float = 0.04) -> Mesh:
    """Return a box with round edges: flat on all six sides inside ``radius`` meters of its edges."""
    x, y, z = size
    radius = min(radius, 0.45 * x, 0.45 * y, 0.45 * z)
    circle, sign, latitude = _rounding(3)
    inner = sign * (x / 2 - radius, y / 2 - radius)
    rings = np.empty((len(latitude), len(circle), 3))
    rings[:, :, :2] = inner + radius * np.cos(latitude)[:, None, None].clip(0.02) * circle
    rings[:, :, 2] = (z / 2 + (z / 2 - radius) * np.repeat([-1, 1], 3) + radius * np.sin(latitude))[:, None]
    return loft(rings + at, color)


def superellipsoid(
    size: Sequence[float], color: Color, at: Sequence[float] = (0, 0, 0), flat: float = 0.5, profile: float = 1.0
) -> Mesh:
    """Return a superellipsoid (Barr, 1981) of ``size``: an egg (1, 1), a pillow (1, 0.5), nearly a box (0.3, 0.3).

    Args:
        size: extent along x, y, z.
        color: RGB.
        at: center of its base.
        flat: exponent of the horizontal outline; small is rectangular, 1 is elliptic.
        profile: exponent of the upright profile.
    """
    circle = _circle(16)
    outline = np.sign(circle) * np.abs(circle) ** flat
    latitude = np.linspace(-0.48 * np.pi, 0.48 * np.pi, 9)
    sine = np.sin(latitude) / np.sin(latitude[-1])
    rings = np.empty((len(latitude), 16, 3))
    rings[:, :, :2] = (np.cos(latitude) ** profile)[:, None, None] * outline
    rings[:, :, 2] = (np.sign(sine) * np.abs(sine) ** profile)[:, None]
    # The exponents shrink the outline where no point lies on an axis: stretch it to the size asked for.
    rings /= 2 * np.abs(rings).max(axis=(0, 1))
    return loft(rings * size + np.add(at, (0, 0, size[2] / 2)), color)


def tube(path: ArrayLike, radius: float, color: Color, points: int = 8) -> Mesh:
    """Return a round bar along a polyline of (P, 3) points, meters."""
    path = np.asarray(path, np.float64)
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # A reference direction that no part of the path runs along keeps the rings from twisting.
    helper = np.eye(3)[np.abs(tangent).max(axis=0).argmin()]
    side = np.cross(helper, tangent)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(tangent, side)
    circle = radius * _circle(points)
    rings = path[:, None] + circle[None, :, :1] * side[:, None] + circle[None, :, 1:] * up[:, None]
    return loft(rings, color)


@lru_cache
def _sheet_faces(rows: int, columns: int) -> NDArray[np.int32]:
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (index[s, t].ravel() for s in (np.s_[:-1], np.s_[1:]) for t in (np.s_[:-1], np.s_[1:]))
    top = np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)])
    rim = np.concatenate([index[0], index[1:, -1], index[-1, -2::-1], index[-2:0:-1, 0]])
    following, below = np.roll(rim, -1), rows * columns
    side = np.concatenate(
        [np.stack([rim, rim + below, following + below], 1), np.stack([rim, following + below, following], 1)]
    )
    return np.concatenate([top, top[:, ::-1] + below, side]).astype(np.int32)


def sheet(size: Sequence[float], color: ArrayLike, top: NDArray[np.float64], bottom: ArrayLike = 0.0) -> Mesh:
    """Return a closed sheet over the rectangle of ``size`` (x, y) about the origin.

    Args:
        size: extent along x and y, meters.
        color: RGB, or (rows - 1, columns - 1, 3) RGB of the cells of the upper side.
        top: (rows, columns) heights of its upper side, meters; rows run along y.
        bottom: heights of its lower side, below ``top`` everywhere.
    """
    rows, columns = top.shape
    vertices = np.empty((2, rows, columns, 3))
    vertices[..., 0] = np.linspace(-size[0] / 2, size[0] / 2, columns)
    vertices[..., 1] = np.linspace(-size[1] / 2, size[1] / 2, rows)[:, None]
    vertices[0, ..., 2], vertices[1, ..., 2] = top, bottom
    faces = _sheet_faces(rows, columns)
    rgb: NDArray[Any] = np.asarray(color, np.float64)
    if rgb.ndim == 3:
        cells = rgb.reshape(-1, 3)
        rest = np.broadcast_to(cells.mean(axis=0), (len(faces) - 2 * len(cells), 3))
        rgb = np.concatenate([cells, cells, rest])
    return Mesh(vertices.reshape(-1, 3), faces, paint(rgb, len(faces)))
