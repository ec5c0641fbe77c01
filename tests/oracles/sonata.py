"""Point Transformer V3 "m2" by its published description, from a state in the authors' names: loops over voxels in float64.

Evaluation; every sample by itself. Which curves the blocks of a stage follow is given.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Cell = tuple[int, int, int]


def place_on_curve(cell: Cell, depth: int, order: str) -> int:
    """Where a curve passes a voxel: bit strings, most significant first."""
    axes = list(cell)
    if order.endswith("trans"):
        axes[0], axes[1] = axes[1], axes[0]
    bits = [[int(bit) for bit in format(value, f"0{depth}b")] for value in axes]
    if order.startswith("hilbert"):
        for bit in range(depth):
            for axis in range(3):
                if bits[axis][bit]:
                    bits[0][bit + 1 :] = [1 - value for value in bits[0][bit + 1 :]]
                else:
                    for lower in range(bit + 1, depth):
                        if bits[0][lower] != bits[axis][lower]:
                            bits[0][lower], bits[axis][lower] = bits[axis][lower], bits[0][lower]
    joined = [bits[axis][bit] for bit in range(depth) for axis in range(3)]
    if order.startswith("hilbert"):
        for index in range(1, len(joined)):
            joined[index] ^= joined[index - 1]
    return int("".join(map(str, joined)), 2)


class SlowSonata:
    """The forward pass of an encoder, with a decoder where the state has one.

    Args:
        state: the state dictionary.
        orders: for each stage the names of the curves, in the order in which its blocks follow them.
        patch: voxels of a patch.
    """

    def __init__(self, state: dict[str, Tensor], orders: list[list[str]], patch: int) -> None:
        self.state = {name: value.double() for name, value in state.items()}
        self.orders, self.patch = orders, patch
        self.stages = len({name.split(".")[1] for name in state if name.startswith("enc.")})

    def __call__(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        """(V, 4) voxels and (V, 9) features to (V, D)."""
        rows: list[Tensor | None] = [None] * len(coord)
        for sample in range(batch_size):
            mine = [row for row in range(len(coord)) if int(coord[row, 0]) == sample]
            cells = [tuple(coord[row, 1:].tolist()) for row in mine]
            for row, value in zip(mine, self.scene(cells, features[mine].double())):  # type: ignore[arg-type]
                rows[row] = value
        return torch.stack(rows)  # type: ignore[arg-type]

    def scene(self, cells: list[Cell], x: Tensor) -> Tensor:
        """One sample."""
        if not cells:
            return x
        x = gelu(self.norm("embedding.stem.norm", self.linear("embedding.stem.linear", x)))
        levels, found, parents = [cells], [], []
        for stage in range(self.stages):
            if stage:
                coarse = sorted({(a // 2, b // 2, c // 2) for a, b, c in levels[-1]})
                parents.append([coarse.index((a // 2, b // 2, c // 2)) for a, b, c in levels[-1]])
                x = self.linear(f"enc.enc{stage}.down.proj", x)
                pooled = []
                for number in range(len(coarse)):
                    children = [x[row] for row, parent in enumerate(parents[-1]) if parent == number]
                    pooled.append(torch.stack(children).max(0).values)
                x = gelu(self.norm(f"enc.enc{stage}.down.norm.0", torch.stack(pooled)))
                levels.append(coarse)
            x = self.blocks(f"enc.enc{stage}", x, levels[-1], self.orders[stage])
            found.append(x)
        if not any(name.startswith("dec.") for name in self.state):
            for stage in reversed(range(self.stages - 1)):
                x = torch.cat([found[stage], x[parents[stage]]], 1)
            return x
        for stage in reversed(range(self.stages - 1)):
            name = f"dec.dec{stage}.up"
            above = gelu(self.norm(f"{name}.proj.1", self.linear(f"{name}.proj.0", x)))
            beside = gelu(self.norm(f"{name}.proj_skip.1", self.linear(f"{name}.proj_skip.0", found[stage])))
            x = self.blocks(f"dec.dec{stage}", above[parents[stage]] + beside, levels[stage], self.orders[stage])
        return x

    def blocks(self, stage: str, x: Tensor, cells: list[Cell], orders: list[str]) -> Tensor:
        """The blocks of a stage, one after the other."""
        index = 0
        while f"{stage}.block{index}.norm1.0.weight" in self.state:
            name = f"{stage}.block{index}"
            around = self.convolution(f"{name}.cpe.0", x, cells)
            x = x + self.norm(f"{name}.cpe.2", self.linear(f"{name}.cpe.1", around))
            branch = self.attention(f"{name}.attn", self.norm(f"{name}.norm1.0", x), cells, orders[index % len(orders)])
            x = x + branch * self.state.get(f"{name}.ls1.0.gamma", torch.tensor(1.0))
            hidden = gelu(self.linear(f"{name}.mlp.0.fc1", self.norm(f"{name}.norm2.0", x)))
            branch = self.linear(f"{name}.mlp.0.fc2", hidden)
            x, index = x + branch * self.state.get(f"{name}.ls2.0.gamma", torch.tensor(1.0)), index + 1
        return x

    def convolution(self, name: str, x: Tensor, cells: list[Cell]) -> Tensor:
        """3³ offsets, of the voxels that there are."""
        rows = {cell: row for row, cell in enumerate(cells)}
        kernel, out = self.state[f"{name}.weight"], []
        for a, b, c in cells:
            total = self.state[f"{name}.bias"].clone()
            for i in range(3):
                for j in range(3):
                    for k in range(3):
                        row = rows.get((a + i - 1, b + j - 1, c + k - 1))
                        if row is not None:
                            total += kernel[:, i, j, k] @ x[row]
            out.append(total)
        return torch.stack(out)

    def attention(self, name: str, x: Tensor, cells: list[Cell], order: str) -> Tensor:
        """Row by row: which rows it sees, and what it takes of them."""
        depth = (max(max(cell) for cell in cells) + 1).bit_length()
        along = sorted(range(len(cells)), key=lambda row: place_on_curve(cells[row], depth, order))
        joined, width = self.linear(f"{name}.qkv", x), x.shape[1]
        out = torch.zeros_like(x)
        for position, row in enumerate(along):
            start = position // self.patch * self.patch
            seen = along[start : start + self.patch]
            if len(along) > self.patch and len(seen) < self.patch:
                seen = along[-self.patch :]
            for head in range(width // 16):
                part = slice(16 * head, 16 * head + 16)
                query = joined[row, :width][part]
                scores = torch.stack([query @ joined[other, width : 2 * width][part] / 4 for other in seen])
                weights = (scores - scores.max()).exp()
                for other, weight in zip(seen, weights / weights.sum()):
                    out[row, part] += weight * joined[other, 2 * width :][part]
        return self.linear(f"{name}.proj", out)

    def linear(self, name: str, x: Tensor) -> Tensor:
        """A linear map with bias."""
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        """Each row by its own mean and variance."""
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution's cumulative function."""
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def random_state(
    channels: tuple[int, ...] = (16, 32, 48),
    depths: tuple[int, ...] = (2, 1, 2),
    decoder: tuple[int, ...] = (),
    layer_scale: bool = False,
    mask_token: bool = True,
    seed: int = 0,
) -> dict[str, Tensor]:
    """A state of a small encoder, of random numbers, in the authors' names; two blocks a stage of the decoder."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def linear(name: str, inside: int, outside: int) -> None:
        state[f"{name}.weight"] = torch.randn((outside, inside), generator=generator) / inside**0.5
        state[f"{name}.bias"] = 0.2 * torch.randn(outside, generator=generator)

    def norm(name: str, width: int) -> None:
        state[f"{name}.weight"] = 0.5 + torch.rand(width, generator=generator)
        state[f"{name}.bias"] = 0.2 * torch.randn(width, generator=generator)

    def blocks(stage: str, width: int, depth: int) -> None:
        for index in range(depth):
            name = f"{stage}.block{index}"
            kernel = torch.randn((width, 3, 3, 3, width), generator=generator)
            state[f"{name}.cpe.0.weight"] = kernel / (9 * width) ** 0.5
            state[f"{name}.cpe.0.bias"] = 0.2 * torch.randn(width, generator=generator)
            linear(f"{name}.cpe.1", width, width)
            norm(f"{name}.cpe.2", width)
            norm(f"{name}.norm1.0", width)
            linear(f"{name}.attn.qkv", width, 3 * width)
            linear(f"{name}.attn.proj", width, width)
            norm(f"{name}.norm2.0", width)
            linear(f"{name}.mlp.0.fc1", width, 4 * width)
            linear(f"{name}.mlp.0.fc2", 4 * width, width)
            for number in (1, 2) if layer_scale else ():
                state[f"{name}.ls{number}.0.gamma"] = torch.rand(width, generator=generator)

    linear("embedding.stem.linear", 9, channels[0])
    norm("embedding.stem.norm", channels[0])
    if mask_token:
        state["embedding.mask_token"] = torch.randn(1, channels[0], generator=generator)
    for stage, (width, depth) in enumerate(zip(channels, depths)):
        if stage:
            linear(f"enc.enc{stage}.down.proj", channels[stage - 1], width)
            norm(f"enc.enc{stage}.down.norm.0", width)
        blocks(f"enc.enc{stage}", width, depth)
    above = [*decoder[1:], channels[-1]]
    for stage, width in enumerate(decoder):
        for part, inside in (("proj", above[stage]), ("proj_skip", channels[stage])):
            linear(f"dec.dec{stage}.up.{part}.0", inside, width)
            norm(f"dec.dec{stage}.up.{part}.1", width)
        blocks(f"dec.dec{stage}", width, 2)
    return state
