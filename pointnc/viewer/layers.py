"""The layers of a scene: what each shows, in which colors, and by which labels classes are hidden in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE
from pointnc.viewer.exhibit import Exhibit
from pointnc.views.colors import UNLABELED, error_colors, label_colors

LAYERS = {
    "color": "Color",
    "truth": "Truth",
    "prediction": "Prediction",
    "error": "Error",
    "confidence": "Confidence",
}
"""Layer to its title, in the order of the number keys."""

RAMP = ((76, 29, 75), (150, 47, 89), (211, 94, 79), (238, 158, 90), (243, 219, 150))
"""RGB of confidence 0, 1/4, ..., 1: lightness rises evenly, so it reads without color too."""


def layers_of(exhibit: Exhibit) -> list[str]:
    """Return the layers for which a scene has data; a bare cloud has "color", in one gray."""
    has = {
        "color": True,
        "truth": exhibit.truth is not None,
        "prediction": exhibit.prediction is not None,
        "error": exhibit.truth is not None and exhibit.prediction is not None,
        "confidence": exhibit.confidence is not None,
    }
    return [layer for layer in LAYERS if has[layer]]


def layer_colors(exhibit: Exhibit, layer: str) -> NDArray[np.uint8]:
    """Return (N, 3) RGB of a layer.

    Raises:
        UserError: no such layer, or the scene has no data for it.
    """
    if layer not in LAYERS:
        raise UserError(f"unknown layer {layer!r}; choose some of {', '.join(LAYERS)}")
    if layer not in layers_of(exhibit):
        raise UserError(f"scene {exhibit.scene.name} has no {layer}; it has {', '.join(layers_of(exhibit))}")
    scene = exhibit.scene
    if layer == "color":
        if scene.color is None:
            return np.broadcast_to(np.array(UNLABELED, np.uint8), (len(scene), 3))
        return np.asarray(scene.color).astype(np.uint8, copy=False)
    if layer == "confidence":
        return confidence_colors(_present(exhibit.confidence))
    if layer == "error":
        return error_colors(_present(exhibit.prediction), np.asarray(_present(exhibit.truth)))
    return label_colors(np.asarray(_present(labels_of(exhibit, layer))), exhibit.taxonomy)


def labels_of(exhibit: Exhibit, layer: str) -> NDArray[Any] | None:
    """Return the (N,) labels by which a layer hides classes: the predicted ones where it shows the prediction."""
    if layer in ("prediction", "confidence") or exhibit.truth is None:
        return exhibit.prediction
    return exhibit.truth


def confidence_colors(confidence: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (N, 3) RGB of ``RAMP`` for probabilities in [0, 1]; others are taken for the nearer end, NaN for 0."""
    ramp = np.array(RAMP, np.float32)
    stops = np.linspace(0, len(ramp) - 1, 256)
    table = np.stack([np.interp(stops, np.arange(len(ramp)), ramp[:, channel]) for channel in range(3)], axis=1)
    index = (np.clip(np.nan_to_num(confidence), 0, 1) * 255 + 0.5).astype(np.uint8)
    return (table + 0.5).astype(np.uint8)[index]


def shown_points(exhibit: Exhibit, layer: str, hidden: set[int]) -> NDArray[np.bool_]:
    """Return (N,) which points a layer shows when some classes (train indices, -1 for no class) are hidden."""
    labels = labels_of(exhibit, layer)
    if labels is None or not hidden:
        return np.ones(len(exhibit.scene), bool)
    visible = np.ones(len(exhibit.taxonomy) + 1, bool)
    visible[[len(exhibit.taxonomy) if k == IGNORE else k for k in hidden]] = False
    return visible[np.asarray(labels)]


def describe_point(exhibit: Exhibit, point: int) -> str:
    """Return one line on a point: its number, place, classes and confidence."""
    scene, names = exhibit.scene, (*exhibit.taxonomy.names, "no class")
    number = point if exhibit.point_number is None else int(exhibit.point_number[point])
    x, y, z = (float(value) for value in scene.coord[point])
    parts = [f"point {number} at ({x:.2f}, {y:.2f}, {z:.2f}) m"]
    if exhibit.truth is not None:
        parts.append(f"truth: {names[int(exhibit.truth[point])]}")
    if exhibit.prediction is not None:
        sure = "" if exhibit.confidence is None else f" ({100 * float(exhibit.confidence[point]):.0f} %)"
        parts.append(f"prediction: {names[int(exhibit.prediction[point])]}{sure}")
    return "; ".join(parts)


def _present(labels: NDArray[Any] | None) -> NDArray[Any]:
    if labels is None:
        raise ValueError("this layer has no data")
    return labels
