"""A trial of the network in a process of its own, since a broken build may take its process with it.

``python -m pointnc.environment.trial`` prints the facts that it knows, as a line of json, whenever it begins something
that may last or fail: what torch and spconv are, the devices, and for each kind of device whether a network computes
what it should and learns. ``doing`` says what it is about to do; it is empty in the last line.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from pointnc.runtime.driver import driver_devices

Say = Callable[[dict[str, Any]], None]


def trial(say: Say) -> None:
    """Gather the facts about torch, spconv and the devices, and train on each kind of device.

    Args:
        say: called with all facts so far, before each stage and at the end.
    """
    facts: dict[str, Any] = {"training": {}}

    def begin(stage: str) -> None:
        facts["doing"] = stage
        say(facts)

    begin("importing torch")
    facts |= _ask_torch()
    _train("cpu", facts, begin)  # before anything that needs a driver
    begin("asking for devices")
    facts |= _ask_for_devices()
    if facts["torch_hip"] is None:
        begin("importing spconv")
        facts |= _ask_spconv(facts["devices"])
    kinds = {tuple(device["capability"]): number for number, device in reversed([*enumerate(facts["devices"])])}
    for number in sorted(kinds.values()):  # the first of each kind
        _train(f"cuda:{number}", facts, begin)
        _train(f"cuda:{number} in float16", facts, begin)
    if facts["mps"]:
        _train("mps", facts, begin)
    begin("")


def _ask_torch() -> dict[str, Any]:
    import torch

    return {
        "torch": torch.__version__,
        "torch_cuda": torch.version.cuda,
        "torch_hip": torch.version.hip,
        "torch_archs": torch.cuda.get_arch_list(),
        "mps": torch.backends.mps.is_available(),
    }


def _ask_for_devices() -> dict[str, Any]:
    """Return what the driver names, what torch can use, and why it can use none."""
    import torch

    facts: dict[str, Any] = {
        "driver_devices": driver_devices(),
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "devices": [],
    }
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            seen = torch.cuda.get_device_properties(number)
            capability = [seen.major, seen.minor]
            facts["devices"].append({"name": seen.name, "capability": capability, "memory": seen.total_memory})
    elif torch.version.cuda is not None:
        try:
            torch.cuda.init()
        except Exception as error:  # whatever it raises is the reason
            facts["cuda_error"] = _line(error)
    return facts


def _ask_spconv(devices: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what spconv holds for each device, or why it cannot be imported."""
    try:
        from spconv.core_cc.cumm.common import CompileInfo
    except ModuleNotFoundError as error:
        return {} if error.name == "spconv" else {"spconv_error": _line(error)}
    except Exception as error:  # whatever a broken build raises is the finding
        return {"spconv_error": _line(error)}
    from pointnc.sparse.spconv_build import code_for

    return {"devices": [{**device, "spconv": code_for(tuple(device["capability"]), CompileInfo)} for device in devices]}


def _train(kind: str, facts: dict[str, Any], begin: Callable[[str], None]) -> None:
    begin(f"training on {kind}")
    try:
        facts["training"][kind] = train_a_little(kind.split()[0], half="float16" in kind)
    except Exception as error:
        facts["training"][kind] = f"fails: {_line(error)}"


def train_a_little(device: str, half: bool = False) -> str:
    """Run a small network forward and back; return "works" or what is wrong.

    Args:
        device: "cpu", "mps", or "cuda:0" and the like.
        half: under float16 autocast.
    """
    import torch

    from pointnc.models.minkunet import MinkUNet
    from pointnc.sparse.grid import SparseTensor
    from pointnc.sparse.modules import SubmanifoldConvolution

    torch.manual_seed(0)
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    coord = (torch.rand(6, 6, 6) < 0.5).nonzero().int()
    coord = torch.cat([torch.zeros(len(coord), 1, dtype=torch.int32), coord], dim=1).to(device)
    features = torch.randn(len(coord), 3, device=device)
    layer = SubmanifoldConvolution(3, 4, 3).to(device)
    with torch.no_grad():
        ours = layer(SparseTensor.from_voxels(coord, features, 1)).features
    grid = torch.zeros(1, 3, 6, 6, 6, device=device)
    _, x, y, z = coord.long().unbind(1)
    grid[0, :, x, y, z] = features.T
    dense = torch.nn.functional.conv3d(grid, layer.weight.permute(0, 4, 1, 2, 3), padding=1)[0, :, x, y, z].T
    if not torch.allclose(ours, dense, atol=1e-4 if device == "cpu" else 1e-2):
        return f"wrong: a convolution is off by {float((ours - dense).detach().abs().max()):.2g}"

    network = MinkUNet(3, [8, 8, 8, 8], [1, 1, 1, 1], stem_channels=8, stem_kernel=3).to(device)
    with torch.autocast("cuda", dtype=torch.float16) if half else contextlib.nullcontext():
        network(coord, features, 1).square().mean().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    if not all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients):
        return "wrong: gradients are missing or not finite"
    return "works"


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


if __name__ == "__main__":
    # A line break first: a library may have left half a line of its own.
    trial(lambda facts: print(f"\n{json.dumps(facts)}", flush=True))
