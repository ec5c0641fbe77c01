"""Whole runs on small raw scans: from the folder to the report, interrupted and resumed."""

import json
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from data_prep.scannet.preparation import prepare
from pointnc.commands.entry import config_folder
from pointnc.commands.mistakes import mistake_behind
from pointnc.errors import Interrupted
from pointnc.training.resumed import resumed_config
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.mistakes import assert_names, raises
from tests.helpers.synthetic import write_raw_root

BASE = (
    "dataset.prepare=null",
    "trainer.max_epochs=3",
    "trainer.check_val_every_n_epoch=2",
    "trainer.accelerator=cpu",
    "workers=0",
    "batch_size=1",
    "model.planes=[8,16,16,8]",
    "model.layers=[1,1,1,1]",
    "dataset.voxel_size=0.1",
    "logger=none",
    "choice.dataset=rooms",
    "choice.model=minkunet_tiny",
    "choice.regularizer=chosen",
    "refit=none",  # has tests of its own
)
INTERRUPT = "+callbacks.interrupt={_target_:tests.training.interrupter.Interrupter,batches:%d}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=3, val=2), root / "store", workers=1)
    return root / "store"


def configure(store: Path, run: Path | None, *overrides: str) -> DictConfig:
    places = [f"dataset.store={store}", *([f"run_dir={run}"] if run else [])]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose("train", [*BASE, *places, *overrides])


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoints" / "last.ckpt").data["state_dict"]


def assert_same_weights(run: Path, other: Path) -> None:
    first, second = weights(run), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.fixture(scope="module")
def whole_run(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(configure(store, tmp_path_factory.mktemp("whole") / "run"))


def test_run_folder_is_complete(whole_run: Path) -> None:
    for name in ("config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "metrics.json", "report.html"):
        assert (whole_run / name).is_file(), name
    assert not list(whole_run.rglob("*.tmp"))
    metrics = json.loads((whole_run / "metrics.json").read_text())
    assert metrics["convention"] == "official"
    for key in ("miou", "head", "common", "tail", "overall_accuracy", "mean_accuracy", "majority_miou"):
        assert metrics[key] is None or 0 <= metrics[key] <= 100, key  # a group without points has no score
    assert len(metrics["per_class"]) == 200
    assert metrics["per_class"]["guitar"] is None or metrics["per_class"]["guitar"] == 0
    assert {"train", "evaluate", "report"} <= metrics["seconds"].keys()


def test_steps_on_the_command_line_hold_over_the_epochs_of_the_recipe(store: Path, tmp_path: Path) -> None:
    named = ["steps=4", "trainer.check_val_every_n_epoch=1"]
    config = configure(store, tmp_path / "run", *named)
    assert config.trainer.max_epochs is not None
    run = train(resumed_config(config, named))
    assert read_checkpoint(run / "checkpoints" / "last.ckpt").data["global_step"] == 6  # two epochs of three
    longer = ["steps=8", "resume=auto"]
    again = train(resumed_config(configure(store, tmp_path / "run", *longer), longer))
    assert read_checkpoint(again / "checkpoints" / "last.ckpt").data["global_step"] == 9


@pytest.mark.parametrize("batches", [2, 3, 4, 6])  # mid-epoch, ends of epochs without and with validation
def test_interrupted_and_resumed_run_gives_the_same_weights(
    store: Path, whole_run: Path, tmp_path: Path, batches: int
) -> None:
    config = configure(store, tmp_path / "run", INTERRUPT % batches)
    with pytest.raises(Interrupted, match=r"go on with: python -m pointnc.train resume=.*last\.ckpt"):
        train(config)
    config = configure(store, tmp_path / "run", "resume=auto", "trust=tests.training.interrupter.Interrupter")
    resumed = resumed_config(config, ["resume=auto"])
    resumed.callbacks = {}
    train(resumed)
    assert_same_weights(tmp_path / "run", whole_run)
    best = [read_checkpoint(run / "checkpoints" / "best.ckpt").data["epoch"] for run in (tmp_path / "run", whole_run)]
    assert best[0] == best[1]


def test_finished_run_trains_on_with_more_epochs(store: Path, tmp_path: Path) -> None:
    train(configure(store, tmp_path / "run", "trainer.max_epochs=1"))
    overrides = ["resume=auto", "trainer.max_epochs=3"]
    train(resumed_config(configure(store, tmp_path / "run", *overrides), overrides))
    assert read_checkpoint(tmp_path / "run").data["epoch"] == 2


def test_zero_weight_is_plain_cross_entropy_to_the_bit(store: Path, tmp_path: Path) -> None:
    runs = []
    for name, overrides in (("none", ["regularizer=none"]), ("zero", ["regularizer=ceco_ema", "regularizer.weight=0"])):
        runs.append(train(configure(store, tmp_path / name, "trainer.max_epochs=1", *overrides)))
    first, second = ({key: value for key, value in weights(run).items() if key.startswith("model.")} for run in runs)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.mark.parametrize("preset", ["ceco", "ceco_released", "ceco_ema"])
def test_presets_and_schedules_train(store: Path, tmp_path: Path, preset: str) -> None:
    overrides = [f"regularizer={preset}", "schedule=poly", "optimizer=sgd", "trainer.accumulate_grad_batches=2"]
    run = train(configure(store, tmp_path / preset, "trainer.max_epochs=1", *overrides))
    assert (run / "metrics.json").is_file()


def test_finished_folder_is_not_overwritten(store: Path, whole_run: Path) -> None:
    with raises("exists", whole_run, "resume=auto"):
        train(configure(store, whole_run))


def test_resuming_with_another_model_is_refused(store: Path, whole_run: Path) -> None:
    config = configure(store, None, f"resume={whole_run}")
    with raises("other-settings", "model=minkunet34c", "last.ckpt"):
        resumed_config(config, ["model=minkunet34c"])


def test_the_same_command_line_resumes(store: Path, tmp_path: Path) -> None:
    """Groups that are the same are no change, and of two choices in a group the last one holds."""
    line = ["loss=lovasz", "insertion=tail", "insertion=none", "trainer.max_epochs=1"]
    train(configure(store, tmp_path / "run", *line))
    again = [*line[:3], "resume=auto"]
    assert resumed_config(configure(store, tmp_path / "run", *again), again).resume is not None
    for other in ("loss=focal", "insertion=tail"):
        changed = [*again, other]
        with raises("other-settings", other, "last.ckpt"):
            resumed_config(configure(store, tmp_path / "run", *changed), changed)


def test_other_taxonomy_is_refused(store: Path, tmp_path: Path) -> None:
    from pointnc.scenes.store import SceneStore
    from pointnc.scenes.taxonomy import Taxonomy

    own = Taxonomy.from_dict({"name": "mine", "names": ["a", "b"], "segment": "segment200"})
    with raises("other-taxonomy", store, "200 classes", 2):
        SceneStore(store).check_taxonomy(own)


def test_full_disk_keeps_the_previous_checkpoint(
    store: Path, whole_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = torch.save, []

    def save(data: object, stream: object, *args: object, **kwargs: object) -> None:
        calls.append(1)
        if len(calls) == 2:  # half of the second file is written, then the disk is full
            stream.write(b"half")  # type: ignore[attr-defined]
            raise OSError(28, "No space left on device")
        real(data, stream, *args, **kwargs)

    monkeypatch.setattr(torch, "save", save)
    with raises("file-access", "No space left on device", "resume=", "last.ckpt"):
        train(configure(store, tmp_path / "run", "trainer.check_val_every_n_epoch=9"))
    monkeypatch.undo()
    assert not list((tmp_path / "run").rglob("*.tmp"))
    train(resumed_config(configure(store, tmp_path / "run", "resume=auto"), []))
    assert read_checkpoint(tmp_path / "run").data["epoch"] == 2


@pytest.mark.parametrize(
    "override, mistake",
    [
        ("seed=-1", ("option", "seed=-1", 0)),
        ("workers=two", ("option", "workers=two")),
        ("batch_size=1.5", ("option", "batch_size=1.5")),
        ("trainer.max_epochs=0", ("option", "trainer.max_epochs=0")),
        ("dataset.voxel_size=2cm", ("option", "dataset.voxel_size=2cm", 0)),
        ("optimizer.lr=0", ("option", "optimizer.lr=0")),
        ("trainer.check_val_every_n_epoch=0", ("option", "trainer.check_val_every_n_epoch=0")),
        ("trainer.devices=3", ("option", "trainer.devices=3", "torchrun --nproc-per-node")),
        ("dataset.features=[smell]", ("unknown-name", "dataset.features", "'smell'")),
        ("regularizer.momentum=2", ("option", "regularizer.momentum=2")),
        ("dataset.val_split=nope", ("unknown-name", "'nope'", "train, val", "dataset.val_split=NAME")),
    ],
)
def test_nonsense_settings_are_named(store: Path, tmp_path: Path, override: str, mistake: tuple[str, ...]) -> None:
    with pytest.raises(Exception) as error:
        train(configure(store, tmp_path / "run", override))
    assert_names(mistake_behind(error.value, None, config_folder()), *mistake)
    assert not (tmp_path / "run").exists()


def test_non_finite_loss_names_the_module(store: Path, tmp_path: Path) -> None:
    with raises("diverged", "step", "first in", "optimizer.lr"):
        train(configure(store, tmp_path / "run", "optimizer.lr=1e30", "trainer.gradient_clip_val=null"))


def test_colorless_store_trains_and_reports(store: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(store, tmp_path / "store")
    for path in (tmp_path / "store").rglob("color.npy"):
        path.unlink()
    overrides = ["dataset.features=[coord,normal]", "augmentation=none", "trainer.max_epochs=1"]
    run = train(configure(tmp_path / "store", tmp_path / "run", *overrides))
    assert (run / "report.html").is_file()


def test_reported_centers_are_those_of_the_best_epoch(whole_run: Path) -> None:
    from pointnc.collapse import CenterBank
    from pointnc.collapse.measures import center_distance

    state = read_checkpoint(whole_run / "checkpoints" / "best.ckpt").data["state_dict"]
    own = {key.removeprefix("regularizer.bank."): value for key, value in state.items() if ".bank." in key}
    bank = CenterBank(*own["centers"].shape)
    bank.load_state_dict(own)
    metrics = json.loads((whole_run / "metrics.json").read_text())
    assert metrics["centers"]["equiangularity"] == pytest.approx(
        center_distance(bank.centers, bank.seen).equiangularity
    )
