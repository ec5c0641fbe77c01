"""``python -m data_prep.check``: whether a scene store is whole and sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_prep.check.checking import check
from data_prep.check.tables import print_report
from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class Check:
    """Counts, arrays, labels and hashes of a scene store. Exit code 0: sound, 1: not.

    python -m data_prep.check STORE
    """

    store: str | None = setting(None, "the store's folder")
    splits: Any = setting(
        None,
        "what should be there, as in data_prep.scannet; null: what it was prepared for, else the official lists",
        text=True,
    )
    workers: int | None = setting(None, "processes; null: one a core", least=1)
    classes: bool = setting(True, "print every class, not the totals alone")


@entry(Check, "data_prep.check", words="store")
def main(config: DictConfig) -> int:
    """Check a scene store."""
    from omegaconf import OmegaConf

    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if settings["store"] is None:
        raise UserError("give the store's folder: python -m data_prep.check STORE", code="missing-setting")
    report = check(settings["store"], splits=settings["splits"], workers=settings["workers"])
    print_report(report.scenes, report.listed, report.taxonomies, report.problems, classes=settings["classes"])
    return 0 if report.sound else 1


if __name__ == "__main__":
    main()
