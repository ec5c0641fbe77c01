"""A finished run that the tests of what a checkpoint may hold change copies of."""

from pathlib import Path

import pytest

from data_prep.scannet.preparation import prepare
from tests.commands import run
from tests.synthetic import write_raw_root
from tests.training.strangers import TINY


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, ``store``, and a run of one epoch, ``run``."""
    home = tmp_path_factory.mktemp("finished")
    prepare(write_raw_root(home / "raw", train=2, val=1), home / "store", workers=1)
    run("pointnc.train", *TINY, f"dataset.store={home / 'store'}", "run_dir=run", folder=home)
    return home
