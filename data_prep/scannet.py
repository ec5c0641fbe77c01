"""Raw ScanNet folders to a scene store: ``python -m data_prep.scannet raw=RAW out=STORE``.

One pass writes the labels of both benchmarks (``segment200.npy`` and ``segment20.npy``). A scene that is done is not
done again; an interrupted one leaves no folder behind; a damaged one is reported and the others are done.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.processes import check_workers
from data_prep.raw_scannet import mesh_path, read_scan
from data_prep.scannet_labels import label_vertices
from data_prep.scannet_lists import Splits, find_jobs, split_lists
from data_prep.scannet_scene import Job, hash_file, prepare_scene
from data_prep.scannet_summary import summary_table, totals
from pointnc.benchmarks import scannet
from pointnc.benchmarks.scannet import LabelMap
from pointnc.entry import entry
from pointnc.errors import UserError
from pointnc.scenes.atomic import write_json
from pointnc.scenes.store import MANIFEST, SceneStore, write_manifest

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["Job", "label_vertices", "mesh_path", "prepare", "prepare_scene", "read_scan"]

FAILED = "failed.json"


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
    if not raw.is_dir():
        raise UserError(f"no raw scans at {raw.absolute()}: give raw=FOLDER with scans/ in it")
    if (out.exists() and not out.is_dir()) or out.resolve() == raw.resolve():
        raise UserError(f"out={out} is a file or the raw folder itself: give a folder of its own")
    lists = split_lists(raw, splits)
    jobs, missing = find_jobs(raw, out, lists)
    if strict and missing:
        split, absent = next(iter(missing.items()))
        raise UserError(f"scene {absent[0]} of split {split} is missing from {raw.absolute()} (strict=true)")
    names, table = LabelMap({}, {}), Path(label_map or raw / scannet.LABEL_MAP_FILE)
    if any(job.labels for job in jobs):
        names = LabelMap.from_tsv(table)
    # Read first: a damaged manifest is better found before the work than after it.
    before = ((SceneStore(out).manifest or {}) if out.is_dir() else {}).get("listed", {})
    todo = [job for job in jobs if overwrite or not (job.target / "scene.json").is_file()]
    failures = _prepare_all(todo, names, workers, strict)
    manifest = _finish(out, lists, table, before)
    _report(out, manifest, len(jobs) - len(todo), missing, failures)
    if failures:
        split, scene = next((split, scene) for split, scenes in failures.items() for scene in scenes)
        count = sum(map(len, failures.values()))
        raise UserError(
            f"{count} of {len(todo)} scenes were not prepared: {failures[split][scene]} (all in {out / FAILED})"
        )
    return manifest


def _prepare_all(jobs: list[Job], names: LabelMap, workers: int | None, strict: bool) -> dict[str, dict[str, str]]:
    """Prepare the scenes in parallel; return split to scene to what went wrong."""
    failed: dict[Path, str] = {}
    with warnings.catch_warnings(), closing(_run(jobs, names, workers)) as results:
        warnings.filterwarnings("ignore", module="joblib")  # that a strict stop leaves scenes undone
        for job, error in results:
            if error and strict:
                raise UserError(f"{error} (strict=true)")
            if error:
                failed[job.target] = error
    failures: dict[str, dict[str, str]] = {}
    for target in (job.target for job in jobs if job.target in failed):  # in the order of the lists
        failures.setdefault(target.parent.name, {})[target.name] = failed[target]
    return failures


def _run(jobs: list[Job], names: LabelMap, workers: int | None) -> Generator[tuple[Job, str | None], None, None]:
    """Yield each scene with an error line or None, as they are done."""
    from joblib import Parallel, delayed
    from rich.progress import track

    parallel = Parallel(n_jobs=workers or -1, return_as="generator_unordered")
    with closing(parallel(delayed(_prepare_or_explain)(job, names) for job in jobs)) as results:
        yield from track(results, description="prepare", total=len(jobs), disable=not jobs)


def _prepare_or_explain(job: Job, names: LabelMap) -> tuple[Job, str | None]:
    try:
        prepare_scene(job, names)
    except UserError as error:
        return job, str(error)
    except OSError as error:
        return job, f"{error.filename or job.target}: {error.strerror or error}; mend it or choose another out="
    return job, None


def _finish(
    out: Path, lists: dict[str, list[str]], label_map: Path, before: dict[str, list[str] | str]
) -> dict[str, Any]:
    """Write the manifest: what the scenes add up to, what should be there, which label map was used."""
    out.mkdir(parents=True, exist_ok=True)
    manifest = write_manifest(out, [scannet.taxonomy(name) for name in scannet.TAXONOMIES], source="ScanNet layout")
    official = {split: scannet.split_scenes(split) for split in scannet.SPLITS}
    listed = {split: "official" if official.get(split) == names else names for split, names in lists.items()}
    manifest["listed"] = {**before, **listed}
    manifest["label_map"] = {label_map.name: hash_file(label_map)} if label_map.is_file() else {}
    manifest["totals"] = totals(manifest)
    write_json(out / MANIFEST, manifest)
    return manifest


def _report(
    out: Path,
    manifest: dict[str, Any],
    done_before: int,
    missing: dict[str, list[str]],
    failures: dict[str, dict[str, str]],
) -> None:
    """Print the closing table and a line for each failure; keep the failures in ``failed.json``."""
    from rich.console import Console

    console = Console()
    console.print(summary_table(manifest, done_before, missing, sum(map(len, failures.values()))))
    (out / FAILED).unlink(missing_ok=True)
    if failures:
        write_json(out / FAILED, failures)
        for split, scenes in failures.items():
            for scene, error in scenes.items():
                console.print(f"failed: {split}/{scene}: {error}", soft_wrap=True, markup=False, highlight=False)


@entry("tools/prepare_scannet")
def main(config: DictConfig) -> None:
    """Prepare a raw ScanNet folder."""
    from omegaconf import OmegaConf

    if config.raw is None or config.out is None:
        raise UserError("give raw=FOLDER (with scans/ in it) and out=STORE")
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    keys = ("splits", "label_map", "workers", "overwrite", "strict")
    prepare(settings["raw"], settings["out"], **{key: settings[key] for key in keys})


if __name__ == "__main__":
    main()
