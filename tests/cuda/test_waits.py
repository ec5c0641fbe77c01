"""What waits for the stand-in device is counted, with its place, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.cuda.test_device import on_device, on_host
from tests.cuda.waits import Waits

HERE = "tests/cuda/test_waits.py"

WAITS: dict[str, tuple[str, Callable[[Tensor], object]]] = {
    "item": ("item", lambda x: x[0, 0].item()),
    "float": ("item", lambda x: float(x[0, 0])),
    "bool": ("item", lambda x: bool((x > 1).any())),
    "as an index": ("item", lambda x: range(5)[x[0, 0].long()]),
    "all close": ("allclose", lambda x: torch.allclose(x, x)),
    "equal": ("equal", lambda x: torch.equal(x, x)),
    "format": ("item", lambda x: f"{x[0, 0]:.1f}"),
    "tolist": ("copy to the host", lambda x: x.tolist()),
    "cpu": ("copy to the host", lambda x: x.cpu()),
    "to cpu": ("copy to the host", lambda x: x.to("cpu", torch.float64)),
    "copy_ to the host": ("copy to the host", lambda x: on_host().copy_(x)),
    "copy_ to memory that is not pinned": ("copy to the host", lambda x: on_host().copy_(x, non_blocking=True)),
    "copy_ from the host": ("copy to the device", lambda x: x.copy_(on_host())),
    "to cuda": ("copy to the device", lambda x: on_host().to("cuda")),
    "to cuda without pinned memory": ("copy to the device", lambda x: on_host().to("cuda", non_blocking=True)),
    "tensor": ("copy to the device", lambda x: torch.tensor([1, 2], device="cuda")),
    "as_tensor": ("copy to the device", lambda x: torch.as_tensor(3.0, device=x.device)),
    "new_tensor": ("copy to the device", lambda x: x.new_tensor([1, 2])),
    "mask": ("index by a mask", lambda x: x[x > 1]),
    "assignment by a mask": ("index_put_ by a mask", lambda x: x.__setitem__(x > 1, torch.zeros((), device="cuda"))),
    "index on the host": ("index by indices on the host", lambda x: x[torch.tensor([0, 1])]),
    "index list": ("index by indices on the host", lambda x: x[[0, 1]]),
    "masked_select": ("masked_select", lambda x: x.masked_select(x > 1)),
    "nonzero": ("nonzero", lambda x: (x > 1).nonzero()),
    "where": ("nonzero", lambda x: torch.where(x > 1)),
    "unique": ("unique2", lambda x: x.unique()),
    "unique rows": ("unique_dim", lambda x: x.unique(dim=0)),
    "unique_consecutive": ("unique_consecutive", lambda x: x.flatten().unique_consecutive()),
    "bincount": ("bincount", lambda x: x.long().flatten().bincount(minlength=4)),
    "repeat_interleave": ("repeat_interleave", lambda x: x.repeat_interleave(x[:, 0].long(), dim=0)),
    "svd": ("linalg_svd", lambda x: torch.linalg.svdvals(x)),
    "synchronize": ("synchronize", lambda x: torch.cuda.synchronize()),
    "stream": ("synchronize", lambda x: torch.cuda.current_stream().synchronize()),
}


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("name", WAITS)
def test_waits_are_counted_where_they_happen(name: str, inference: bool, waits: Waits) -> None:
    kind, act = WAITS[name]
    with torch.inference_mode(inference):
        x = on_device()
        waits.reset()
        act(x)
    assert waits.kinds()[kind] == 1, waits.places
    assert all(place.startswith(f"{HERE}:") for _, place in waits.places)
    assert waits.own.total() == 0  # tests are not the project's code


def test_what_need_not_wait_is_not_counted(waits: Waits) -> None:
    x, pinned = on_device(), on_host().pin_memory()
    assert pinned.is_pinned() and pinned[1:].is_pinned() and torch.empty(3, pin_memory=True).is_pinned()
    assert not on_host().is_pinned() and not pinned.clone().is_pinned() and not x.is_pinned()
    waits.reset()
    pinned.to("cuda", non_blocking=True)
    x.copy_(pinned, non_blocking=True)
    index = x[rows_without_waiting()] + torch.zeros(3, device="cuda") + torch.full((), 2.0, device="cuda")
    index.sort(dim=0).values.cumsum(0).to(torch.float16).sum()
    torch.arange(4, device="cuda").repeat_interleave(torch.ones(4, dtype=torch.long, device="cuda"), output_size=4)
    F.cross_entropy(x, rows_without_waiting(), reduction="sum")
    assert waits.count == 0, waits.places


def rows_without_waiting() -> Tensor:
    return torch.zeros(4, dtype=torch.long, device="cuda")


@pytest.mark.parametrize("into_pinned_memory", [False, True])
def test_copies_arrive_when_the_host_waits(into_pinned_memory: bool, waits: Waits) -> None:
    """The host that reads too early reads nonsense; what the device does afterwards does not show."""
    first, second, x = torch.empty(4, 3, pin_memory=True), torch.empty(4, 3, pin_memory=True), on_device()
    waits.reset()
    if into_pinned_memory:
        first.copy_(x, non_blocking=True)
    else:
        first = x.to("cpu", non_blocking=True)
    assert first.is_pinned() and first.isnan().all()
    event = torch.cuda.Event()
    event.record()
    x += 1
    second.copy_(x, non_blocking=True)
    assert waits.count == 0
    event.synchronize()
    assert waits.kinds() == {"event": 1}
    assert torch.equal(first, on_host()) and second.isnan().all()
    x.sum().item()
    assert torch.equal(second, on_host() + 1)
