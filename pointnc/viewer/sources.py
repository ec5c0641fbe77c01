"""From the settings of the command to exhibits: scenes of a store or of files, with labels of files or of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.errors import UserError
from pointnc.scenes.scene import Scene
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.viewer.exhibit import Exhibit
from pointnc.viewer.labels import Labels, is_table, labels_file, read_cloud, read_point_labels

if TYPE_CHECKING:
    from omegaconf import DictConfig

GIVE = "give scene=, store=, checkpoint=, or a labelled cloud as prediction="


def exhibits(config: DictConfig) -> Iterator[Exhibit]:
    """Yield what ``conf/tools/visualize.yaml`` asks for, one scene at a time, validated.

    Raises:
        UserError: settings that contradict each other, and files that are missing, malformed or do not fit.
    """
    if config.scene is not None and config.store is not None:
        raise UserError("give either scene= or store=, not both")
    if config.checkpoint is not None:
        if config.prediction is not None:
            raise UserError("give either checkpoint=, which predicts, or prediction=, not both")
        yield from _predicted(config)
        return
    for scene, labels, taxonomy in _scenes(config, None):
        prediction = None
        if config.prediction is not None:
            prediction = _read(config.prediction, scene.name, taxonomy)
        elif labels is not None and config.truth is not None:
            prediction = labels  # a labelled cloud to which the truth is given is a prediction
        yield _exhibit(config, scene, labels, taxonomy, prediction)


def _predicted(config: DictConfig) -> Iterator[Exhibit]:
    """Yield scenes with what a network says of them."""
    from pointnc.training.evaluation import make_predictor, open_store
    from pointnc.training.trained import load_trained

    trained = load_trained(config.checkpoint, config.accelerator)
    if config.taxonomy != "auto":
        difference = trained.taxonomy.difference(_named(config.taxonomy))
        if difference:
            raise UserError(f"{trained.path} was trained on other classes: {difference}; leave taxonomy= out")
    if config.scene is None and config.store is None:
        config = config.copy()
        config.store = str(open_store(trained, config.data_root).root)
    predictor = make_predictor(trained, config)
    for scene, labels, taxonomy in _scenes(config, trained.taxonomy):
        said = predictor.predict(scene)
        yield _exhibit(config, scene, labels, taxonomy, Labels(said.labels.astype("int32"), said.confidence))


def _exhibit(
    config: DictConfig, scene: Scene, own: Labels | None, taxonomy: Taxonomy, prediction: Labels | None
) -> Exhibit:
    """Put a scene and its labels together; ``own`` are those that stood in the scene's own file."""
    truth = scene.semantic
    if config.truth is not None:
        truth = _read(config.truth, scene.name, taxonomy).index
    elif own is not None:
        truth = own.index
    return Exhibit(
        replace(scene, semantic=truth),
        taxonomy,
        None if prediction is None else prediction.index,
        None if prediction is None else prediction.confidence,
    ).validate()


def _read(path: Any, scene: str, taxonomy: Taxonomy) -> Labels:
    return read_point_labels(labels_file(str(path), scene), taxonomy)


def _scenes(config: DictConfig, known: Taxonomy | None) -> Iterator[tuple[Scene, Labels | None, Taxonomy]]:
    """Yield scenes, the labels that stood in a cloud's own file, and the classes."""
    if config.store is not None:
        store = SceneStore(str(config.store))
        taxonomy = known or _taxonomy(config, store)
        for name in _names(config, store):
            yield store.load(config.split, name, taxonomy.segment).validate(), None, taxonomy
        return
    paths = [Path(str(path)) for path in _listed(config.scene)]
    several = len(paths) > 1
    for key in ("prediction", "truth"):
        if several and config[key] is not None and not Path(str(config[key])).is_dir():
            raise UserError(f"{len(paths)} scenes but one {key}= file; give a folder of <scene>.txt or <scene>.ply")
    if not paths:
        yield _from_labels(config, known or _taxonomy(config, None))
    for path in paths:
        yield _from_path(config, path, known)


def _from_path(config: DictConfig, path: Path, known: Taxonomy | None) -> tuple[Scene, Labels | None, Taxonomy]:
    """Read the folder of a store's scene, or a cloud."""
    if path.is_dir():
        folder = path.resolve()
        if not (folder / "coord.npy").is_file():
            raise UserError(f"{path} is no scene: it has no coord.npy; give a scene's folder, or store=")
        store = SceneStore(folder.parent.parent)
        taxonomy = known or _taxonomy(config, store)
        return store.load(folder.parent.name, folder.name, taxonomy.segment).validate(), None, taxonomy
    if not path.exists():
        raise UserError(f"no scene at {path.absolute()}; give a scene's folder in a store, or a point cloud")
    taxonomy = known or _taxonomy(config, None)
    return *read_cloud(path, taxonomy), taxonomy


def _from_labels(config: DictConfig, taxonomy: Taxonomy) -> tuple[Scene, Labels | None, Taxonomy]:
    """Take the points of a labelled cloud that was given as prediction or truth; its labels are read again as such."""
    clouds = [str(path) for path in (config.prediction, config.truth) if path is not None]
    for cloud in clouds:
        file = labels_file(cloud, None)
        if file.suffix.lower() != ".txt" or is_table(file):
            return read_cloud(file, taxonomy)[0], None, taxonomy
    raise UserError(
        f"{clouds[0]} has labels but no points: add scene= or store=" if clouds else f"nothing to show: {GIVE}"
    )


def _names(config: DictConfig, store: SceneStore) -> list[str]:
    """Return the scenes that were asked for.

    Raises:
        UserError: the split lacks one, or ``limit`` has no sense.
    """
    present = store.scenes(config.split)
    asked = [str(name) for name in _listed(config.scenes)]
    missing = [name for name in asked if name not in present]
    if missing:
        raise UserError(
            f"{store.root / config.split} has no scene {missing[0]}; it has {len(present)}: "
            f"{', '.join(present[:3])}{', ...' if len(present) > 3 else ''}"
        )
    if not isinstance(config.limit, int) or config.limit < 1:
        raise UserError(f"limit is {config.limit}; it must be a whole number, at least 1")
    return asked or present[: config.limit]


def _taxonomy(config: DictConfig, store: SceneStore | None) -> Taxonomy:
    """Return the classes that were asked for, or the first label set of the store, or ScanNet200."""
    if config.taxonomy != "auto":
        return _named(config.taxonomy)
    known = (store.manifest or {}).get("taxonomies") if store is not None else None
    return Taxonomy.from_dict(next(iter(known.values()))) if known else _named("scannet200")


def _named(choice: Any) -> Taxonomy:
    from pointnc.benchmarks import scannet

    if Path(str(choice)).suffix in (".yaml", ".yml"):
        return Taxonomy.from_yaml(str(choice))
    return scannet.taxonomy(str(choice))


def _listed(value: Any) -> list[Any]:
    """Return a setting that may be nothing, one thing or several as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str | int | float) else list(value)
