"""Scenes of a store as files for other programs: ``python -m data_prep.export store=STORE out=FOLDER format=ply``.

The files are laid out as ``python -m data_prep.custom`` reads them: ``FOLDER/<split>/<scene>.<format>``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.export.formats import WRITERS
from data_prep.processes import check_workers, from_here
from data_prep.store_labels import choose_taxonomy
from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.scenes.scene import IGNORE, Scene
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy


def table_of(scene: Scene, taxonomy: Taxonomy | None) -> dict[str, NDArray[Any]]:
    """Return the columns of a scene's file.

    Args:
        scene: N points.
        taxonomy: gives each train index its id; None for a scene without labels.

    Returns:
        Name to (N,): x, y, z in world coordinates (float32, or float64 where the scene has an origin), red, green,
        blue (uint8), nx, ny, nz (float32), label (int32, -1: none), instance (int32), as far as the scene has them.
    """
    coord: NDArray[Any] = np.asarray(scene.coord)
    if scene.origin.any():
        coord = coord.astype(np.float64) + scene.origin
    table: dict[str, NDArray[Any]] = {axis: coord[:, i] for i, axis in enumerate("xyz")}
    if scene.color is not None:
        table |= {name: scene.color[:, i].astype(np.uint8) for i, name in enumerate(("red", "green", "blue"))}
    if scene.normal is not None:
        table |= {name: scene.normal[:, i].astype(np.float32) for i, name in enumerate(("nx", "ny", "nz"))}
    if scene.semantic is not None and taxonomy is not None:
        table["label"] = taxonomy.decode(np.asarray(scene.semantic, np.int64), ignore_id=IGNORE)
    if scene.instance is not None:
        table["instance"] = np.asarray(scene.instance, np.int32)
    return table


def export(
    store: str | Path,
    out: str | Path,
    *,
    kind: str = "ply",
    segment: str | None = None,
    splits: Sequence[str] | None = None,
    limit: int | None = None,
    workers: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write scenes as files, each whole or not at all, and return the files.

    Args:
        store: the store's folder.
        out: the folder to write.
        kind: the format, a key of :data:`data_prep.export.formats.WRITERS`.
        segment: which labels; None for those with the most classes.
        splits: which; None for all.
        limit: so many scenes of each split; None for all.
        workers: processes; None for one a core.
        overwrite: replace files that are there; otherwise they stay.

    Raises:
        UserError: an unknown format, split or label array; or a scene is damaged.
    """
    from joblib import Parallel, delayed
    from rich.progress import track

    check_workers(workers)
    if kind not in WRITERS:
        raise UserError(f"format={kind}: choose one of {', '.join(WRITERS)}", code="option")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise UserError(f"limit={limit}: it must be a whole number from 1, or null", code="option")
    reader = SceneStore(store, hint="give store=, the folder of a scene store")
    taxonomy = choose_taxonomy(reader, segment)
    jobs = [
        (split, name, Path(out).absolute() / split / f"{name}.{kind}")
        for split in (reader.splits() if splits is None else splits)
        for name in reader.scenes(split)[:limit]
    ]
    todo = [job for job in jobs if overwrite or not job[2].exists()]
    write = delayed(from_here(_export_scene))
    results = Parallel(n_jobs=workers or -1, return_as="generator")(write(reader.root, *job, taxonomy) for job in todo)
    for _ in track(results, description="export", total=len(todo), disable=not todo):
        pass
    return [path for _, _, path in jobs]


def _export_scene(root: Path, split: str, name: str, path: Path, taxonomy: Taxonomy) -> None:
    scene = SceneStore(root).load(split, name, taxonomy.segment).validate()
    with atomic_path(path) as temporary:
        WRITERS[path.suffix[1:]](temporary, table_of(scene, taxonomy))
