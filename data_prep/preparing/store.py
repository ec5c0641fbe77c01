"""What all preparations of a data set share: a store is opened, its missing scenes are done, its manifest is written.

A preparer says which scenes there are (:class:`~data_prep.preparing.scenes.SceneJob`) and how one is made;
:func:`prepare_store` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.preparing.report import raise_failures, report, summary_table
from data_prep.preparing.scenes import Job, SceneJob, prepare_scenes, unfinished
from data_prep.processes import check_workers
from data_prep.stopping import sweep_store
from pointnc.errors import UserError
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scenes.writing import write_manifest


@dataclass(frozen=True)
class DataSet:
    """What a store says about itself.

    Attributes:
        taxonomy: the label set of its scenes.
        source: what it was made from, in words.
        notes: returns lines for the closing table, from the manifest.
    """

    taxonomy: Taxonomy
    source: str
    notes: Callable[[Mapping[str, Any]], list[str]] = lambda manifest: []


def check_folders(raw: Path, out: Path, layout: str) -> None:
    """Refuse a raw folder that is not there and an output that is a file or the raw folder.

    Args:
        raw: where the raw data are.
        out: the store to write.
        layout: what the raw folder holds, for the message.

    Raises:
        UserError: see above.
    """
    if not raw.is_dir():
        raise UserError(f"no raw scans at {raw.absolute()}: give raw=FOLDER with {layout} in it", code="nothing-there")
    check_target(out, raw)


def check_target(out: Path, source: Path) -> None:
    """Refuse a store that is a file, or the folder that it is made from.

    Raises:
        UserError: it is.
    """
    if (out.exists() and not out.is_dir()) or out.resolve() == source.resolve():
        raise UserError(f"out={out} is a file or {source} itself: give a folder of its own", code="overwrites-input")


def prepare_store(
    out: Path,
    jobs: Sequence[Job],
    prepare: Callable[[Job], None],
    data_set: DataSet,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    strict: bool = False,
) -> dict[str, Any]:
    """Prepare the scenes that are not done yet, print what there is now, and return the manifest.

    Args:
        out: the store; one that is there already is completed.
        jobs: every scene that should be in it.
        prepare: makes one scene, by :func:`write_prepared`; called in other processes.
        data_set: what goes into the manifest.
        workers: processes; None for one a core.
        overwrite: prepare again what is done.
        strict: stop at the first damaged scene.

    Raises:
        UserError: scenes are damaged: the others are done before, and ``failed.json`` in ``out`` says why; or the
            store holds another label set, or has a scene in another split.
    """
    check_workers(workers)
    open_target(out, jobs, [data_set.taxonomy])
    todo = unfinished(jobs, overwrite)
    failures = prepare_scenes(todo, prepare, workers, strict, overwrite)
    listed: dict[str, list[str]] = {}
    for job in jobs:
        listed.setdefault(job.target.parent.name, []).append(job.target.name)
    manifest = write_manifest(
        out, [data_set.taxonomy], data_set.source, lambda _, before: {"listed": {**before.get("listed", {}), **listed}}
    )
    counts = f"{len(jobs) - len(todo)} scenes were done before, {sum(map(len, failures.values()))} failed"
    report(out, summary_table(manifest, data_set.taxonomy, [counts, *data_set.notes(manifest)]), failures)
    raise_failures(out, failures, len(todo))
    return manifest


def open_target(out: Path, jobs: Sequence[SceneJob], taxonomies: Sequence[Taxonomy]) -> None:
    """Look at a store that is there already, before any work is done for it, and sweep out what was left unfinished.

    Args:
        out: the store.
        jobs: every scene that should be in it.
        taxonomies: the label sets of its scenes.

    Raises:
        UserError: its manifest is damaged, it holds other label sets, or it has a scene in another split, so that
            training would see validation.
    """
    if not out.is_dir():
        return
    store = SceneStore(out)
    for taxonomy in taxonomies:
        store.check_taxonomy(taxonomy)
    sweep_store(out)
    there = {path.parent.name: path.parent.parent.name for path in out.glob("[!.]*/[!.]*/scene.json")}
    for job in jobs:
        name, split = job.target.name, job.target.parent.name
        if there.get(name, split) != split:
            raise UserError(
                f"{out} has scene {name} in {there[name]}, not in {split}: give another out=STORE",
                code="other-settings",
            )
