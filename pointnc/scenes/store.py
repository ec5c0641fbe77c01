"""The scene store: one folder of .npy files a scene, memory-mapped, shared with Pointcept's preprocessing.

Layout: ``<root>/<split>/<scene>/{coord,color,normal,strength,segment20,segment200,instance}.npy``, of which all but
``coord`` may be missing, and, where pointnc wrote it, ``<root>/manifest.json`` (label sets, counts, class histograms,
version). Several splits are read as one by their names with a plus between them: ``train+val``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.records import MANIFEST, read_histogram, read_manifest
from pointnc.scenes.scene import Scene
from pointnc.scenes.scene_arrays import map_scene
from pointnc.scenes.taxonomy import Taxonomy

if TYPE_CHECKING:
    from pointnc.scenes.split import Split


class SceneStore:
    """Reads a store.

    Args:
        root: the store's folder.
        hint: what to type to make the store; ends the message when it is missing.

    Raises:
        UserError: the folder is missing.
    """

    def __init__(self, root: str | Path, hint: str = "prepare it with python -m data_prep.scannet") -> None:
        self.root = Path(root)
        self.hint = hint
        self._checked: set[tuple[str, str]] = set()
        self._states: dict[str, tuple[int, ...]] = {}
        if not self.root.is_dir():
            raise UserError(f"no scene store at {self.root.absolute()}: {hint}", code="not-a-store")

    @cached_property
    def manifest(self) -> dict[str, Any] | None:
        """The manifest, or None where the store was made by another tool."""
        path = self.root / MANIFEST
        return read_manifest(path) if path.is_file() else None

    def splits(self) -> list[str]:
        """Return the sorted names of the splits that have scenes."""
        return sorted({path.parent.parent.name for path in self.root.glob("[!.]*/[!.]*/coord.npy")})

    def __getitem__(self, split: str) -> Split:
        """Return the scenes of a split as a sequence, with the labels of the store's largest label set.

        Raises:
            UserError: the split is missing or empty.
        """
        from pointnc.scenes.split import Split

        known = self.taxonomies()
        return Split(self, split, max(known, key=lambda segment: len(known[segment]), default=None))

    def taxonomies(self) -> dict[str, Taxonomy]:
        """Return label array to label set; empty for a store that was made by another tool.

        Raises:
            UserError: the manifest is damaged.
        """
        known = (self.manifest or {}).get("taxonomies", {})
        return {segment: Taxonomy.from_dict(data) for segment, data in known.items()}

    def scenes(self, split: str) -> list[str]:
        """Return the sorted names of a split's scenes.

        Raises:
            UserError: the split is missing or empty, or two joined ones have a scene of the same name.
        """
        names = sorted(name for part in self.parts(split) for name in self._scenes_of(part))
        twice = next((name for name, after in itertools.pairwise(names) if name == after), None)
        if twice is not None:
            raise UserError(f"{twice} of {self.root} is in more than one part of {split}: rename one", code="ambiguous")
        return names

    def _scenes_of(self, part: str) -> list[str]:
        folder = self.root / part
        names = [path.parent.name for path in folder.glob("[!.]*/coord.npy")]
        if not names:
            state = "is empty" if folder.is_dir() else "does not exist"
            raise UserError(f"no scenes: {folder.absolute()} {state}; {self.hint}", code="nothing-there")
        return names

    def parts(self, split: str) -> list[str]:
        """Return the splits that "train+val" joins, each once; a split that is there by its whole name is just that."""
        whole = "+" not in split or (self.root / split).is_dir()
        return [split] if whole else list(dict.fromkeys(split.split("+")))

    def folder(self, split: str, name: str) -> Path:
        """Return where the arrays of a scene are; they need not be there."""
        return self.root / self._part(split, name) / name

    def _part(self, split: str, name: str) -> str:
        first, *others = self.parts(split)
        return next((part for part in others if (self.root / part / name).is_dir()), first)

    def load(self, split: str, name: str, segment: str | None = None) -> Scene:
        """Return a scene whose arrays are memory maps: nothing is read before it is used.

        Args:
            split: "train", "val", "test", "train+val"...
            name: the scene.
            segment: which label array becomes ``semantic`` ("segment200"); None for no labels.

        Raises:
            UserError: a file is damaged or missing; or the scene was prepared again since it was loaded for the
                first time (or since :meth:`remember`), be it while it is loaded.
        """
        with self._one_state(self.folder(split, name)):
            return self._load(split, name, segment)

    def _load(self, split: str, name: str, segment: str | None) -> Scene:
        arrays = map_scene(self.folder(split, name), segment, self.hint)
        origin = self._record(split, name).get("origin")
        if origin is not None:
            return Scene(name=name, origin=np.array(origin, np.float64), **arrays)  # type: ignore[arg-type]
        return Scene(name=name, **arrays)  # type: ignore[arg-type]

    def _record(self, split: str, name: str) -> dict[str, Any]:
        """Return what the manifest says of a scene; empty where it does not know it."""
        splits = (self.manifest or {}).get("splits", {})
        record: dict[str, Any] = splits.get(self._part(split, name), {}).get("scenes", {}).get(name, {})
        return record

    def remember(self, split: str) -> None:
        """Take note of the state of a split's scenes: later, no process of a run loads one in another state."""
        for name in self.scenes(split):
            self._known(self.folder(split, name))

    def _known(self, folder: Path) -> tuple[int, ...] | None:
        """Return the state in which a scene was seen first, None as long as there is none."""
        state = _state(folder)
        return state if state is None else self._states.setdefault(str(folder), state)

    @contextmanager
    def _one_state(self, folder: Path) -> Iterator[None]:
        """See that all arrays are of the same preparation, and of the same one as before."""
        known = self._known(folder)
        try:
            yield
        except UserError:  # a file that is exchanged while it is mapped looks damaged
            if known is None or _state(folder) == known:
                raise
        if _state(folder) != known:
            raise UserError(
                f"{folder} was prepared again while this command reads the store: start it again when that is done",
                code="changed-meanwhile",
            ) from None

    def check_taxonomy(self, taxonomy: Taxonomy) -> None:
        """Compare the store's label set with the one that a run is configured for.

        Raises:
            UserError: they differ; the message names the first difference.
        """
        if self.manifest is None:
            return
        known = self.taxonomies()
        if taxonomy.segment not in known:
            raise UserError(
                f"the store {self.root} has labels {', '.join(sorted(known))} but the run asks for "
                f"{taxonomy.segment} ({taxonomy.name}); choose another dataset= or prepare the store again",
                code="other-taxonomy",
            )
        difference = known[taxonomy.segment].difference(taxonomy)
        if difference:
            raise UserError(
                f"the store {self.root} and the run disagree about {taxonomy.segment}: {difference}; "
                "choose another dataset= or prepare the store again",
                code="other-taxonomy",
            )

    def histogram(self, split: str, taxonomy: Taxonomy) -> NDArray[np.int64]:
        """Return the (K,) number of points of each class in a split."""
        return self.scene_histograms(split, taxonomy).sum(axis=0)

    def scene_counts(self, split: str, taxonomy: Taxonomy) -> NDArray[np.int64]:
        """Return the (K,) number of scenes of a split that contain each class."""
        return (self.scene_histograms(split, taxonomy) > 0).sum(axis=0)

    def scene_histograms(self, split: str, taxonomy: Taxonomy) -> NDArray[np.int64]:
        """Return the (N, K) points of each class in each scene, from the manifest where it knows the scene."""
        return np.stack([self._counts(split, name, taxonomy) for name in self.scenes(split)])

    def _counts(self, split: str, name: str, taxonomy: Taxonomy) -> NDArray[np.int64]:
        known = self.recorded_counts(split, name, taxonomy)
        return class_counts(self.load(split, name, taxonomy.segment), taxonomy) if known is None else known

    def recorded_counts(self, split: str, name: str, taxonomy: Taxonomy) -> NDArray[np.int64] | None:
        """Return the (K,) points of each class that the manifest notes of a scene; None where it does not.

        Raises:
            UserError: they are no counts of K classes.
        """
        what = f"{self.root / MANIFEST}, scene {name}"
        return read_histogram(self._record(split, name), taxonomy.segment, len(taxonomy), what)

    def check_counts(self, split: str, scene: Scene, taxonomy: Taxonomy) -> None:
        """Compare a scene's labels with what the manifest notes of them, since class weights and priors follow from it.

        A scene is looked at once; its labels must be those of the taxonomy.

        Raises:
            UserError: they differ.
        """
        if scene.semantic is None or (split, scene.name) in self._checked:
            return
        known = self.recorded_counts(split, scene.name, taxonomy)
        if known is not None and not np.array_equal(known, _count(scene.semantic, len(taxonomy))):
            raise UserError(
                f"scene {scene.name}: {self.root / MANIFEST} notes other numbers of points in the classes of "
                f"{taxonomy.segment} than its labels have; prepare the store again",
                code="damaged-file",
            )
        self._checked.add((split, scene.name))


def _state(folder: Path) -> tuple[int, ...] | None:
    """Return what changes whenever a scene is written again; None where there is none."""
    try:
        coord = os.stat(f"{folder}/coord.npy")  # noqa: PTH116 (for each scene that is loaded: twice as fast)
    except OSError:
        return None
    return coord.st_dev, coord.st_ino, coord.st_size, coord.st_mtime_ns


def class_counts(scene: Scene, taxonomy: Taxonomy) -> NDArray[np.int64]:
    """Return the (K,) number of points of each class.

    Raises:
        UserError: the scene has no labels, or one below -1, or one of K or more.
    """
    if scene.semantic is None:
        raise UserError(
            f"scene {scene.name} has no {taxonomy.segment}.npy; prepare the store with labels", code="no-labels"
        )
    taxonomy.check_labels(scene)
    return _count(scene.semantic, len(taxonomy))


def _count(semantic: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Return the (K,) points of each class of (N,) labels from -1 to K - 1."""
    # Shifted by one instead of masked: one pass, no copy of the labeled part.
    return np.bincount(semantic + np.int64(1), minlength=classes + 1)[1:].astype(np.int64)
