"""From the settings of the command to labeled scenes: of a store or of files, with labels of files or of a network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.benchmarks.named import named_taxonomy
from pointnc.clouds.label_file import SUFFIXES as LABEL_SUFFIXES
from pointnc.clouds.placing import PlacedCloud
from pointnc.clouds.table import column_names
from pointnc.errors import UserError
from pointnc.scenes.legend import legend_beside, read_legend
from pointnc.scenes.scene import Scene
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.viewer.clouds import read_shown
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.labels import Labels, cloud_labels, is_table, labels_file, read_point_labels

if TYPE_CHECKING:
    from omegaconf import DictConfig

GIVE = "give scene=, store=, checkpoint=, or a labeled cloud as prediction="


@dataclass(frozen=True)
class _Source:
    """A scene of M points, its classes, the labels that stood in its own file, and the file if it is no store's."""

    scene: Scene
    taxonomy: Taxonomy
    labels: Labels | None = None
    cloud: PlacedCloud | None = None

    def fit(self, labels: Labels) -> Labels:
        """Return the labels of the M points that have a place, of labels of all points of the file."""
        if self.cloud is None or self.cloud.rows is None or len(labels.index) != len(self.cloud.points):
            return labels
        return labels.select(self.cloud.rows)


def labeled_scenes(config: DictConfig) -> Iterator[LabeledScene]:
    """Yield what the settings ask for, one scene at a time, validated.

    Raises:
        UserError: settings that contradict each other, and files that are missing, malformed or do not fit.
    """
    if config.scene is not None and config.store is not None:
        raise UserError("give either scene= or store=, not both", code="conflicting-settings")
    if config.checkpoint is not None:
        if config.prediction is not None:
            raise UserError(
                "give either checkpoint=, which predicts, or prediction=, not both", code="conflicting-settings"
            )
        yield from _predicted(config)
        return
    for source in _scenes(config, None):
        prediction = None
        if config.prediction is not None:
            prediction = _read(config.prediction, source, column_names(config.columns))
        elif source.labels is not None and (config.truth is not None or source.labels.confidence is not None):
            prediction = source.labels  # a labeled cloud with confidences, or to which the truth is given
        yield _labeled_scene(config, source, prediction)


def _predicted(config: DictConfig) -> Iterator[LabeledScene]:
    """Yield scenes with what a network says of them."""
    from pointnc.data.features import scene_array
    from pointnc.evaluation.opening import make_predictor, open_network, open_store

    trained = open_network(config)
    if config.taxonomy != "auto":
        difference = trained.taxonomy.difference(named_taxonomy(config.taxonomy))
        if difference:
            raise UserError(
                f"{trained.path} was trained on other classes: {difference}; leave taxonomy= out", code="other-taxonomy"
            )
    if config.scene is None and config.store is None:
        config = config.copy()
        config.store = str(open_store(trained, config.data_root).root)
    predictor = make_predictor(trained, config)
    for source in _scenes(config, trained.taxonomy, {scene_array(name) for name in trained.features}):
        said = predictor.predict(source.scene)
        yield _labeled_scene(config, source, Labels(said.labels.astype("int32"), said.confidence))


def _labeled_scene(config: DictConfig, source: _Source, prediction: Labels | None) -> LabeledScene:
    """Put a scene and its labels together."""
    truth = source.scene.semantic
    if config.truth is not None:
        truth = _read(config.truth, source, column_names(config.columns)).index
    elif source.labels is not None and source.labels is not prediction:
        truth = source.labels.index
    return LabeledScene(
        replace(source.scene, semantic=truth),
        source.taxonomy,
        None if prediction is None else prediction.index,
        None if prediction is None else prediction.confidence,
        None if source.cloud is None else source.cloud.rows,
    ).validate()


def _read(path: Any, source: _Source, columns: Sequence[str]) -> Labels:
    return source.fit(read_point_labels(labels_file(str(path), source.scene.name), source.taxonomy, columns))


def _scenes(config: DictConfig, known: Taxonomy | None, arrays: Collection[str] = ()) -> Iterator[_Source]:
    """Yield scenes; those of files get the arrays that they lack and a network wants."""
    if config.store is not None:
        store = SceneStore(str(config.store))
        taxonomy = known or _taxonomy(config, store)
        for name in _names(config, store):
            yield _Source(store.load(config.split, name, taxonomy.segment).validate(), taxonomy)
        return
    paths = [Path(str(path)) for path in _listed(config.scene)]
    several = len(paths) > 1
    for key in ("prediction", "truth"):
        if several and config[key] is not None and not Path(str(config[key])).is_dir():
            raise UserError(
                f"{len(paths)} scenes but one {key}= file; give a folder of <scene>.txt or <scene>.ply",
                code="other-length",
            )
    if not paths:
        yield _from_labels(config, known or _taxonomy(config, None), arrays)
    for path in paths:
        yield _from_path(config, path, known, arrays)


def _from_path(config: DictConfig, path: Path, known: Taxonomy | None, arrays: Collection[str]) -> _Source:
    """Read the folder of a store's scene, or a cloud."""
    if path.is_dir():
        folder = path.resolve()
        if not (folder / "coord.npy").is_file():
            raise UserError(
                f"{path} is no scene: it has no coord.npy; give a scene's folder, or store=", code="not-a-store"
            )
        store = SceneStore(folder.parent.parent)
        taxonomy = known or _taxonomy(config, store)
        return _Source(store.load(folder.parent.name, folder.name, taxonomy.segment).validate(), taxonomy)
    if not path.exists():
        raise UserError(
            f"no scene at {path.absolute()}; give a scene's folder in a store, or a point cloud", code="missing-file"
        )
    taxonomy = known or _taxonomy(config, None)
    source = _from_cloud(config, path, taxonomy, arrays)
    assert source.cloud is not None
    labels = cloud_labels(source.cloud.points, taxonomy, path)
    return source if labels is None else replace(source, labels=source.fit(labels))


def _from_cloud(config: DictConfig, path: Path, taxonomy: Taxonomy, arrays: Collection[str]) -> _Source:
    """Read the points of a file, and say what was assumed."""
    cloud = read_shown(path, arrays, config.units, config.up, config.color_bits, column_names(config.columns))
    for remark in cloud.remarks:
        print(f"{path.name}: {remark}")
    return _Source(cloud.scene, taxonomy, cloud=cloud)


def _from_labels(config: DictConfig, taxonomy: Taxonomy, arrays: Collection[str]) -> _Source:
    """Take the points of a labeled cloud that was given as prediction or truth; its labels are read again as such."""
    clouds = [str(path) for path in (config.prediction, config.truth) if path is not None]
    for cloud in clouds:
        file = labels_file(cloud, None)
        if file.suffix.lower() not in LABEL_SUFFIXES and (file.suffix.lower() != ".txt" or is_table(file)):
            return _from_cloud(config, file, taxonomy, arrays)
    raise UserError(
        f"{clouds[0]} has labels but no points: add scene= or store=" if clouds else f"nothing to show: {GIVE}",
        code="missing-setting",
    )


def _names(config: DictConfig, store: SceneStore) -> list[str]:
    """Return the scenes that were asked for.

    Raises:
        UserError: the split lacks one, or ``limit`` makes no sense.
    """
    present = store.scenes(config.split)
    asked = [str(name) for name in _listed(config.scenes)]
    missing = [name for name in asked if name not in present]
    if missing:
        raise UserError(
            f"{store.root / config.split} has no scene {missing[0]}; it has {len(present)}: "
            f"{', '.join(present[:3])}{', ...' if len(present) > 3 else ''}",
            code="unknown-name",
        )
    if not isinstance(config.limit, int) or config.limit < 1:
        raise UserError(f"limit is {config.limit}; it must be a whole number, at least 1", code="option")
    return asked or present[: config.limit]


def _taxonomy(config: DictConfig, store: SceneStore | None) -> Taxonomy:
    """Return the classes that were asked for, or those of the legend beside the labels, the store's, or ScanNet200.

    Raises:
        UserError: the legend's are none of the store's.
    """
    if config.taxonomy != "auto":
        return named_taxonomy(config.taxonomy)
    stored = list(store.taxonomies().values()) if store is not None else []
    given = [config.prediction, config.truth, *_listed(config.scene)]
    legend = next(filter(None, (legend_beside(Path(str(path))) for path in given if path is not None)), None)
    if legend is None:
        return stored[0] if stored else named_taxonomy("scannet200")
    said = read_legend(legend)
    # A legend knows neither groups nor the store's arrays: rather the same classes from where these are known.
    for taxonomy in stored or [named_taxonomy("scannet200"), named_taxonomy("scannet20")]:
        if not taxonomy.difference(said):
            return taxonomy
    if stored:
        raise UserError(
            f"{legend} has none of the label sets of {store.root}: "  # type: ignore[union-attr]
            f"{stored[0].difference(said)}; say which classes are meant by taxonomy=",
            code="other-taxonomy",
        )
    return said


def _listed(value: Any) -> list[Any]:
    """Return a setting that may be nothing, one thing or several as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str | int | float) else list(value)
