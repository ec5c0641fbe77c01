"""A camera that circles a target with z up, as that of the page; each gesture gives a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.camera import VIEWS, Camera

ANGLE = 26.0
"""Degrees from the lower to the upper edge of the picture: nearly a plan, as of a doll's house."""

TANGENT = float(np.tan(np.radians(ANGLE / 2)))
STEEPEST = 89.0

Points = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class Orbit:
    """Where a camera stands and looks.

    Attributes:
        target: (3,) float64, what it looks at, meters.
        azimuth: degrees from the x axis to the side on which the camera stands, counter-clockwise from above.
        elevation: degrees above the horizon.
        distance: meters from target to camera.
        center: (3,) float64, middle of the scene.
        radius: of the scene, meters: how far near and far must reach.
    """

    target: NDArray[np.float64]
    azimuth: float
    elevation: float
    distance: float
    center: NDArray[np.float64]
    radius: float

    @property
    def eye(self) -> NDArray[np.float64]:
        """(3,) where the camera stands, meters."""
        return self.camera(2, 2).eye

    @property
    def up(self) -> NDArray[np.float64]:
        """(3,) the direction that is upwards in the picture."""
        return self.camera(2, 2).rotation[1]

    @property
    def near_far(self) -> tuple[float, float]:
        """Meters from the eye between which the scene lies, as near as a picture wants it."""
        camera = self.camera(2, 2)
        middle = float((self.center - camera.eye) @ camera.rotation[2])
        far = max(middle + self.radius, 0.1 * self.distance)
        return max(middle - self.radius, min(0.05 * self.distance, 0.5 * far), 1e-4 * far), far

    def camera(self, width: int, height: int) -> Camera:
        """Return the camera of a picture of so many pixels, which projects points."""
        plain = Camera.looking_at(self.target, self.azimuth, self.elevation, self.distance)
        return replace(plain, focal=height / 2 / TANGENT, center=(width / 2, height / 2))

    def turned(self, right: float, down: float) -> Orbit:
        """Follow a hand that moves the scene by so many degrees."""
        elevation = min(max(self.elevation + down, -STEEPEST), STEEPEST)
        return replace(self, azimuth=(self.azimuth - right) % 360, elevation=elevation)

    def moved(self, right: float, down: float) -> Orbit:
        """Follow a hand that moves the scene by a share of the picture's height."""
        rotation, size = self.camera(2, 2).rotation, 2 * TANGENT * self.distance
        return replace(self, target=self.target - size * right * rotation[0] + size * down * rotation[1])

    def zoomed(self, factor: float, x: float = 0.0, y: float = 0.0) -> Orbit:
        """Come nearer by a factor below 1; what lies at (x, y) stays there, in half heights from the middle, y up."""
        distance = min(max(self.distance * factor, 0.004 * self.radius), 20 * self.radius)
        rotation, moved = self.camera(2, 2).rotation, (self.distance - distance) * TANGENT
        return replace(self, distance=distance, target=self.target + moved * (x * rotation[0] + y * rotation[1]))

    def at(self, point: NDArray[np.float64]) -> Orbit:
        """Look at a point, from nearer by."""
        return replace(self, target=point, distance=max(0.6 * self.distance, 0.05 * self.radius))


def fitted(
    box: tuple[Points, Points],
    sample: Callable[[NDArray[np.float64]], Points],
    width: int,
    height: int,
    view: str = "oblique",
    free: float = 0.9,
) -> Orbit:
    """Return the camera outside a scene that fills a picture with it.

    Args:
        box: lowest and highest corner (3,), meters.
        sample: from an eye (3,) to (M, 3) some of the points that it sees.
        width: of the picture, pixels.
        height: of the picture, pixels.
        view: a name in ``VIEWS``; it turns so that the scene's longer side runs across the picture.
        free: share of the height that nothing covers.
    """
    low, high = (np.asarray(corner, np.float64) for corner in box)
    size, center = high - low, (low + high) / 2
    azimuth, elevation = VIEWS[view]
    if (size[1] > size[0]) == (width > height):
        azimuth += 90
    radius = max(0.75 * float(np.linalg.norm(size)), 0.05)
    orbit = Orbit(center, azimuth, min(elevation, STEEPEST), 4 * radius, center, radius)
    rotation, points = orbit.camera(2, 2).rotation, np.zeros((0, 3))
    # Each round puts the middle of what is seen into the middle of the picture, then comes as near as it can; from
    # nearer by, more of the walls is seen.
    for turn in range(6):
        if turn % 3 == 0:
            points = np.asarray(sample(orbit.eye), np.float64)
        if not len(points):
            break
        local = (points - orbit.target) @ rotation.T
        tangent = local[:, :2] / (local[:, 2:] + orbit.distance)
        shift = (tangent.min(axis=0) + tangent.max(axis=0)) / 2 * orbit.distance
        wide = np.abs(local[:, 0] - shift[0]) / (TANGENT * width / height)
        tall = np.abs(local[:, 1] - shift[1]) / (TANGENT * free)
        distance = max(float((1.06 * np.maximum(wide, tall) - local[:, 2]).max()), 0.05 * radius)
        orbit = replace(orbit, target=orbit.target + shift @ rotation[:2], distance=distance)
    return orbit
