"""Raw ScanNet folders to a scene store: ``python -m data_prep.scannet raw=RAW out=STORE``.

One pass writes the labels of both benchmarks (``segment200.npy`` and ``segment20.npy``). A scene that is done is not
done again; an interrupted one leaves no folder behind; a damaged one is reported and the others are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from data_prep.preparing.report import raise_failures, report
from data_prep.preparing.scenes import prepare_scenes, unfinished
from data_prep.preparing.store import check_folders, open_target
from data_prep.processes import check_workers
from data_prep.scannet.lists import Splits, find_jobs, split_lists
from data_prep.scannet.scene import prepare_scene
from data_prep.scannet.summary import summary_table, totals
from pointnc.benchmarks import scannet
from pointnc.benchmarks.scannet import LabelMap
from pointnc.errors import UserError
from pointnc.files.hashes import file_sha256
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scenes.writing import write_manifest


def prepare(
    raw: str | Path,
    out: str | Path,
    *,
    splits: Splits | None = None,
    label_map: str | Path | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    strict: bool = False,
) -> dict[str, Any]:
    """Prepare every listed scene that is there and return the manifest.

    Args:
        raw: folder with ``scans/``, ``scans_test/`` and the label map.
        out: the store to write; a store that is there already is completed.
        splits: split to scene names, a json file with that, or the names of some splits; by default
            ``scannetv2_<split>.txt`` in ``raw``, else the official lists.
        label_map: ``scannetv2-labels.combined.tsv``; by default the one in ``raw``.
        workers: processes; None for one a core.
        overwrite: prepare again what is done.
        strict: stop at the first scene that is missing or damaged.

    Raises:
        UserError: the folder or every scene is missing, or some scenes are damaged: the others are done before, and
            ``failed.json`` in ``out`` says why; with ``strict`` the first one stops the preparation.
    """
    check_workers(workers)
    raw, out = Path(raw).absolute(), Path(out).absolute()
    check_folders(raw, out, "scans/")
    lists = split_lists(raw, splits)
    jobs, missing = find_jobs(raw, out, lists)
    if strict and missing:
        split, absent = next(iter(missing.items()))
        raise UserError(
            f"scene {absent[0]} of split {split} is missing from {raw.absolute()} (strict=true)", code="missing-scene"
        )
    names, table = LabelMap({}, {}), Path(label_map or raw / scannet.LABEL_MAP_FILE)
    if any(job.labels for job in jobs):
        names = LabelMap.from_tsv(table)
    taxonomies = [scannet.taxonomy(name) for name in scannet.TAXONOMIES]
    open_target(out, jobs, taxonomies)
    todo = unfinished(jobs, overwrite)
    failures = prepare_scenes(todo, partial(prepare_scene, names=names), workers, strict, overwrite)
    manifest = _finish(out, lists, table, taxonomies)
    report(out, summary_table(manifest, len(jobs) - len(todo), missing, sum(map(len, failures.values()))), failures)
    raise_failures(out, failures, len(todo))
    return manifest


def _finish(out: Path, lists: dict[str, list[str]], label_map: Path, taxonomies: Sequence[Taxonomy]) -> dict[str, Any]:
    """Write the manifest: what the scenes add up to, what should be there, which label map was used."""
    official = {split: scannet.split_scenes(split) for split in scannet.SPLITS}
    listed = {split: "official" if official.get(split) == names else names for split, names in lists.items()}

    def more(manifest: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        return {
            "listed": {**before.get("listed", {}), **listed},
            "label_map": {label_map.name: f"sha256:{file_sha256(label_map)}"} if label_map.is_file() else {},
            "totals": totals(manifest),
        }

    return write_manifest(out, taxonomies, source="ScanNet layout", more=more)
