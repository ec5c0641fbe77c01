"""``python -m pointnc.visualize``: scenes, labels and predictions in a page, a picture or a window."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.entry import entry
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from pointnc.viewer.labeled_scene import LabeledScene


@entry("tools/visualize")
def main(config: DictConfig) -> None:
    """Gather the scenes, then write what was asked for, or open a window."""
    from pointnc.viewer.sources import labeled_scenes

    for key, suffix in (("html", ".html"), ("png", ".png")):
        check_output(config[key], key, suffix, config.overwrite)
    if not isinstance(config.shown_points, int) or config.shown_points < 1:
        raise UserError(f"shown_points is {config.shown_points}; it must be a whole number, at least 1")
    if config.html is None and config.png is None:
        from pointnc.viewer.window import check_window, open_window

        check_window()
        open_window(next(labeled_scenes(config)).thinned(config.shown_points))
        return
    shown: Iterable[LabeledScene] = labeled_scenes(config)
    if config.png is not None:
        from pointnc.viewer.panels import write_panels

        shown = list(shown)  # a network predicts once, for the picture and the page
        write_panels(config.png, shown, _plain(config.layers), _plain(config.view), config.width, config.height)
        print(f"written: {config.png} ({len(shown)} scenes)")
    if config.html is not None:
        from pointnc.viewer.page import write_page

        counts = write_page(config.html, shown, config.shown_points)
        size = Path(config.html).stat().st_size / 1e6
        print(f"written: {config.html} ({len(counts)} scenes, {sum(counts):,} points, {size:.1f} MB)")


def check_output(path: str | None, key: str, suffix: str, overwrite: bool) -> None:
    """Refuse a file of another kind, and one that exists, before anything is computed.

    Raises:
        UserError: it is one of these.
    """
    if path is None:
        return
    if Path(path).suffix.lower() != suffix:
        raise UserError(f"{key}={path}: the name must end with {suffix}")
    if Path(path).exists() and not overwrite:
        raise UserError(f"{path} exists; give another {key}= or overwrite=true")


def _plain(value: Any) -> Any:
    """Return a list of the configuration as a list of Python's."""
    return value if isinstance(value, str) else list(value)


if __name__ == "__main__":
    main()
