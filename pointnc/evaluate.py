"""``python -m pointnc.evaluate``: scores of a checkpoint, or of prediction files of any origin."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.commands.shared_settings import (
    DECIDE_LABELS,
    AdjustmentSettings,
    NetworkSettings,
    PredictionSettings,
    SharedWork,
)
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


OPTIONS = ["split", "logit_adjustment", *DECIDE_LABELS]
"""The settings on which labels depend."""


@dataclass
class Evaluate(PredictionSettings, AdjustmentSettings, NetworkSettings, SharedWork):
    """Scores of a checkpoint, or of prediction files of any origin.

    python -m pointnc.evaluate [RUN] [split=val] [tta=none|fast|full] [out=FILE.json]
    python -m pointnc.evaluate predictions=DIR truth=STORE split=val [dataset=scannet200|FILE.yaml] out=FILE.json
    """

    split: str = setting("val", "which scenes of the store")
    data_root: str | None = setting(None, "(checkpoint) the store; null: the one that the checkpoint was trained on")
    out: str | None = setting(
        None, "FILE.json; beside it FILE.csv, FILE.tex, FILE_scenes.csv, FILE_confusion.{csv,png}"
    )
    overwrite: bool = setting(False, "replace what stands at out")
    convention: str = setting("official", "official | absent_zero | nonnan | with_truth")
    predictions: str | None = setting(None, "instead of a checkpoint: a folder of <scene>.txt, one class id a line")
    truth: str | None = setting(None, "(predictions) the store with the labels")
    dataset: str | None = setting(
        None, "(predictions) label set: null (the store's own) | scannet200 | scannet20 | s3dis | ... | FILE.yaml"
    )


@entry(Evaluate, "pointnc.evaluate", words="checkpoint")
def main(config: DictConfig) -> None:
    """Predict or read, count, score, print, write; alone, or as one of several that share the scenes out."""
    from omegaconf import OmegaConf
    from rich.console import Console

    from pointnc.benchmarks.named import store_taxonomy
    from pointnc.evaluation import counting, opening
    from pointnc.reporting.confusion import write_confusion_png
    from pointnc.scenes.store import SceneStore
    from pointnc.scoring.outputs import split_means, write_scores
    from pointnc.scoring.tables import majority_score, score
    from pointnc.scoring.terminal import score_text, scores_table
    from pointnc.sharing import share_work

    if config.checkpoint is not None and config.predictions is not None:
        raise UserError("give either checkpoint=RUN or predictions=DIR truth=STORE", code="missing-setting")
    out = Path(config.out) if config.out else None
    if out is not None and out.exists() and not config.overwrite:
        raise UserError(f"{out} exists; give another out= or overwrite=true", code="exists")
    start = time.perf_counter()
    trained = None
    if config.predictions is None:
        trained = opening.open_network(config)
        taxonomy = trained.taxonomy
        store = opening.open_store(trained, config.data_root)
        opening.adjust_logits(trained, store, config.logit_adjustment)
        predictor = opening.make_predictor(trained, config)
        label = counting.predict_scenes(predictor, store, config.split, taxonomy.segment)
    else:
        if config.truth is None:
            raise UserError("predictions=DIR needs truth=STORE, the store with the labels", code="missing-setting")
        store = SceneStore(config.truth)
        taxonomy = store_taxonomy(store, config.dataset)
        label = counting.read_scenes(Path(config.predictions), store, config.split, taxonomy)

    def settings() -> list[object]:
        origin = str(Path(config.predictions).resolve()) if trained is None else trained.fingerprint
        options = OmegaConf.to_container(OmegaConf.masked_copy(config, OPTIONS), resolve=True)
        return [origin, str(store.root.resolve()), options]

    sizes = opening.scene_sizes(store, config.split)
    work = share_work(config.shard, out, sizes, settings, "scenes")
    counts = counting.tally(label, taxonomy, work)
    if counts is None:
        return
    scores = score(counts.total, taxonomy, config.convention)
    seconds = time.perf_counter() - start
    console = Console()
    console.print(scores_table(scores))
    means = split_means(scores, taxonomy)
    console.print(
        f"{scores.convention} convention, {len(counts.scenes)} scenes of {config.split}: "
        f"mIoU {score_text(scores.miou, 2)}; "
        + "; ".join(f"{name} {score_text(value, 2)}" for name, value in means.items())
        + f"; {seconds / max(len(counts.scenes), 1):.2f} s a scene, "
        f"{1e6 * seconds / max(counts.total.sum(), 1):.1f} s a million points"
    )
    if out is not None:
        # As in metrics.json: the most frequent class of the training split, where the store has one.
        train = "train" if (store.root / "train").is_dir() else config.split
        majority = majority_score(store.histogram(train, taxonomy), scores.truth_points, taxonomy, scores.convention)
        extra = {"majority_miou": majority.to_dict()["miou"], "seconds": {"evaluate": round(seconds, 2)}}
        files = list(write_scores(out, scores, taxonomy, counts.total, counts.scenes, extra))
        if counts.total.any():  # else no class occurs, and there is nothing to draw
            files.append(out.with_name(out.stem + "_confusion.png"))
            write_confusion_png(files[-1], counts.total, taxonomy)
        console.print("written: " + ", ".join(map(str, files)), soft_wrap=True)
    work.finish()


if __name__ == "__main__":
    main()
