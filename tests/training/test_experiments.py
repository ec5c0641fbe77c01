"""Recipes under a name of their own."""

from hydra import compose, initialize_config_dir

from pointnc.entry import config_folder


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
