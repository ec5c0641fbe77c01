"""Preparations on a Dask cluster of two processes; what is asked for and is not there gets a line."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from data_prep.preparing.store import DataSet, prepare_store
from data_prep.processes import engine, in_parallel, unseen
from pointnc.benchmarks import scannet
from tests.cluster.workers import Job, make, rest
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises
from tests.helpers.synthetic import write_raw_root

ROOT = Path(__file__).parents[2]
NEEDS_DASK = "the extra dask is not installed"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scheduler file of a Dask cluster with two workers."""
    pytest.importorskip("distributed", reason=NEEDS_DASK)
    with dask_cluster(tmp_path_factory.mktemp("dask"), 2) as (file, _):
        yield file


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and workers, each a process; gives the scheduler's file and process."""
    file = folder / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    dask = [sys.executable, "-m", "dask"]
    worker = [*dask, "worker", "--scheduler-file", str(file), "--no-nanny", "--nthreads", "1", "--no-dashboard"]
    commands = [
        [*dask, "scheduler", "--scheduler-file", str(file), "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        *[[*worker, "--local-directory", str(folder)]] * workers,
    ]  # fmt: skip
    with (folder / "log.txt").open("wb") as log:
        running = [subprocess.Popen(one, env=environment, stdout=log, stderr=log, cwd=folder) for one in commands]
    try:
        wait_for(file.exists, folder / "log.txt")
        yield str(file), running[0]
    finally:
        for process in running:
            process.kill()
            process.wait()


def wait_for(condition: object, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.1)


def digests(store: Path) -> dict[str, str]:
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(store.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(store).parts)
    }


def prepare(out: Path, fatal: Path | None = None) -> None:
    jobs = [Job(out / "train" / f"s{n}", n, fatal if n == 4 else None) for n in range(9)]
    prepare_store(out, jobs, make, DataSet(scannet.taxonomy("scannet20"), "nothing"))


def test_a_preparation_survives_the_death_of_a_worker(cluster: str, tmp_path: Path) -> None:
    prepare(tmp_path / "plain")
    with engine("dask", cluster):
        from distributed import default_client

        client = default_client()
        client.wait_for_workers(2, timeout=30)
        prepare(tmp_path / "shared", tmp_path / "died")
        assert (tmp_path / "died").exists()
        assert len(client.scheduler_info()["workers"]) == 1
    assert digests(tmp_path / "shared") == digests(tmp_path / "plain")


def test_the_death_of_the_scheduler_is_a_line(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason=NEEDS_DASK)
    with (
        dask_cluster(tmp_path, 2) as (file, scheduler),  # a single worker has nothing to do: joblib works here then
        engine("dask", file),
        raises("workers-died", "workers"),
    ):
        from distributed import default_client

        default_client().wait_for_workers(2, timeout=30)
        for _ in in_parallel(rest, range(200)):
            scheduler.kill()  # with the first result


def test_commands_prepare_on_a_cluster(cluster: str, tmp_path: Path) -> None:
    raw = write_raw_root(tmp_path / "raw", train=2, val=1)
    run("data_prep.scannet", f"raw={raw}", "out=plain", "workers=1", folder=tmp_path)
    where = ["backend=dask", f"scheduler={cluster}"]
    run("data_prep.scannet", f"raw={raw}", "out=shared", *where, folder=tmp_path)
    assert digests(tmp_path / "shared") == digests(tmp_path / "plain")
    small = ["train=1", "val=1", "scanner.poses=3", "scanner.width=40", "scanner.height=30"]
    run("data_prep.rooms", "out=r1", *small, "workers=1", folder=tmp_path)
    run("data_prep.rooms", "out=r2", *small, *where, folder=tmp_path)
    assert digests(tmp_path / "r1") == digests(tmp_path / "r2") != {}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["backend=spark"], ("option", "loky, dask, ray", "backend=spark")),
        (["scheduler=tcp://host:1"], ("conflicting-settings", "scheduler=tcp://host:1", "backend=dask")),
        (["workers=0"], ("option", "workers=0")),
    ],
)
@pytest.mark.parametrize("module", ["scannet", "s3dis", "semantickitti", "rooms.__main__"])
def test_settings_without_sense_get_a_line(
    module: str, arguments: list[str], mistake: tuple[str, ...], tmp_path: Path
) -> None:
    places = ["out=out"] if module.startswith("rooms") else [f"raw={tmp_path}", "out=out"]
    done = run(f"data_prep.{module}", *places, *arguments, folder=tmp_path, code=2)
    assert_mistake(done, *mistake)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("backend", "module"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    backend: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # an import of it fails
    with raises("no-package", f"backend={backend}", f"pip install 'pointnc[{backend}]'"), engine(backend):
        pass


def test_an_unreachable_scheduler_gets_a_line_in_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason=NEEDS_DASK)
    monkeypatch.setattr("data_prep.processes.PATIENCE", 1.0)
    (tmp_path / "old.json").write_text(json.dumps({"address": f"tcp://127.0.0.1:{free_port()}", "workers": {}}))
    with socket.create_server(("127.0.0.1", 0)) as mute:  # listens and says nothing
        mistakes = {
            f"tcp://127.0.0.1:{free_port()}": "no-server",
            f"tcp://127.0.0.1:{mute.getsockname()[1]}": "no-server",
            "nonsense": "option",
            str(tmp_path / "none.json"): "no-server",
            str(tmp_path / "old.json"): "no-server",
        }
        for wrong, code in mistakes.items():
            with raises(code, f"scheduler={wrong}"), engine("dask", wrong):
                pass


def test_a_scheduler_without_workers_gets_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason=NEEDS_DASK)
    monkeypatch.setattr("data_prep.processes.PATIENCE", 2.0)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address=":0") as empty,
        raises("no-server", f"scheduler={empty.scheduler_address}", "dask worker"),
        engine("dask", empty.scheduler_address),
    ):
        pass


def test_an_unreachable_ray_cluster_gets_a_line_in_time() -> None:
    from pointnc.runtime.servers import check_answers

    for wrong, code in (
        (f"127.0.0.1:{free_port()}", "no-server"),
        ("nonsense", "option"),
        ("host:99999999", "no-server"),
    ):
        with raises(code, f"scheduler={wrong}"):
            check_answers("scheduler", wrong, "start one")


def die(number: int) -> int:
    os._exit(number)


def test_processes_that_die_are_a_line() -> None:
    with raises("workers-died", "workers"):
        list(in_parallel(die, [1, 2], workers=2))


def test_what_another_machine_wrote_to_its_own_disk_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert unseen([tmp_path / "a", tmp_path / "b", tmp_path / "none" / "c"]) == [
        tmp_path / "b",
        tmp_path / "none" / "c",
    ]


class FakeRay(ModuleType):
    """A ``ray`` whose cluster turns everybody away."""

    def __init__(self, error: Exception) -> None:
        super().__init__("ray")
        self.error = error
        self.exceptions = SimpleNamespace(RayError=type("RayError", (Exception,), {}))

    def init(self, **_: object) -> None:
        raise self.error


def test_a_ray_cluster_that_wants_a_token_gets_a_line_that_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    from pointnc.runtime.servers import join_ray

    monkeypatch.setitem(sys.modules, "ray", FakeRay(ConnectionError("Failed to connect\nmore")))
    for setting in ("scheduler", "ray.address"):
        with raises("no-server", f"{setting}=auto", "(Failed to connect)", "RAY_AUTH_MODE=token"):
            join_ray(setting, "auto")
