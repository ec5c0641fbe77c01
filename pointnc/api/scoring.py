"""Scores of a model on labeled scenes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pointnc.api.model import Model
from pointnc.errors import UserError
from pointnc.evaluation.counting import Tally
from pointnc.scenes.scene import Scene
from pointnc.scenes.split import Split
from pointnc.scenes.store import SceneStore
from pointnc.scoring.tables import Scores, score


def evaluate(
    model: Model, scenes: Split | Scene | Iterable[Scene], convention: str = "official", **options: Any
) -> Scores:
    """Label scenes at full resolution, and compare with their truth; the same numbers as ``pointnc evaluate``.

    Args:
        model: the network.
        scenes: of a store (``SceneStore("…")["val"]``), whose labels of the model's label set are taken; or any scenes
            whose ``semantic`` holds train indices of the model's classes.
        convention: what becomes of classes without points, see :mod:`pointnc.scoring.tables`.
        options: of :meth:`Model.predictor`, for example ``tta="fast"``.

    Raises:
        UserError: there are no scenes, or one without labels or with those of another label set.
    """
    if not isinstance(model, Model):
        raise UserError(f"model={model!r}: give a network, pointnc.load(PATH)", code="dtype")
    if isinstance(scenes, str | Path | SceneStore):
        raise UserError(f"scenes={scenes!r}: give the scenes of a split, pointnc.SceneStore(PATH)['val']", code="dtype")
    if isinstance(scenes, Scene):
        scenes = [scenes]
    if isinstance(scenes, Split):
        scenes.store.check_taxonomy(model.taxonomy)
        scenes = scenes.labeled(model.taxonomy.segment)
    predictor = model.predictor(**options)
    counts = Tally(model.taxonomy)
    for scene in scenes:
        counts.add(scene, predictor.predict(scene).labels)
    if not counts.scenes:
        raise UserError("there are no scenes to evaluate", code="nothing-there")
    return score(counts.total, model.taxonomy, convention)
