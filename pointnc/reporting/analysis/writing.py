"""The analysis page as one html file that needs nothing but a browser, no network and no script."""

from __future__ import annotations

from pathlib import Path

from pointnc.files.atomic import write_text
from pointnc.reporting import markup
from pointnc.reporting.analysis import diagnosis, geometry, numbers
from pointnc.reporting.analysis.content import Analysis
from pointnc.version import __version__

STYLES = (Path(__file__).parent.with_name("report.css"), Path(__file__).with_name("analysis.css"))


def write_analysis(path: str | Path, analysis: Analysis) -> None:
    """Write the page as one html file, whole or not at all."""
    write_text(path, render_analysis(analysis))


def render_analysis(analysis: Analysis) -> str:
    """Return the html of the page."""
    parts = [
        numbers.head(analysis),
        diagnosis.regularizers(analysis),
        numbers.measures(analysis),
        numbers.curves(analysis),
        geometry.angles(analysis),
        geometry.context(analysis),
        geometry.pairs(analysis),
        numbers.frequency(analysis),
        numbers.summary(analysis),
        numbers.left_out(analysis),
        f"<footer>Made by pointnc {__version__}.</footer>",
    ]
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    return markup.document(analysis.title, style, "\n".join(filter(None, parts)))
