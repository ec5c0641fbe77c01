"""Checks a scene store before days are spent on training with it: ``python -m data_prep.check STORE``.

Scenes against the lists that the store was prepared for (the official ones by default), arrays against each other and
against the manifest. Exit code 0: sound; 1: something is wrong; 2: there is no store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.check.scene import SceneReport, check_scene
from data_prep.processes import check_workers
from data_prep.scannet.lists import Splits, split_lists
from pointnc.benchmarks import scannet
from pointnc.errors import UserError
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy

NAMED = 10
"""How many missing scenes are named."""


@dataclass(frozen=True)
class StoreReport:
    """What was found in a store.

    Attributes:
        scenes: every scene that is there.
        listed: split to the scenes that should be there.
        taxonomies: the label sets, by array name.
        problems: what is wrong with the store as a whole, one line each.
    """

    scenes: list[SceneReport]
    listed: dict[str, list[str]]
    taxonomies: dict[str, Taxonomy]
    problems: list[str]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not any(scene.problems for scene in self.scenes)


def check(store: str | Path, *, splits: Splits | None = None, workers: int | None = None) -> StoreReport:
    """Check a scene store.

    Args:
        store: its folder.
        splits: what should be there, as in :func:`data_prep.scannet.preparation.prepare`; by default what the manifest
            says that the store was prepared for, else the official lists.
        workers: processes; None for one a core.

    Raises:
        UserError: the folder is missing or holds no scene.
    """
    from joblib import Parallel, delayed

    check_workers(workers)
    reader = SceneStore(
        Path(store).absolute(), hint="give the folder that python -m data_prep.scannet or data_prep.custom wrote"
    )
    manifest = reader.manifest or {}
    listed = expected_scenes(manifest, splits)
    found = _found(reader.root, listed if splits is not None else None)
    if not any(found.values()):
        raise UserError(f"no scenes in {reader.root}: {reader.hint}", code="nothing-there")
    taxonomies, problems = _taxonomies(manifest)
    records = {split: content["scenes"] for split, content in manifest.get("splits", {}).items()}
    for split in listed if splits is not None else {**listed, **records}:
        problems += _compare_names(split, found.get(split, []), listed.get(split), records.get(split))
    classes = {key: len(taxonomy) for key, taxonomy in taxonomies.items()}
    scenes: list[SceneReport] = Parallel(n_jobs=workers or -1)(
        delayed(check_scene)(reader.root, split, name, classes, records.get(split, {}).get(name))
        for split, names in found.items()
        for name in names
    )
    _check_arrays(scenes)
    return StoreReport(scenes, listed, taxonomies, problems)


def expected_scenes(manifest: Mapping[str, Any], splits: Splits | None) -> dict[str, list[str]]:
    """Return the scenes that should be there, by split: none where nobody says."""
    if "listed" not in manifest and splits is None and not _is_scannet(manifest):
        return {}  # nobody says which scenes there should be
    lists = split_lists(None)
    for split, names in manifest.get("listed", {}).items():
        lists[split] = scannet.split_scenes(split) if names == "official" else list(names)
    if "listed" in manifest:
        lists = {split: lists[split] for split in manifest["listed"]}
    if splits is None:
        return lists
    if isinstance(splits, Sequence) and not isinstance(splits, str):
        unknown = [split for split in splits if split not in lists]
        if unknown:
            raise UserError(
                f"the store was not prepared for split {unknown[0]!r}; choose among {', '.join(lists)}",
                code="unknown-name",
            )
        return {split: lists[split] for split in splits}
    return split_lists(None, splits)


def _is_scannet(manifest: Mapping[str, Any]) -> bool:
    """Whether a store may be one of ScanNet's: its label sets are, or it does not say which it has."""
    known = manifest.get("taxonomies", {})
    return not known or any(scannet.taxonomy(name).segment in known for name in scannet.TAXONOMIES)


def _found(root: Path, only: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Return the scene folders of each split, also those without ``coord.npy``."""
    folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    return {
        folder.name: sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        for folder in folders
        if only is None or folder.name in only
    }


def _taxonomies(manifest: Mapping[str, Any]) -> tuple[dict[str, Taxonomy], list[str]]:
    """Return the label sets of the benchmark, and where those of the manifest differ from them."""
    official = {taxonomy.segment: taxonomy for taxonomy in map(scannet.taxonomy, scannet.TAXONOMIES)}
    found = {key: Taxonomy.from_dict(data) for key, data in manifest.get("taxonomies", {}).items()} or official
    problems = [
        f"{key} of the manifest is not the benchmark's: {difference}"
        for key, taxonomy in found.items()
        if key in official and (difference := taxonomy.difference(official[key]))
    ]
    return found, problems


def _compare_names(
    split: str, found: Sequence[str], listed: Sequence[str] | None, records: Mapping[str, Any] | None
) -> list[str]:
    """Return where the scenes that are there differ from the lists and from the manifest."""
    problems = []
    comparisons = [] if listed is None else [(f"listed scenes of {split} are missing", set(listed) - set(found))]
    if listed is not None:
        comparisons.append((f"scenes of {split} are in no list", set(found) - set(listed)))
    if records is not None:
        comparisons.append((f"scenes of {split} are in the manifest but have no folder", set(records) - set(found)))
        comparisons.append((f"scenes of {split} are not in the manifest", set(found) - set(records)))
    for what, names in comparisons:
        if names:
            more = ", ..." if len(names) > NAMED else ""
            problems.append(f"{len(names)} {what}: {', '.join(sorted(names)[:NAMED])}{more}")
    return problems


def _check_arrays(scenes: Sequence[SceneReport]) -> None:
    """Add a problem to each scene that lacks an array which other scenes of its split have."""
    arrays: dict[str, frozenset[str]] = {}
    for scene in scenes:
        arrays[scene.split] = arrays.get(scene.split, frozenset()) | scene.arrays
    for scene in scenes:
        for key in sorted(arrays[scene.split] - scene.arrays):
            if not any(problem.startswith(f"{key}.npy") for problem in scene.problems):
                scene.problems.append(f"{key}.npy is missing; other scenes of {scene.split} have it")
