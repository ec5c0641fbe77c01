"""``python -m data_prep.export``: Scenes of a store as files for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data_prep.export.scenes import export
from pointnc.entry import entry
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@entry("tools/export")
def main(config: DictConfig) -> None:
    """Export a store."""
    from omegaconf import OmegaConf

    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if settings["store"] is None or settings["out"] is None:
        raise UserError("give store=STORE and out=FOLDER")
    paths = export(kind=settings.pop("format"), **settings)
    size = sum(path.stat().st_size for path in paths)
    print(f"{len(paths)} files in {settings['out']}, {size / 1e6:,.1f} MB")


if __name__ == "__main__":
    main()
