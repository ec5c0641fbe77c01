"""A confusion matrix as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.files.atomic import atomic_path
from pointnc.scenes.taxonomy import Taxonomy


def write_confusion_png(path: Path, confusion: NDArray[np.int64], taxonomy: Taxonomy) -> None:
    """Draw the classes that occur, most frequent first, each row as shares of the true class.

    Args:
        path: the png file.
        confusion: (K, K+1) counts; row: truth, column: prediction.
        taxonomy: the K classes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    truth = confusion.sum(axis=1)
    order = np.argsort(-truth, kind="stable")[: np.count_nonzero(truth)]
    share = confusion[order][:, order] / np.maximum(truth[order, None], 1)
    size = max(4.0, 0.13 * len(order) + 2)
    figure = Figure(figsize=(size, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    # The square root lets the small shares be seen: they are what one looks for.
    image = axes.imshow(np.sqrt(share), vmin=0, vmax=1, cmap="magma_r", interpolation="nearest")
    names = [taxonomy.names[index] for index in order]
    axes.set_xticks(range(len(order)), names, rotation=90, fontsize=6)
    axes.set_yticks(range(len(order)), names, fontsize=6)
    axes.set_xlabel("prediction")
    axes.set_ylabel("truth")
    axes.set_title("Share of each true class, most frequent first", fontsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=np.sqrt([0, 0.01, 0.1, 0.25, 0.5, 1]))
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "25 %", "50 %", "100 %"], fontsize=7)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=140)
