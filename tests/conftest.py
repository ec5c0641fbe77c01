"""What all tests share: the same random numbers in every run, one thread, and a finished run to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first: where processes share the files, none is left alone with a long one at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Before any other fixture: more would fight with other test processes, and round as the tests themselves do not."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_numbers_every_run() -> Iterator[None]:
    """Seed torch; a test that has set threads leaves one to the next."""
    torch.manual_seed(0)
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, ``store``, and a run of one epoch, ``run``; tests change copies of it."""
    from data_prep.scannet.preparation import prepare
    from tests.helpers.changed_checkpoints import TINY
    from tests.helpers.commands import run
    from tests.helpers.synthetic import write_raw_root

    home = tmp_path_factory.mktemp("finished")
    prepare(write_raw_root(home / "raw", train=2, val=1), home / "store", workers=1)
    run("pointnc.train", *TINY, f"dataset.store={home / 'store'}", "run_dir=run", folder=home)
    return home
