"""An imported SpUNet against the very modules of spconv that its weights were trained in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pointnc.weights.foreign import convert
from tests.oracles import spunet
from tests.weights.foreign.test_conversion import EXTENT, Batch, outputs


class Live:
    """The forward pass over spconv's modules, each given its weight from the state."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def convolve(self, kind: Any, name: str, x: Any, key: str, **arguments: Any) -> Any:
        import spconv.pytorch as spconv

        weight = self.state[f"{name}.weight"]
        size = weight.shape[1]
        layer = kind(
            weight.shape[-1], len(weight), size, bias=False, indice_key=key, algo=spconv.ConvAlgo.Native, **arguments
        )
        layer.weight = nn.Parameter(weight)
        return layer(x)

    def norm(self, name: str, x: Any) -> Any:
        layer = nn.BatchNorm1d(x.features.shape[1], eps=1e-3).eval()
        layer.load_state_dict({key: self.state[f"{name}.{key}"] for key in layer.state_dict()})
        return x.replace_feature(layer(x.features))

    def relu(self, x: Any) -> Any:
        return x.replace_feature(x.features.relu())

    def blocks(self, stage: str, x: Any, key: str) -> Any:
        import spconv.pytorch as spconv

        index = 0
        while f"{stage}.block{index}.conv1.weight" in self.state:
            name = f"{stage}.block{index}"
            path = self.convolve(spconv.SubMConv3d, f"{name}.conv1", x, key, padding=1)
            path = self.relu(self.norm(f"{name}.bn1", path))
            path = self.norm(f"{name}.bn2", self.convolve(spconv.SubMConv3d, f"{name}.conv2", path, key, padding=1))
            if f"{name}.proj.0.weight" in self.state:
                x = self.norm(f"{name}.proj.1", self.convolve(spconv.SubMConv3d, f"{name}.proj.0", x, f"{key}one"))
            x, index = self.relu(path.replace_feature(path.features + x.features)), index + 1
        return x

    def __call__(self, batch: Batch) -> Tensor:
        import spconv.pytorch as spconv

        shape = [EXTENT, EXTENT, EXTENT]
        x = spconv.SparseConvTensor(batch.features, batch.coord, shape, batch.batch_size)
        x = self.relu(self.norm("conv_input.1", self.convolve(spconv.SubMConv3d, "conv_input.0", x, "stem", padding=1)))
        levels, skips = spunet.DenseSpUNet(self.state).levels, []
        for level in range(levels):
            skips.append(x)
            x = self.convolve(spconv.SparseConv3d, f"down.{level}.0", x, f"down{level}", stride=2)
            x = self.blocks(f"enc.{level}", self.relu(self.norm(f"down.{level}.1", x)), f"subm{level + 1}")
        for level in reversed(range(levels)):
            x = self.convolve(spconv.SparseInverseConv3d, f"up.{level}.0", x, f"down{level}")
            x, skip = self.relu(self.norm(f"up.{level}.1", x)), skips.pop()
            joined = x.replace_feature(torch.cat([x.features, skip.features], dim=1))
            x = self.blocks(f"dec.{level}", joined, f"subm{level}")
        return self.convolve(spconv.SubMConv3d, "final", x, "last", padding=1).features + self.state["final.bias"]


def test_an_imported_spunet_computes_what_spconv_does() -> None:
    state = spunet.random_state(planes=(5, 6, 8, 7, 6, 4), layers=(1, 2, 1, 1, 1, 2))
    batch = Batch(6, samples=2)
    with torch.no_grad():
        expected = Live(state)(batch)
    torch.testing.assert_close(outputs(convert(state), batch), expected, rtol=1e-4, atol=1e-4)
