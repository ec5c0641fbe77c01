"""Which points of a room a picture shows, and how large: what makes a scan a doll's house."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.camera import bounding_box

GRAZING = 0.1
"""Cosine to the line of sight below which a surface counts as turned away: noise would tear it to specks."""

SPECK = 0.15
"""A point of whose neighbors no larger share faces the camera is a speck of a wall that does not."""


def visible_points(
    coord: NDArray[Any], normal: NDArray[Any] | None, eye: NDArray[Any], ceiling_cut: float | None = None
) -> NDArray[np.int64]:
    """Return the indices of the points below the ceiling that do not turn their back to ``eye`` (3,)."""
    low, high = bounding_box(coord)
    room = high[2] - low[2]
    if ceiling_cut is None:
        # Anything from a bathroom to a hall has its ceiling and lamps in the uppermost tenth.
        ceiling_cut = 0.9 * room if 1.8 < room < 6 else 0.0
    keep = np.ones(len(coord), bool) if ceiling_cut <= 0 else coord[:, 2] <= low[2] + ceiling_cut
    if normal is not None:
        towards = [eye[i] - coord[:, i] for i in range(3)]
        distance = np.sqrt(sum(component * component for component in towards))
        keep &= sum(towards[i] * normal[:, i] for i in range(3)) > GRAZING * distance
        keep &= _share_kept(coord, keep) > SPECK
    return np.flatnonzero(keep)


def _share_kept(coord: NDArray[Any], keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each point the share of the points in its cell of 8 cm, or more in a hall, that are kept."""
    if not len(coord):
        return np.zeros(0)
    low, extent = coord.min(0), float(np.ptp(coord, axis=0).max())
    h = max(0.08, extent / 200)
    cell = ((coord - low) / h).astype(np.int64)
    span = int(extent / h) + 2
    number = (cell[:, 0] * span + cell[:, 1]) * span + cell[:, 2]
    total = np.bincount(number)
    return (np.bincount(number, keep, minlength=len(total)) / np.maximum(total, 1))[number]


def point_spacing(coord: NDArray[Any]) -> float:
    """Return the typical distance of neighboring points on a surface, meters.

    Counts cells of a grid: a surface of area A meets about 1.5 A / h² cells of edge h.
    """
    if len(coord) < 2:
        return 0.05
    low = coord.min(0)
    extent = max(float((coord.max(0) - low).max()), 1e-3)
    h = extent / 256
    for _ in range(6):  # cells must hold several points each, or the count says nothing of the area
        cell = ((coord - low) / h).astype(np.int64)
        span = int(extent / h) + 2
        occupied = np.zeros(span**3, bool)
        occupied[(cell[:, 0] * span + cell[:, 1]) * span + cell[:, 2]] = True
        count = int(np.count_nonzero(occupied))
        if len(coord) >= 3 * count:
            break
        h *= 2
    return h * float(np.sqrt(count / 1.5 / len(coord)))
