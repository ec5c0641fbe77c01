"""Convolution and batch normalisation on a CPU, fused: fast in evaluation, short of memory in training.

A :class:`Layer` is a convolution, the batch normalisation behind it and perhaps a ReLU. :func:`run_layers` runs layers
one after the other and adds a residual before the last ReLU. In evaluation normalisation, residual and ReLU are applied
to each tile of a product while it is in the cache. In training autograd keeps the input of the first layer and the
*unnormalised* output of every convolution; the activations between them are computed again in the backward pass, which
costs a pass over memory each, and saves a third of what the modules one by one would keep.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pointnc.models import gathered_products
from pointnc.models.neighbours import PairTable
from pointnc.models.plain_loops import best_loops
from pointnc.models.products import convolve, weight_gradient
from pointnc.models.workers import pieces, run_all

PIECE = 4096
"""Rows of which a thread takes sums at a time."""

NOTHING = np.empty((0, 0), np.float32)

_thread = threading.local()


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
    """A convolution with the batch normalisation behind it.

    Attributes:
        matrices: (K, in, out), one for each offset of the table.
        table: its pairs.
        norm: the normalisation; its mode says whose statistics are used.
        relu: whether a ReLU follows.
    """

    matrices: Tensor
    table: PairTable
    norm: nn.BatchNorm1d
    relu: bool


class Affine(NamedTuple):
    """Batch normalisation as y = x · scale + shift, with what its gradient needs; all (C,).

    ``of_batch`` says whether mean and deviation are those of the batch, and so depend on it.
    """

    scale: Tensor
    shift: Tensor
    mean: Tensor
    inverse_deviation: Tensor
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
        x = _forward(x.contiguous(), layer, added)[0]
    return x


def _forward(x: Tensor, layer: Layer, residual: Tensor | None) -> tuple[Tensor, Tensor | None, Affine]:
    """Return output, unnormalised output where it was needed for statistics or gradients, and the normalisation."""
    matrices = layer.matrices.detach()
    if not _uses_batch(layer.norm, layer.table.num_outputs) and not torch.is_grad_enabled():
        affine = _affine(layer.norm, layer.norm.running_mean, layer.norm.running_var, of_batch=False)
        out = convolve(x, matrices, layer.table, affine.scale, affine.shift, residual, layer.relu)
        return out, None, affine
    raw = convolve(x, matrices, layer.table)
    affine = _statistics(raw, layer.norm)
    return _normalize(raw, affine, layer.relu, residual), raw, affine


class _Layers(torch.autograd.Function):
    """:func:`run_layers` with gradients. The parameters stand beside the layers so that autograd sees them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, residual: Tensor | None, layers: tuple[Layer, ...], *parameters: Tensor) -> Tensor:
        x = x.contiguous()
        kept, affines, out = [x], [], x
        for index, layer in enumerate(layers):
            raw = convolve(out, layer.matrices.detach(), layer.table)
            affines.append(_statistics(raw, layer.norm))
            added = residual if index == len(layers) - 1 else None
            out = _normalize(raw, affines[-1], layer.relu, added)
            kept.append(raw)
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
            if layer.relu:
                # The gradient that came from outside belongs to autograd: it is not overwritten.
                g = _mask(
                    g, raw, affine, saved[-1] if last and ctx.keeps_output else None, torch.empty_like(g) if last else g
                )
            if last and ctx.has_residual:
                residual_gradient = g
            g, d_weight, d_bias = _norm_gradient(g, raw, affine, in_place=layer.relu and residual_gradient is not g)
            before = _normalize(raws[index - 1], affines[index - 1], layers[index - 1].relu, None) if index else x
            d_matrices = weight_gradient(before, g, layer.table)
            del before
            found = [d_matrices, d_weight, d_bias, *found]
            g = _back(g, layer) if index or ctx.needs_input_grad[0] else None
        return g, residual_gradient, None, *found


class Convolution(torch.autograd.Function):
    """A convolution alone: features (V, in), matrices (K, in, out) and a table to (V', out).

    With ``plain`` by :mod:`pointnc.models.gathered_products`, on any device; otherwise by the CPU engine.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, matrices: Tensor, table: PairTable, plain: bool) -> Tensor:
        """Sum the products of all pairs."""
        features = features.contiguous()
        ctx.table, ctx.plain = table, plain
        ctx.save_for_backward(features, matrices)
        way = gathered_products.convolve if plain else convolve
        return way(features.detach(), matrices.detach(), table)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of features and matrices."""
        features, matrices = ctx.saved_tensors
        gradient = gradient.contiguous()
        way = gathered_products.convolve if ctx.plain else convolve
        of_weight = gathered_products.weight_gradient if ctx.plain else weight_gradient
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


def _statistics(raw: Tensor, norm: nn.BatchNorm1d) -> Affine:
    """Return the normalisation of a convolution's output, and update the running statistics."""
    if not _uses_batch(norm, len(raw)):
        return _affine(norm, norm.running_mean, norm.running_var, of_batch=False)
    ranges = pieces(len(raw), -(-len(raw) // PIECE))
    means = torch.empty(len(ranges), raw.shape[1], dtype=raw.dtype)
    squares = torch.empty_like(means)
    rows, target = raw.numpy(), (means.numpy(), squares.numpy())
    calls = [(rows, target[0][i], target[1][i], first, last) for i, (first, last) in enumerate(ranges)]
    run_all(best_loops().moments, calls)
    # The pieces are joined in float64 (Chan, Golub, LeVeque 1979).
    sizes = torch.tensor([last - first for first, last in ranges], dtype=torch.float64)[:, None]
    mean = (means * sizes).sum(0) / len(raw)
    variance = (squares.double().sum(0) + (sizes * (means - mean) ** 2).sum(0)) / len(raw)
    if norm.track_running_stats and not is_recomputing():
        assert norm.running_mean is not None and norm.running_var is not None
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        momentum = norm.momentum if norm.momentum is not None else 1 / float(norm.num_batches_tracked)
        norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), momentum)
        unbiased = variance * (len(raw) / (len(raw) - 1))
        norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), momentum)
    return _affine(norm, mean, variance, of_batch=True)


def _affine(norm: nn.BatchNorm1d, mean: Tensor | None, variance: Tensor | None, of_batch: bool) -> Affine:
    assert mean is not None and variance is not None
    mean, inverse = mean.double(), (variance.double() + norm.eps).rsqrt()
    scale = norm.weight.detach().double() * inverse
    shift = norm.bias.detach().double() - mean * scale
    dtype = norm.weight.dtype
    return Affine(scale.to(dtype), shift.to(dtype), mean, inverse, of_batch)


def _normalize(raw: Tensor, affine: Affine, relu: bool, residual: Tensor | None) -> Tensor:
    out = torch.empty_like(raw)
    other = (
        NOTHING.astype(raw.numpy().dtype, copy=False) if residual is None else residual.detach().contiguous().numpy()
    )
    arguments = (raw.numpy(), affine.scale.numpy(), affine.shift.numpy(), other, relu, out.numpy())
    _pass_over(raw, best_loops().normalize, *arguments)
    return out


def _pass_over(rows: Tensor, loop: Callable[..., None], *arguments: Any) -> None:
    """Run a loop over all rows, in as many pieces as pay."""
    run_all(loop, [(*arguments, first, last) for first, last in pieces(len(rows), width=rows.shape[1])])


def _mask(g: Tensor, raw: Tensor, affine: Affine, output: Tensor | None, target: Tensor) -> Tensor:
    """Write the gradient before a ReLU to ``target`` and return it."""
    known = _nothing(raw) if output is None else output.numpy()
    arguments = (g.numpy(), raw.numpy(), affine.scale.numpy(), affine.shift.numpy(), known, target.numpy())
    _pass_over(raw, best_loops().masked_gradient, *arguments)
    return target


def _nothing(like: Tensor) -> Any:
    """No rows, which a loop reads as: there is none."""
    return NOTHING.astype(like.numpy().dtype, copy=False)


def _norm_gradient(g: Tensor, raw: Tensor, affine: Affine, in_place: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the unnormalised features, of the scale and of the shift of the normalisation."""
    ranges = pieces(len(raw), -(-len(raw) // PIECE))
    sums = torch.zeros(len(ranges), raw.shape[1], dtype=raw.dtype)
    products = torch.zeros_like(sums)
    center = affine.mean.to(raw.dtype).numpy()
    rows = (g.numpy(), raw.numpy(), center)
    targets = (sums.numpy(), products.numpy())
    calls = [(*rows, targets[0][i], targets[1][i], first, last) for i, (first, last) in enumerate(ranges)]
    if len(raw):
        run_all(best_loops().gradient_sums, calls)
    total, product = sums.double().sum(0), products.double().sum(0) * affine.inverse_deviation
    slope, offset = torch.zeros_like(total), torch.zeros_like(total)
    if affine.of_batch:
        slope = -(affine.scale.double() * affine.inverse_deviation * product / len(raw))
        offset = -(affine.scale.double() * total / len(raw)) - affine.mean * slope
    out = g if in_place else torch.empty_like(g)
    factors = (affine.scale.numpy(), slope.to(raw.dtype).numpy(), offset.to(raw.dtype).numpy())
    arguments = (g.numpy(), raw.numpy(), *factors, out.numpy())
    _pass_over(raw, best_loops().input_gradient, *arguments)
    return out, product.to(raw.dtype), total.to(raw.dtype)
