"""A wrong setting is found before data are made."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from pointnc.commands.entry import config_folder
from pointnc.commands.mistakes import mistake_behind
from pointnc.errors import UserError
from pointnc.training.building import dry_run
from pointnc.training.run import train
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, assert_names, raises

NAMES = ["choice.dataset=rooms", "choice.model=minkunet_tiny", "choice.regularizer=none"]


def configure(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose("train", ["model.planes=[8,8]", "model.layers=[1,1]", *NAMES, *overrides])


def test_nothing_is_made_for_a_wrong_setting(tmp_path: Path) -> None:
    done = run("pointnc.train", "loss=focal", "loss.gamma=-1", folder=tmp_path, code=2)
    assert_mistake(done, "option", "loss.gamma=-1", 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("overrides", "mistake"),
    [
        (
            ["loss=cross_entropy", "loss.class_weights=[1,2]"],
            ("option", "loss.class_weights", "2 numbers", "200 classes"),
        ),
        (["head=etf", "head.frame=simplex", "model.neck=null"], ("option", "head.frame")),
        (["head=cosine", "head.scale=0"], ("option", "head.scale=0")),
        (["regularizer=ceco", "regularizer.scale=-1"], ("option", "regularizer.scale=-1")),
        (["dataset.features=[colour]"], ("unknown-name", "dataset.features", "'colour'")),
        (["optimizer.lr=0"], ("option", "optimizer.lr=0")),
        (["dataset.voxel_size=wide"], ("option", "dataset.voxel_size=wide")),
        (["schedule.warm_up=wide"], ("option", "schedule.warm_up=wide")),
        (["+schedule.power=2"], ("option", "schedule", "'power'")),
        (["schedule.div=0"], ("option", "schedule.div=0")),
        (["schedule=poly", "schedule.power=-1"], ("option", "schedule.power=-1")),
        (["optimizer.weight_decay=-1"], ("option", "optimizer", "weight_decay")),
        (["learning_rates=0.1"], ("option", "learning_rates=0.1", "+learning_rates.block=0.1")),
        (["+learning_rates.blok=0.1"], ("unknown-name", "learning_rates.blok", "model.backbone")),
        (["augmentation.mix_probability=2"], ("option", "augmentation.mix_probability=2", "at most 1")),
        (
            ["augmentation=volt", "augmentation.transforms.steps.instance_shift.distance=far"],
            ("option", "augmentation.transforms.steps.instance_shift.distance=far"),
        ),
        (
            ["+callbacks.average._target_=pointnc.training.averaging.WeightAverage", "+callbacks.average.decay=2"],
            ("option", "decay=2"),
        ),
        (
            ["+distillation.checkpoint=nowhere.safetensors", "+distillation.weight=0.5"],
            ("missing-file", "nowhere.safetensors"),
        ),
    ],
)
def test_every_part_is_tried(overrides: list[str], mistake: tuple[str, ...]) -> None:
    with pytest.raises((UserError, HydraException)) as caught:
        dry_run(configure(*overrides))
    assert_names(mistake_behind(caught.value, None, config_folder()), *mistake)


def test_what_a_checkpoint_could_not_say_of_its_network_is_not_trained() -> None:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        overrides = ["model=sonata", "model.channels=[16,32]", "model.depths=[1,1]", "model.patch=70000", *NAMES]
        config = compose("train", [*overrides, "dataset.features=[coord,color_unit,normal]"])
    with raises("option", "patch=70000"):
        dry_run(config)


@pytest.mark.parametrize("overrides", [[], ["loss=logit_adjustment", "regularizer=none", "head=cosine"]])
def test_good_settings_pass(overrides: list[str]) -> None:
    dry_run(configure(*overrides))


def test_a_length_is_needed(tmp_path: Path) -> None:
    done = run("pointnc.train", "trainer.max_epochs=null", folder=tmp_path, code=2)
    assert_mistake(done, "missing-setting", "trainer.max_epochs=", "steps=")


@pytest.mark.parametrize("key", ["seed", "batch_size", "workers"])
def test_a_checkpoint_without_a_setting_gets_a_line_that_names_it(key: str) -> None:
    config = configure()
    OmegaConf.set_struct(config, False)
    del config[key]
    with raises("option", f"{key}=None"):
        train(config)


def test_classes_of_a_store_that_is_yet_to_be_made(tmp_path: Path) -> None:
    stored = [
        "dataset=custom",
        "choice.dataset=custom",
        f"data_root={tmp_path}/store",
        "loss=focal",
        "loss.gamma=-1",
    ]
    with pytest.raises(Exception, match="store"):
        dry_run(configure(*stored))
    dry_run(configure(*stored, "dataset.prepare={_target_: builtins.dict}"))
