"""Where a preparation runs: processes of this machine, or workers of a Dask or Ray cluster, by joblib's backends.

A command says so once, by :func:`engine`; whatever runs inside it by :func:`in_parallel` runs there.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pointnc.checks import check_option
from pointnc.errors import UserError
from pointnc.runtime.servers import check_answers, join_ray

PATIENCE = 10.0
"""Seconds that a scheduler, or the first worker of one, may take to answer."""

PACKAGES = {"loky": "joblib", "dask": "distributed", "ray": "ray"}
"""Backend to the module that it needs."""

_LOST = {
    "TerminatedWorkerError",  # loky
    *("KilledWorker", "CommClosedError", "CancelledError", "FutureCancelledError"),  # Dask
    *("ActorDiedError", "RayActorError"),  # Ray
}
"""Exceptions by which the backends say that workers died; by name, since none of the packages must be there."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def check_workers(workers: object) -> None:
    """Refuse a number of processes that is none; None stands for one a core.

    Raises:
        UserError: not None and no whole number from 1.
    """
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise UserError(f"workers={workers} must be a whole number from 1, or null for one a core", code="option")


@contextmanager
def engine(backend: str = "loky", scheduler: str | None = None, workers: int | None = None) -> Iterator[None]:
    """Have :func:`in_parallel` run on a backend of joblib's while the context lasts.

    Args:
        backend: "loky": processes of this machine; "dask" or "ray": workers of a cluster, which must see the same
            folders under the same names.
        scheduler: address of the cluster (Dask: ``tcp://host:8786`` or the path of a scheduler file; Ray: ``host:6379``
            or ``auto``); None: a cluster on this machine, for as long as the context lasts.
        workers: processes of such a cluster; None for one a core.

    Raises:
        UserError: the backend is unknown, its package is missing, or nobody answers at ``scheduler``.
    """
    check_option("backend", backend, *PACKAGES)
    check_workers(workers)
    if backend == "loky":
        if scheduler is not None:
            raise UserError(
                f"scheduler={scheduler} is for backend=dask or backend=ray; loky runs on this machine",
                code="conflicting-settings",
            )
        yield
        return
    try:
        importlib.import_module(PACKAGES[backend])
    except ImportError as error:
        raise UserError(f"backend={backend}: {error}; pip install 'pointnc[{backend}]'", code="no-package") from None
    from joblib import parallel_config

    with ExitStack() as stack:
        options = (_dask if backend == "dask" else _ray)(stack, scheduler, workers)
        stack.enter_context(parallel_config(backend=backend, **options))
        yield


def _dask(stack: ExitStack, scheduler: str | None, workers: int | None) -> dict[str, Any]:
    """Connect to a Dask scheduler, or start one, and make sure that its workers can do the work."""
    from distributed import Client, LocalCluster

    if scheduler is None:
        # One thread each: the work is Python and numpy, and temporary files are told apart by process.
        client = stack.enter_context(
            Client(
                stack.enter_context(
                    LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50)
                )
            )
        )
    else:
        remedy = "start one by: dask scheduler"
        if scheduler.endswith(".json"):
            if not Path(scheduler).is_file():  # Dask would wait for it without end
                raise UserError(
                    f"scheduler={scheduler}: there is no such file; {remedy} --scheduler-file {scheduler}",
                    code="no-server",
                )
            place = {"scheduler_file": scheduler}
        else:
            check_answers("scheduler", scheduler, remedy, PATIENCE)
            place = {"address": scheduler}
        try:
            client = stack.enter_context(Client(**place, timeout=PATIENCE))
        except (OSError, ValueError) as error:
            raise UserError(
                f"scheduler={scheduler}: no Dask scheduler answers ({error}); {remedy}", code="no-server"
            ) from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise UserError(
            f"scheduler={scheduler} has no workers; start some by: dask worker {scheduler}", code="no-server"
        ) from None
    for worker, answer in client.run(check_workers, None, on_error="return").items():
        if isinstance(answer, BaseException):
            raise UserError(
                f"the Dask worker {worker} cannot run pointnc ({answer}): install the same version there",
                code="no-server",
            )
    return {"client": client}


def _ray(stack: ExitStack, scheduler: str | None, workers: int | None) -> dict[str, Any]:
    """Connect to a Ray cluster, or start one."""
    import ray
    from ray.util.joblib import register_ray

    options: dict[str, Any] = {} if scheduler else {"num_cpus": workers, "include_dashboard": False}
    join_ray("scheduler", scheduler, **options)
    stack.callback(ray.shutdown)
    register_ray()
    return {}


def from_here(function: Callable[..., Result]) -> Callable[..., Result]:
    """Return a function for other processes that does its work where we stand, so that relative paths are ours.

    A worker that was started earlier may stand in another folder, and one of a cluster does.
    """
    return functools.partial(_from, os.getcwd(), function)  # noqa: PTH109 - a text travels


def _from(folder: str, function: Callable[..., Result], *arguments: Any) -> Result:
    with suppress(OSError):
        os.chdir(folder)
    return function(*arguments)


def in_parallel(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None
) -> Generator[Result, None, None]:
    """Yield what a function makes of each item, as they are done; closing the generator stops the rest.

    Args:
        function: and items travel to other processes.
        items: in the order in which they are begun.
        workers: greatest number of processes; None: one a core, or all workers of a cluster.

    Raises:
        UserError: workers died. What is done stays.
    """
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    if not items:
        return
    backend, _ = get_active_backend()
    processes = min(workers or backend.effective_n_jobs(-1), len(items))
    # Ray's backend has no results before the last one.
    order = "generator_unordered" if backend.supports_return_generator else "list"
    results = Parallel(n_jobs=processes, return_as=order)(delayed(from_here(function))(item) for item in items)
    try:
        if isinstance(results, list):
            yield from results
        else:
            with closing(results):
                yield from results
    except Exception as error:
        if type(error).__name__ not in _LOST:
            raise
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"workers died ({type(error).__name__}: {reason}); what is done stays, and the same command goes on. If "
            "memory was short: fewer workers",
            code="workers-died",
        ) from None


def unseen(paths: Sequence[Path]) -> list[Path]:
    """Return the finished paths that are not there: workers of other machines wrote them to disks of their own.

    Folders are listed rather than paths asked for, since network disks remember for a while what was not there.
    """
    folders = {path.parent for path in paths}
    there = {path for folder in folders if folder.is_dir() for path in folder.iterdir()}
    return [path for path in paths if path not in there]


def unseen_line(path: Path) -> str:
    """Return what is to be said of a path that was written, but is not there."""
    return f"{path} was written by another machine and is not to be seen here: workers must share the folder"
