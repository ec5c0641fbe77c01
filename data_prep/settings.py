"""Settings that several commands of this package have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pointnc.commands.settings import setting


@dataclass
class Processes:
    """Processes and machines."""

    workers: int | None = setting(None, "processes; null: one a core (of a cluster: all)", least=1)
    backend: str = setting(
        "loky", "where they run: this machine, or a cluster (docs/cluster.md)", choices=("loky", "dask", "ray")
    )
    scheduler: str | None = setting(None, "address of the cluster; null: one on this machine")


@dataclass
class RawData(Processes):
    """Raw data to a scene store."""

    raw: str | None = setting(None, "the folder with the raw data")
    out: str | None = setting(None, "the store to write; one that is there is completed")
    overwrite: bool = setting(False, "prepare again what is done")
    strict: bool = setting(False, "stop at the first missing or damaged scene instead of listing it in out/failed.json")


@dataclass
class LabeledFiles:
    """Which files, and where their labels are."""

    root: str | None = setting(None, "folder with train/, val/, ... and in each of them one file a scene")
    files: str = setting("*", "which files of a split's folder, for example '*.ply'")
    splits: Any = setting(None, "[train,val]; null: every folder", text=True)
    label: str | None = setting(
        None, "column with the ids of the classes; null: label, class, classification, ... whatever there is"
    )
    labels: str | None = setting(
        None,
        "where they are if in no column: .labels (a file beside each cloud) | face.NAME | TABLE.yaml or .csv of colors",
    )
    ignore: Any = setting([-1], 'ids that mean "no class"')
