"""What is in a scene store, and how far out of balance: ``python -m data_prep.stats STORE [out=FOLDER]``.

Points, scenes and instances of each class, the imbalance ratio, head, common and tail by frequency, classes that share
scenes, and weights for a loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class Stats:
    """What is in a scene store, and how far out of balance.

    python -m data_prep.stats STORE [out=FOLDER]: classes, points, instances, imbalance, groups by frequency, classes
    that share scenes, weights for losses. A table, and with out= stats.json and stats.html.
    """

    store: str | None = setting(None, "the store's folder")
    out: str | None = setting(None, "a folder for stats.json and stats.html (one page, no network); null: print only")
    segment: str | None = setting(None, "which labels, for example segment20; null: the finest that the manifest knows")
    split: str = setting("train", "the split whose frequencies give groups and weights")
    beta: float = setting(0.9999, "of the weights by effective number of points")
    pairs: int = setting(10, "pairs of classes that are printed")
    workers: int | None = setting(None, "processes; null: one a core", least=1)


@entry(Stats, "data_prep.stats", words="store")
def main(config: DictConfig) -> None:
    """Print what a store holds, and write it as json and html."""
    from data_prep.custom.report import print_remarks
    from data_prep.stats.counting import statistics
    from data_prep.stats.frequency import associations
    from data_prep.stats.statistics_page import page
    from data_prep.stats.tables import print_statistics
    from pointnc.errors import UserError
    from pointnc.files.atomic import write_json, write_text
    from pointnc.scenes.store import SceneStore

    if config.store is None:
        raise UserError("give the store's folder: python -m data_prep.stats STORE", code="missing-setting")
    found = statistics(
        config.store, segment=config.segment, split=config.split, beta=config.beta, workers=config.workers
    )
    closest = associations(found.presence)[: config.pairs]
    print_statistics(found, closest)
    print_remarks(SceneStore(config.store).manifest or {})
    if config.out is not None:
        folder = Path(config.out)
        write_json(folder / "stats.json", found.to_dict())
        write_text(folder / "stats.html", page(found, closest))
        print(f"wrote {folder / 'stats.json'} and {folder / 'stats.html'}")


if __name__ == "__main__":
    main()
