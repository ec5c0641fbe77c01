"""``python -m pointnc.study``: trains methods × seeds and compares them, with one budget or by successive halving."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from pointnc.studies import Run, Study, Table
    from pointnc.studies.launchers import Launcher
    from pointnc.studies.record import Record


SLURM_JOB = {
    "cluster": "slurm",  # local: the same on this machine, to try it
    "timeout_min": 1440,  # minutes; a run that needs more is requeued and goes on
    "slurm_partition": None,
    "cpus_per_task": None,  # None: threads
    "gpus_per_node": None,
    "mem_gb": None,
}
"""What a job asks for, in submitit's words."""

RAY_TASK = {
    "address": None,  # host:6379 or auto; None: what RAY_ADDRESS says, else a cluster on this machine
    "num_cpus": None,  # None: threads
    "num_gpus": None,
}
"""What a task needs, in Ray's words."""


@dataclass
class Compare:
    """Methods × seeds, trained with equal budget, in one table with tests against a baseline.

    python -m pointnc.study experiment=rooms: trains every method with every seed, resumes, compares.
    Experiments are the files of conf/tools/experiment.
    """

    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"experiment": None}])
    experiment: Any = setting(None, "what is compared")
    only: Any = setting(None, "[names]: run and show these methods alone", text=True)
    collect_only: bool = setting(False, "true: only write the table of what is done")
    processes: int = setting(1, "runs at a time", least=1)
    threads: int = setting(1, "of each run, on a CPU", least=1)
    folder: str = setting("studies/${hydra:runtime.choices.experiment}", "the run folders, <method>/seed<N>")
    out: str = setting("${folder}/results", ".md, .csv, .png, and .jsonl, which knows the runs that are done")
    title: str = setting("Study", "of the tables")
    notes: str | None = setting(None, "Markdown for the reader, below the first table")
    seeds: Any = setting([0, 1, 2], "one run of each method for each")
    baseline: str = setting("ce", "the method that the others are tested against")
    common: Any = setting([], "overrides of python -m pointnc.train that every run has")
    methods: Any = setting({}, "name: [overrides]")
    rungs: Any = setting(
        None,
        "successive halving: rounds of {name, overrides, seeds, keep, noise}; forms are named RECIPE+FORM",
    )
    launcher: str = setting(
        "local",
        "processes of this machine, jobs of Slurm, tasks of a cluster (docs/cluster.md)",
        choices=("local", "submitit", "ray"),
    )
    submitit: Any = setting(
        SLURM_JOB,
        f"submitit.NAME=VALUE, what a job asks for: {', '.join(SLURM_JOB)}; further ones of submitit's by a + before",
    )
    ray: Any = setting(RAY_TASK, f"ray.NAME=VALUE, what a task needs: {', '.join(RAY_TASK)}")


@entry(Compare, "pointnc.study")
def main(config: DictConfig) -> int:
    """Run what is missing, then write the tables of all that is there; return 1 where a run failed."""
    from rich.console import Console

    from pointnc.files.leftovers import sweep
    from pointnc.studies import read_study
    from pointnc.studies.launchers import open_launcher
    from pointnc.studies.record import Record

    study = read_study(config)
    sweep(Path(config.out).parent, *(run.folder for run in study.runs()))
    record = Record(Path(f"{config.out}.jsonl"))
    console = Console(soft_wrap=True)

    @functools.cache
    def launcher() -> Launcher:  # not before something is to be run: what is done is shown without a cluster
        return open_launcher(config.launcher, study.folder, config.threads, _options(config))

    return (_search if config.rungs else _compare)(config, study, record, console, launcher)


def _compare(
    config: DictConfig, study: Study, record: Record, console: Console, launcher: Callable[[], Launcher]
) -> int:
    """Give every method the same budget."""
    from pointnc.studies.writing import write

    table, failed = _train(config, study, record, console, launcher)
    if table.results:
        paths = write(table, Path(config.out), _command())
        console.print("written: " + ", ".join(str(path) for path in paths))
    return _report_failures(failed, console)


def _search(
    config: DictConfig, study: Study, record: Record, console: Console, launcher: Callable[[], Launcher]
) -> int:
    """Give the better forms of each round more."""
    from pointnc.studies.halving import read_rungs, survivors
    from pointnc.studies.plan import is_form
    from pointnc.studies.writing import write_search

    forms = [name for name in study.methods if is_form(name)]
    tables: list[Table] = []
    paths: list[Path] = []
    failed: list[Run] = []
    rungs = read_rungs(config, study)
    for rung in rungs:
        table, broken = _train(config, rung.study(study, forms), record, console, launcher)
        tables.append(table)
        failed += broken
        forms = survivors(table, rung)
        if any(one.results for one in tables):
            paths = write_search(study, list(zip(rungs, tables)), Path(config.out), _command())
        complete = len(table.results) == len(table.study.runs())
        if not (complete or broken) or not forms:
            break  # collect_only, in the middle of a round
        console.print(f"{rung.name}: {', '.join(forms)} go on", markup=False)
    if paths:
        console.print("written: " + ", ".join(str(path) for path in paths))
    return _report_failures(failed, console)


def _train(
    config: DictConfig, study: Study, record: Record, console: Console, launcher: Callable[[], Launcher]
) -> tuple[Table, list[Run]]:
    """Train the runs of a study that neither their folder nor the record knows; return the table and what failed."""
    from pointnc.studies import collect, run_all
    from pointnc.studies.running import is_done

    runs = study.runs()
    missing = [run for run in runs if run not in record and not is_done(run)]
    finished = len(runs) - len(missing)
    console.print(f"{study.title}: {len(runs)} runs, {finished} done; {study.folder}", markup=False)

    def report(run: Run, seconds: float, outcome: str) -> None:
        nonlocal finished
        finished += 1
        record.add(run)
        console.print(f"{finished}/{len(runs)}  {run.method} seed {run.seed}: {outcome}, {seconds:.0f} s", markup=False)

    failed: list[Run] = []
    if missing and not config.collect_only:
        chosen = launcher()
        prepare(study.common)
        failed = run_all(missing, config.processes, config.threads, report, chosen)
    for run in runs:  # those that were done before there was a record
        if run not in record:
            record.add(run)
    return collect(study, record), failed


def _options(config: DictConfig) -> dict[str, dict[str, Any]]:
    """Return what is set of each launcher, by its name."""
    from omegaconf import OmegaConf

    return {name: OmegaConf.to_container(config[name], resolve=True) for name in ("submitit", "ray")}  # type: ignore[misc]


def _report_failures(failed: list[Run], console: Console) -> int:
    for run in failed:
        console.print(f"failed: {run.method} seed {run.seed}, see {run.folder / 'log.txt'}", markup=False)
    return 1 if failed else 0


def _command() -> str:
    """Return the command line that makes the study again."""
    from hydra.core.hydra_config import HydraConfig

    arguments = [one for one in HydraConfig.get().overrides.task if not one.startswith("collect_only")]
    arguments = [re.sub(r"^(\w+)='([\w./-]+)'$", r"\1=\2", one) for one in arguments]  # quotes that none needs
    return " ".join(["python -m pointnc.study", *arguments])


def prepare(overrides: tuple[str, ...]) -> None:
    """Make the data once, before several runs would at the same time."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from pointnc.commands.entry import config_folder
    from pointnc.training.data import prepare_data
    from pointnc.training.stopwatch import Stopwatch

    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_folder().absolute())):
        config = compose("train", overrides=[*overrides, "choice={}"], return_hydra_config=False)
    prepare_data(config.dataset.get("prepare"), Stopwatch())


if __name__ == "__main__":
    main()
