"""A pinhole camera that looks at a room from outside, and the framing that fills the picture with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

VIEWS = {"oblique": (-61.0, 42.0), "top": (-90.0, 89.0)}
"""Name of a view to (azimuth, elevation) in degrees, for a room whose longer side runs along x."""

DISTANCE = 2.2
"""Distance of the camera from the middle of the bounding box, in diagonals of the box."""


@dataclass(frozen=True)
class Camera:
    """A perspective camera; z is up in the world, v grows downwards in the picture.

    Attributes:
        eye: (3,) float64 position, meters.
        rotation: (3, 3) float64; its rows are the camera's right, up and viewing direction in the world.
        focal: focal length, pixels.
        center: (2,) principal point (u, v), pixels.
    """

    eye: NDArray[np.float64]
    rotation: NDArray[np.float64]
    focal: float = 1.0
    center: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def looking_at(cls, target: NDArray[Any], azimuth: float, elevation: float, distance: float) -> Camera:
        """Return a camera with unit focal length that has ``target`` on its axis.

        Args:
            target: (3,) point, meters.
            azimuth: degrees from the x axis to the side on which the camera stands, counter-clockwise from above.
            elevation: degrees above the horizon, less than 90.
            distance: meters from target to camera.
        """
        a, e = np.deg2rad((azimuth, elevation))
        outwards = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        rotation = np.stack([right, np.cross(outwards, right), -outwards])
        return cls(np.asarray(target, np.float64) + distance * outwards, rotation)

    def project(self, coord: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (N, 2) picture coordinates (u, v) in pixels and the (N,) depth in meters.

        Points at or behind the eye get a NaN position.
        """
        # A product of (N, 3) with a tiny matrix: written out, it leaves the threads of BLAS asleep.
        local = [sum((coord[:, i] - self.eye[i]) * row[i] for i in range(3)) for row in self.rotation]
        depth = np.asarray(local[2], np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(depth > 1e-9, self.focal / depth, np.nan)
        pixel = np.stack([self.center[0] + scale * local[0], self.center[1] - scale * local[1]], axis=1)
        return pixel, depth

    def framing(self, coord: NDArray[Any], width: int, height: int, margin: float = 0.03) -> Camera:
        """Return the camera zoomed and shifted so that the points fill a picture, the outermost 0.1 % ignored.

        Args:
            coord: (N, 3) the points to be seen.
            width: pixels.
            height: pixels.
            margin: share of the picture left free on each side.
        """
        plain = replace(self, focal=1.0, center=(0.0, 0.0))
        pixel = plain.project(coord)[0]
        if not len(pixel):
            return replace(self, focal=float(width), center=(width / 2, height / 2))
        low, high = np.nanpercentile(pixel, [0.1, 99.9], axis=0)
        span = np.maximum(high - low, 1e-6)
        focal = float(min((1 - 2 * margin) * width / span[0], (1 - 2 * margin) * height / span[1]))
        middle = (low + high) / 2 * focal
        return replace(self, focal=focal, center=(width / 2 - middle[0], height / 2 - middle[1]))


def room_camera(coord: NDArray[Any], view: str | tuple[float, float] = "oblique") -> Camera:
    """Return a camera outside the bounding box of a room; it still wants :meth:`Camera.framing`.

    Args:
        coord: (N, 3) points, meters, z up.
        view: a name in ``VIEWS``, which turns so that the room's longer side runs across the picture, or
            (azimuth, elevation) in degrees as :meth:`Camera.looking_at` takes them.

    Raises:
        ValueError: an unknown name.
    """
    low, high = bounding_box(coord)
    if isinstance(view, str):
        if view not in VIEWS:
            raise ValueError(f"unknown view {view!r}; choose one of {', '.join(VIEWS)}")
        azimuth, elevation = VIEWS[view]
        if high[1] - low[1] > high[0] - low[0]:
            azimuth += 90.0
    else:
        azimuth, elevation = view
    diagonal = max(float(np.linalg.norm(high - low)), 1e-3)
    return Camera.looking_at((low + high) / 2, azimuth, min(elevation, 89.9), DISTANCE * diagonal)


def bounding_box(coord: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper corner (3,) of the points; 0.05 % on each side may lie outside, as scans stray."""
    if not len(coord):
        return np.zeros(3), np.zeros(3)
    low, high = np.percentile(coord, [0.05, 99.95], axis=0)
    return low.astype(np.float64), high.astype(np.float64)
