"""``python -m data_prep.rooms``: procedural rooms, scanned, in the raw ScanNet layout."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_prep.rooms.scanner import Scanner
from data_prep.settings import Processes
from pointnc.commands.entry import entry
from pointnc.commands.settings import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig
    from rich.table import Table

    from data_prep.rooms.generate import SceneRecord


@dataclass
class Rooms(Processes):
    """Procedural rooms, scanned, in the raw ScanNet layout.

    python -m data_prep.rooms out=FOLDER train=40 val=10
    """

    out: str = setting("data/rooms/raw", "the folder to write")
    train: int = setting(40, "training rooms")
    val: int = setting(10, "validation rooms, from other seeds")
    test: int = setting(0, "test rooms: mesh alone")
    seed: int = setting(0, "of all rooms")
    overwrite: bool = setting(False, "remove the rooms that are there and make all of them")
    scanner: Any = setting(vars(Scanner()), f"scanner.NAME=VALUE, of the virtual camera: {', '.join(vars(Scanner()))}")


@entry(Rooms, "data_prep.rooms")
def main(config: DictConfig) -> None:
    """Make the rooms of the settings and print a summary."""
    from omegaconf import OmegaConf
    from rich.console import Console

    from data_prep.processes import engine
    from data_prep.rooms.generate import generate

    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    backend, scheduler = settings.pop("backend"), settings.pop("scheduler")
    with engine(backend, scheduler, settings["workers"]):
        records = generate(**{**settings, "scanner": Scanner(**settings["scanner"])})
    Console().print(summary(records) if records else f"{config.out} is complete: no room was made")


def summary(records: Sequence[SceneRecord]) -> Table:
    """Return a table of what was made: rooms, vertices, seconds and classes, by type of room and in all."""
    from rich.table import Table

    table = Table("room type", title="Rooms made", show_footer=False)
    for column in ("rooms", "vertices a room", "CPU-seconds a room", "objects", "classes"):
        table.add_column(column, justify="right")
    kinds = sorted({record.kind for record in records})
    for kind in kinds:
        table.add_row(kind, *_row([record for record in records if record.kind == kind]))
    table.add_section()
    table.add_row("all", *_row(records))
    return table


def _row(records: Sequence[SceneRecord]) -> tuple[str, ...]:
    instances = sum((record.instances for record in records), Counter[str]())
    return (
        str(len(records)),
        f"{sum(record.vertices for record in records) / len(records):,.0f}",
        f"{sum(record.seconds for record in records) / len(records):.2f}",
        str(instances.total()),
        str(len(instances)),
    )


if __name__ == "__main__":
    main()
