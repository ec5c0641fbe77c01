"""``python -m data_prep.custom``: Somebody's own files, of any format, to a scene store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_prep.custom.preparation import prepare, read_settings
from data_prep.processes import engine
from data_prep.settings import LabeledFiles, Processes
from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.commands.shared_settings import CloudSettings
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class Custom(LabeledFiles, CloudSettings, Processes):
    """One's own labeled scans to a scene store.

    python -m data_prep.custom root=FOLDER out=STORE [taxonomy=FILE.yaml]
        FOLDER/<split>/*.ply|pcd|las|laz|e57|xyz|txt|csv|npy|npz, or scenes of a store. Exit code 1: some failed.
    """

    out: str | None = setting(None, "the store to write; one that is there is completed")
    taxonomy: str | None = setting(
        None, "yaml with the classes; null: root/taxonomy.yaml. Or scannet200, scannet20: their ids"
    )
    instance: str | None = setting(
        None, "column with the numbers of objects; null: instance, object_id, ... if there is one"
    )
    unknown: str = setting("error", "an id that the taxonomy lacks: error | ignore")
    normals: str = setting(
        "auto", "auto: the file's, else from its faces, else estimated from neighbors; none: left out"
    )
    overwrite: bool = setting(False, "prepare again what is done")


@entry(Custom, "data_prep.custom", words="root")
def main(config: DictConfig) -> int:
    """Prepare a folder of one's own scans."""
    from omegaconf import OmegaConf

    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if settings["root"] is None or settings["out"] is None:
        raise UserError("give root=FOLDER (with train/, val/ in it) and out=STORE", code="missing-setting")
    keys = ("splits", "files", "workers", "overwrite")
    with engine(settings["backend"], settings["scheduler"], settings["workers"]):
        _, failures = prepare(
            settings["root"], settings["out"], read_settings(settings), **{key: settings[key] for key in keys}
        )
    return 1 if failures else 0


if __name__ == "__main__":
    main()
