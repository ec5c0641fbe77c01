"""The scores of a study as a picture for talks."""

from __future__ import annotations

from pointnc.scenes.taxonomy import SCORES
from pointnc.studies.table import Table


def picture(table: Table) -> bytes:
    """Return a PNG: the scores of each method, a dot a seed, and the mean."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    methods = table.parted()[0][::-1]
    figure = Figure(figsize=(11, 1.2 + 0.36 * max(len(methods), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    for number, (axes, name) in enumerate(zip(figure.subplots(1, len(SCORES), sharey=True), SCORES)):
        if table.of(table.study.baseline):
            axes.axvline(table.statistics(table.study.baseline)[name][0], color="#b0b0b0", linewidth=1, zorder=0)
        for height, method in enumerate(methods):
            color = "#c44e52" if method == table.study.baseline else "#4c72b0"
            values = [result.values[name] for result in table.of(method)]
            axes.scatter(values, [height] * len(values), s=14, color=color, alpha=0.55, linewidths=0)
            axes.scatter([table.statistics(method)[name][0]], [height], s=90, marker="|", color=color, linewidths=2)
        axes.set_title({"miou": "mIoU"}.get(name, name), fontsize=11)
        axes.set_yticks(range(len(methods)), methods)
        axes.tick_params(length=0 if number else 2)
        axes.grid(axis="x", alpha=0.25)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
