"""Every kind of sparse convolution on a device against float64 on the CPU: values and all gradients."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pointnc.proof.subjects import Outcome, Subject, bound, precision_name, relative_error, room_voxels
from pointnc.sparse.grid import Grid, SparseTensor
from pointnc.sparse.modules import DownConvolution, SparseConvolution, SubmanifoldConvolution, UpConvolution
from pointnc.sparse.neighbors import linear_keys

REFERENCE = Subject(torch.device("cpu"), "torch")


class Case(NamedTuple):
    """A convolution and the voxels that it is tried on.

    Attributes:
        kind: "submanifold", "down" or "up".
        kernel: edge of the kernel.
        inputs: channels of the input.
        outputs: channels of the output.
        bias: whether it has one.
        voxels: "room", "empty" or "one".
    """

    kind: str
    kernel: int
    inputs: int
    outputs: int
    bias: bool = False
    voxels: str = "room"

    def build(self) -> SparseConvolution:
        """Return the layer, with the same weights every time."""
        torch.manual_seed(0)
        if self.kind == "submanifold":
            layer: SparseConvolution = SubmanifoldConvolution(self.inputs, self.outputs, self.kernel, self.bias)
        else:
            kind = DownConvolution if self.kind == "down" else UpConvolution
            layer = kind(self.inputs, self.outputs, self.bias)
        if layer.bias is not None:
            torch.nn.init.normal_(layer.bias)
        return layer


CASES = (
    Case("submanifold", 1, 32, 32),
    Case("submanifold", 1, 96, 200, bias=True),
    Case("submanifold", 3, 3, 32),
    Case("submanifold", 3, 9, 32, bias=True),
    Case("submanifold", 3, 32, 32),
    Case("submanifold", 3, 96, 96),
    Case("submanifold", 3, 256, 256),
    Case("submanifold", 5, 6, 32),
    Case("submanifold", 7, 3, 16),
    Case("down", 2, 32, 64),
    Case("down", 2, 9, 32, bias=True),
    Case("up", 2, 64, 32),
    Case("up", 2, 256, 128, bias=True),
    Case("submanifold", 3, 32, 32, voxels="empty"),
    Case("down", 2, 32, 32, voxels="empty"),
    Case("submanifold", 3, 32, 32, voxels="one"),
    Case("submanifold", 5, 6, 32, voxels="one"),
    Case("down", 2, 32, 32, voxels="one"),
    Case("up", 2, 32, 32, voxels="one"),
)


def check_convolutions(subject: Subject) -> list[Outcome]:
    """Return an outcome for each precision; the worst case is named."""
    count = 500 if subject.is_small else 4000
    worst: dict[torch.dtype | None, tuple[float, str]] = dict.fromkeys(subject.precisions, (0.0, ""))
    for case in CASES:
        coord = _voxels(case, count)
        exact = evaluate(case, coord, REFERENCE, None, torch.float64)
        for half in subject.precisions:
            ours = evaluate(case, coord, subject, half)
            for name, expected in exact.items():
                error = relative_error(ours[name], expected)
                if not error <= worst[half][0]:  # NaN too
                    worst[half] = (error, f"{name} of {_title(case)}")
    outcomes = []
    for half, (error, where) in worst.items():
        name = f"convolutions, {precision_name(half)}"
        text = f"{len(CASES)} kinds, value and gradients; largest relative error {error:.1e} ({where})"
        figures = {"relative_error": error, "where": where, "bound": bound(half)}
        outcomes.append(Outcome(name, subject.name, error <= bound(half), text, figures))
    return outcomes


def evaluate(
    case: Case, coord: Tensor, subject: Subject, half: torch.dtype | None, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Return value and gradients of a case, rows in lexicographic order of their voxels, on the CPU.

    Args:
        case: what is computed.
        coord: (V, 4) int32 voxels of two samples.
        subject: who computes.
        half: dtype of autocast, None without.
        dtype: of weights and features.
    """
    layer = case.build().to(subject.device, dtype)
    generator = torch.Generator().manual_seed(1)
    grid = _input_grid(case, coord, subject, dtype)
    order = _order(grid)
    features = torch.randn(len(order), case.inputs, generator=generator).to(subject.device, dtype).requires_grad_()
    with subject.autocast(half):
        out = layer(SparseTensor(features[order.argsort().to(subject.device)], grid))
    rows = out.features[_order(out.grid).to(subject.device)]
    direction = torch.randn(rows.shape, generator=generator)
    rows.backward(direction.to(rows))
    result = {"value": rows, "gradient of the input": features.grad, "gradient of the weight": layer.weight.grad}
    if layer.bias is not None:
        result["gradient of the bias"] = layer.bias.grad
    return {name: value.detach().cpu() for name, value in result.items() if value is not None}


def _voxels(case: Case, count: int) -> Tensor:
    if case.voxels == "room":
        return room_voxels(count, samples=2)
    return torch.tensor([[1, 2, 3, 5]] * (case.voxels == "one"), dtype=torch.int32).reshape(-1, 4)


def _input_grid(case: Case, coord: Tensor, subject: Subject, dtype: torch.dtype) -> Grid:
    device = subject.device
    nothing = torch.zeros(len(coord), 1, device=device, dtype=dtype)
    x = SparseTensor.from_voxels(coord.to(device), nothing, 2, 2, subject.engine)
    if case.kind != "up":
        return x.grid
    with torch.no_grad():
        return DownConvolution(1, 1).to(device, dtype)(x).grid


def _order(grid: Grid) -> Tensor:
    """Return which row is the n-th in lexicographic order: engines order coarser voxels as they like."""
    return linear_keys(grid.coord.cpu(), grid.shape).argsort()


def _title(case: Case) -> str:
    kind = f"a {case.kind} convolution, kernel {case.kernel}, {case.inputs} to {case.outputs} channels"
    return kind + (", bias" if case.bias else "") + ("" if case.voxels == "room" else f", {case.voxels} voxel")
