"""``python -m data_prep.rooms``: procedural rooms, scanned, in the raw ScanNet layout."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pointnc.entry import entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig
    from rich.table import Table

    from data_prep.rooms.generate import SceneRecord


@entry("tools/rooms")
def main(config: DictConfig) -> None:
    """Make the rooms of ``conf/tools/rooms.yaml`` and print a summary."""
    from omegaconf import OmegaConf
    from rich.console import Console

    from data_prep.processes import engine
    from data_prep.rooms.generate import generate
    from data_prep.rooms.scanner import Scanner

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
