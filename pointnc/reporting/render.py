"""Pictures of point clouds without a display: a z-buffer of discs in numpy, shaded from depth and normals.

The view is that of a doll's house: the camera stands outside and above, surfaces that turn their back to it
(the ceiling, the near walls) are left out. Depth shading follows the idea of eye-dome lighting (Boucheny, 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.camera import Camera, room_camera
from pointnc.reporting.visibility import point_spacing, visible_points

OVERSAMPLING = 2
"""Each pixel of the picture is the mean of this many squared: smooth edges."""

LARGEST_RADIUS = 12
"""Largest disc, in oversampled pixels: bounds the work where a handful of points fills the picture."""

PINHOLE = 0.08
"""Meters by which something must lie behind its surroundings to be taken for seen through a hole."""


@dataclass(frozen=True)
class Raster:
    """What a camera sees of a point cloud, before it is colored: one raster serves many colorings.

    Attributes:
        index: (sH, sW) int32, the point seen at each oversampled pixel, -1 where there is none.
        shade: (sH, sW) float32 in [0, 1], brightness from form.
        camera: the camera, in oversampled pixels.
    """

    index: NDArray[np.int32]
    shade: NDArray[np.float32]
    camera: Camera

    def paint(self, color: NDArray[Any], shading: float = 1.0) -> NDArray[np.uint8]:
        """Return the (H, W, 4) picture, RGB with alpha, that shows ``color``.

        Args:
            color: (N, 3) RGB in [0, 255].
            shading: how much of the shade to apply: 0 for flat colors, 1 for full relief.
        """
        s = OVERSAMPLING
        height, width = self.index.shape[0] // s, self.index.shape[1] // s
        seen = np.flatnonzero(self.index.ravel() >= 0)
        # Sums per output pixel of premultiplied color and of coverage; only covered pixels are touched.
        row, column = np.divmod(seen, self.index.shape[1])
        target = row // s * width + column // s
        light = 1 - shading * (1 - self.shade.ravel()[seen])
        rgb = np.asarray(color)[self.index.ravel()[seen]]
        covered = np.bincount(target, minlength=height * width)
        picture = np.zeros((height * width, 4), np.uint8)
        for channel in range(3):
            total = np.bincount(target, rgb[:, channel] * light, minlength=height * width)
            picture[:, channel] = np.clip(total / np.maximum(covered, 1) + 0.5, 0, 255)
        picture[:, 3] = (covered * 255) // (s * s)
        return picture.reshape(height, width, 4)


def render_points(
    coord: NDArray[Any],
    color: NDArray[Any],
    *,
    normal: NDArray[Any] | None = None,
    width: int = 640,
    height: int = 480,
    view: str | tuple[float, float] = "oblique",
    point_size: float | None = None,
    background: tuple[int, int, int] = (255, 255, 255),
    ceiling_cut: float | None = None,
    shading: float = 1.0,
) -> NDArray[np.uint8]:
    """Return a (height, width, 3) uint8 picture of a point cloud.

    Args:
        coord: (N, 3) meters, z up.
        color: (N, 3) RGB in [0, 255].
        normal: (N, 3) unit normals; with them points that face away from the camera are left out.
        width: pixels.
        height: pixels.
        view: "oblique", "top", or (azimuth, elevation) in degrees.
        point_size: diameter of a point in meters; None measures the spacing of the points.
        background: RGB.
        ceiling_cut: points higher than this above the floor are left out, meters; None cuts the ceiling of
            anything as high as a room, 0 or less cuts nothing.
        shading: 0 for flat colors to 1 for full relief.
    """
    raster = rasterize(coord, normal, width, height, view, point_size, ceiling_cut)
    return flatten(raster.paint(color, shading), background)


def flatten(picture: NDArray[np.uint8], background: tuple[int, int, int] = (255, 255, 255)) -> NDArray[np.uint8]:
    """Lay an (H, W, 4) picture on a background color: (H, W, 3)."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    mixed = picture[..., :3] * alpha + np.array(background, np.float32) * (1 - alpha)
    return (mixed + 0.5).astype(np.uint8)


def rasterize(
    coord: NDArray[Any],
    normal: NDArray[Any] | None = None,
    width: int = 640,
    height: int = 480,
    view: str | tuple[float, float] = "oblique",
    point_size: float | None = None,
    ceiling_cut: float | None = None,
    camera: Camera | None = None,
) -> Raster:
    """Find the point seen at each pixel; arguments as in :func:`render_points`.

    Args:
        coord: (N, 3) meters, z up.
        normal: (N, 3) unit normals, or None to draw all points.
        width: pixels.
        height: pixels.
        view: "oblique", "top", or (azimuth, elevation) in degrees.
        point_size: diameter of a point in meters, or None.
        ceiling_cut: meters above the floor, or None.
        camera: a camera, framed for a picture of ``width`` x ``height``, instead of ``view``.
    """
    outside = camera or room_camera(coord, view)
    kept = visible_points(coord, normal, outside.eye, ceiling_cut)
    size = (OVERSAMPLING * height, OVERSAMPLING * width)
    if camera is None:
        framed = outside.framing(coord[kept], size[1], size[0])
    else:
        scale = OVERSAMPLING
        center = (scale * camera.center[0], scale * camera.center[1])
        framed = Camera(camera.eye, camera.rotation, scale * camera.focal, center)
    pixel, depth = framed.project(coord[kept])
    inside = (pixel >= 0).all(1) & (pixel < (size[1], size[0])).all(1)
    kept, depth, cell = kept[inside], depth[inside], pixel[inside].astype(np.int32)
    diameter = 1.8 * point_spacing(coord[kept]) if point_size is None else point_size
    radius = np.clip(np.rint(framed.focal * diameter / 2 / np.maximum(depth, 1e-9)), 0, LARGEST_RADIUS)
    row = _splat(cell, depth, radius.astype(np.int32), framed.focal, size)
    depth = np.append(depth, np.inf)
    row = _fill_holes(row, depth)
    index = np.append(kept, -1).astype(np.int32)[row]
    shade = _shade(index, depth[row], normal, framed, step=diameter / 2)
    return Raster(index, shade, framed)


def _splat(
    pixel: NDArray[np.int32], depth: NDArray[np.float64], radius: NDArray[np.int32], focal: float, size: tuple[int, int]
) -> NDArray[np.int32]:
    """Return for each of ``size`` pixels the row of the point seen there, M where there is none.

    A point is a bulging disc: its depth grows with the square of the distance from its middle, by its own radius at
    the rim. So of two points on one surface the closer one to a pixel wins, and discs may overlap without smearing.
    Discs of one radius are a minimum filter of the picture of their middles; the square of the distance separates
    into x and y, so the filter takes 2 (2 r + 1) passes over the picture and no loop over points.
    """
    M, pad = len(pixel), LARGEST_RADIUS
    far = np.int64(1) << 62
    low, high = (depth.min(), depth.max()) if M else (0.0, 1.0)
    scale = (1 << 28) / max(float(high - low), 1e-6)
    # Depth in the upper bits, the row in the lower 31: one comparison finds the nearest and says who it is.
    key = ((depth - low) * scale).astype(np.int64) << 31 | np.arange(M)
    nearest = np.full((size[0] + 2 * pad, size[1] + 2 * pad), far)
    column, line = pixel[:, 0] + pad, pixel[:, 1] + pad
    for r in np.unique(radius):
        chosen = np.flatnonzero(radius == r)
        chosen = chosen[np.argsort(-depth[chosen], kind="stable")]  # of one pixel's points the last stays
        # Points of one radius lie in a band of the picture: only that is filtered.
        top, left = line[chosen].min() - r, column[chosen].min() - r
        band = nearest[top : line[chosen].max() + r + 1, left : column[chosen].max() + r + 1]
        middle = np.full(band.shape, far)
        middle[line[chosen] - top, column[chosen] - left] = key[chosen]
        rim = (r + 0.5) * float(depth[chosen].mean()) / focal
        bulge = [np.int64(rim * scale * (d / (r + 0.5)) ** 2) << 31 for d in range(r + 1)]
        reach = [int(np.sqrt((r + 0.5) ** 2 - d * d)) for d in range(r + 1)]
        row = middle.copy()
        for dx in range(r + 1):
            if dx:
                raised = middle + bulge[dx]
                np.minimum(row[:, dx:], raised[:, :-dx], out=row[:, dx:])
                np.minimum(row[:, :-dx], raised[:, dx:], out=row[:, :-dx])
            for dy in (d for d in range(r + 1) if reach[d] == dx):
                raised = row + bulge[dy]
                np.minimum(band[dy:], raised[: len(row) - dy], out=band[dy:])
                np.minimum(band[: len(row) - dy], raised[dy:], out=band[: len(row) - dy])
    found = nearest[pad:-pad, pad:-pad]
    return np.where(found < far, found & ((1 << 31) - 1), M).astype(np.int32)


def _neighbors(image: NDArray[Any], reach: int, outside: Any) -> list[NDArray[Any]]:
    """Return the eight images shifted by ``reach`` pixels."""
    return _windows(np.pad(image, reach, constant_values=outside), image.shape, reach)


def _windows(padded: NDArray[Any], shape: tuple[int, ...], reach: int) -> list[NDArray[Any]]:
    steps = (0, reach, 2 * reach)
    return [padded[y : y + shape[0], x : x + shape[1]] for y in steps for x in steps if (y, x) != (reach, reach)]


def _fill_holes(index: NDArray[np.int32], depth: NDArray[np.float64], rounds: int = 2) -> NDArray[np.int32]:
    """Return the raster with pinholes closed: pixels that see nothing, or something far behind, through a surface.

    A pixel whose eight neighbors are at least five times nearer by ``PINHOLE`` takes one of these.

    Args:
        index: (sH, sW) row of the point seen, M where there is none.
        depth: (M + 1,) depth of the points, meters, infinite at M.
        rounds: each closes one more ring of pixels.
    """
    index = index.copy()
    for _ in range(rounds):
        here = depth[index].astype(np.float32)
        count = np.zeros(index.shape, np.int8)
        around = _neighbors(here, 1, np.float32(np.inf))
        for image in around:
            count += image < here - PINHOLE
        y, x = np.nonzero(count >= 5)
        if not len(y):
            break
        # Of the nearer neighbors the farthest: it lies on the surface, not on an edge in front of it.
        values = np.stack([image[y, x] for image in around])
        values[values >= here[y, x] - PINHOLE] = -np.inf
        padded = np.pad(index, 1, constant_values=len(depth) - 1)
        rows = np.stack([image[y, x] for image in _windows(padded, index.shape, 1)])
        index[y, x] = rows[values.argmax(0), np.arange(len(y))]
    return index


def _shade(
    index: NDArray[np.int32], depth: NDArray[np.float64], normal: NDArray[Any] | None, camera: Camera, step: float
) -> NDArray[np.float32]:
    """Return (sH, sW) brightness: darker in hollows and behind edges, and by a soft light.

    ``step`` is the difference of depth, in meters, that neighboring points of one surface have anyhow.
    """
    seen = index >= 0
    # The background counts as infinitely far, so a silhouette does not darken its own edge.
    here = np.where(seen, depth, 1e3).astype(np.float32)
    rise = np.zeros(index.shape, np.float32)
    for reach in (3, 7, 14):
        around = _neighbors(here, reach, np.float32(1e3))
        for one, other in zip(around[:4], around[:3:-1]):  # opposite ones: their mean lies in a slanting plane
            rise += np.clip(here - (one + other) / 2 - np.float32(step / 2), 0, 0.12)
    shade = np.exp(np.float32(-0.9) * rise)
    if normal is not None:
        # Light from above, from the camera's left and from the camera: no wall that is seen lies in the dark.
        light = 0.75 * np.array([0, 0, 1.0]) - 0.45 * camera.rotation[0] - 0.5 * camera.rotation[2]
        toward = (normal @ (light / np.linalg.norm(light)).astype(np.float32)).astype(np.float32)
        shade[seen] *= 0.85 + 0.2 * toward[index[seen]]
    return np.clip(np.where(seen, shade, 1), 0, 1)
