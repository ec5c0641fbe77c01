"""In which panel of a figure a curve of the training is drawn."""

from __future__ import annotations

COLLAPSE = {
    "nc1": "NC1: spread within over between classes",
    "center_equinorm": "NC2: unequal lengths, centers",
    "center_equiangularity": "NC2: unequal angles, centers",
    "center_max_angle": "NC2: angles off the simplex, centers",
    "classifier_equinorm": "NC2: unequal lengths, classifier",
    "classifier_equiangularity": "NC2: unequal angles, classifier",
    "classifier_max_angle": "NC2: angles off the simplex, classifier",
    "nc3": "NC3: classifier against centers",
    "nc4": "NC4: share off the nearest center",
}
"""Title of each measure of neural collapse; in all of them 0 is complete collapse."""

FORCES = {
    "forces/ratio": "Force of the regularizer over the loss's",
    "forces/cosine": "Cosine of the two forces",
    "forces/conflict": "Share of classes with a negative cosine",
}
"""Title of each curve of forces on the centers; a group's name follows behind an underscore."""


def panel_of(name: str) -> str:
    """Return the title of the panel in which a curve is drawn: losses share one, so do scores."""
    lowered = name.lower()
    words = lowered.replace("/", "_").replace("-", "_").split("_")
    if "loss" in words:
        return "Loss"
    if "lr" in words or "learning_rate" in lowered:
        return "Learning rate"
    if any(word.endswith("iou") for word in words):
        return "Validation mIoU (%)" if "val" in words else "mIoU (%)"
    return next((title for measure, title in (COLLAPSE | FORCES).items() if measure in lowered), name)
