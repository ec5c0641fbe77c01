"""Raw ScanNet folders to a scene store: ``python -m data_prep.scannet raw=RAW out=STORE``.

One pass writes the labels of both benchmarks (``segment200.npy`` and ``segment20.npy``). A scene that is done is not
done again; an interrupted one leaves no folder behind.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_prep.raw_scannet import RawScan, mesh_path, read_scan
from pointnc.benchmarks import scannet
from pointnc.benchmarks.scannet import LabelMap
from pointnc.entry import entry
from pointnc.errors import UserError
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.store import write_manifest, write_scene

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.table import Table


@dataclass(frozen=True)
class Job:
    """One scene to prepare: where it lies, where it goes, whether it has labels."""

    folder: Path
    target: Path
    labels: bool


def prepare(
    raw: str | Path,
    out: str | Path,
    *,
    splits: Mapping[str, list[str]] | None = None,
    label_map: str | Path | None = None,
    workers: int | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Prepare every listed scene that is there and return the manifest.

    Args:
        raw: folder with ``scans/``, ``scans_test/`` and the label map.
        out: the store to write.
        splits: split to scene names; by default ``scannetv2_<split>.txt`` in ``raw``, else the official lists.
        label_map: ``scannetv2-labels.combined.tsv``; by default the one in ``raw``.
        workers: processes; None for one a core.
        overwrite: prepare again what is done.

    Raises:
        UserError: the folder or every scene is missing, or some scenes are damaged: the others are done before.
    """
    raw, out = Path(raw), Path(out)
    if not raw.is_dir():
        raise UserError(f"no raw scans at {raw.absolute()}: give raw=FOLDER with scans/ in it")
    jobs, missing = find_jobs(raw, out, splits)
    names = LabelMap.from_tsv(label_map or raw / scannet.LABEL_MAP_FILE)
    todo = [job for job in jobs if overwrite or not (job.target / "scene.json").is_file()]
    failures = [error for error in _run(todo, names, workers) if error]
    manifest = write_manifest(out, [scannet.taxonomy(name) for name in scannet.TAXONOMIES], source="ScanNet layout")
    _print(summary_table(manifest, len(jobs) - len(todo), missing, len(failures)))
    if failures:
        more = "".join(f"\n  {line}" for line in failures[1:10])
        raise UserError(f"{len(failures)} of {len(todo)} scenes were not prepared: {failures[0]}{more}")
    return manifest


def find_jobs(raw: Path, out: Path, splits: Mapping[str, list[str]] | None) -> tuple[list[Job], int]:
    """Return the scenes that are there, and the number of listed scenes that are not.

    Raises:
        UserError: none of the listed scenes is there.
    """
    jobs, missing = [], 0
    for split in scannet.SPLITS:
        names = (splits or {}).get(split) if splits is not None else _split_names(raw, split)
        for name in names or []:
            if Path(name).name != name:
                raise UserError(f"the list of split {split} holds {name!r}, which is no scene name")
            folder = raw / ("scans_test" if split == "test" else "scans") / name
            if mesh_path(folder).is_file():
                jobs.append(Job(folder, out / split / name, labels=split != "test"))
            else:
                missing += 1
    if not jobs:
        raise UserError(
            f"none of the {missing} listed scenes lies in {raw.absolute()}/scans: give raw=FOLDER with scans/ in it, "
            "or put your own scannetv2_train.txt and scannetv2_val.txt beside scans/"
        )
    return jobs, missing


def _split_names(raw: Path, split: str) -> list[str]:
    own = raw / f"scannetv2_{split}.txt"
    if own.is_file():
        return own.read_text(encoding="utf-8").split()
    if any((raw / f"scannetv2_{other}.txt").is_file() for other in scannet.SPLITS):
        return []
    return scannet.split_scenes(split)


def _run(jobs: list[Job], names: LabelMap, workers: int | None) -> Iterator[str | None]:
    """Prepare the scenes in parallel; yield an error line or None for each."""
    from joblib import Parallel, delayed
    from rich.progress import track

    parallel = Parallel(n_jobs=workers or -1, return_as="generator_unordered")
    with closing(parallel(delayed(_prepare_or_explain)(job, names) for job in jobs)) as results:
        yield from track(results, description="prepare", total=len(jobs), disable=not jobs)


def _prepare_or_explain(job: Job, names: LabelMap) -> str | None:
    try:
        prepare_scene(job, names)
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"{job.target}: {error.strerror or error}; free space or choose another out="
    return None


def prepare_scene(job: Job, names: LabelMap) -> None:
    """Prepare one scene: align, compute normals, label, write.

    Raises:
        UserError: the raw scene is damaged.
    """
    scan = read_scan(job.folder, labels=job.labels)
    matrix = scan.axis_alignment
    # In float64, rounded once: the alignment of a real scan moves it by metres.
    coord = (scan.coord.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
    arrays: dict[str, NDArray[Any]] = {
        "coord": coord,
        "color": scan.color,
        "normal": vertex_normals(coord, scan.faces),
    }
    record: dict[str, Any] = {
        "points": len(coord),
        "axis_alignment": matrix.ravel().tolist(),
        "source": {mesh_path(job.folder).name: _hash(mesh_path(job.folder))},
    }
    if job.labels:
        labels, unknown = label_vertices(scan, names)
        arrays |= labels
        record["unknown_names"] = unknown
        record["objects"] = len(scan.objects)
        record["histogram"] = {
            taxonomy.segment: np.bincount(
                labels[taxonomy.segment][labels[taxonomy.segment] >= 0], minlength=len(taxonomy)
            ).tolist()
            for taxonomy in map(scannet.taxonomy, scannet.TAXONOMIES)
        }
    write_scene(job.target, arrays, record)


def label_vertices(scan: RawScan, names: LabelMap) -> tuple[dict[str, NDArray[np.int32]], dict[str, int]]:
    """Return ``segment200``, ``segment20`` and ``instance`` (N,), and the vertices of each unknown raw name.

    An over-segment that two objects claim belongs to the later one, as in the common preprocessors.

    Raises:
        UserError: an object names an over-segment that no vertex has.
    """
    if scan.segment_ids is None:
        raise UserError(f"scan {scan.name} has no annotation")
    segments, vertex_to_segment = np.unique(scan.segment_ids, return_inverse=True)
    owner = np.full(len(segments), -1, np.int32)
    for index, item in enumerate(scan.objects):
        claimed = np.array(item.segments, np.int64)
        place = np.minimum(np.searchsorted(segments, claimed), len(segments) - 1)
        absent = segments[place] != claimed
        if absent.any():
            raise UserError(
                f"scan {scan.name}: object {index} ({item.label}) names over-segment {claimed[absent][0]}, which no "
                "vertex has; fetch segs.json and aggregation.json again"
            )
        owner[place] = index
    instance = owner[vertex_to_segment]
    labels = {"instance": instance}
    for name, ids in (("scannet200", names.scannet200), ("scannet20", names.nyu40)):
        taxonomy = scannet.taxonomy(name)
        # The last entry stands for vertices without an object: index -1 reads it.
        of_object = np.array([ids.get(item.label, 0) for item in scan.objects] + [0])
        labels[taxonomy.segment] = taxonomy.encode(of_object)[instance]
    count = np.bincount(instance[instance >= 0], minlength=len(scan.objects))
    unknown: Counter[str] = Counter()
    for item, points in zip(scan.objects, count):
        if item.label not in names.scannet200:
            unknown[item.label] += int(points)
    return labels, dict(unknown)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return "sha256:" + digest.hexdigest()


def summary_table(manifest: dict[str, Any], done_before: int, missing: int, failed: int) -> Table:
    """Return the closing table: scenes, points and classes by split, and the names that the map lacks."""
    from rich.table import Table

    note = f"{done_before} scenes were done before, {missing} listed scenes are missing, {failed} failed"
    table = Table(title="scene store", caption=note, caption_justify="left")
    for column in ("split", "scenes", "points", "classes of 200", "classes of 20"):
        table.add_column(column, justify="left" if column == "split" else "right")
    unknown: Counter[str] = Counter()
    for split, entry_ in manifest["splits"].items():
        seen = [
            str(np.count_nonzero(entry_["histogram"][key])) if key in entry_["histogram"] else "–"
            for key in ("segment200", "segment20")
        ]
        table.add_row(split, str(len(entry_["scenes"])), f"{entry_['points']:,}", *seen)
        for record in entry_["scenes"].values():
            unknown.update(record.get("unknown_names", {}))
    if unknown:
        listing = ", ".join(f"{name} ({points:,} points)" for name, points in unknown.most_common(10))
        table.caption = f"{note}\n{len(unknown)} names are not in the label map: {listing}"
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    Console().print(table)


@entry("prepare_scannet")
def main(config: DictConfig) -> None:
    """Prepare a raw ScanNet folder."""
    splits = config.splits
    if isinstance(splits, str):  # a json file: split to scene names
        splits = json.loads(Path(splits).read_text(encoding="utf-8"))
    if config.raw is None or config.out is None:
        raise UserError("give raw=FOLDER (with scans/ in it) and out=STORE")
    prepare(
        config.raw,
        config.out,
        splits=splits,
        label_map=config.label_map,
        workers=config.workers,
        overwrite=config.overwrite,
    )


if __name__ == "__main__":
    main()
