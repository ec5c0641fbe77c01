"""``python -m pointnc.predict``: labels for one's own point clouds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pointnc.entry import entry

if TYPE_CHECKING:
    from omegaconf import DictConfig


@entry("tools/predict")
def main(config: DictConfig) -> int:
    """Label file after file; what fails is listed at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pointnc.clouds import open_cloud
    from pointnc.clouds.conditions import check_frame
    from pointnc.errors import UserError
    from pointnc.prediction.failures import failure_line
    from pointnc.prediction.inputs import find_inputs
    from pointnc.prediction.labeling import label_file
    from pointnc.prediction.targets import OutputFolder
    from pointnc.scenes.leftovers import sweep
    from pointnc.training.evaluation import make_predictor, open_network

    if config.checkpoint is None or config.input is None or config.out is None:
        raise UserError("give checkpoint=RUN input=FILES out=FOLDER")
    if not isinstance(config.block_points, int) or config.block_points < 1:
        raise UserError(f"block_points={config.block_points}: it must be a whole number, at least 1")
    check_frame(config.units, config.up)
    inputs = find_inputs(config.input)
    out = OutputFolder(Path(str(config.out)).expanduser(), inputs, bool(config.overwrite))
    trained = open_network(config)
    out.check_classes(trained.taxonomy)
    sweep(out.out)  # what killed commands have left
    predictor = make_predictor(trained, config)
    console = Console(soft_wrap=True, highlight=False)
    failures: list[str] = []
    done = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        for number, path in enumerate(inputs):
            task = bar.add_task(f"{number + 1}/{len(inputs)} {path.name}", total=None)

            def advance(points: int, total: int, task: object = task) -> None:
                bar.update(task, completed=points, total=total)  # type: ignore[arg-type]

            try:
                targets = out.targets(path, bool(config.colors))
                outcome = label_file(
                    open_cloud(path), targets, predictor, trained.taxonomy, config.units, config.up,
                    config.block_points, advance,
                )  # fmt: skip
            except Exception as error:
                failures.append(failure_line(path, error))
                console.print(f"error: {failures[-1]}", style="red", markup=False)
                continue
            finally:
                bar.remove_task(task)
            out.note(targets)
            done += 1
            for remark in outcome.remarks:
                console.print(f"{path.name}: {remark}", style="yellow", markup=False)
            commonest = outcome.counts.argsort()[::-1][:4]
            shares = ", ".join(
                f"{trained.taxonomy.names[k]} {outcome.counts[k] / max(outcome.counts.sum(), 1):.0%}"
                for k in commonest
                if outcome.counts[k]
            )
            console.print(
                f"{path.name}: {outcome.points:,} points in {outcome.seconds:.1f} s, "
                f"{outcome.points / outcome.seconds:,.0f} a second; {shares}; {', '.join(map(str, outcome.files))}",
                markup=False,
            )
    if done:
        console.print(f"ids, names and colours of the classes: {out.write_classes(trained.taxonomy)}", markup=False)
    if failures:
        console.print(f"{len(failures)} of {len(inputs)} failed:", style="red")
        for line in failures:
            console.print(f"  {line}", markup=False)
    return 1 if failures else 0


if __name__ == "__main__":
    main()
