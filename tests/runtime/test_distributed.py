"""What a process of several knows of them, from torchrun's variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointnc.runtime import distributed
from pointnc.training.callbacks import SaveCheckpoints
from pointnc.training.run_folder import how_to_go_on


def pretend(monkeypatch: pytest.MonkeyPatch, processes: int, here: int, rank: int = 0) -> None:
    for name, value in {"RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": here}.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize(
    ("processes", "here", "expected"),
    [
        (1, 1, "python"),
        (4, 4, "torchrun --nproc-per-node 4"),
        (16, 8, "torchrun --nproc-per-node 8 --nnodes 2 …"),
    ],
)
def test_a_run_goes_on_by_what_started_it(
    processes: int, here: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, processes, here)
    assert distributed.launcher() == expected
    assert how_to_go_on(Path("last.ckpt")) == f"go on with: {expected} -m pointnc.train resume=last.ckpt"


def test_another_number_of_processes_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a run of four GPUs whose printed command is copied goes on with a quarter of the batch, and nobody knows."""
    pretend(monkeypatch, 4, 4)
    state = SaveCheckpoints(tmp_path, None).state_dict()  # type: ignore[arg-type]
    SaveCheckpoints(tmp_path, None).load_state_dict(state)  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
    pretend(monkeypatch, 1, 1)
    SaveCheckpoints(tmp_path, None).load_state_dict(state)  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert said.startswith("warning: this run had 4 processes, now it has 1") and "--nproc-per-node 4" in said
    pretend(monkeypatch, 2, 2, rank=1)
    SaveCheckpoints(tmp_path, None).load_state_dict(state)  # type: ignore[arg-type]
    del state["processes"]  # as earlier versions wrote it
    pretend(monkeypatch, 1, 1)
    SaveCheckpoints(tmp_path, None).load_state_dict(state)  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
