"""The Dockerfiles copy what they need, and the script that does their steps without docker does them."""

import importlib.util
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parent.parent
DOCKERFILES = sorted((REPOSITORY / "docker").glob("*.Dockerfile"))


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dry_run", REPOSITORY / "docker" / "dry_run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dry_run = load()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(dry_run.venv, "create", lambda *_, **__: None)  # these steps need none
    return dry_run.Machine(tmp_path, system=False)


def test_lines_are_joined_and_comments_left_out() -> None:
    text = "# a comment\nFROM python:3.11-slim\nRUN a && \\\n    b\n\n  # another\nCMD []\n"
    assert dry_run.parse(text) == [("FROM", "python:3.11-slim"), ("RUN", "a && b"), ("CMD", "[]")]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_is_copied_makes_the_whole_wheel(dockerfile: Path, machine: object, tmp_path: Path) -> None:
    for word, rest in dry_run.parse(dockerfile.read_text()):
        if word != "RUN":
            machine.step(word, rest)
    assert machine.start == ["python", "-m", "pointnc.train"]
    assert "shm-size" in dockerfile.read_text()  # Docker's 64 MB do not hold the loader's batches
    app = tmp_path / "app"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
    ]
    subprocess.run([*pip, str(app)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = ["git", "ls-files", "pointnc", "data_prep", "conf"]
    files = subprocess.run(tracked, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.split()
    assert held >= {f"pointnc/{file}" if file.startswith("conf/") else file for file in files}


def test_steps_are_done_in_their_folder_with_their_variables(
    machine: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLAGS", raising=False)
    steps = 'WORKDIR /app\nARG FLAGS="a b"\nENV ONE=1 TWO=2\nRUN echo "$FLAGS $ONE$TWO" > out\nRUN apt-get install x\n'
    for word, rest in dry_run.parse(steps):
        machine.step(word, rest)
    assert (tmp_path / "app" / "out").read_text() == "a b 12\n"
    with pytest.raises(subprocess.CalledProcessError):
        machine.step("RUN", "false && true")
    with pytest.raises(ValueError, match="VOLUME"):
        machine.step("VOLUME", "/data")


@pytest.mark.slow
def test_the_demo_is_stopped_after_its_first_epoch_and_one_without_fails(machine: object) -> None:
    endless = "import time\nprint('rooms', flush=True)\nprint('epoch 1/30', flush=True)\ntime.sleep(60)"
    machine.start = [sys.executable, "-c", endless]
    machine.run(patience=30)
    machine.start = [sys.executable, "-c", "print('rooms')"]
    with pytest.raises(RuntimeError, match="code 0"):
        machine.run(patience=30)
    machine.start = [sys.executable, "-c", "import time\ntime.sleep(60)"]
    with pytest.raises(RuntimeError, match=f"code {-signal.SIGKILL}"):
        machine.run(patience=1)
