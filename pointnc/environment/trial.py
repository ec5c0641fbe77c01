"""A trial of the network in a process of its own, since a broken build may take its process with it.

``python -m pointnc.environment.trial`` prints one line of json: what torch and spconv are, and for each kind of device
whether a network computes what it should and learns.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def trial() -> dict[str, Any]:
    """Return the facts about torch and spconv, and the outcome of training on each kind of device."""
    import torch

    facts: dict[str, Any] = {"torch": torch.__version__, "torch_cuda": torch.version.cuda, "devices": []}
    try:
        from spconv.cppconstants import COMPILED_CUDA_GEMM_ARCHS

        facts["compiled"] = sorted(COMPILED_CUDA_GEMM_ARCHS)
    except Exception as error:  # whatever a broken build raises is the finding
        facts["spconv_error"] = _line(error)
    kinds = ["cpu"]
    if torch.cuda.is_available():
        kinds += ["cuda", "cuda in float16"]
        for number in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(number)
            capability = [properties.major, properties.minor]
            facts["devices"].append(
                {"name": properties.name, "capability": capability, "memory": properties.total_memory}
            )
    facts["training"] = {}
    for kind in kinds:
        try:
            facts["training"][kind] = train_a_little(kind.split()[0], half="float16" in kind)
        except Exception as error:
            facts["training"][kind] = f"fails: {_line(error)}"
    return facts


def train_a_little(device: str, half: bool = False) -> str:
    """Run a small network forward and back; return "works" or what is wrong.

    Args:
        device: "cpu" or "cuda".
        half: under float16 autocast.
    """
    import torch

    from pointnc.models.grid import SparseTensor
    from pointnc.models.minkunet import MinkUNet
    from pointnc.models.sparse import SubmanifoldConvolution

    torch.manual_seed(0)
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
    with torch.autocast(device, dtype=torch.float16, enabled=half):
        network(coord, features, 1).square().mean().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    if not all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients):
        return "wrong: gradients are missing or not finite"
    return "works"


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


if __name__ == "__main__":
    json.dump(trial(), sys.stdout)
