"""Batches from workers: equal to what was sent, in buffers that are used again only when nobody looks at them."""

import gc
import io
import os
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from torch.utils.data import Dataset

from pointnc.data import ResumableBatchSampler, make_loader, shared_buffers
from pointnc.data.shared_buffers import SPARE, Outbox, open_inbox
from tests.helpers.mistakes import raises

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
    return shared_buffers._inboxes[outbox.inbox]


def test_what_arrives_is_what_was_sent(outbox):
    batch = {"tensors": TENSORS, "again": [TENSORS["long"], "a name", 3], "nothing": None}
    result = send(outbox, batch)
    assert result["tensors"].keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert result["tensors"][name].dtype == tensor.dtype, name
        assert torch.equal(result["tensors"][name], tensor), name
    assert result["again"][0] is result["tensors"]["long"]
    assert result["again"][1:] == ["a name", 3]
    assert result["nothing"] is None
    assert send(outbox, ["no tensor at all"]) == ["no tensor at all"]


def test_what_no_buffer_holds_goes_the_way_of_torch(outbox):
    weight = torch.ones(3, requires_grad=True)
    sparse = torch.eye(3).to_sparse()
    result = send(outbox, [weight, torch.arange(3), sparse, torch.empty(2, device="meta")])
    assert result[0].requires_grad
    assert torch.equal(result[0], weight)
    assert torch.equal(result[1], torch.arange(3))
    assert torch.equal(result[2].to_dense(), torch.eye(3))
    assert result[3].device.type == "meta"


def test_a_received_tensor_is_saved_without_the_rest_of_its_batch(outbox):
    small, _ = send(outbox, [torch.arange(3), torch.zeros(1_000_000)])
    stream = io.BytesIO()
    torch.save(small, stream)
    assert stream.tell() < 5000


def test_a_buffer_is_used_again_when_its_last_tensor_is_gone(outbox):
    first = send(outbox, [torch.full((1000,), 1.0), torch.full((1000,), 2.0)])
    part, address = first[1][10:20], first[0].data_ptr()
    del first
    second = send(outbox, [torch.full((2000,), 3.0)])  # while a part of the first is looked at
    assert len(outbox.buffers) == len(received(outbox)) == 2
    assert torch.equal(part, torch.full((10,), 2.0))
    del part
    third = send(outbox, [torch.full((2000,), 4.0)])
    assert len(outbox.buffers) == len(received(outbox)) == 2
    assert third[0].data_ptr() == address
    assert torch.equal(second[0], torch.full((2000,), 3.0))
    assert torch.equal(third[0], torch.full((2000,), 4.0))


@pytest.mark.parametrize("who", ["child", "parent"])
def test_what_two_processes_look_at_since_a_fork_stays(outbox, who):
    (tensor,) = send(outbox, [torch.full((1000,), 1.0)])
    go, done = os.pipe()
    child = os.fork()
    if child == 0:
        if who == "child":
            del tensor
            os._exit(0)
        os.read(go, 1)  # until the parent has sent another batch
        os._exit(0 if torch.equal(tensor, torch.full((1000,), 1.0)) else 1)
    if who == "parent":
        del tensor
        send(outbox, [torch.full((1000,), 2.0)])
        os.write(done, b"x")
    assert os.waitpid(child, 0)[1] == 0
    if who == "child":
        send(outbox, [torch.full((1000,), 2.0)])
        assert torch.equal(tensor, torch.full((1000,), 1.0))
    os.close(go)
    os.close(done)


def test_a_batch_that_cannot_be_packed_leaves_no_buffer_taken(outbox, monkeypatch):
    def fail(buffer, slot):
        raise MemoryError

    send(outbox, [torch.zeros(1000)])
    for batch in ([torch.zeros(1000)], [torch.zeros(100_000)]):
        with monkeypatch.context() as patch:
            patch.setattr(shared_buffers, "_view", fail)
            with pytest.raises(MemoryError):
                outbox.pack(batch)
    assert torch.equal(send(outbox, [torch.ones(1000)])[0], torch.ones(1000))
    assert len(outbox.buffers) == 1
    assert outbox.buffers.keys() == received(outbox).keys()


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
    assert len(outbox.buffers) == len(received(outbox)) == SPARE + 1


def test_the_smallest_buffer_that_fits_is_taken_and_the_smallest_given_up(outbox):
    sizes = (38_400, 1_024, 19_200, 9_600)  # of whole alignments
    held = [send(outbox, [torch.zeros(size, dtype=torch.uint8)]) for size in sizes]
    held.clear()
    taken = outbox.pack([torch.zeros(15_000, dtype=torch.uint8)])
    small, middle, large = ((shared_buffers.ALIGNMENT + size) * 9 // 8 for size in (9_600, 19_200, 38_400))
    assert sorted(map(len, outbox.buffers.values())) == [small, middle, large]
    assert len(outbox.buffers[taken.contents[1]]) == middle


def test_a_somewhat_larger_batch_fits_too(outbox):
    send(outbox, [torch.zeros(80_000, dtype=torch.uint8)])
    assert outbox.pack([torch.zeros(89_000, dtype=torch.uint8)]).contents[2] is None
    assert len(outbox.buffers) == 1


def test_an_inbox_goes_with_its_owner():
    owner = Owner()
    outbox = Outbox(open_inbox(owner))
    batch = send(outbox, [torch.arange(5)])
    late = ForkingPickler.dumps(outbox.pack([torch.arange(5)]))
    del owner
    gc.collect()
    assert shared_buffers._inboxes[outbox.inbox] is None
    assert torch.equal(batch[0], torch.arange(5))  # the batch does not need it any more
    assert ForkingPickler.loads(late) is None


def test_a_loader_that_was_carried_to_another_process_says_so(outbox):
    sent = ForkingPickler.dumps(outbox.pack([torch.arange(5)]))
    inboxes = dict(shared_buffers._inboxes)
    shared_buffers._inboxes.clear()
    try:
        with pytest.raises(RuntimeError, match="make_loader"):
            ForkingPickler.loads(sent)
    finally:
        shared_buffers._inboxes.update(inboxes)


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
    inbox = loader.collate_fn.args[1]
    held, seen = [], []
    for number, batch in enumerate(loader):
        seen.append(batch.unique().tolist())
        if number % 20 == 0:
            held.append((number, batch[:50]))
    assert seen == [[2 * number, 2 * number + 1] for number in range(60)]
    for number, part in held:
        assert torch.equal(part, torch.full((50,), 2 * number))
    assert 0 < len(shared_buffers._inboxes[inbox]) <= len(held) + 2 * (SPARE + 3)
    assert list(map(len, loader)) == [len(concatenate([dataset[0, 2 * n], dataset[0, 2 * n + 1]])) for n in range(60)]


def test_an_epoch_left_early_and_two_loaders_at_a_time():
    loaders = [
        make_loader(Numbers(40), ResumableBatchSampler(40, 2, shuffle=False), workers=2, collate=concatenate)
        for _ in range(2)
    ]
    for last in (3, 7, 19):
        for number, batches in enumerate(zip(*loaders)):
            for batch in batches:
                assert batch.unique().tolist() == [2 * number, 2 * number + 1]
            if number == last:
                break


def test_full_shared_memory_is_one_line(outbox, monkeypatch):
    def full(size):  # the words of torch
        raise RuntimeError(
            "unable to allocate shared memory(shm) for file </torch_1_2_3>: No space left on device (28)"
        )

    monkeypatch.setattr(torch.UntypedStorage, "_new_shared", full)
    loader = make_loader(Numbers(4), ResumableBatchSampler(4, 2, shuffle=False), workers=1, collate=concatenate)
    with raises("no-memory", "No space left on device", "--shm-size", "workers=0") as caught:
        list(loader)
    assert "\n" not in str(caught.value)
    with raises("no-memory", "No space left on device"):
        outbox.pack([torch.zeros(1000)])
    assert outbox.buffers == {}
