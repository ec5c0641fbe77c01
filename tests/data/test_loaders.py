import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from pointnc.data import ResumableBatchSampler, SceneDataset, make_loader
from pointnc.data.loaders import wait_for_threads
from pointnc.data.transforms import Compose, SphereCrop
from tests.helpers.mistakes import raises

CONF = Path(__file__).parents[2] / "conf" / "augmentation"


@pytest.fixture
def make_training_loader(make_store, taxonomy):
    store = make_store(6)
    augmentation = instantiate(OmegaConf.load(CONF / "scannet.yaml"))

    def make(workers):
        dataset = SceneDataset(
            store,
            "train",
            taxonomy,
            ("color", "normal"),
            0.1,
            augmentation.transforms,
            augmentation.mix_probability,
            "random",
            seed=3,
        )
        return make_loader(dataset, ResumableBatchSampler(len(dataset), 2, seed=3), workers)

    return make


def batches_of(loader, epoch, skip=0):
    loader.batch_sampler.set_epoch(epoch)
    loader.batch_sampler.skip(skip)
    return list(loader)


def assert_equal(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second):
        assert one.names == other.names
        for key in ("coord", "features", "segment", "offsets"):
            assert torch.equal(getattr(one, key), getattr(other, key))


def test_workers_change_nothing_and_a_resumed_epoch_continues(make_training_loader):
    alone, shared = make_training_loader(0), make_training_loader(2)
    epochs = [batches_of(alone, epoch) for epoch in range(2)]
    assert not torch.equal(epochs[0][0].features, epochs[1][0].features)
    for epoch, whole in enumerate(epochs):  # the second epoch by the same processes as the first
        assert len(whole) == len(shared) == 3
        assert_equal(batches_of(shared, epoch), whole)
    assert_equal(batches_of(shared, 0, skip=2), epochs[0][2:])
    assert_equal(batches_of(alone, 1), epochs[1])


def test_iterating_leaves_global_random_numbers_alone(make_training_loader):
    loader = make_training_loader(0)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state().clone(), np.random.get_state()[1].copy()  # noqa: NPY002
    batches_of(loader, 0)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("name", ["none", "light", "scannet"])
def test_each_augmentation_of_the_configuration(name, make_scene):
    config = OmegaConf.load(CONF / f"{name}.yaml")
    augmentation = instantiate(config)
    assert isinstance(augmentation.transforms, Compose)
    assert 0 <= augmentation.mix_probability <= 1
    scene = make_scene(800)
    result = augmentation.transforms(scene, np.random.default_rng(0)).validate()
    # Whatever was done to it, the scene ends up centered.
    middle = (result.coord.min(axis=0) + result.coord.max(axis=0)) / 2
    np.testing.assert_allclose(middle[:2], 0, atol=1e-5)


def test_a_step_can_be_left_out_by_name():
    config = OmegaConf.load(CONF / "scannet.yaml")
    steps = len(instantiate(config).transforms.transforms)
    config.merge_with_dotlist(["transforms.steps.crop=null"])
    transforms = instantiate(config).transforms.transforms
    assert len(transforms) == steps - 1
    assert not any(isinstance(transform, SphereCrop) for transform in transforms)


def test_the_recipe_of_the_field_is_the_default_of_each_transform():
    for step in instantiate(OmegaConf.load(CONF / "scannet.yaml")).transforms.transforms[:-1]:
        default = type(step)()
        for key, value in vars(default).items():
            np.testing.assert_array_equal(getattr(step, key), value)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_mistake_in_a_worker_stays_one_line(workers, make_store, taxonomy):
    dataset = SceneDataset(make_store(4, segment4=np.full(300, 9)), "train", taxonomy, ("color",), 0.1)
    loader = make_loader(dataset, ResumableBatchSampler(4, 2, shuffle=False), workers)
    with raises("unknown-label", "scene0", "label 9", "4 classes"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_resumed_epoch_has_the_batches_that_are_left_and_the_next_one_all(make_training_loader, workers):
    def names(loader):
        return [batch.names for batch in loader]

    whole = make_training_loader(0)
    whole.batch_sampler.set_epoch(1)
    expected = names(whole)
    resumed = make_training_loader(workers)
    resumed.batch_sampler.set_epoch(1)
    resumed.batch_sampler.skip(2)
    assert names(resumed) == expected[2:]
    for loader in (whole, resumed):
        loader.batch_sampler.set_epoch(2)
    assert names(resumed) == names(whole)


def test_workers_start_when_no_other_thread_is_at_work():
    at_work, ended = threading.Event(), threading.Event()

    def work():
        data = bytes(1 << 26)
        at_work.set()
        hashlib.sha256(data)  # without Python's lock, as threads of gloo run
        ended.set()

    threading.Thread(target=work).start()
    at_work.wait()
    wait_for_threads(most=60)
    assert ended.is_set()
    sleeper = threading.Event()
    threading.Thread(target=sleeper.wait).start()
    wait_for_threads(most=60)  # which does not wait for those that sleep
    sleeper.set()
