"""Device, precision and engine of a run: what is chosen, what is said, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from data_prep.scannet.preparation import prepare
from pointnc.models.sonata import Sonata
from pointnc.models.volt import Volt
from pointnc.runtime import devices
from pointnc.sparse import engines
from pointnc.sparse.engines import Engine
from pointnc.training.machine import Machine, machine_of
from pointnc.training.run import train
from pointnc.weights.architecture import engine_of, is_transformer
from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.trained import half_precision, load_trained
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises
from tests.helpers.synthetic import write_raw_root
from tests.training.test_run import configure

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SPCONV, PLAIN = Engine("spconv"), Engine("torch")


def chosen(accelerator: str = "cpu", precision: str = "auto", engine: str | None = "auto") -> Machine:
    return machine_of(accelerator, precision, engine)


@pytest.fixture
def _cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    engines._choose.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "NVIDIA H200")
    yield
    engines._choose.cache_clear()


def test_a_cpu_computes_in_float32_by_its_own_engine() -> None:
    assert chosen("cpu") == (CPU, "32-true", Engine("cpu"))
    assert engine_of({"_target_": "pointnc.models.MinkUNet"}) == "auto"  # a configuration of before
    assert chosen("cpu", "bf16-mixed", "torch").half == torch.bfloat16


@pytest.mark.usefixtures("_cuda")
def test_a_gpu_computes_in_float16_by_spconv() -> None:
    machine = chosen("auto")
    assert machine == (CUDA, "16-mixed", SPCONV) and machine.half == torch.float16
    assert chosen("gpu", "32-true", "torch") == (CUDA, "32-true", PLAIN)
    assert chosen("gpu", "16") == machine and chosen("gpu", "bf16", "torch").half == torch.bfloat16
    assert chosen("cpu").device == CPU


@pytest.mark.parametrize(
    ("wanted", "mistake"),
    [
        (["tpu"], ("option", "auto, cpu, cuda, gpu, mps", "accelerator=tpu")),
        (["cpu", "16-mixed"], ("no-device", "trainer.precision=16-mixed", "GPU")),
        (["cpu", "auto", "spconv"], ("installation", "model.engine=spconv", "CUDA")),
        (["cpu", "auto", "fast"], ("option", "model.engine=fast")),
        (["cpu", "17"], ("option", "trainer.precision=17", "bf16-mixed")),
        (["cpu", "16-true"], ("option", "trainer.precision=16-true")),
    ],
)
def test_what_cannot_be_is_refused(wanted: list[str], mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        chosen(*wanted)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device")
def test_a_device_that_is_not_there_is_refused() -> None:
    for accelerator, device in (("cuda", "CUDA"), ("mps", "Metal")):
        with raises("no-device", f"accelerator={accelerator}", device):
            chosen(accelerator)


@pytest.mark.usefixtures("_cuda")
def test_the_first_lines_say_what_computes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    Machine(CUDA, "16-mixed", SPCONV).announce()
    expected = "device: 4 processes, each on NVIDIA H200 (cuda); float16 (mixed); sparse convolutions by spconv\n"
    assert capsys.readouterr().out == expected
    Machine(CUDA, "bf16-mixed", SPCONV).announce()
    assert "spconv knows no bfloat16" in capsys.readouterr().out
    Machine(CUDA, "bf16-mixed", Engine("torch", "spconv is not installed")).announce()
    out = capsys.readouterr().out
    assert "bfloat16 (mixed); sparse convolutions by plain torch\n  spconv is not installed\n" in out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device")
def test_a_driver_without_a_usable_device_is_a_loud_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "driver_version", lambda: (12, 2))
    chosen("auto").announce()
    captured = capsys.readouterr()
    assert captured.err.startswith("WARNING: an NVIDIA driver for CUDA 12.2 is installed, but torch")
    assert "python -m pointnc.doctor" in captured.err and captured.out.startswith("device: CPU")


@pytest.mark.parametrize(
    ("wanted", "precision", "device", "engine", "expected"),
    [
        ("auto", "16-mixed", CUDA, SPCONV, torch.float16),
        ("auto", "32-true", CUDA, SPCONV, None),
        ("auto", "bf16-mixed", CUDA, PLAIN, torch.bfloat16),
        ("auto", "bf16-mixed", CUDA, SPCONV, None),
        ("auto", "16-mixed", CPU, Engine("cpu"), None),
        (True, "32-true", CUDA, SPCONV, torch.float16),
        (False, "16-mixed", CUDA, SPCONV, None),
        (False, "16-mixed", CPU, Engine("cpu"), None),
    ],
)
def test_predictions_have_the_precision_of_the_training_where_the_device_can(
    wanted: bool | str, precision: str, device: torch.device, engine: Engine, expected: torch.dtype | None
) -> None:
    assert half_precision(wanted, precision, device, engine) == expected


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("machine")
    prepare(write_raw_root(root / "raw", train=2, val=1), root / "store", workers=1)
    return train(configure(root / "store", root / "run", "trainer.max_epochs=1", "model.engine=torch"))


def test_a_checkpoint_knows_its_precision_and_no_engine_is_kept_from_it(finished: Path) -> None:
    checkpoint = read_checkpoint(finished)
    assert checkpoint.precision == "32-true" and checkpoint.config["model"]["engine"] == "torch"
    assert load_trained(finished, "cpu").engine.name == "cpu"
    assert load_trained(finished, "cpu", engine="torch").engine.name == "torch"


def test_weights_keep_the_precision_of_their_training(finished: Path, tmp_path: Path) -> None:
    data = dict(read_checkpoint(finished).data)
    data["pointnc"] = {**data["pointnc"], "precision": "16-mixed"}
    torch.save(data, tmp_path / "half.ckpt")
    assert load_trained(tmp_path / "half.ckpt", "cpu").source.precision == "16-mixed"
    run("pointnc.weights", f"export={tmp_path / 'half.ckpt'}", f"out={tmp_path / 'bundle'}", folder=tmp_path)
    assert load_trained(tmp_path / "bundle", "cpu").source.precision == "16-mixed"


def test_a_network_trained_in_float16_is_evaluated_on_a_cpu_with_a_remark(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = load_trained(finished, "cpu")
    replace(trained, source=replace(trained.source, precision="16-mixed")).announce()
    assert "trained in float16 (mixed); float32 here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("half=true", ("no-device", "half=true", "GPU")),
        ("half=perhaps", ("option", "half=perhaps")),
        ("engine=spconv", ("installation", "model.engine=spconv")),
        ("engine=fast", ("option", "auto, cpu, spconv, torch", "model.engine=fast")),
        ("accelerator=tpu", ("option", "accelerator=tpu")),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "predict", "submit", "analyze", "visualize"])
def test_each_command_refuses_in_one_line(
    command: str, setting: str, mistake: tuple[str, ...], finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "room.xyz").write_text("0 0 0\n1 1 1\n")
    own = {"predict": ["input=room.xyz", "out=out"], "submit": ["out=a.zip"], "visualize": ["html=a.html"]}
    arguments = [f"checkpoint={finished}", setting, *own.get(command, [])]
    assert_mistake(run(f"pointnc.{command}", *arguments, folder=tmp_path, code=2), *mistake)


@pytest.mark.parametrize("command", ["evaluate", "predict", "submit", "analyze", "visualize"])
def test_each_command_says_first_what_computes(command: str, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "room.xyz").write_text("0 0 0\n1 1 1\n")
    own = {"predict": ["input=room.xyz", "out=out"], "submit": ["out=a.zip", "split=val"], "visualize": ["html=a.html"]}
    done = _whatever_the_exit_code(
        f"pointnc.{command}", f"checkpoint={finished}", *own.get(command, []), folder=tmp_path
    )
    assert done.splitlines()[0].startswith("device: CPU") and "float32; sparse convolutions by the CPU engine" in done


def _whatever_the_exit_code(module: str, *arguments: str, folder: Path) -> str:
    for code in (0, 1, 2):
        try:
            return run(module, *arguments, folder=folder, code=code).stdout
        except AssertionError:
            continue
    raise AssertionError(f"{module} ended otherwise")


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        (["trainer.accelerator=tpu"], ("option", "accelerator=tpu")),
        (["model.engine=spconv", "trainer.accelerator=cpu"], ("installation", "CUDA", "model.engine=spconv")),
        (["trainer.precision=16-mixed", "trainer.accelerator=cpu"], ("no-device", "GPU", "trainer.precision=16-mixed")),
        (
            ["trainer.sync_batchnorm=true", "model.checkpointing=true"],
            ("conflicting-settings", "trainer.sync_batchnorm=true", "model.checkpointing=true"),
        ),
    ],
)
def test_training_refuses_in_one_line(settings: list[str], mistake: tuple[str, ...], tmp_path: Path) -> None:
    assert_mistake(run("pointnc.train", *settings, folder=tmp_path, code=2), *mistake)
    assert not list(tmp_path.iterdir())


def test_a_resumed_run_may_take_another_engine(finished: Path) -> None:
    from pointnc.training.resumed import resumed_config

    overrides = [f"resume={finished}", "model.engine=cpu"]
    config = resumed_config(configure(Path("store"), finished, *overrides), overrides)
    assert config.model.engine == "cpu"


def test_more_processes_than_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pointnc.runtime import distributed

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name, value in {"WORLD_SIZE": "4", "LOCAL_RANK": "3", "LOCAL_WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    with raises("no-device", "4 processes", "2 CUDA devices"):
        distributed.start("cuda")


@pytest.mark.parametrize("backend", ["nccl", "gloo"])  # the latter on Windows
def test_nccl_waits_for_hours_and_knows_its_device(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pointnc.runtime import distributed

    asked: dict[str, Any] = {}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: asked.update(current=device))
    monkeypatch.setattr(distributed.dist, "is_nccl_available", lambda: backend == "nccl")
    monkeypatch.setattr(
        distributed.dist, "init_process_group", lambda backend, **named: asked.update(backend=backend, **named)
    )
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    distributed.start("cuda")
    assert asked["backend"] == backend and asked["current"] == 1
    assert asked.get("device_id") == (torch.device("cuda", 1) if backend == "nccl" else None)
    assert asked["timeout"].total_seconds() >= 3600


def test_what_transformers_compute_again_has_no_batch_norm_to_count_twice() -> None:
    for network in (Volt(3, 64, 2, 8), Sonata(9, [16, 32], [1, 1])):
        name = f"{type(network).__module__}.{type(network).__name__}"
        assert is_transformer({"_target_": name})
        blocks = [part for part in network.modules() if type(part).__name__ == "Block"]
        assert len(blocks) == 2
        assert not any(isinstance(part, torch.nn.BatchNorm1d) for block in blocks for part in block.modules())
    assert not is_transformer({"_target_": "pointnc.models.spunet.SpUNet"}) and not is_transformer({})
