"""``python -m data_prep.s3dis``: the raw S3DIS data set to a scene store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_prep.processes import engine
from data_prep.s3dis.preparation import LAYOUT, prepare
from data_prep.settings import RawData
from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class S3dis(RawData):
    """Raw S3DIS folders to a scene store.

    python -m data_prep.s3dis raw=FOLDER out=STORE: FOLDER has Area_1/ to Area_6/ (Stanford3dDataset_v1.2, aligned or
    not).
    """

    val_areas: Any = setting([5], "areas that make the split val; the others make train")
    normals: bool = setting(False, "estimate normals, which the raw data lack")


@entry(S3dis, "data_prep.s3dis", words="raw")
def main(config: DictConfig) -> None:
    """Prepare a raw S3DIS folder."""
    from omegaconf import OmegaConf

    if config.raw is None or config.out is None:
        raise UserError(f"give raw=FOLDER (with {LAYOUT} in it) and out=STORE", code="missing-setting")
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    areas = settings["val_areas"]
    for area in areas if isinstance(areas, list) else [areas]:
        if not isinstance(area, int) or isinstance(area, bool):
            raise UserError(f"val_areas={areas}: give numbers, for example val_areas=[5]", code="option")
    keys = ("val_areas", "normals", "workers", "overwrite", "strict")
    with engine(settings["backend"], settings["scheduler"], settings["workers"]):
        prepare(settings["raw"], settings["out"], **{key: settings[key] for key in keys})


if __name__ == "__main__":
    main()
