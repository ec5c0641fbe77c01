"""``python -m data_prep.check``: whether a scene store is whole and sound."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from data_prep.arguments import store_argument
from data_prep.check.checking import check
from data_prep.check.tables import print_report
from pointnc.entry import entry
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


@entry("tools/check")
def main(config: DictConfig) -> int:
    """Check a scene store."""
    from omegaconf import OmegaConf

    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if settings["store"] is None:
        raise UserError("give the store's folder: python -m data_prep.check STORE")
    report = check(settings["store"], splits=settings["splits"], workers=settings["workers"])
    print_report(report.scenes, report.listed, report.taxonomies, report.problems, classes=settings["classes"])
    return 0 if report.sound else 1


if __name__ == "__main__":
    sys.argv[1:] = [store_argument(argument) for argument in sys.argv[1:]]
    main()
