"""Elastic distortion by loops: a mean of three neighbors, a look-up between eight nodes."""

import numpy as np


def blurred(field, times):
    """Return the (X, Y, Z, C) field averaged over three neighbors along each axis, zeros outside, in float64."""
    field = np.asarray(field, np.float64)
    for _ in range(times):
        for axis in range(3):
            result = np.zeros_like(field)
            for node in np.ndindex(*field.shape[:3]):
                for step in (-1, 0, 1):
                    neighbor = list(node)
                    neighbor[axis] += step
                    if 0 <= neighbor[axis] < field.shape[axis]:
                        result[node] += field[tuple(neighbor)] / 3
            field = result
    return field


def looked_up(point, field, start, granularity):
    """Return the (C,) trilinear interpolation of the field at one point, in float64."""
    position = (np.asarray(point, np.float64) - start) / granularity
    node = np.minimum(np.floor(position).astype(int), np.array(field.shape[:3]) - 2)
    fraction = position - node
    total = np.zeros(field.shape[3])
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod([f if side else 1 - f for side, f in zip(corner, fraction)])
        total += weight * field[tuple(node + corner)]
    return total
