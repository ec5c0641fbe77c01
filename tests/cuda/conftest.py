"""Fixtures of the tests on the stand-in device: the device, a small store, a run that was trained there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.scannet.preparation import prepare
from pointnc.training.run import train
from tests.cuda.device import pretend_cuda
from tests.cuda.waits import Waits
from tests.helpers.synthetic import write_raw_root
from tests.training.test_run import configure

ON_DEVICE = (
    "trainer.accelerator=auto",
    "trainer.max_epochs=2",
    "trainer.check_val_every_n_epoch=1",
    "regularizer=ceco",
    "refit=none",
)


@pytest.fixture
def waits() -> Iterator[Waits]:
    """The stand-in device for one test, and the waits for it."""
    with pretend_cuda() as counted:
        yield counted


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=3, val=2), root / "store", workers=1)
    return root / "store"


@pytest.fixture(scope="session")
def device_run(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two epochs with everything that is the default on CUDA."""
    with pretend_cuda():
        return train(configure(store, tmp_path_factory.mktemp("device") / "run", *ON_DEVICE))
