"""``python -m data_prep.semantickitti``: the raw SemanticKITTI data set to a scene store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_prep.processes import engine
from data_prep.semantickitti.preparation import LAYOUT, prepare
from data_prep.settings import RawData
from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class SemanticKitti(RawData):
    """Raw SemanticKITTI sequences to a scene store.

    python -m data_prep.semantickitti raw=FOLDER out=STORE: FOLDER has dataset/sequences/00/velodyne/ and labels/ in it.
    """

    splits: Any = setting(
        None, "[train,val] or {train: [00, 01], val: [08]}; null: the official ones, test without labels", text=True
    )


@entry(SemanticKitti, "data_prep.semantickitti", words="raw")
def main(config: DictConfig) -> None:
    """Prepare a raw SemanticKITTI folder."""
    from omegaconf import OmegaConf

    if config.raw is None or config.out is None:
        raise UserError(f"give raw=FOLDER (with {LAYOUT} in it) and out=STORE", code="missing-setting")
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    keys = ("splits", "workers", "overwrite", "strict")
    with engine(settings["backend"], settings["scheduler"], settings["workers"]):
        prepare(settings["raw"], settings["out"], **{key: settings[key] for key in keys})


if __name__ == "__main__":
    main()
