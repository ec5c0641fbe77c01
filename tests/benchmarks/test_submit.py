"""``python -m pointnc.submit`` as users type it, and from a checkpoint to the zip, interrupted and resumed."""

import functools
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from data_prep.scannet.preparation import prepare
from pointnc.benchmarks.predictions import format_labels, read_labels, write_labels
from pointnc.benchmarks.scannet import split_scenes, taxonomy
from pointnc.benchmarks.submission import expected_scenes
from pointnc.errors import Interrupted
from pointnc.scenes.store import SceneStore
from pointnc.submit import Submit
from tests.helpers.commands import settings
from tests.helpers.mistakes import assert_line, raises
from tests.helpers.synthetic import write_raw_root
from tests.helpers.untrained import write_checkpoint


def command(*arguments: str, folder: Path, code: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pointnc.submit", *arguments],
        cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=1, val=1, test=3), root / "store", workers=1)
    return root


def test_the_scenes_of_joined_splits_are_expected(root: Path) -> None:
    both = expected_scenes("train+val", root / "store")
    assert both == counts(root, "train") | counts(root, "val") and len(both) == 2
    with raises("nothing-there", "train+more"):
        expected_scenes("train+more", root / "store")


def zipped(path: Path, label_set: str, expected: dict[str, int], spoil: str | None = None) -> Path:
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for scene, count in expected.items():
            ids = rng.choice(taxonomy(label_set).ids, count)
            ids[4] = 0 if scene == spoil else ids[4]
            archive.writestr(f"{scene}.txt", format_labels(ids))
    return path


def counts(root: Path, split: str) -> dict[str, int]:
    store = SceneStore(root / "store")
    return {scene: len(store.load(split, scene)) for scene in store.scenes(split)}


def test_valid_zip(root: Path, tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", "scannet20", counts(root, "test"))
    done = command(
        "validate=a.zip", "dataset=scannet20", f"data_root={root / 'store'}", folder=tmp_path, code=0
    )  # fmt: skip
    assert f"valid scannet20 submission of test: 3 scenes, {sum(counts(root, 'test').values()):,} labels" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_violations_are_printed(root: Path, tmp_path: Path) -> None:
    expected = dict.fromkeys(split_scenes("test"), 6)
    removed, spoilt = list(expected)[3], list(expected)[8]
    del expected[removed]
    zipped(tmp_path / "a.zip", "scannet200", expected, spoil=spoilt)
    lines = command("validate=a.zip", folder=tmp_path, code=1).stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{spoilt}, line 5: 0 is no id of scannet200")
    assert lines[1] == f"{removed}: is missing"
    assert lines[2].startswith("a.zip: 2 violations")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["validate=none.zip"], "none.zip"),
        (["validate=a.zip", "dataset=scannet40"], "scannet40"),
        (["validate=a.zip", "data_root=nowhere"], "nowhere"),
        ([], "checkpoint=RUN"),
    ],
)
def test_mistakes(tmp_path: Path, arguments: list[str], words: str) -> None:
    zipped(tmp_path / "a.zip", "scannet200", {})
    done = command(*arguments, folder=tmp_path, code=2)
    assert done.stdout == ""
    assert_line(done.stderr, words)


@pytest.fixture(scope="module")
def checkpoint(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("run") / "best.ckpt", root / "store")


def configure(checkpoint: Path, folder: Path, *overrides: str) -> DictConfig:
    places = [f"checkpoint={checkpoint}", f"out={folder / 'a.zip'}", f"cache={folder / 'cache'}"]
    return settings(Submit, *places, "accelerator=cpu", *overrides)


def test_checkpoint_to_zip_and_on_from_what_is_there(
    root: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pointnc.evaluation.opening import make_predictor
    from pointnc.submit import submit
    from pointnc.weights.trained import load_trained

    config = configure(checkpoint, tmp_path)
    assert submit(config) == 0
    assert "valid scannet200 submission of test: 3 scenes" in capsys.readouterr().out
    (folder,) = (tmp_path / "cache").iterdir()
    predictor = make_predictor(load_trained(checkpoint, "cpu"), config)
    store = SceneStore(root / "store")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for scene in store.scenes("test"):
            labels = predictor.predict(store.load("test", scene)).labels
            ids = taxonomy("scannet200").decode(labels)
            np.testing.assert_array_equal(read_labels(folder / f"{scene}.txt"), ids)
            assert archive.read(f"{scene}.txt") == format_labels(ids)

    # A finished scene is taken as it is, a missing one is predicted again, to the same bytes.
    first, second, _ = (folder / f"{scene}.txt" for scene in store.scenes("test"))
    marked, expected = np.full(len(read_labels(first)), 3), second.read_bytes()
    write_labels(first, marked)
    second.unlink()
    with raises("exists", "overwrite=true", "a.zip"):
        submit(config)
    assert not second.exists()
    assert submit(configure(checkpoint, tmp_path, "overwrite=true")) == 0
    np.testing.assert_array_equal(read_labels(first), marked)
    assert second.read_bytes() == expected

    # Other settings have predictions of their own.
    assert submit(configure(checkpoint, tmp_path, "overwrite=true", "halo=0.5")) == 0
    assert len(list((tmp_path / "cache").iterdir())) == 2

    # A spoilt file of the cache is found before it is handed in.
    write_labels(first, np.zeros(7, int))
    before = (tmp_path / "a.zip").read_bytes()
    assert submit(configure(checkpoint, tmp_path, "overwrite=true")) == 1
    assert f"{first.stem}, line 7: is the last" in capsys.readouterr().out
    assert (tmp_path / "a.zip").read_bytes() == before


def test_ctrl_c_keeps_finished_scenes(
    root: Path, checkpoint: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from pointnc.inference.predictor import Prediction, Predictor
    from pointnc.scenes.scene import Scene
    from pointnc.submit import write_missing
    from pointnc.weights.trained import load_trained

    class Interrupting(Predictor):
        seen = 0

        def predict(self, scene: Scene) -> Prediction:
            self.seen += 1
            if self.seen == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().predict(scene)

    trained = load_trained(checkpoint, "cpu")
    predictor = Interrupting(trained.model, trained.features, 0.1)
    request.addfinalizer(functools.partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where a script started the tests in the background
    with pytest.raises(Interrupted, match="the same command goes on"):
        write_missing(tmp_path / "txt", predictor, SceneStore(root / "store"), "test", trained.taxonomy)
    scenes = SceneStore(root / "store").scenes("test")
    assert sorted(path.name for path in (tmp_path / "txt").iterdir()) == [f"{scene}.txt" for scene in scenes[:2]]


def test_checkpoint_of_other_classes(checkpoint: Path, tmp_path: Path) -> None:
    from pointnc.submit import submit

    with raises("other-taxonomy", "best.ckpt", "scannet200", "scannet20", "dataset="):
        submit(configure(checkpoint, tmp_path, "dataset=scannet20"))
    assert not list(tmp_path.iterdir())


def test_adjusted_logits_are_those_of_a_shifted_bias(root: Path, checkpoint: Path, tmp_path: Path) -> None:
    from pointnc.evaluation.opening import make_predictor
    from pointnc.submit import submit
    from pointnc.weights.trained import load_trained

    config = configure(checkpoint, tmp_path, "logit_adjustment=20")
    assert submit(configure(checkpoint, tmp_path, f"out={tmp_path / 'plain.zip'}")) == submit(config) == 0
    assert len(list((tmp_path / "cache").iterdir())) == 2  # predictions of other settings are not taken for these
    store, trained = SceneStore(root / "store"), load_trained(checkpoint, "cpu")
    share = np.maximum(store.histogram("train", taxonomy("scannet200")), 1).astype(float)
    trained.model.head.bias.data -= torch.from_numpy(20 * np.log(share / share.sum())).float()
    predictor = make_predictor(trained, config)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, zipfile.ZipFile(tmp_path / "plain.zip") as plain:
        for scene in store.scenes("test"):
            expected = format_labels(taxonomy("scannet200").decode(predictor.predict(store.load("test", scene)).labels))
            assert archive.read(f"{scene}.txt") == expected
        assert archive.read(f"{scene}.txt") != plain.read(f"{scene}.txt")
