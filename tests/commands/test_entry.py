"""Commands as users type them: exit codes, one-line errors, a checkout and an installed wheel."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_prep.scannet.preparation import prepare
from pointnc.commands.entry import entry
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_line
from tests.helpers.synthetic import write_raw_root

REPOSITORY = Path(__file__).parents[2]
QUICK = [
    "dataset.prepare=null", "trainer.max_epochs=1", "trainer.accelerator=cpu", "workers=0", "logger=none",
    "model.planes=[8,8]", "model.layers=[1,1]", "dataset.voxel_size=0.1",
]  # fmt: skip


def command(
    module: str, *arguments: str, folder: Path, code: int = 0, path: Path | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=2, val=2), root / "store", workers=1)
    return root / "store"


@pytest.mark.parametrize(
    "module",
    [
        "pointnc.train",
        "pointnc.evaluate",
        "pointnc.submit",
        "pointnc.visualize",
        "pointnc.predict",
        "pointnc.study",
        "pointnc.analyze",
        "pointnc.weights",
        "pointnc.doctor",
        "data_prep.scannet",
        "data_prep.s3dis",
        "data_prep.semantickitti",
        "data_prep.rooms",
        "data_prep.check",
        "data_prep.custom",
        "data_prep.taxonomy",
        "data_prep.stats",
        "data_prep.export",
    ],
)
def test_help(module: str, tmp_path: Path) -> None:
    done = command(module, "--help", folder=tmp_path)
    assert f"python -m {module}" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["pointnc.train", "--help"], ["data_prep.stats", "store={store}"]])
def test_output_that_nobody_reads_is_no_error(command: list[str], store: Path, tmp_path: Path) -> None:
    module, argument = command
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-m", module, argument.format(store=store)], stdout=writing, stderr=subprocess.PIPE,
        cwd=tmp_path, env=environment, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; import pointnc.train, pointnc.commands.entry, hydra; "
        "print([m for m in ('torch', 'spconv', 'pytorch_lightning', 'matplotlib', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_missing_store_names_path_and_command(tmp_path: Path) -> None:
    done = run("pointnc.train", "dataset=scannet200", "data_root=nowhere", folder=tmp_path, code=2)
    assert_line(done.stderr, str(tmp_path / "nowhere"), "python -m data_prep.scannet")


def test_unknown_settings(tmp_path: Path) -> None:
    assert_line(command("pointnc.train", "epochs=3", folder=tmp_path, code=2).stderr, "epochs", "--help")
    assert_line(
        command("pointnc.train", "model=pointnet", folder=tmp_path, code=2).stderr, "model=pointnet", "minkunet34c"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("setting", ["model=5", "loss=[1]"])
def test_a_group_that_is_given_no_name(setting: str, tmp_path: Path) -> None:
    assert_line(command("pointnc.train", setting, folder=tmp_path, code=2).stderr, setting, "--help")


def test_a_fault_of_ours_keeps_its_traceback(tmp_path: Path) -> None:
    def fail(config: object) -> None:
        raise ValueError("a fault of ours")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train"])
        with pytest.raises(ValueError, match="a fault of ours"):
            entry(None, "pointnc.train")(fail)()


@pytest.mark.parametrize("spoil", ["nan", "empty", "label", "truncated"])
def test_bad_scene_is_named(store: Path, tmp_path: Path, spoil: str) -> None:
    import shutil

    shutil.copytree(store, tmp_path / "store")
    folder = tmp_path / "store" / "train" / "scene0001_00"
    coord, labels = np.load(folder / "coord.npy"), np.load(folder / "segment200.npy")
    if spoil == "nan":
        coord[5] = np.nan
        np.save(folder / "coord.npy", coord)
    elif spoil == "empty":
        for path in folder.glob("*.npy"):
            np.save(path, np.load(path)[:0])
    elif spoil == "label":
        labels[3] = 200
        np.save(folder / "segment200.npy", labels)
    else:
        (folder / "color.npy").write_bytes((folder / "color.npy").read_bytes()[:100])
    words = {"nan": "NaN", "empty": "no points", "label": "label 200", "truncated": "color.npy"}
    place = f"dataset.store={tmp_path / 'store'}"
    done = run("pointnc.train", place, *QUICK, "batch_size=2", folder=tmp_path, code=2)
    assert_line(done.stderr, "scene0001_00", words[spoil])


@pytest.mark.slow
def test_checkout_and_wheel_train_alike(store: Path, tmp_path: Path) -> None:
    """The wheel is built, unpacked elsewhere and run in an empty folder, as is the checkout."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(REPOSITORY)]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    install = ["install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel)]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    assert (tmp_path / "site" / "pointnc" / "conf" / "train.yaml").is_file()
    losses = []
    for name, path in (("wheel", tmp_path / "site"), ("checkout", REPOSITORY)):
        (tmp_path / name).mkdir()
        arguments = [f"dataset.store={store}", *QUICK, f"run_dir={tmp_path / name / 'run'}"]
        done = command("pointnc.train", *arguments, folder=tmp_path / name, path=path)
        losses.append([line.rsplit("  ", 1)[0] for line in done.stdout.splitlines() if line.startswith("epoch")])
        assert (tmp_path / name / "run" / "report.html").is_file()
    assert losses[0] == losses[1] != []
