"""The stand-in device itself: it computes as the CPU does, refuses what CUDA refuses, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.cuda.device import pretend_cuda
from tests.cuda.waits import Waits


def on_host() -> Tensor:
    return torch.arange(12.0).reshape(4, 3) / 4


def on_device() -> Tensor:
    return on_host().cuda()


def rows(*numbers: int) -> Tensor:
    return torch.tensor(numbers, device="cuda")


def test_tensors_say_where_they_are(waits: Waits) -> None:
    x = on_device()
    assert str(x.device) == "cuda:0" and x.is_cuda and x.get_device() == 0 and not x.is_meta and not x.is_cpu
    for other in (x * 2, x[1:], x.to(torch.float16), torch.zeros_like(x), x.new_zeros(2), rows(1), x.detach(), x.sum()):
        assert other.device == x.device
    assert x.cpu().device == torch.device("cpu") and torch.equal(x.cpu(), on_host())
    assert x.to("cuda") is x and torch.zeros(1).to(x).device == x.device
    assert f"{x[0, 1]:.2f}" == "0.25" and "cuda:0" in repr(x) and x.tolist() == on_host().tolist()
    assert torch.empty(2, device="meta").is_meta  # tensors without content are another matter


def test_shapes_change_in_place(waits: Waits) -> None:
    x = on_device()
    assert x.unsqueeze_(0).shape == (1, 4, 3) and x.squeeze_(0).t_().shape == x.shape == (3, 4)
    assert torch.equal(x.cpu(), on_host().T) and x.resize_(2, 2).cpu().shape == x.shape == (2, 2)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def losses(device: str, half: bool) -> list[float]:
    model = network().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler(device, enabled=half, init_scale=64.0)
    values = []
    for _ in range(4):
        with torch.autocast(device, torch.float16, enabled=half):
            loss = F.cross_entropy(model(on_host().to(device)), torch.tensor([0, 1, 1, 0], device=device))
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        values.append(loss.item())
    return values


def test_training_computes_what_the_cpu_does(waits: Waits) -> None:
    assert losses("cuda", half=False) == losses("cpu", half=False)
    assert losses("cuda", half=True) == pytest.approx(losses("cpu", half=False), abs=0.05)
    assert losses("cuda", half=True) != losses("cpu", half=False)


def test_autocast_chooses_the_dtypes(waits: Waits) -> None:
    x = on_device().requires_grad_()
    with torch.autocast("cuda", torch.float16):
        product = x @ x.T
        assert (product.dtype, product.softmax(1).dtype, (x + x).dtype) == (torch.float16, torch.float32, torch.float32)
        with torch.autocast("cuda", enabled=False):
            assert (x @ x.T).dtype == torch.float32
    product.float().sum().backward()
    assert x.grad is not None and x.grad.dtype == torch.float32 and x.grad.is_cuda


def test_modules_move_and_are_saved(waits: Waits, tmp_path: Path) -> None:
    model = network()
    state = deepcopy(model).state_dict()
    model.cuda()
    assert all(value.is_cuda for value in model.state_dict().values()) and deepcopy(model)[0].weight.is_cuda
    torch.save(model.state_dict(), tmp_path / "state")
    loaded = torch.load(tmp_path / "state", map_location="cpu", weights_only=True)
    for name, value in model.cpu().state_dict().items():
        assert torch.equal(value, state[name]) and torch.equal(loaded[name], state[name]), name


MIXTURES: dict[str, Callable[[], object]] = {
    "sum": lambda: on_device() + on_host(),
    "product": lambda: on_device() @ on_host().T,
    "single number in a product": lambda: torch.cat([on_device().flatten(), torch.zeros(1)]),
    "cat": lambda: torch.cat([on_device(), on_host()]),
    "in place": lambda: on_host().add_(on_device()),
    "out": lambda: torch.add(on_device(), 1, out=on_host()),
    "index on the device": lambda: on_host()[rows(0, 1)],
    "mask on the device": lambda: on_host()[on_device() > 1],
    "index_select": lambda: on_device().index_select(0, torch.tensor([0])),
    "assigned values": lambda: on_device().__setitem__(rows(0, 1), on_host()[:2]),
    "linear": lambda: nn.Linear(3, 2)(on_device()),
    "batch norm": lambda: nn.BatchNorm1d(3)(on_device()),
    "cross entropy": lambda: F.cross_entropy(on_device(), torch.tensor([0, 1, 2, 0])),
    "where": lambda: torch.where(on_device() > 1, on_device(), on_host()),
    "generator": lambda: torch.rand(3, generator=torch.Generator(), device="cuda"),
    "generator of a shuffle": lambda: torch.randperm(3, generator=torch.Generator(), device="cuda"),
    "generator in place": lambda: on_device().bernoulli_(0.5, generator=torch.Generator()),
    "pinned": lambda: on_device().pin_memory(),
}


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_are_refused(name: str, inference: bool, waits: Waits) -> None:
    with torch.inference_mode(inference), pytest.raises(RuntimeError, match="same device|'cuda'|cannot pin"):
        MIXTURES[name]()


def test_numpy_is_refused(waits: Waits) -> None:
    for convert in (lambda x: x.numpy(), np.asarray, lambda x: np.add(x, 1)):
        with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
            convert(on_device())


def test_single_numbers_of_the_host_are_welcome(waits: Waits) -> None:
    x, number = on_device(), torch.tensor(2.0)
    waits.reset()
    x = torch.where(x > number, x * number, number).clamp(max=number).masked_fill(x > 1, 7).fill_(number)
    x[0] = 1.0
    x[x > 1] = 3.0
    assert waits.count == 0
    assert x.tolist() == [[1.0] * 3] + [[3.0] * 3] * 3


def test_the_device_has_a_random_state_of_its_own(waits: Waits) -> None:
    torch.manual_seed(3)
    host, state = torch.get_rng_state(), torch.cuda.get_rng_state()
    first = torch.rand(5, device="cuda")
    assert torch.equal(torch.get_rng_state(), host) and not torch.equal(torch.cuda.get_rng_state(), state)
    torch.cuda.set_rng_state(state)
    assert torch.equal(torch.rand(5, device="cuda"), first)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(5, device="cuda"), first)
    with torch.random.fork_rng():
        torch.rand(5, device="cuda")
    again = torch.rand(5, device="cuda")
    torch.cuda.set_rng_state(state)
    torch.rand(5, device="cuda")
    assert torch.equal(torch.rand(5, device="cuda"), again)


def test_everything_is_restored() -> None:
    before, cuda = torch.cuda.is_available(), dict(vars(torch.cuda))
    with pytest.raises(ZeroDivisionError), pretend_cuda():
        assert torch.cuda.is_available() and torch.cuda.get_device_properties(0).major == 9
        x = on_device()
        raise ZeroDivisionError
    assert torch.cuda.is_available() == before and vars(torch.cuda) == cuda
    with pytest.raises(RuntimeError, match="no such device"):
        x + 1
    assert torch.tensor([1.0]).add(1).item() == 2 and not on_host().is_pinned()
