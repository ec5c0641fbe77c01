"""Volt by its published description, from a state in the authors' own names: loops over tokens and voxels in float64.

Evaluation: batch norms look through their running statistics, no branch is left out.
"""

from __future__ import annotations

import cmath
import math

import torch
from torch import Tensor

TURNING = ((0, 12), (1, 12), (2, 8))
"""Axis, and how many pairs of a head's channels turn with it."""


class SlowVolt:
    """The forward pass.

    Args:
        state: the state dictionary, without the prefix of the backbone.
    """

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = {name: value.double() for name, value in state.items()}
        self.depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})

    def __call__(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        """(V, 4) voxels and (V, F) features to (V, D)."""
        out: dict[int, Tensor] = {}
        for sample in range(batch_size):
            rows = [row for row in range(len(coord)) if int(coord[row, 0]) == sample]
            if rows:
                out |= self.scene(rows, coord.tolist(), features.double())
        voxels = torch.stack([out[row] for row in range(len(coord))])
        return self.gelu(self.batch_norm("decoder.post.0", voxels))

    def scene(self, rows: list[int], coord: list[list[int]], features: Tensor) -> dict[int, Tensor]:
        """Row of each voxel of one sample to its D numbers before the last norm."""
        cells: dict[tuple[int, ...], dict[int, int]] = {}
        for row in rows:
            _, *voxel = coord[row]
            inside = [value % 5 for value in voxel]
            place = inside[0] * 25 + inside[1] * 5 + inside[2]
            cells.setdefault(tuple(value // 5 for value in voxel), {})[place] = row
        order = sorted(cells)
        tokens = torch.stack([self.token(cells[cell], features) for cell in order])
        for block in range(self.depth):
            name = f"blocks.{block}"
            tokens = tokens + self.attention(f"{name}.attn", self.layer_norm(f"{name}.norm1", tokens), order)
            hidden = self.linear(f"{name}.mlp.fc1", self.layer_norm(f"{name}.norm2", tokens))
            tokens = tokens + self.linear(f"{name}.mlp.fc2", self.gelu(hidden))
        hidden = self.gelu(self.batch_norm("decoder.pre.0", tokens))
        hidden = hidden @ self.state["decoder.pre.2.weight"].T
        hidden = self.gelu(self.batch_norm("decoder.pre.3", hidden))
        result = {}
        channels = len(self.state["decoder.unembed.bias"])
        for index, cell in enumerate(order):
            whole = self.state["decoder.unembed.proj.weight"] @ hidden[index]
            for place, row in cells[cell].items():
                result[row] = whole[place * channels : (place + 1) * channels] + self.state["decoder.unembed.bias"]
        return result

    def token(self, cell: dict[int, int], features: Tensor) -> Tensor:
        """(C,) of a cell that holds the voxels of these rows at these places."""
        values: list[float] = []
        for place in range(125):
            values += features[cell[place]].tolist() if place in cell else [0.0] * features.shape[1]
        return self.linear("tokenizer.proj", torch.tensor(values, dtype=torch.float64))

    def attention(self, name: str, x: Tensor, order: list[tuple[int, ...]]) -> Tensor:
        """(T, C) to (T, C), pair by pair of tokens."""
        joined = self.linear(f"{name}.qkv", x)
        channels = x.shape[1]
        out = torch.zeros_like(x)
        for head in range(channels // 64):
            part = slice(64 * head, 64 * head + 64)
            query, key, value = (joined[:, third * channels : (third + 1) * channels][:, part] for third in range(3))
            query = torch.stack([turned(row, at) for row, at in zip(self.layer_norm(f"{name}.q_norm", query), order)])
            key = torch.stack([turned(row, at) for row, at in zip(self.layer_norm(f"{name}.k_norm", key), order)])
            for one in range(len(x)):
                scores = [float(query[one] @ key[other]) / 8 for other in range(len(x))]
                most = max(scores)
                weights = [math.exp(score - most) for score in scores]
                for other, weight in enumerate(weights):
                    out[one, part] += weight / sum(weights) * value[other]
        return self.linear(f"{name}.proj", out)

    def linear(self, name: str, x: Tensor) -> Tensor:
        """A linear map with bias."""
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        """Each row by its own mean and variance."""
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        """Each channel by its running statistics."""
        mean, variance = self.state[f"{name}.running_mean"], self.state[f"{name}.running_var"]
        return (x - mean) / (variance + 1e-3).sqrt() * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def gelu(self, x: Tensor) -> Tensor:
        """x times the normal distribution's cumulative function."""
        return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def turned(row: Tensor, at: tuple[int, ...]) -> Tensor:
    """(64,) whose consecutive pairs, as complex numbers, are turned by the token's coordinates."""
    values, result, pair = row.tolist(), [], 0
    for axis, count in TURNING:
        for number in range(count):
            angle = at[axis] * 100 ** (-number / (count - 1))
            product = complex(values[2 * pair], values[2 * pair + 1]) * cmath.exp(1j * angle)
            result += [product.real, product.imag]
            pair += 1
    return torch.tensor(result, dtype=torch.float64)


def random_state(
    inputs: int = 4, channels: int = 128, depth: int = 2, outputs: int = 6, seed: int = 0
) -> dict[str, Tensor]:
    """A state of a small Volt, of random numbers, in the authors' names, without a head."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def linear(name: str, inside: int, outside: int, bias: bool = True) -> None:
        state[f"{name}.weight"] = torch.randn((outside, inside), generator=generator) / inside**0.5
        if bias:
            state[f"{name}.bias"] = 0.2 * torch.randn(outside, generator=generator)

    def norm(name: str, width: int, batch: bool = False) -> None:
        state[f"{name}.weight"] = 0.5 + torch.rand(width, generator=generator)
        state[f"{name}.bias"] = 0.2 * torch.randn(width, generator=generator)
        if batch:
            state[f"{name}.running_mean"] = 0.2 * torch.randn(width, generator=generator)
            state[f"{name}.running_var"] = 0.5 + torch.rand(width, generator=generator)
            state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    linear("tokenizer.proj", 125 * inputs, channels)
    for index in range(depth):
        name = f"blocks.{index}"
        norm(f"{name}.norm1", channels)
        linear(f"{name}.attn.qkv", channels, 3 * channels)
        linear(f"{name}.attn.proj", channels, channels)
        norm(f"{name}.attn.q_norm", 64)
        norm(f"{name}.attn.k_norm", 64)
        norm(f"{name}.norm2", channels)
        linear(f"{name}.mlp.fc1", channels, 4 * channels)
        linear(f"{name}.mlp.fc2", 4 * channels, channels)
    norm("decoder.pre.0", channels, batch=True)
    linear("decoder.pre.2", channels, outputs, bias=False)
    norm("decoder.pre.3", outputs, batch=True)
    linear("decoder.unembed.proj", outputs, 125 * outputs, bias=False)
    state["decoder.unembed.bias"] = 0.2 * torch.randn(outputs, generator=generator)
    norm("decoder.post.0", outputs, batch=True)
    return state
