"""In which panel of a figure a curve of the training is drawn, under which name and in which color."""

from __future__ import annotations

from pointnc.scenes.taxonomy import GROUPS

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


LABELS = {
    "loss/segmentation": "of the points",
    "loss/distilled": "of the teacher's labels",
    "loss/centers": "of the centers",
    "loss/total": "together",
    "val/miou": "all classes",
    "val/overall_accuracy": "share of points",
    "val/mean_accuracy": "mean of classes",
}
"""What a curve is called beside others of its panel."""


def panel_of(name: str) -> str:
    """Return the title of the panel in which a curve is drawn: losses share one, so do the scores of all groups."""
    lowered = name.lower()
    words = lowered.replace("/", "_").replace("-", "_").split("_")
    if "loss" in words:
        return "Loss"
    if "lr" in words or "learning_rate" in lowered:
        return "Learning rate"
    measure = next((title for measure, title in (COLLAPSE | FORCES).items() if measure in lowered), None)
    if measure is not None:
        return measure
    validation = "val" in words
    if any(word.endswith("iou") for word in words) or (validation and group_of(name)):
        return "Validation mIoU (%)" if validation else "mIoU (%)"
    if words[-1] == "accuracy":
        return "Validation accuracy (%)" if validation else "Accuracy (%)"
    return _spoken(name)


def label_of(name: str) -> str:
    """Return what a curve is called in its panel's legend: its group, its part of the loss, or its network."""
    network, colon, _ = name.partition(": ")
    if colon:
        return network
    if name in LABELS:
        return LABELS[name]
    return group_of(name) or ("all classes" if panel_of(name) in COLLAPSE.values() else _spoken(name))


def group_of(name: str) -> str:
    """Return the group of classes that a curve is of; "all" where its name says so, else nothing."""
    last = name.replace("/", "_").rpartition("_")[2]
    return last if last in ("all", *GROUPS) else ""


def color_of(name: str, number: int) -> str:
    """Return the class in the style sheet of a curve, the ``number``-th of its panel; groups have their own."""
    group = "all" if name == "val/miou" or name in {f"val/{measure}" for measure in COLLAPSE} else group_of(name)
    return group or f"s{number % 6}"


def _spoken(name: str) -> str:
    words = name.rpartition("/")[2].replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
