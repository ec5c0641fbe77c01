"""``python -m data_prep.scannet``: raw ScanNet folders to a scene store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_prep.processes import engine
from data_prep.scannet.preparation import prepare
from data_prep.settings import RawData
from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class Scannet(RawData):
    """Raw ScanNet folders to a scene store.

    python -m data_prep.scannet raw=FOLDER out=STORE: FOLDER has scans/, scans_test/ and
    scannetv2-labels.combined.tsv.
    """

    splits: Any = setting(
        None,
        "[train,val] or {train: [scene, ...]} or a json file; null: raw/scannetv2_<split>.txt, else official",
        text=True,
    )
    label_map: str | None = setting(None, "null: raw/scannetv2-labels.combined.tsv")


@entry(Scannet, "data_prep.scannet", words="raw")
def main(config: DictConfig) -> None:
    """Prepare a raw ScanNet folder."""
    from omegaconf import OmegaConf

    if config.raw is None or config.out is None:
        raise UserError("give raw=FOLDER (with scans/ in it) and out=STORE", code="missing-setting")
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    keys = ("splits", "label_map", "workers", "overwrite", "strict")
    with engine(settings["backend"], settings["scheduler"], settings["workers"]):
        prepare(settings["raw"], settings["out"], **{key: settings[key] for key in keys})


if __name__ == "__main__":
    main()
