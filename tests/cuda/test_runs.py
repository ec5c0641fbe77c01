"""Whole runs on the stand-in device, as a user starts them: trained, interrupted, resumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_prep.scannet import prepare
from pointnc.training.run import train
from tests.cuda.waits import Waits
from tests.synthetic import write_raw_root
from tests.training.test_run import configure

ON_DEVICE = (
    "trainer.accelerator=auto",
    "trainer.max_epochs=2",
    "trainer.check_val_every_n_epoch=1",
    "regularizer=ceco",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=3, val=2), root / "store", workers=1)
    return root / "store"


def test_run_ends_with_everything(store: Path, tmp_path: Path, waits: Waits) -> None:
    run = train(configure(store, tmp_path / "run", *ON_DEVICE))
    for name in ("metrics.json", "report.html", "checkpoints/last.ckpt", "checkpoints/best.ckpt"):
        assert (run / name).is_file(), name
    assert "collapse" in json.loads((run / "metrics.json").read_text())
