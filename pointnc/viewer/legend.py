"""The legend in words and figures: a row a class with points and IoU, and what the colors of the other layers mean."""

from __future__ import annotations

from dataclasses import dataclass

from pointnc.reporting.colors import IGNORED, RIGHT, UNLABELED, WRONG
from pointnc.scenes.scene import IGNORE
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.layers import RAMP

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """A class of a scene.

    Attributes:
        k: its train index, -1 for no class.
        name: in words.
        color: RGB, 0 to 255.
        points: in the truth, or without truth in the prediction.
        predicted: points in the prediction.
        iou: percent; None where there is none.
        group: head, common, tail, or "".
    """

    k: int
    name: str
    color: Color
    points: int
    predicted: int
    iou: float | None
    group: str


def legend_rows(labeled: LabeledScene) -> list[Row]:
    """Return a row for each class that occurs in truth or prediction, those with the most points first."""
    figures, taxonomy = labeled.figures, labeled.taxonomy
    rows = []
    for number in range(len(taxonomy) + 1):
        truth = 0 if figures.truth_points is None else int(figures.truth_points[number])
        predicted = 0 if figures.predicted_points is None else int(figures.predicted_points[number])
        if truth + predicted == 0:
            continue
        points = predicted if figures.truth_points is None else truth
        if number == len(taxonomy):
            rows.append(Row(IGNORE, "no class", UNLABELED, points, predicted, None, ""))
            continue
        iou = None if figures.iou is None or figures.iou[number] != figures.iou[number] else float(figures.iou[number])
        group = taxonomy.groups[number] if taxonomy.groups else ""
        rows.append(Row(number, taxonomy.names[number], taxonomy.colors[number], points, predicted, iou, group))
    return sorted(rows, key=lambda row: (-row.points, -row.predicted))


def ordered(rows: list[Row], order: str) -> list[Row]:
    """Return the rows by "points", by "iou" (lowest first, those without last) or by "name"."""
    if order == "iou":
        return sorted(rows, key=lambda row: (101.0 if row.iou is None else row.iou, -row.points))
    return sorted(rows, key=lambda row: row.name.lower()) if order == "name" else rows


def matching(rows: list[Row], words: str) -> list[Row]:
    """Return the rows that have all words in their name, or are of the group that a word names."""
    wanted = words.lower().split()
    return [row for row in rows if all(word in row.name.lower() or word == row.group for word in wanted)]


def short(count: int) -> str:
    """Return a number that leaves columns narrow: 1234 is 1.2k, 1234567 is 1.2M."""
    if count < 1000:
        return str(count)
    if count < 999_500:
        return f"{count / 1000:.{1 if count < 99_500 else 0}f}k"
    return f"{count / 1e6:.1f}M"


def caption(labeled: LabeledScene) -> str:
    """Return the number of points, accuracy and mIoU, as far as they are defined."""
    figures = labeled.figures
    parts = [f"{len(labeled.scene):,} points"]
    if figures.accuracy is not None and figures.accuracy == figures.accuracy:
        parts.append(f"accuracy {figures.accuracy:.1f} %")
    if figures.miou is not None and figures.miou == figures.miou:
        parts.append(f"mIoU {figures.miou:.1f} %")
    return ", ".join(parts)


def key_of(labeled: LabeledScene, layer: str) -> list[tuple[Color, str]]:
    """Return color and meaning where a layer's colors are not those of the classes, else nothing."""
    verdicts = labeled.figures.verdicts
    if layer == "error" and verdicts is not None:
        words = zip((RIGHT, WRONG, IGNORED), verdicts, ("agree", "differ", "not scored"))
        return [(color, f"{count:,} {word}") for color, count, word in words]
    if layer == "confidence":
        shares = ("unsure", "", "", "", "sure")
        return [(color, word) for color, word in zip(RAMP, shares)]
    return []
