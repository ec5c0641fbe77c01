"""Settings that several commands of this package have."""

from __future__ import annotations

from dataclasses import dataclass

from pointnc.settings import setting


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
