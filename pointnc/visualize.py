"""``python -m pointnc.visualize``: scenes, labels and predictions in a page, a picture or a window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.commands.shared_settings import CloudSettings, NetworkSettings, PredictionSettings
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from pointnc.viewer.labeled_scene import LabeledScene


@dataclass
class Visualize(CloudSettings, PredictionSettings, NetworkSettings):
    """Look at scenes, labels and predictions in a page, a picture or a window.

    python -m pointnc.visualize store=STORE scenes=scene0001_00 html=FILE.html   a scene of a store and its labels
    python -m pointnc.visualize scene=CLOUD.las truth=A.txt prediction=B.txt html=FILE.html   truth beside prediction
    python -m pointnc.visualize prediction=LABELED.ply png=FILE.png             a labeled cloud as a picture
    python -m pointnc.visualize checkpoint=RUN split=val limit=2 html=FILE.html  predicts and shows
    Without html= and png= a window opens (pip install 'pointnc[view]'), or else a page in the browser.
    """

    scene: Any = setting(
        None,
        "a scene's folder in a store, or a point cloud (ply, pcd, las, e57, xyz, csv, npy...); or several: [a,b]",
        text=True,
    )
    store: str | None = setting(None, "a store: the scenes of its split")
    split: str = setting("val", "which scenes of the store")
    scenes: Any = setting(
        None, "(store, checkpoint) a name, or names: [a,b]; null: the first ones, as many as limit says", text=True
    )
    limit: int | None = setting(3, "how many scenes at most")
    prediction: str | None = setting(
        None, "<scene>.txt (one class id a line), a cloud with a column label, or a folder of these"
    )
    truth: str | None = setting(None, "the same, where the scene has no labels of its own")
    data_root: str | None = setting(None, "(checkpoint) the store; null: the one that the checkpoint was trained on")
    taxonomy: str = setting(
        "auto",
        "auto (the checkpoint's, classes.json beside the labels, the store's, else scannet200) | scannet200 | "
        "scannet20 | FILE.yaml",
    )
    html: str | None = setting(None, "FILE.html: one page that needs no network")
    png: str | None = setting(None, "FILE.png: a row of panels a scene")
    overwrite: bool = setting(False, "replace what stands there")
    shown_points: int = setting(2_000_000, "(html, window) points a scene; of more, every n-th is shown", least=1)
    layers: Any = setting(
        ["color", "truth", "prediction", "error", "confidence"], "(png) those that the scene has are drawn"
    )
    view: Any = setting("oblique", "(png) oblique | top | [azimuth,elevation] in degrees")
    width: int = setting(560, "(png) pixels of a panel")
    height: int = setting(420, "(png) pixels of a panel")


@entry(Visualize, "pointnc.visualize", words="scene")
def main(config: DictConfig) -> None:
    """Gather the scenes, then write what was asked for, or show them at once."""
    if all(config[key] is None for key in ("scene", "store", "checkpoint", "prediction", "truth")):
        raise UserError(
            "nothing to show: name a cloud, or give scene=, store=, checkpoint=, or a labeled cloud as prediction=",
            code="missing-setting",
        )
    from pointnc.viewer.sources import labeled_scenes

    for key, suffix in (("html", ".html"), ("png", ".png")):
        check_output(config[key], key, suffix, config.overwrite)
    if not isinstance(config.shown_points, int) or config.shown_points < 1:
        raise UserError(f"shown_points is {config.shown_points}; it must be a whole number, at least 1", code="option")
    if config.html is None and config.png is None:
        from pointnc.viewer.opening import show

        show(labeled_scenes(config), config.shown_points)
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
        raise UserError(f"{key}={path}: the name must end with {suffix}", code="bad-name")
    if Path(path).exists() and not overwrite:
        raise UserError(f"{path} exists; give another {key}= or overwrite=true", code="exists")


def _plain(value: Any) -> Any:
    """Return a list of the configuration as a list of Python's."""
    return value if isinstance(value, str) else list(value)


if __name__ == "__main__":
    main()
