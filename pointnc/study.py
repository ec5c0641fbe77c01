"""``python -m pointnc.study``: trains methods × seeds and compares them in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pointnc.entry import entry

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from pointnc.studies import Run


@entry("tools/study")
def main(config: DictConfig) -> int:
    """Run what is missing, then write the table of all that is there."""
    from hydra.core.hydra_config import HydraConfig
    from rich.console import Console

    from pointnc.errors import UserError
    from pointnc.studies import collect, read_study, run_all
    from pointnc.studies.running import is_done
    from pointnc.studies.writing import write

    study = read_study(config)
    for key in ("processes", "threads"):
        if not isinstance(config[key], int) or config[key] < 1:
            raise UserError(f"{key}={config[key]}: it must be a whole number, at least 1")
    runs = study.runs()
    missing = [run for run in runs if not is_done(run)]
    console = Console(soft_wrap=True)
    console.print(f"{study.title}: {len(runs)} runs, {len(runs) - len(missing)} done; {study.folder}")
    finished = len(runs) - len(missing)

    def report(run: Run, seconds: float, outcome: str) -> None:
        nonlocal finished
        finished += 1
        console.print(f"{finished}/{len(runs)}  {run.method} seed {run.seed}: {outcome}, {seconds:.0f} s", markup=False)

    failed: list[Run] = []
    if missing and not config.collect_only:
        prepare(study.common)
        failed = run_all(runs, config.processes, config.threads, report)
    table = collect(study)
    if table.results:
        arguments = [one for one in HydraConfig.get().overrides.task if not one.startswith("collect_only")]
        paths = write(table, Path(config.out), " ".join(["python -m pointnc.study", *arguments]))
        console.print("written: " + ", ".join(str(path) for path in paths))
    for run in failed:
        console.print(f"failed: {run.method} seed {run.seed}, see {run.folder / 'log.txt'}", markup=False)
    return 1 if failed else 0


def prepare(overrides: tuple[str, ...]) -> None:
    """Make the data once, before several runs would at the same time."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from pointnc.entry import config_folder
    from pointnc.training.splits import prepare_data
    from pointnc.training.stopwatch import Stopwatch

    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_folder().absolute())):
        config = compose("train", overrides=[*overrides, "choice={}"], return_hydra_config=False)
    prepare_data(config, Stopwatch())


if __name__ == "__main__":
    main()
