"""``python -m data_prep.custom``: Somebody's own files, of any format, to a scene store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data_prep.custom.preparation import prepare, read_settings
from data_prep.processes import engine
from pointnc.entry import entry
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@entry("tools/custom")
def main(config: DictConfig) -> int:
    """Prepare a folder of one's own scans."""
    from omegaconf import OmegaConf

    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if settings["root"] is None or settings["out"] is None:
        raise UserError("give root=FOLDER (with train/, val/ in it) and out=STORE")
    keys = ("splits", "files", "workers", "overwrite")
    with engine(settings["backend"], settings["scheduler"], settings["workers"]):
        _, failures = prepare(
            settings["root"], settings["out"], read_settings(settings), **{key: settings[key] for key in keys}
        )
    return 1 if failures else 0


if __name__ == "__main__":
    main()
