"""Recipes under a name of their own."""

from hydra import compose, initialize_config_dir

from pointnc.commands.entry import config_folder


def test_the_papers_reading_does_not_follow_the_defaults() -> None:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", ["experiment=scannet200_paper"])
    assert config.dataset.name == "scannet200" and config.dataset.voxel_size == 0.02
    assert config.model.neck is None and len(config.model.planes) == 8
    assert config.loss._target_ == "pointnc.losses.CrossEntropy"
    regularizer = config.regularizer
    assert (regularizer.centers, regularizer.reduction, regularizer.strength) == ("batch", "sum", "absolute")
    assert not (regularizer.recenter or regularizer.normalize or regularizer.repulsion)
    assert regularizer.weight > 0


def test_volt_is_trained_as_its_authors_do() -> None:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", ["experiment=scannet200_volt"])
    assert config.model._target_ == "pointnc.models.volt.Volt" and (config.model.channels, config.model.depth) == (
        384,
        12,
    )
    assert config.dataset.name == "scannet200" and list(config.dataset.features) == ["color_unit", "normal"]
    assert config.optimizer._target_ == "torch.optim.AdamW" and config.regularizer._target_.endswith("CenterObserver")
    assert (config.optimizer.lr, config.optimizer.weight_decay) == (0.001, 0.05)
    assert (config.schedule.warm_up, config.schedule.div, config.schedule.final_div) == (0.05, 10, 1000)
    assert config.loss.losses.label_smoothing.label_smoothing == 0.1 and "lovasz" in config.loss.losses
    assert config.augmentation.mix_probability == 0.85 and config.callbacks.average.decay == 0.999
    assert config.steps == 60_000 and config.batch_size == 8 and config.distillation.get("checkpoint") is None
