"""``python -m pointnc.submit``: write the zip that a benchmark's server takes, or check any zip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.commands.shared_settings import (
    DECIDE_LABELS,
    AdjustmentSettings,
    NetworkSettings,
    PredictionSettings,
    SharedWork,
)
from pointnc.errors import Interrupted, UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from pointnc.benchmarks.submission import Expected, Violation
    from pointnc.inference.predictor import Predictor
    from pointnc.scenes.store import SceneStore
    from pointnc.scenes.taxonomy import Taxonomy
    from pointnc.sharing import Work


@dataclass
class Submit(PredictionSettings, AdjustmentSettings, NetworkSettings, SharedWork):
    """Predictions of a checkpoint as a benchmark's zip, or the check of any zip.

    python -m pointnc.submit checkpoint=RUN out=FILE.zip [split=test] [data_root=STORE] [tta=none|fast|full]
        predicts every scene of the split and writes the zip that the benchmark's server takes.
    python -m pointnc.submit validate=FILE.zip [dataset=scannet200|FILE.yaml] [split=test] [data_root=STORE]
        prints every violation with scene and line; exit code 0 valid, 1 violations, 2 a mistake.
    """

    out: str | None = setting(None, "the zip to write")
    overwrite: bool = setting(False, "replace what stands at out")
    validate: str | None = setting(None, "instead: a zip to check")
    split: str = setting("test", "which scenes")
    data_root: str | None = setting(
        None,
        "(checkpoint) the store; null: the one that the checkpoint was trained on. (validate) a store or a raw root; "
        "null: the official list, so that lines are not counted",
    )
    dataset: str | None = setting(
        None,
        "label set: scannet200 | ... | FILE.yaml; null: the checkpoint's; to validate: data_root's, or scannet200",
    )
    cache: str = setting(
        "runs/predictions", "finished scenes are kept below it, so that an interrupted command goes on"
    )


@entry(Submit, "pointnc.submit", words="checkpoint")
def main(config: DictConfig) -> int:
    """Submit or validate; return 1 where there are violations."""
    if (config.validate is None) == (config.checkpoint is None):
        raise UserError("give either checkpoint=RUN out=FILE.zip, or validate=FILE.zip", code="missing-setting")
    return submit(config) if config.validate is None else validate(config)


def validate(config: DictConfig) -> int:
    """Print every violation of a zip; return 0 where there is none, else 1.

    Raises:
        UserError: the zip, the label set, the split or the data are missing.
    """
    from pointnc.benchmarks.submission import expected_scenes, find_violations

    taxonomy = validated_taxonomy(config.dataset, config.data_root)
    expected = expected_scenes(config.split, config.data_root)
    return report(config.validate, find_violations(config.validate, taxonomy, expected), taxonomy, expected, config)


def validated_taxonomy(choice: str | None, data_root: str | None) -> Taxonomy:
    """Return the label set of a zip: what the user says, else that of the store with its scenes, else ScanNet200.

    Raises:
        UserError: the choice is unknown; or it is none of ScanNet's, whose scenes alone are known without the data.
    """
    from pointnc.benchmarks import scannet
    from pointnc.benchmarks.named import named_taxonomy, store_taxonomy
    from pointnc.scenes.store import SceneStore

    if data_root is not None and (Path(data_root) / "manifest.json").is_file():
        return store_taxonomy(SceneStore(data_root), choice)
    taxonomy = named_taxonomy(choice or scannet.TAXONOMIES[0])
    if data_root is None and taxonomy.name not in scannet.TAXONOMIES:
        raise UserError(f"the scenes of {taxonomy.name} are not known: give data_root=STORE", code="missing-setting")
    return taxonomy


def submit(config: DictConfig) -> int:
    """Predict the scenes of a split that are not predicted yet, and zip them; return 1 where that gives violations.

    Raises:
        UserError: checkpoint or data are missing or do not fit, or ``out`` exists.
        Interrupted: Ctrl-C; the same command goes on.
    """
    if config.out is None:
        raise UserError("give out=FILE.zip, where the submission is written", code="missing-setting")
    from pointnc.benchmarks.named import named_taxonomy
    from pointnc.benchmarks.submission import InvalidSubmission, check_output, expected_scenes, write_zip
    from pointnc.files.leftovers import sweep

    check_output(Path(config.out), config.overwrite)
    sweep(Path(config.out).parent)

    from pointnc.evaluation.opening import adjust_logits, make_predictor, open_network, open_store, scene_sizes
    from pointnc.sharing import share_work

    trained = open_network(config)
    if config.dataset is not None:
        difference = trained.taxonomy.difference(named_taxonomy(config.dataset))
        if difference:
            raise UserError(
                f"{trained.path} was trained on other classes: {difference}; leave dataset= out", code="other-taxonomy"
            )
    store = open_store(trained, config.data_root)
    adjust_logits(trained, store, config.logit_adjustment)
    expected = expected_scenes(config.split, store.root)
    folder = predictions_folder(config, trained.fingerprint, store)
    work = share_work(config.shard, config.out, scene_sizes(store, config.split), lambda: [folder.name], "scenes")
    predictor = make_predictor(trained, config)
    if not write_missing(folder, predictor, store, config.split, trained.taxonomy, work):
        return 0
    violations: Sequence[Violation] = ()
    try:
        write_zip(folder, config.out, trained.taxonomy, expected, config.overwrite)
    except InvalidSubmission as invalid:
        violations = invalid.violations
    else:
        work.finish()
    return report(config.out, violations, trained.taxonomy, expected, config)


def predictions_folder(config: DictConfig, fingerprint: str, store: SceneStore) -> Path:
    """Return where the predictions of this checkpoint under these settings are kept."""
    from omegaconf import OmegaConf

    from pointnc.benchmarks.predictions import cache_folder

    options: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, OPTIONS), resolve=True)
    coord = {scene: store.folder(config.split, scene) / "coord.npy" for scene in store.scenes(config.split)}
    return cache_folder(config.cache, fingerprint, options, coord)


OPTIONS = ["logit_adjustment", *DECIDE_LABELS]
"""The settings on which predictions depend."""


def write_missing(
    folder: Path, predictor: Predictor, store: SceneStore, split: str, taxonomy: Taxonomy, work: Work | None = None
) -> bool:
    """Predict the scenes of a split of which ``folder`` has no file yet; return whether it has all of them now.

    Args:
        folder: where the predictions are kept.
        predictor: the network with its settings.
        store: with the scenes.
        split: of the store.
        taxonomy: the classes.
        work: the scenes, where other processes do some of them.

    Raises:
        UserError: a scene is damaged, the disk is full, or another process has put its predictions elsewhere.
        Interrupted: Ctrl-C; what is finished stays.
    """
    from pointnc.benchmarks.predictions import write_labels
    from pointnc.files.leftovers import sweep
    from pointnc.sharing import Work

    sweep(folder)
    scenes = store.scenes(split)
    work = work or Work(dict.fromkeys(scenes, 1.0))
    done = sum((folder / f"{scene}.txt").is_file() for scene in scenes)
    if work.leads:
        print(f"{done} of {len(scenes)} scenes are predicted already, in {folder}", flush=True)

    def predict(scene: str) -> None:
        if not (folder / f"{scene}.txt").is_file():
            labels = predictor.predict(store.load(split, scene).validate()).labels
            try:
                write_labels(folder / f"{scene}.txt", taxonomy.decode(labels))
            except OSError as error:
                raise UserError(
                    f"could not write into {folder} ({error.strerror}): free space or give cache=FOLDER",
                    code="file-access",
                ) from None

    try:
        if work.do(predict, "predict") is None:
            return False
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; finished scenes are in {folder}; the same command goes on from there"
        ) from None
    there = {path.name for path in folder.iterdir()}  # listed, not asked for one by one: network disks remember
    lost = [scene for scene in scenes if f"{scene}.txt" not in there]
    if lost:
        raise UserError(
            f"{folder} lacks {lost[0]}.txt, which was predicted: all processes must see cache={folder.parent}",
            code="missing-scene",
        )
    return True


def report(
    path: str, violations: Sequence[Violation], taxonomy: Taxonomy, expected: Expected, config: DictConfig
) -> int:
    """Print the violations and a closing line; return the exit code."""
    from pointnc.benchmarks import scannet

    for violation in violations:
        print(violation)
    if violations:
        print(f"{path}: {len(violations)} violations of the {taxonomy.name} submission of {config.split}")
        return 1
    vertices = [count for count in expected.values() if count is not None]
    checked = (
        f"{sum(vertices):,} labels" if len(vertices) == len(expected) else "line counts not checked: no data_root="
    )
    print(f"{path} is a valid {taxonomy.name} submission of {config.split}: {len(expected)} scenes, {checked}")
    known = taxonomy.name in scannet.TAXONOMIES and config.split in scannet.SPLITS
    official = set(scannet.split_scenes(config.split)) if known else set()
    if set(expected) < official:
        print(f"but the official split has {len(official)} scenes; {len(official - set(expected))} are not in the data")
    return 0


if __name__ == "__main__":
    main()
