"""``python -m pointnc.train``: train, evaluate, report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointnc.commands.entry import entry

if TYPE_CHECKING:
    from omegaconf import DictConfig


@entry(None, "pointnc.train")
def main(config: DictConfig) -> None:
    """Train what the configuration describes."""
    from hydra.core.hydra_config import HydraConfig

    from pointnc.training.resumed import resumed_config
    from pointnc.training.run import train

    train(resumed_config(config, list(HydraConfig.get().overrides.task)))


if __name__ == "__main__":
    main()
