"""Convolution and batch normalization on a CPU, fused: fast in evaluation, short of memory in training.

A :class:`Layer` is a convolution, the batch normalization behind it and perhaps a ReLU. :func:`run_layers` runs layers
one after the other and adds a residual before the last ReLU. In evaluation normalization, residual and ReLU are applied
to each tile of a product while it is in the cache. In training autograd keeps the input of the first layer and the
*unnormalized* output of every convolution; the activations between them are computed again in the backward pass, which
costs a pass over memory each, and saves a third of what the modules one by one would keep.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pointnc.runtime.compiled import loops
from pointnc.runtime.threads import pieces, run_all
from pointnc.sparse import reference_products
from pointnc.sparse.neighbors import PairTable
from pointnc.sparse.products import TILE, convolve, convolve_with_moments, weight_gradient

Floats = NDArray[Any]

_thread = threading.local()


def _loops() -> ModuleType:
    return loops("pointnc.sparse.layer_loops")


@contextmanager
def recomputing() -> Iterator[None]:
    """While a checkpoint computes a forward pass again, running statistics stay as they are."""
    before = is_recomputing()
    _thread.recomputing = True
    try:
        yield
    finally:
        _thread.recomputing = before


def is_recomputing() -> bool:
    """Whether this thread is inside :func:`recomputing`."""
    return getattr(_thread, "recomputing", False)


@dataclass(frozen=True)
class Layer:
    """A convolution with the batch normalization behind it.

    Attributes:
        matrices: (K, in, out), one for each offset of the table.
        table: its pairs.
        norm: the normalization; its mode says whose statistics are used.
        relu: whether a ReLU follows.
    """

    matrices: Tensor
    table: PairTable
    norm: nn.BatchNorm1d
    relu: bool


class Affine(NamedTuple):
    """Batch normalization as y = x · scale + shift, with what its gradient needs; all (C,).

    ``mean`` and ``inverse`` (of the deviation) are float64, ``center`` is the mean in the precision of the features.
    ``of_batch`` says whether mean and deviation are those of the batch, and so depend on it.
    """

    scale: Floats
    shift: Floats
    center: Floats
    mean: NDArray[np.float64]
    inverse: NDArray[np.float64]
    of_batch: bool


def run_layers(x: Tensor, layers: Sequence[Layer], residual: Tensor | None = None) -> Tensor:
    """Run layers one after the other; the residual is added before the ReLU of the last one.

    Args:
        x: (V, in), on a CPU.
        layers: one or more.
        residual: (V', out).
    """
    if torch.is_grad_enabled():
        parameters = [p for layer in layers for p in (layer.matrices, layer.norm.weight, layer.norm.bias)]
        return _Layers.apply(x, residual, tuple(layers), *parameters)
    for index, layer in enumerate(layers):
        added = residual if index == len(layers) - 1 else None
        x = _forward(x.contiguous(), layer, added, keep=False)[0]
    return x


def _forward(x: Tensor, layer: Layer, residual: Tensor | None, keep: bool) -> tuple[Tensor, Tensor | None, Affine]:
    """Return output, unnormalized output and normalization; without ``keep`` the second only if statistics need it."""
    matrices, norm = layer.matrices.detach(), layer.norm
    if _uses_batch(norm, layer.table.num_outputs):
        raw, means, squares = convolve_with_moments(x, matrices, layer.table)
        affine = _of_batch(norm, len(raw), means, squares)
    else:
        affine = _of_running(norm)
        if not keep:
            scale, shift = torch.from_numpy(affine.scale), torch.from_numpy(affine.shift)
            return convolve(x, matrices, layer.table, scale, shift, residual, layer.relu), None, affine
        raw = convolve(x, matrices, layer.table)
    return _normalize(raw, affine, layer.relu, residual), raw, affine


class _Layers(torch.autograd.Function):
    """:func:`run_layers` with gradients. The parameters stand beside the layers so that autograd sees them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, residual: Tensor | None, layers: tuple[Layer, ...], *parameters: Tensor) -> Tensor:
        x = x.contiguous()
        kept, affines, out = [x], [], x
        for index, layer in enumerate(layers):
            out, raw, affine = _forward(out, layer, residual if index == len(layers) - 1 else None, keep=True)
            assert raw is not None
            kept.append(raw)
            affines.append(affine)
        # Where a residual was added, what passed the last ReLU does not follow from its layer alone: the output, which
        # the next layer keeps anyway, tells it.
        ctx.keeps_output = residual is not None and layers[-1].relu
        ctx.layers, ctx.affines, ctx.has_residual = layers, affines, residual is not None
        # The matrices are views of weights: kept here, autograd notices if a weight has changed before the way back.
        ctx.save_for_backward(*kept, *parameters[::3], *([out] if ctx.keeps_output else []))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        layers, affines, saved = ctx.layers, ctx.affines, ctx.saved_tensors
        x, raws = saved[0], saved[1 : len(layers) + 1]
        g: Tensor | None = gradient.contiguous()
        residual_gradient = None
        found: list[Tensor | None] = []
        for index in reversed(range(len(layers))):
            layer, raw, affine = layers[index], raws[index], affines[index]
            assert g is not None
            last = index == len(layers) - 1
            output = saved[-1] if last and ctx.keeps_output else None
            # The gradient that came from outside belongs to autograd: it is not overwritten.
            g, sums, products = _mask_and_sum(g, raw, affine, layer.relu, output, in_place=not last)
            if last and ctx.has_residual:
                residual_gradient = g
            in_place = layer.relu and residual_gradient is not g
            g, d_weight, d_bias = _norm_gradient(g, raw, affine, sums, products, in_place)
            before = _normalize(raws[index - 1], affines[index - 1], layers[index - 1].relu, None) if index else x
            d_matrices = weight_gradient(before, g, layer.table)
            del before
            found = [d_matrices, d_weight, d_bias, *found]
            g = _back(g, layer) if index or ctx.needs_input_grad[0] else None
        return g, residual_gradient, None, *found


class Convolution(torch.autograd.Function):
    """A convolution alone: features (V, in), matrices (K, in, out) and a table to (V', out).

    With ``plain`` by :mod:`pointnc.sparse.reference_products`, on any device; otherwise by the CPU engine.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, matrices: Tensor, table: PairTable, plain: bool) -> Tensor:
        """Sum the products of all pairs."""
        features = features.contiguous()
        ctx.table, ctx.plain = table, plain
        ctx.save_for_backward(features, matrices)
        way = reference_products.convolve if plain else convolve
        return way(features.detach(), matrices.detach(), table)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of features and matrices."""
        features, matrices = ctx.saved_tensors
        gradient = gradient.contiguous()
        way = reference_products.convolve if ctx.plain else convolve
        of_weight = reference_products.weight_gradient if ctx.plain else weight_gradient
        d_features = d_matrices = None
        if ctx.needs_input_grad[0]:
            d_features = way(gradient, matrices, ctx.table.reversed, transposed=True)
        if ctx.needs_input_grad[1]:
            d_matrices = of_weight(features, gradient, ctx.table).to(matrices.dtype)
        return d_features, d_matrices, None, None


def _back(g: Tensor, layer: Layer) -> Tensor:
    return convolve(g, layer.matrices, layer.table.reversed, transposed=True)


def _uses_batch(norm: nn.BatchNorm1d, rows: int) -> bool:
    # Fewer than two rows have no variance: then the running statistics serve in training too.
    return norm.training and rows >= 2


def _of_batch(norm: nn.BatchNorm1d, rows: int, means: Floats, squares: Floats) -> Affine:
    """Return the normalization by the moments of a convolution's output, and update the running statistics."""
    assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
    momentum = 0.0
    if norm.track_running_stats and not is_recomputing():
        norm.num_batches_tracked.add_(1)
        momentum = norm.momentum if norm.momentum is not None else 1 / float(norm.num_batches_tracked)
    running = norm.running_mean.numpy(), norm.running_var.numpy()
    mean, variance = np.empty((2, norm.num_features))
    _loops().join_moments(means, squares, rows, TILE, mean, variance, momentum, *running)
    return _affine(norm, mean, variance, of_batch=True)


def _of_running(norm: nn.BatchNorm1d) -> Affine:
    assert norm.running_mean is not None and norm.running_var is not None
    return _affine(norm, norm.running_mean.double().numpy(), norm.running_var.double().numpy(), of_batch=False)


def _affine(norm: nn.BatchNorm1d, mean: NDArray[np.float64], variance: NDArray[np.float64], of_batch: bool) -> Affine:
    weight, bias = norm.weight.detach().numpy(), norm.bias.detach().numpy()
    inverse = np.empty_like(mean)
    center, scale, shift = np.empty((3, len(mean)), weight.dtype)
    _loops().affine(mean, variance, norm.eps, weight, bias, inverse, center, scale, shift)
    return Affine(scale, shift, center, mean, inverse, of_batch)


def _normalize(raw: Tensor, affine: Affine, relu: bool, residual: Tensor | None) -> Tensor:
    out = torch.empty_like(raw)
    other = _nothing(raw) if residual is None else residual.detach().contiguous().numpy()
    arguments = (raw.numpy(), affine.scale, affine.shift, other, relu, out.numpy())
    run_all(_loops().normalize, [(*arguments, *piece) for piece in pieces(len(raw), width=raw.shape[1])])
    return out


def _nothing(like: Tensor) -> Floats:
    """No rows, which a loop reads as: there is none."""
    return _NOTHING[like.dtype]


_NOTHING: dict[torch.dtype, Floats] = {
    torch.float32: np.empty((0, 0), np.float32),
    torch.float64: np.empty((0, 0), np.float64),
}


def _mask_and_sum(
    g: Tensor, raw: Tensor, affine: Affine, relu: bool, output: Tensor | None, in_place: bool
) -> tuple[Tensor, Floats, Floats]:
    """Return the gradient before a ReLU, and its sums over each tile: alone, and times the centered features."""
    masked = torch.empty_like(g) if relu and not in_place else g
    tiles = -(-len(g) // TILE)
    sums, products = np.empty((2, tiles, g.shape[1]), raw.numpy().dtype)
    known = _nothing(raw) if output is None else output.numpy()
    arguments = (g.numpy(), raw.numpy(), affine, known, relu, masked.numpy(), sums, products, TILE)
    blocks = pieces(tiles, width=TILE * g.shape[1])
    run_all(_loops().mask_and_sum, [(*arguments, *block) for block in blocks])
    return masked, sums, products


def _norm_gradient(
    g: Tensor, raw: Tensor, affine: Affine, sums: Floats, products: Floats, in_place: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the unnormalized features, of the scale and of the shift of the normalization."""
    of_weight, of_bias = torch.empty(2, g.shape[1], dtype=g.dtype)
    slope, offset = np.empty((2, g.shape[1]), sums.dtype)
    _loops().norm_gradient(sums, products, len(g), affine, of_weight.numpy(), of_bias.numpy(), slope, offset)
    out = g if in_place else torch.empty_like(g)
    arguments = (g.numpy(), raw.numpy(), affine.scale, slope, offset, out.numpy())
    run_all(_loops().input_gradient, [(*arguments, *piece) for piece in pieces(len(g), width=g.shape[1])])
    return out, of_weight, of_bias
