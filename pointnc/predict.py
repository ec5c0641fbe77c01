"""``python -m pointnc.predict``: labels for one's own point clouds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.commands.shared_settings import (
    DECIDE_LABELS,
    CloudSettings,
    NetworkSettings,
    PredictionSettings,
    SharedWork,
)

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from pointnc.prediction import Outcome
    from pointnc.scenes.taxonomy import Taxonomy


OPTIONS = [*DECIDE_LABELS, "block_points", "units", "up", "color_bits", "columns", "colors", "out"]
"""The settings on which the files depend."""


@dataclass
class Predict(CloudSettings, PredictionSettings, NetworkSettings, SharedWork):
    """Labels for one's own point clouds, in files of the same format.

    python -m pointnc.predict FILES [checkpoint=RUN] [out=FOLDER] [units=mm] [up=y] [tta=fast]
        ply, pcd, las, laz, e57, xyz, txt, csv, npy, npz, scenes of a store; every attribute is kept, and
        label and confidence are added.
    """

    input: Any = setting(
        None, "a file, a folder, a pattern such as 'scans/*.ply', or several of these: [a.ply,b.las]", text=True
    )
    out: str | None = setting(None, "the folder for the labeled files; null: labeled/ beside the first of them")
    overwrite: bool = setting(False, "replace what stands there")
    colors: bool = setting(False, "true: also <file>_labels.ply with the colors of the classes")
    max_points: int = setting(500_000, "points a pass of the network: bounds the memory", least=1)
    block_points: int = setting(
        2_000_000, "points held in memory at a time; larger files are cut into blocks on the disk", least=1
    )


@entry(Predict, "pointnc.predict", words="input")
def main(config: DictConfig) -> int:
    """Label file after file, alone or as one of several that share them out; what fails is listed at the end."""
    from pointnc.errors import UserError

    if config.input is None:
        raise UserError("label which files? pointnc predict FILES, or input=FILES", code="missing-setting")

    from omegaconf import OmegaConf
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pointnc.clouds import open_cloud
    from pointnc.clouds.conditions import check_frame
    from pointnc.clouds.table import column_names
    from pointnc.evaluation.opening import make_predictor, open_network
    from pointnc.files.leftovers import sweep
    from pointnc.prediction.failures import failure_line
    from pointnc.prediction.inputs import find_inputs, size_of
    from pointnc.prediction.labeling import label_file
    from pointnc.prediction.targets import OutputFolder, rivals
    from pointnc.sharing import failure_of, share_work

    check_frame(config.units, config.up, config.color_bits)
    columns = column_names(config.columns)
    inputs = {str(path): path for path in find_inputs(config.input)}
    place = next(iter(inputs.values())).parent / "labeled" if config.out is None else Path(config.out).expanduser()
    out = OutputFolder(place, list(inputs.values()), bool(config.overwrite))
    trained = open_network(config)
    out.check_classes(trained.taxonomy)
    sweep(out.out)  # what killed commands have left
    predictor = make_predictor(trained, config)

    def settings() -> list[object]:
        return [trained.fingerprint, OmegaConf.to_container(OmegaConf.masked_copy(config, OPTIONS), resolve=True)]

    sizes = {name: size_of(path) for name, path in inputs.items()}
    work = share_work(config.shard, out.out, sizes, settings, "files", rivals(inputs))
    console = Console(soft_wrap=True, highlight=False)
    numbers = {name: number + 1 for number, name in enumerate(inputs)}
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())

    def label(name: str) -> dict[str, str | None]:
        path = inputs[name]
        task = bar.add_task(f"{numbers[name]}/{len(inputs)} {path.name}", total=None)

        def advance(points: int, total: int) -> None:
            bar.update(task, completed=points, total=total)

        try:
            targets = out.targets(path, bool(config.colors))
            outcome = label_file(
                open_cloud(path, columns), targets, predictor, trained.taxonomy, config.units, config.up,
                config.block_points, advance, config.color_bits,
            )  # fmt: skip
        except Exception as error:
            failure = failure_line(path, error)
            console.print(f"error: {failure}", style="red", markup=False)
            return {"failure": failure}
        finally:
            bar.remove_task(task)
        out.note(targets)
        _print(console, path, outcome, trained.taxonomy)
        return {"failure": None}

    bar = Progress(*bars, console=console, transient=True, disable=not work.leads)
    with bar:
        results = work.do(label)
    if results is None:
        return int(work.failed)
    failures = [line for line in map(failure_of, results.values()) if line is not None]
    if len(failures) < len(inputs):
        console.print(f"ids, names and colors of the classes: {out.write_classes(trained.taxonomy)}", markup=False)
    if failures:
        console.print(f"{len(failures)} of {len(inputs)} failed:", style="red")
        for line in failures:
            console.print(f"  {line}", markup=False)
    work.finish()
    return 1 if failures else 0


def _print(console: Console, path: Path, outcome: Outcome, taxonomy: Taxonomy) -> None:
    """Say what was assumed of a file, how long it took and what is in it."""
    for remark in outcome.remarks:
        console.print(f"{path.name}: {remark}", style="yellow", markup=False)
    most_frequent = outcome.counts.argsort()[::-1][:4]
    shares = ", ".join(
        f"{taxonomy.names[k]} {outcome.counts[k] / max(outcome.counts.sum(), 1):.0%}"
        for k in most_frequent
        if outcome.counts[k]
    )
    console.print(
        f"{path.name}: {outcome.points:,} points in {outcome.seconds:.1f} s, "
        f"{outcome.points / outcome.seconds:,.0f} a second; {shares}; {', '.join(map(str, outcome.files))}",
        markup=False,
    )


if __name__ == "__main__":
    main()
