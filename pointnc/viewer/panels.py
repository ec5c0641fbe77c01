"""Scenes as one picture without display: a row of panels a scene, seen by one camera, and a legend of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.reporting.camera import VIEWS
from pointnc.reporting.colors import IGNORED, RIGHT, UNLABELED, WRONG
from pointnc.reporting.pictures import write_png
from pointnc.reporting.render import flatten, rasterize
from pointnc.scenes.scene import IGNORE
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.layers import LAYERS, RAMP, layer_colors, layers_of
from pointnc.viewer.legend import caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP, HEADING, CAPTION, ENTRY, COLUMN = 16, 34, 30, 21, 172
"""Pixels: between panels, of the titles' strip, of a scene's caption, of a line of the legend, of its columns."""

MOST_CLASSES = 48
"""Entries of the legend; the rarer classes are summed up."""

INK, SOFT = "#1d2024", "#5d646d"

RELIEF = {"color": 0.55}
"""How much shading a layer gets, where that is not 1: a scan's own colors already hold light and shadow."""


def write_panels(
    path: str | Path,
    scenes: Sequence[LabeledScene],
    layers: Sequence[str] = tuple(LAYERS),
    view: str | Sequence[float] = "oblique",
    width: int = 560,
    height: int = 420,
) -> None:
    """Write the picture, whole or not at all; see :func:`draw_panels`."""
    write_png(path, draw_panels(scenes, layers, view, width, height))


def draw_panels(
    scenes: Sequence[LabeledScene],
    layers: Sequence[str] = tuple(LAYERS),
    view: str | Sequence[float] = "oblique",
    width: int = 560,
    height: int = 420,
) -> NDArray[np.uint8]:
    """Return the (H, W, 3) picture.

    Args:
        scenes: at least one; a row each, and one legend for all.
        layers: the columns, names of ``LAYERS``; those that no scene has data for are left out.
        view: "oblique", "top", or (azimuth, elevation) in degrees.
        width: pixels of a panel.
        height: pixels of a panel.

    Raises:
        UserError: no scene, or an argument makes no sense.
    """
    if not scenes:
        raise UserError("there is no scene to draw", code="nothing-there")
    seen = _checked(view)
    for what, value in (("width", width), ("height", height)):
        if not isinstance(value, int) or not 16 <= value <= 8192:
            raise UserError(f"{what}={value}: it must be pixels, from 16 to 8192", code="option")
    unknown = [layer for layer in layers if layer not in LAYERS]
    if unknown or not layers:
        raise UserError(
            f"unknown layer {unknown[0] if unknown else ''!r}; choose some of {', '.join(LAYERS)}", code="unknown-name"
        )
    columns = [layer for layer in layers if any(layer in layers_of(labeled) for labeled in scenes)]
    if not columns:
        raise UserError(
            f"no scene has {', '.join(layers)}; {scenes[0].scene.name} has {', '.join(layers_of(scenes[0]))}",
            code="missing-array",
        )
    rows = [_row(labeled, columns, seen, width, height) for labeled in scenes]
    body = np.concatenate(rows)
    entries = _entries(scenes, columns)
    return _framed(body, scenes, columns, entries, width, height)


def _checked(view: str | Sequence[float]) -> str | tuple[float, float]:
    if isinstance(view, str) and view in VIEWS:
        return view
    if not isinstance(view, str) and len(view) == 2 and all(isinstance(x, int | float) for x in view):
        return float(view[0]), float(view[1])
    raise UserError(f"view={view}: choose one of {', '.join(VIEWS)}, or [azimuth,elevation] in degrees", code="option")


def _row(
    labeled: LabeledScene, columns: Sequence[str], view: str | tuple[float, float], width: int, height: int
) -> NDArray[np.uint8]:
    """Return one scene's panels side by side, with the room for its caption above."""
    scene = labeled.scene
    normal = None if scene.normal is None else np.asarray(scene.normal)
    raster = rasterize(np.asarray(scene.coord), normal, width, height, view)
    row = np.full((CAPTION + height, GAP + len(columns) * (width + GAP), 3), 255, np.uint8)
    for number, layer in enumerate(columns):
        if layer in layers_of(labeled):
            left = GAP + number * (width + GAP)
            picture = raster.paint(layer_colors(labeled, layer), RELIEF.get(layer, 1.0))
            row[CAPTION:, left : left + width] = flatten(picture)
    return row


def _entries(scenes: Sequence[LabeledScene], columns: Sequence[str]) -> list[tuple[str, tuple[int, int, int]]]:
    """Return name and color of what the panels show, the most frequent class first."""
    entries: list[tuple[str, tuple[int, int, int]]] = []
    taxonomy = scenes[0].taxonomy
    if {"truth", "prediction"} & set(columns):
        total = np.zeros(len(taxonomy) + 1, np.int64)
        for labeled in scenes:
            for labels in (labeled.truth, labeled.prediction):
                if labels is not None:
                    index, count = np.unique(np.asarray(labels), return_counts=True)
                    total[index] += count  # -1, no class, is the last entry
        order = [int(k) for k in np.argsort(-total[:-1], kind="stable") if total[k] > 0]
        entries = [(taxonomy.names[k], taxonomy.colors[k]) for k in order[:MOST_CLASSES]]
        if len(order) > MOST_CLASSES:
            entries.append((f"and {len(order) - MOST_CLASSES} more classes", (255, 255, 255)))
        if total[IGNORE]:
            entries.append(("no class", UNLABELED))
    if "error" in columns:
        entries += [("agrees", RIGHT), ("differs", WRONG), ("not scored", IGNORED)]
    if "confidence" in columns:
        entries += [("unsure", RAMP[0]), ("sure", RAMP[-1])]
    return entries


def _framed(
    body: NDArray[np.uint8],
    scenes: Sequence[LabeledScene],
    columns: Sequence[str],
    entries: Sequence[tuple[str, tuple[int, int, int]]],
    width: int,
    height: int,
) -> NDArray[np.uint8]:
    """Set titles, captions and the legend around the panels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = max((body.shape[1] - GAP) // COLUMN, 1)
    lines = -(-len(entries) // across)
    top, bottom = HEADING, HEADING + len(body)
    total = (bottom + GAP + lines * ENTRY + GAP, body.shape[1])
    figure = Figure(figsize=(total[1] / 100, total[0] / 100), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)

    def text(x: float, y: float, words: str, **style: Any) -> None:
        figure.text(x / total[1], 1 - y / total[0], words, va="center", **style)

    for number, layer in enumerate(columns):
        text(
            GAP + number * (width + GAP) + width / 2,
            HEADING / 2 + 4,
            LAYERS[layer],
            ha="center",
            fontsize=12,
            color=INK,
        )
    for number, labeled in enumerate(scenes):
        y = top + number * (CAPTION + height) + CAPTION / 2
        text(GAP, y, labeled.scene.name, fontsize=10, color=INK, weight="bold", parse_math=False)
        text(body.shape[1] - GAP, y, caption(labeled), fontsize=10, color=SOFT, ha="right")
    for number, (name, color) in enumerate(entries):
        x, y = GAP + number % across * COLUMN, bottom + GAP + (number // across + 0.5) * ENTRY
        _swatch(figure, x, y, color, total)
        shown = name if len(name) <= 22 else f"{name[:21]}…"
        text(x + 18, y, shown, fontsize=9, color=INK, parse_math=False)
    canvas.draw()
    picture = np.array(canvas.buffer_rgba())[..., :3]
    for number in range(len(scenes)):
        start = number * (CAPTION + height) + CAPTION
        picture[top + start : top + start + height] = body[start : start + height]
    return picture


def _swatch(figure: Figure, x: float, y: float, color: tuple[int, int, int], total: tuple[int, int]) -> None:
    from matplotlib.patches import Rectangle

    if color == (255, 255, 255):
        return
    corner = (x / total[1], 1 - (y + 5.5) / total[0])
    rgb = tuple(channel / 255 for channel in color)
    edge = (0, 0, 0, 0.25)
    figure.add_artist(Rectangle(corner, 11 / total[1], 11 / total[0], facecolor=rgb, edgecolor=edge, linewidth=0.6))
