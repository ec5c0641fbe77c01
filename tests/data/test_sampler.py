import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointnc.data.sampler import ResumableBatchSampler, class_balanced_weights
from tests.helpers.mistakes import raises

sizes = st.integers(1, 60)
batch_sizes = st.integers(1, 9)
worlds = st.integers(1, 5)


def ranks(size, batch_size, world, epoch=0, **options):
    samplers = [ResumableBatchSampler(size, batch_size, 7, rank=r, world_size=world, **options) for r in range(world)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    return [list(sampler) for sampler in samplers], samplers


def indices(batches):
    return [index for batch in batches for _, index in batch]


@given(sizes, batch_sizes, st.integers(0, 3), st.booleans())
def test_one_process_covers_everything_once(size, batch_size, epoch, shuffle):
    (batches,), (sampler,) = ranks(size, batch_size, 1, epoch, shuffle=shuffle)
    assert sorted(indices(batches)) == list(range(size))
    assert {epoch} == {key[0] for batch in batches for key in batch}
    assert len(batches) == len(sampler)
    assert all(len(batch) == batch_size for batch in batches[:-1]) and 1 <= len(batches[-1]) <= batch_size
    assert shuffle or indices(batches) == list(range(size))


@given(sizes, batch_sizes, worlds)
def test_training_ranks_have_equal_lengths_and_share_the_epoch(size, batch_size, world):
    epochs, samplers = ranks(size, batch_size, world)
    assert {len(batches) for batches in epochs} == {len(sampler) for sampler in samplers}
    assert len({len(batches) for batches in epochs}) == 1
    assert all(batch for batches in epochs for batch in batches)
    seen = [index for batches in epochs for index in indices(batches)]
    assert set(seen) == set(range(size))
    rest = size % (batch_size * world)
    assert len(seen) - size == (max(0, world - rest) if rest else 0)


@given(st.integers(1, 10), batch_sizes, worlds)
def test_ranks_together_form_the_batches_of_one_process(batches, batch_size, world):
    size = batches * batch_size * world
    together, _ = ranks(size, batch_size * world, 1)
    apart, _ = ranks(size, batch_size, world)
    assert [[*itertools.chain(*parts)] for parts in zip(*apart)] == together[0]


@given(sizes, batch_sizes, worlds)
def test_evaluation_gives_rank_r_every_worldth_scene(size, batch_size, world):
    epochs, samplers = ranks(size, batch_size, world, shuffle=False, evaluation=True)
    for rank, (batches, sampler) in enumerate(zip(epochs, samplers)):
        assert indices(batches) == list(range(rank, size, world))
        assert len(batches) == len(sampler)


@given(sizes, batch_sizes, worlds, st.data())
def test_skip_continues_with_the_very_next_batch_in_that_epoch_alone(size, batch_size, world, data):
    epochs, samplers = ranks(size, batch_size, world, epoch=2)
    done = data.draw(st.integers(0, len(epochs[0])))
    for whole, sampler in zip(epochs, samplers):
        fresh = ResumableBatchSampler(size, batch_size, 7, rank=sampler.rank, world_size=world)
        fresh.set_epoch(2)
        fresh.skip(done)
        assert len(fresh) == len(whole)
        iter(fresh)  # as torch does before it starts workers
        assert list(fresh) == whole[done:]
        fresh.set_epoch(3)
        sampler.set_epoch(3)
        assert list(fresh) == list(sampler)


def test_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        sampler = ResumableBatchSampler(50, 5, seed)
        sampler.set_epoch(epoch)
        return indices(sampler)

    assert order(1, 4) == order(1, 4)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_a_running_epoch_is_not_disturbed():
    sampler = ResumableBatchSampler(20, 2)
    running = iter(sampler)
    first = next(running)
    sampler.set_epoch(1)
    sampler.skip(3)
    sampler.set_epoch(0)
    assert [first, *running] == [*ResumableBatchSampler(20, 2)]
    assert len(list(sampler)) == 10
    sampler.set_epoch(1)
    assert len(list(sampler)) == 7


def test_lightning_finds_the_epoch_setter():
    from lightning_fabric.utilities.data import _set_sampler_epoch
    from torch.utils.data import DataLoader

    sampler = ResumableBatchSampler(4, 2)
    _set_sampler_epoch(DataLoader(range(4), batch_sampler=sampler), 5)
    assert sampler.epoch == 5


def test_mistakes():
    with raises("option", "batch_size", "0"):
        ResumableBatchSampler(3, 0)
    with raises("nothing-there", "dataset.limit"):
        ResumableBatchSampler(0, 1)
    with pytest.raises(ValueError, match="rank 2 of 2"):
        ResumableBatchSampler(3, 1, rank=2, world_size=2)
    with pytest.raises(ValueError, match="skip 4 of 3"):
        ResumableBatchSampler(3, 1).skip(4)


def test_class_balanced_weights_draw_every_class_alike() -> None:
    counts = np.array([[5, 0, 0], [3, 9, 0], [1, 1, 1], [0, 0, 0]])
    weights = class_balanced_weights(counts)
    # First a class, then a scene that has it.
    expected = [(1 / 3), (1 / 3 + 1 / 2), (1 / 3 + 1 / 2 + 1), 1 / 3]
    np.testing.assert_allclose(weights, expected)
    assert class_balanced_weights(np.zeros((2, 3))).tolist() == [1, 1]


def test_weighted_drawing_is_in_proportion_and_a_function_of_the_epoch() -> None:
    weights = np.array([1.0, 0.0, 3.0, 4.0])
    drawn = []
    for epoch in range(400):
        sampler = ResumableBatchSampler(4, 2, seed=1, weights=weights)
        sampler.set_epoch(epoch)
        keys = [key for batch in sampler for key in batch]
        assert keys == [key for batch in sampler for key in batch]
        drawn += [index for _, index in keys]
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(shares, weights / 8, atol=0.05)
    assert shares[1] == 0
