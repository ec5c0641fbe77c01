"""What all preparations of a data set share: scenes done in parallel, each whole or not at all, and resumed.

A preparer says which scenes there are (:class:`SceneJob`) and how one is made; :func:`prepare_store` does the rest.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from data_prep.processes import check_workers, in_parallel, unseen, unseen_line
from data_prep.stopping import nothing_left, sweep_store
from pointnc.errors import UserError, printable
from pointnc.files.atomic import write_json
from pointnc.files.hashes import file_sha256
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scenes.writing import as_stored, write_manifest, write_scene

if TYPE_CHECKING:
    from rich.table import Table

FAILED = "failed.json"
PRINTED = 20
"""How many failures are printed; ``failed.json`` has them all."""

Failures = dict[str, dict[str, str]]
"""Split to scene to what went wrong."""


class SceneJob(Protocol):
    """One scene to prepare; it travels to another process."""

    @property
    def target(self) -> Path:
        """``<store>/<split>/<scene>``."""


Job = TypeVar("Job", bound=SceneJob)


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
    if (out.exists() and not out.is_dir()) or out.resolve() == raw.resolve():
        raise UserError(
            f"out={out} is a file or the raw folder itself: give a folder of its own", code="overwrites-input"
        )


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


def unfinished(jobs: Sequence[Job], overwrite: bool = False) -> list[Job]:
    """Return the scenes that have no finished folder, or all of them."""
    return [job for job in jobs if overwrite or not (job.target / "scene.json").is_file()]


def prepare_scenes(
    jobs: Sequence[Job],
    prepare: Callable[[Job], None],
    workers: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
) -> Failures:
    """Prepare scenes in parallel, with a bar of progress; return what went wrong, in the order of the jobs.

    Args:
        jobs: the scenes; one that another process has finished meanwhile is left as it is.
        prepare: makes one.
        workers: processes; None for one a core.
        strict: stop at the first damaged scene.
        overwrite: prepare again what is done, also what was done meanwhile.

    Raises:
        UserError: with ``strict``, what went wrong first.
    """
    failed: dict[Path, str] = {}
    with (
        warnings.catch_warnings(),
        nothing_left({job.target.parent for job in jobs}),
        closing(_run(jobs, prepare, workers, overwrite)) as results,
    ):
        warnings.filterwarnings("ignore", module="joblib")  # that a strict stop leaves scenes undone
        for target, error in results:
            if error and strict:
                raise UserError(f"{error} (strict=true)", code="not-prepared")
            if error:
                failed[target] = error
    for target in unseen([job.target for job in jobs if job.target not in failed]):
        failed[target] = unseen_line(target)
    failures: Failures = {}
    for target in (job.target for job in jobs if job.target in failed):
        failures.setdefault(target.parent.name, {})[target.name] = failed[target]
    return failures


def _run(
    jobs: Sequence[Job], prepare: Callable[[Job], None], workers: int | None, overwrite: bool
) -> Generator[tuple[Path, str | None], None, None]:
    """Yield each scene's target with an error line or None, as they are done."""
    from rich.progress import track

    prepare_one = partial(_prepare_or_explain, prepare=prepare, overwrite=overwrite)
    with closing(in_parallel(prepare_one, jobs, workers)) as results:
        yield from track(results, description="prepare", total=len(jobs), disable=not jobs)


def _prepare_or_explain(job: Job, prepare: Callable[[Job], None], overwrite: bool) -> tuple[Path, str | None]:
    try:
        if unfinished([job], overwrite):
            prepare(job)
    except Exception as error:  # whatever it is, the other scenes are done
        return job.target, explain(error, job.target)
    return job.target, None


def explain(error: Exception, place: Path) -> str:
    """Return the line that says why a scene was not prepared."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        return printable(f"{error.filename or place}: {error.strerror or error}; fix it or choose another out=")
    if isinstance(error, MemoryError):
        return printable(f"{place}: out of memory ({error}); fewer workers= take less")
    text = f"{place}: {type(error).__name__}: {' '.join(str(error).split())[:500]}; remove the scene, or report this"
    return printable(f"{text} with its files: no file should do that")


def write_prepared(
    target: Path,
    arrays: Mapping[str, NDArray[Any]],
    record: Mapping[str, Any],
    taxonomies: Sequence[Taxonomy],
    sources: Sequence[Path] = (),
) -> None:
    """Write a scene with its number of points, its class histograms and the hashes of arrays and source files.

    Args:
        target: ``<store>/<split>/<scene>``.
        arrays: as :func:`pointnc.scenes.writing.write_scene` takes them; those of a label set may be missing.
        record: what else ``scene.json`` says.
        taxonomies: the label sets.
        sources: files that the scene was made of; those that do not exist are left out.
    """
    # In the types of the files, so that the hashes are those of what is written.
    arrays = as_stored(arrays)
    labeled = [taxonomy for taxonomy in taxonomies if taxonomy.segment in arrays]
    full = {"points": len(arrays["coord"]), **record}
    if labeled:
        full["histogram"] = {t.segment: histogram(arrays[t.segment], len(t)) for t in labeled}
    full["hash"] = {key: hash_array(value) for key, value in arrays.items()}
    full["source"] = {path.name: f"sha256:{file_sha256(path)}" for path in sources if path.is_file()}
    write_scene(target, arrays, full)


def histogram(segment: NDArray[Any], classes: int) -> list[int]:
    """Return the points of each class of (N,) train indices; -1 is left out."""
    # Shifted by one instead of masked: one pass, no copy of the labeled part.
    return np.bincount(segment + 1, minlength=classes + 1)[1:].tolist()


def hash_array(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's bytes in C order, without the header of its file."""
    return "sha256:" + hashlib.sha256(array.tobytes()).hexdigest()


def summary_table(manifest: Mapping[str, Any], taxonomy: Taxonomy, notes: Sequence[str]) -> Table:
    """Return scenes, points and classes by split, with notes below."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="scene store", caption_justify="left")
    for column in ("split", "scenes", "points", f"classes of {len(taxonomy)}"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split, content in manifest["splits"].items():
        counts = content["histogram"].get(taxonomy.segment)
        seen = "–" if counts is None else str(np.count_nonzero(counts))
        table.add_row(split, str(len(content["scenes"])), f"{content['points']:,}", seen)
    table.caption = Text("\n".join(notes))  # as plain text: a file's name may hold brackets
    return table


def report(out: Path, table: Table, failures: Failures) -> None:
    """Print the closing table and a line for each failure; keep the failures in ``failed.json``."""
    from rich.console import Console

    console = Console()
    console.print(table)
    (out / FAILED).unlink(missing_ok=True)
    if not failures:
        return
    write_json(out / FAILED, failures)
    lines = [f"failed: {split}/{name}: {error}" for split, scenes in failures.items() for name, error in scenes.items()]
    for line in lines[:PRINTED]:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if len(lines) > PRINTED:
        console.print(f"... and {len(lines) - PRINTED} more in {out / FAILED}", soft_wrap=True, highlight=False)


def raise_failures(out: Path, failures: Failures, todo: int) -> None:
    """Raise a UserError with the first failure, where there is one."""
    if failures:
        error = next(error for scenes in failures.values() for error in scenes.values())
        count = sum(map(len, failures.values()))
        raise UserError(
            f"{count} of {todo} scenes were not prepared: {error} (all in {out / FAILED})", code="not-prepared"
        )
