"""``python -m data_prep.export``: Scenes of a store as files for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_prep.export.scenes import export
from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class Export:
    """Scenes of a store as files for other programs.

    python -m data_prep.export store=STORE out=FOLDER [format=las]: coordinates, colors, normals, label (ids of the
    taxonomy, -1: none) and instance of each scene.
    """

    store: str | None = setting(None, "the store's folder")
    out: str | None = setting(None, "the folder to write: <split>/<scene>.<format>")
    format: str = setting("ply", "ply | pcd | las | laz | txt | csv | npy | npz")
    segment: str | None = setting(
        None, "which labels, for example segment200; null: the finest that the manifest knows"
    )
    splits: Any = setting(None, "[train,val]; null: all", text=True)
    limit: int | None = setting(None, "so many scenes of each split")
    workers: int | None = setting(None, "processes; null: one a core", least=1)
    overwrite: bool = setting(False, "replace files that are there")


@entry(Export, "data_prep.export", words="store")
def main(config: DictConfig) -> None:
    """Export a store."""
    from omegaconf import OmegaConf

    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if settings["store"] is None or settings["out"] is None:
        raise UserError("give store=STORE and out=FOLDER", code="missing-setting")
    paths = export(kind=settings.pop("format"), **settings)
    size = sum(path.stat().st_size for path in paths)
    print(f"{len(paths)} files in {settings['out']}, {size / 1e6:,.1f} MB")


if __name__ == "__main__":
    main()
