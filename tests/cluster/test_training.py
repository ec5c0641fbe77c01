"""Training on two nodes: two torchrun agents on two loopback addresses; one is killed, comes back, and the run goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data_prep.scannet.preparation import prepare
from pointnc.proof.runs import Command
from tests.cluster.test_preparation import ROOT, free_port, wait_for
from tests.helpers.synthetic import write_raw_root

SMALL = ["dataset.prepare=null", "dataset.store=store", "dataset.voxel_size=0.1", "trainer.accelerator=cpu", "workers=0",
         "logger=none", "model.planes=[8,8]", "model.layers=[1,1]", "batch_size=1", "trainer.check_val_every_n_epoch=24",
         "trainer.max_epochs=24", "refit=none", "resume=auto"]  # fmt: skip
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
# A machine that stays rank 0 does not tell the one that comes back where the store is, unless each round has its own.
OWN_STORES = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
ENVIRONMENT = {
    **os.environ, **OWN_STORES, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"
}  # fmt: skip


class Nodes:
    """Two machines: an agent of torchrun each, in a session of its own as a machine of its own would have."""

    def __init__(self, folder: Path, run: str) -> None:
        self.folder, self.run, self.port = folder, run, free_port()
        self.log = folder / f"{run}.log"
        self.agents: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int) -> None:
        agent = [
            "--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "3", "--rdzv-backend", "c10d",
            "--rdzv-endpoint", f"127.0.0.1:{self.port}", "--rdzv-id", self.run,
            "--rdzv-conf", "keep_alive_interval=1,keep_alive_max_attempt=2,last_call_timeout=1",
            "--local-addr", f"127.0.0.{number}",
        ]  # fmt: skip
        command = [*TORCHRUN, *agent, "-m", "tests.cluster.quick_train", *SMALL, f"run_dir={self.run}"]
        with self.log.open("ab") as log:
            self.agents[number] = subprocess.Popen(
                command, cwd=self.folder, env=ENVIRONMENT, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, number: int) -> None:
        """Switch a machine off: everything in its session dies at once."""
        agent = self.agents.pop(number)
        for process in [agent.pid, *children(agent.pid)]:
            os.kill(process, signal.SIGKILL)
        agent.wait()

    def meet(self) -> bool:
        """Whether there is a server at which the agents can meet."""
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.is_file() else ""

    def finish(self) -> None:
        for agent in self.agents.values():
            assert agent.wait(timeout=120) == 0, self.text()


def children(parent: int) -> list[int]:
    """Process ids below a process."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found += [int(status.parent.name), *children(int(status.parent.name))]
    return found


@pytest.mark.slow
def test_a_node_that_dies_comes_back_and_the_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    prepare(write_raw_root(tmp_path / "raw", train=2, val=2), tmp_path / "store", workers=1)
    nodes = Nodes(tmp_path, "disturbed")
    try:
        nodes.start(1)
        wait_for(nodes.meet, nodes.log, 60)  # on the machine that stays
        nodes.start(2)
        wait_for(lambda: "epoch 4/" in nodes.text(), nodes.log, 120)
        nodes.kill(2)
        wait_for(lambda: "failed (exitcode: 1)" in nodes.text(), nodes.log, 120)
        nodes.start(2)
        nodes.finish()
    finally:
        for number in [number for number, agent in nodes.agents.items() if agent.poll() is None]:
            nodes.kill(number)
    text = nodes.text()
    assert "device: 2 processes, each on CPU" in text and "resumed from" in text
    assert text.count("epoch 1/24") == text.count("epoch 24/24") == 1
    # As many processes on one machine, undisturbed.
    plain = [*TORCHRUN[1:], "--standalone", "--nproc-per-node", "2", "-m", "pointnc.train", *SMALL, "run_dir=plain"]
    code, text = Command(plain, tmp_path, **ENVIRONMENT).finish(180)
    assert code == 0, text
    states = [
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("disturbed", "plain")
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
