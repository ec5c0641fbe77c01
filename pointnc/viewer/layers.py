"""The layers of a scene: what each shows, in which colors, and by which labels classes are hidden in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.reporting.colors import UNLABELED, error_colors, label_colors
from pointnc.scenes.scene import IGNORE
from pointnc.viewer.labeled_scene import LabeledScene

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


def layers_of(labeled: LabeledScene) -> list[str]:
    """Return the layers for which a scene has data; a bare cloud has "color", in one gray."""
    has = {
        "color": True,
        "truth": labeled.truth is not None,
        "prediction": labeled.prediction is not None,
        "error": labeled.truth is not None and labeled.prediction is not None,
        "confidence": labeled.confidence is not None,
    }
    return [layer for layer in LAYERS if has[layer]]


def layer_colors(labeled: LabeledScene, layer: str) -> NDArray[np.uint8]:
    """Return (N, 3) RGB of a layer.

    Raises:
        UserError: no such layer, or the scene has no data for it.
    """
    if layer not in LAYERS:
        raise UserError(f"unknown layer {layer!r}; choose some of {', '.join(LAYERS)}", code="unknown-name")
    if layer not in layers_of(labeled):
        raise UserError(
            f"scene {labeled.scene.name} has no {layer}; it has {', '.join(layers_of(labeled))}", code="missing-array"
        )
    scene = labeled.scene
    if layer == "color":
        if scene.color is None:
            return np.broadcast_to(np.array(UNLABELED, np.uint8), (len(scene), 3))
        return np.asarray(scene.color).astype(np.uint8, copy=False)
    if layer == "confidence":
        return confidence_colors(_present(labeled.confidence))
    if layer == "error":
        return error_colors(_present(labeled.prediction), np.asarray(_present(labeled.truth)))
    return label_colors(np.asarray(_present(labels_of(labeled, layer))), labeled.taxonomy)


def labels_of(labeled: LabeledScene, layer: str) -> NDArray[Any] | None:
    """Return the (N,) labels by which a layer hides classes: the predicted ones where it shows the prediction."""
    if layer in ("prediction", "confidence") or labeled.truth is None:
        return labeled.prediction
    return labeled.truth


def confidence_colors(confidence: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (N, 3) RGB of ``RAMP`` for probabilities in [0, 1]; others are taken for the nearer end, NaN for 0."""
    ramp = np.array(RAMP, np.float32)
    stops = np.linspace(0, len(ramp) - 1, 256)
    table = np.stack([np.interp(stops, np.arange(len(ramp)), ramp[:, channel]) for channel in range(3)], axis=1)
    index = (np.clip(np.nan_to_num(confidence), 0, 1) * 255 + 0.5).astype(np.uint8)
    return (table + 0.5).astype(np.uint8)[index]


def shown_points(labeled: LabeledScene, layer: str, hidden: set[int]) -> NDArray[np.bool_]:
    """Return (N,) which points a layer shows when some classes (train indices, -1 for no class) are hidden."""
    labels = labels_of(labeled, layer)
    if labels is None or not hidden:
        return np.ones(len(labeled.scene), bool)
    visible = np.ones(len(labeled.taxonomy) + 1, bool)
    visible[[len(labeled.taxonomy) if k == IGNORE else k for k in hidden]] = False
    return visible[np.asarray(labels)]


def describe_point(labeled: LabeledScene, point: int) -> str:
    """Return one line on a point: its number, place, classes and confidence."""
    scene, names = labeled.scene, (*labeled.taxonomy.names, "no class")
    number = point if labeled.point_number is None else int(labeled.point_number[point])
    x, y, z = (float(value) for value in scene.coord[point])
    parts = [f"point {number} at ({x:.2f}, {y:.2f}, {z:.2f}) m"]
    if labeled.truth is not None:
        parts.append(f"truth: {names[int(labeled.truth[point])]}")
    if labeled.prediction is not None:
        sure = "" if labeled.confidence is None else f" ({100 * float(labeled.confidence[point]):.0f} %)"
        parts.append(f"prediction: {names[int(labeled.prediction[point])]}{sure}")
    return "; ".join(parts)


def _present(labels: NDArray[Any] | None) -> NDArray[Any]:
    if labels is None:
        raise ValueError("this layer has no data")
    return labels
