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

    from pointnc.training.run import train
    from pointnc.training.run_folder import resumed_config

    train(resumed_config(config, list(HydraConfig.get().overrides.task)))


if __name__ == "__main__":
    main()
