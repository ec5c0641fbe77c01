"""Nothing half-done stays where a preparation is stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pointnc.files.leftovers import sweep


def sweep_store(store: Path) -> None:
    """Settle what killed preparations have left in a store."""
    if store.is_dir():
        sweep(store, *(path for path in store.iterdir() if path.is_dir() and not path.name.startswith(".")))


@contextmanager
def nothing_left(folders: Iterable[Path]) -> Iterator[None]:
    """End the processes of this machine that prepare if the context is left by an exception, and sweep folders.

    Args:
        folders: where the processes write.
    """
    try:
        yield
    except BaseException:
        # Before the sweep: what is left must be that of dead processes.
        from joblib.externals.loky import reusable_executor

        executor = reusable_executor._executor
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)
        raise
    finally:
        sweep(*folders)
