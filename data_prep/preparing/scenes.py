"""Scenes prepared in parallel, each whole or not at all; what went wrong with one does not stop the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from data_prep.processes import in_parallel, unseen, unseen_line
from data_prep.stopping import nothing_left
from pointnc.errors import UserError, printable

Failures = dict[str, dict[str, str]]
"""Split to scene to what went wrong."""


class SceneJob(Protocol):
    """One scene to prepare; it travels to another process."""

    @property
    def target(self) -> Path:
        """``<store>/<split>/<scene>``."""


Job = TypeVar("Job", bound=SceneJob)


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
