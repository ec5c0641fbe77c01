"""``python -m pointnc.analyze``: the geometry of a trained network's classes, as a page and as numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.commands.shared_settings import NetworkSettings
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from pointnc.analysis.subject import TrainedRun
    from pointnc.reporting.analysis import Analysis

LETTERS = "ABC"
"""Behind names that occur twice; so many networks can be compared."""


@dataclass
class Analyze(NetworkSettings):
    """The geometry of a trained network's classes, and what the scenes have to do with it.

    python -m pointnc.analyze checkpoint=RUN[,RUN[,RUN]] [split=val] [out=FOLDER]
    Why the regularizer helps or harms, how far classes and classifier are from neural collapse, which classes the
    features keep too close, and whether these are the ones that are next to one another: one html page and its numbers
    as json.
    """

    checkpoint: Any = setting(
        None,
        "a run folder, a .ckpt, a bundle or FILE.safetensors; A,B or A,B,C compares those of the same classes",
        several=True,
    )
    labels: Any = setting(
        None, "names for them on the page: plain,ceco; null: the regularizer that each was trained with", several=True
    )
    split: str = setting("val", "which scenes of the store")
    out: str = setting("analysis", "a folder: analysis.html and analysis.json")
    overwrite: bool = setting(False, "replace what stands there")
    data_root: str | None = setting(None, "the store; null: the one that the first checkpoint was trained on")
    train_split: str = setting("train", "whose points say how frequent a class is, and how classes touch")
    nearest: str = setting(
        "split", "centers of NC4: split (a second pass over it) | bank (of the training, no second pass) | none"
    )
    contact_size: float | None = setting(
        None, "edge in meters of the voxels whose neighbors are counted; null: that of the first checkpoint", above=0
    )
    permutations: int = setting(9999, "of the test whether closeness in space and in features go together", least=1)
    pairs: int = setting(25, "how many of the closest pairs of classes are listed", least=1)
    workers: int = setting(0, "loader processes", least=0)


@entry(Analyze, "pointnc.analyze", words="checkpoint")
def main(config: DictConfig) -> None:
    """Measure, count contacts, compare, write."""
    from rich.console import Console

    from pointnc.analysis.adjacency import class_adjacency
    from pointnc.analysis.findings import analyze
    from pointnc.analysis.record import to_json
    from pointnc.analysis.subject import measure
    from pointnc.evaluation import opening
    from pointnc.files.atomic import write_json
    from pointnc.reporting.analysis import write_analysis

    out = Path(config.out)
    files = out / "analysis.html", out / "analysis.json"
    for file in files:
        if file.exists() and not config.overwrite:
            raise UserError(f"{file} exists; give another out= or overwrite=true", code="exists")
    sources = _sources(config)
    store = opening.open_store(sources[0].trained, config.data_root)
    taxonomy = sources[0].trained.taxonomy
    for source in sources[1:]:
        difference = taxonomy.difference(source.trained.taxonomy)
        if difference:
            raise UserError(
                f"the checkpoints have different classes ({difference}): analyze each by itself", code="other-taxonomy"
            )
    size = config.contact_size or sources[0].trained.voxel_size
    histogram = store.histogram(config.train_split, taxonomy)
    subjects = [measure(source, store, config.split, config.nearest, config.workers) for source in sources]
    adjacency = class_adjacency(store, config.train_split, taxonomy, size)
    analysis = analyze(
        subjects,
        adjacency,
        histogram,
        title=" against ".join(source.label for source in sources) + f", {config.split}",
        summary={
            **{f"checkpoint {source.label}": str(source.trained.path) for source in sources},
            "scenes": f"{len(store.scenes(config.split))} of {config.split} in {store.root}",
            "points": f"{int(subjects[0].confusion.sum()):,} with a label",
            "contact": f"neighboring voxels of {100 * size:g} cm, {len(store.scenes(config.train_split))} scenes of "
            f"{config.train_split}",
            "centers of NC4": {"split": "of the split itself", "bank": "of the training", "none": "–"}[config.nearest],
        },
        permutations=config.permutations,
        pairs=config.pairs,
    )
    write_json(files[1], to_json(analysis, adjacency))
    write_analysis(files[0], analysis)
    console = Console()
    _print(analysis, console)
    console.print("written: " + ", ".join(str(file) for file in files), soft_wrap=True)


def _sources(config: DictConfig) -> list[TrainedRun]:
    from omegaconf import ListConfig

    from pointnc.analysis.subject import open_run
    from pointnc.weights.trust import trusted

    if config.checkpoint is None:
        raise UserError("give checkpoint=RUN, or checkpoint=RUN,RUN to compare two or three", code="missing-setting")
    paths = [str(path) for path in config.checkpoint] if isinstance(config.checkpoint, ListConfig) else None
    paths = paths or [str(config.checkpoint)]
    labels = [str(label) for label in config.labels] if isinstance(config.labels, ListConfig) else [config.labels]
    if len(paths) > len(LETTERS):
        raise UserError(f"{len(paths)} checkpoints; give one, two or three", code="option")
    if config.labels is not None and len(labels) != len(paths):
        raise UserError(f"{len(labels)} labels for {len(paths)} checkpoints", code="option")
    labels = labels if config.labels is not None else [None] * len(paths)
    how = (config.accelerator, config.half, config.engine, trusted(config.trust))
    sources = [open_run(path, label, *how) for path, label in zip(paths, labels)]
    sources[0].trained.announce()
    return _distinct(sources)


def _distinct(sources: list[TrainedRun]) -> list[TrainedRun]:
    """Return the sources with a letter behind names that occur twice."""
    from dataclasses import replace

    counts = Counter(source.label for source in sources)
    return [
        replace(source, label=f"{source.label} {letter}") if counts[source.label] > 1 else source
        for source, letter in zip(sources, LETTERS)
    ]


def _print(analysis: Analysis, console: object) -> None:
    from rich.console import Console

    from pointnc.reporting.analysis.diagnosis import sentences
    from pointnc.scoring.terminal import score_text

    assert isinstance(console, Console)
    for network in analysis.networks:
        total = network.measures.get("all", {})
        measures = ", ".join(f"{name} {value:.3f}" for name, value in total.items())
        console.print(f"{network.label}: mIoU {score_text(network.scores['miou'], 2)}; {measures}", soft_wrap=True)
        rho, p = network.context.get("correlation"), network.context.get("p_value")
        if rho is not None and p is not None:
            console.print(f"  contact in the scenes and cosine of centers: rank correlation {rho:+.3f}, p {p:.2g}")
        for line in [] if network.diagnosis is None else sentences(network.diagnosis, analysis):
            console.print(f"  {line}", soft_wrap=True)


if __name__ == "__main__":
    main()
