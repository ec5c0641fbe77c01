"""Batches from workers: equal to what was sent, in buffers that are used again only when nobody looks at them."""

import gc
import os
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from torch.utils.data import Dataset

from pointnc.data import ResumableBatchSampler, make_loader, parcels
from pointnc.data.parcels import SPARE, Outbox, open_inbox

TENSORS = {
    "float": torch.arange(7, dtype=torch.float32),
    "byte": torch.arange(5, dtype=torch.uint8),
    "long": torch.arange(12).reshape(3, 4),
    "switch": torch.tensor([True, False, True]),
    "half": torch.ones(3, dtype=torch.float16),
    "number": torch.tensor(3.5, dtype=torch.float64),
    "no rows": torch.zeros(0, 4, dtype=torch.int32),
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "part": torch.arange(10)[3:9:2],
}


class Owner:
    """What an inbox belongs to."""


@pytest.fixture
def owner():
    return Owner()


@pytest.fixture
def outbox(owner):
    return Outbox(open_inbox(owner))


def send(outbox, batch):
    """The way through torch's queue, within one process."""
    return ForkingPickler.loads(ForkingPickler.dumps(outbox.pack(batch)))


def received(outbox):
    return parcels._inboxes[outbox.inbox]


def test_what_arrives_is_what_was_sent(outbox):
    batch = {"tensors": TENSORS, "again": [TENSORS["long"], "a name", 3], "nothing": None}
    result = send(outbox, batch)
    assert result["tensors"].keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert result["tensors"][name].dtype == tensor.dtype, name
        assert torch.equal(result["tensors"][name], tensor), name
    assert torch.equal(result["again"][0], TENSORS["long"])
    assert result["again"][1:] == ["a name", 3]
    assert result["nothing"] is None
    assert send(outbox, ["no tensor at all"]) == ["no tensor at all"]


def test_a_tensor_with_gradient_goes_the_usual_way(outbox):
    weight = torch.ones(3, requires_grad=True)
    result = send(outbox, [weight, torch.arange(3)])
    assert result[0].requires_grad
    assert torch.equal(result[0], weight)
    assert torch.equal(result[1], torch.arange(3))


def test_a_buffer_is_used_again_when_its_last_tensor_is_gone(outbox):
    first = send(outbox, [torch.full((1000,), 1.0), torch.full((1000,), 2.0)])
    part = first[1][10:20]
    del first
    second = send(outbox, [torch.full((2000,), 3.0)])  # while a part of the first is looked at
    assert len(outbox.buffers) == len(received(outbox)) == 2
    assert torch.equal(part, torch.full((10,), 2.0))
    address = part.untyped_storage().data_ptr()
    del part
    third = send(outbox, [torch.full((2000,), 4.0)])
    assert len(outbox.buffers) == len(received(outbox)) == 2
    assert third[0].untyped_storage().data_ptr() == address
    assert torch.equal(second[0], torch.full((2000,), 3.0))
    assert torch.equal(third[0], torch.full((2000,), 4.0))


def test_a_forked_child_frees_nothing(outbox):
    (tensor,) = send(outbox, [torch.full((1000,), 1.0)])
    child = os.fork()
    if child == 0:
        del tensor
        os._exit(0)
    os.waitpid(child, 0)
    send(outbox, [torch.full((1000,), 2.0)])
    assert torch.equal(tensor, torch.full((1000,), 1.0))


def test_a_tensor_that_autograd_keeps_holds_its_buffer(outbox):
    weight = torch.ones(1000, requires_grad=True)
    (loss,) = [(tensor * weight).sum() for tensor in send(outbox, [torch.full((1000,), 5.0)])]
    send(outbox, [torch.full((1000,), 6.0)])
    loss.backward()
    assert torch.equal(weight.grad, torch.full((1000,), 5.0))


def test_a_free_buffer_that_is_too_small_makes_room_for_a_larger_one(outbox):
    for length in (1000, 10_000, 100_000, 50_000, 1000):
        assert torch.equal(send(outbox, [torch.arange(length)])[0], torch.arange(length))
        assert len(outbox.buffers) == len(received(outbox)) == 1
    assert outbox.buffers.keys() == received(outbox).keys()


def test_after_many_were_held_few_stay(outbox):
    held = [send(outbox, [torch.full((1000,), number)]) for number in range(3 * SPARE)]
    assert all(torch.equal(batch[0], torch.full((1000,), number)) for number, batch in enumerate(held))
    assert len(outbox.buffers) == 3 * SPARE
    held.clear()
    send(outbox, [torch.zeros(10)])
    assert len(outbox.buffers) == len(received(outbox)) <= SPARE


def test_an_inbox_goes_with_its_owner(outbox, owner):
    number, batch = outbox.inbox, send(outbox, [torch.arange(5)])
    assert number in parcels._inboxes
    del owner, outbox
    gc.collect()
    assert torch.equal(batch[0], torch.arange(5))  # the batch does not need it any more


class Numbers(Dataset):
    """Tensors of different lengths that are full of their own index."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        _, index = key
        return torch.full((1000 + 100 * (index % 7),), index)


def concatenate(samples):
    return torch.cat(list(samples))


def test_a_long_pass_needs_few_buffers_and_a_held_batch_stays():
    dataset = Numbers(120)
    loader = make_loader(dataset, ResumableBatchSampler(120, 2, shuffle=False), workers=2, collate=concatenate)
    before = set(parcels._inboxes)
    held, seen = [], []
    for number, batch in enumerate(loader):
        seen.append(batch.unique().tolist())
        if number % 20 == 0:
            held.append((number, batch[:50]))
    assert seen == [[2 * number, 2 * number + 1] for number in range(60)]
    for number, part in held:
        assert torch.equal(part, torch.full((50,), 2 * number))
    (inbox,) = [box for box in before if parcels._inboxes[box]]
    assert len(parcels._inboxes[inbox]) <= len(held) + 2 * (SPARE + 2)
    assert list(map(len, loader)) == [len(concatenate([dataset[0, 2 * n], dataset[0, 2 * n + 1]])) for n in range(60)]
