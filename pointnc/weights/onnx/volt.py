"""Volt as a graph: the voxels of one scene in, their logits out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from pointnc.models.attention import BASE, TURNS, WIDTH, Attention
from pointnc.models.heads import CosineHead
from pointnc.models.neck import Neck
from pointnc.models.segmentor import Segmentor
from pointnc.models.tokens import EDGE, PLACES
from pointnc.models.volt import Block, Volt
from pointnc.weights.onnx.graph import Graph

if TYPE_CHECKING:
    import onnx


def volt_model(model: Segmentor, notes: dict[str, str]) -> onnx.ModelProto:
    """Return a Volt with its head, in evaluation mode, as a model of ONNX.

    Its inputs are ``coord`` (V, 3) int64, distinct and not negative, and ``features`` (V, F) float32; its output
    ``logits`` (V, K). V is free, but at least 1.

    Args:
        model: a Segmentor whose backbone is a :class:`~pointnc.models.volt.Volt`.
        notes: to be kept in the file.
    """
    backbone = model.backbone
    assert isinstance(backbone, Volt)
    graph = Graph()
    cells, token, row = _tokens(graph)
    with torch.no_grad():
        x = _tokenize(graph, backbone, token, row)
        by = _turns(graph, cells)
        for block in backbone.blocks:
            assert isinstance(block, Block)
            x = _block(graph, block, x, by)
        x = _decode(graph, backbone, x, row)
        logits = _head(graph, model, x)
    classes = len(model.head.weight)  # type: ignore[arg-type]
    return graph.model(
        {"coord": ("int64", ["voxels", 3]), "features": ("float", ["voxels", backbone.in_channels])},
        {"logits": (logits, "float", ["voxels", classes])},
        notes,
    )


def _tokens(graph: Graph) -> tuple[str, str, str]:
    """Return the (T, 3) cells, their number as (1,), and for each voxel T · token + place."""
    edge = graph.constant([EDGE])
    cell = graph.add("Div", "coord", edge)
    inside = graph.add("Sub", "coord", graph.add("Mul", cell, edge))
    weights = graph.constant([EDGE**2, EDGE, 1])
    axis = graph.constant([1])
    place = graph.add("ReduceSum", graph.add("Mul", inside, weights), axis, keepdims=0)
    extent = graph.add("Add", graph.add("ReduceMax", cell, graph.constant([0]), keepdims=0), graph.constant([1]))
    y, z = (graph.add("Gather", extent, graph.constant([number])) for number in (1, 2))
    strides = graph.add("Concat", graph.add("Mul", y, z), z, graph.constant([1]), axis=0)
    key = graph.add("ReduceSum", graph.add("Mul", cell, strides), axis, keepdims=0)
    keys, first, token, _ = graph.add("Unique", key, outputs=4, sorted=1)
    row = graph.add("Add", graph.add("Mul", token, graph.constant([PLACES])), place)
    return graph.add("Gather", cell, first), graph.add("Shape", keys), row


def _tokenize(graph: Graph, backbone: Volt, count: str, row: str) -> str:
    rows = graph.add("Mul", count, graph.constant([PLACES]))
    shape = graph.add("Concat", rows, graph.constant([backbone.in_channels]), axis=0)
    empty = graph.add("Expand", graph.constant(0.0), shape)
    filled = graph.add("ScatterND", empty, graph.reshape(row, -1, 1), "features")
    layer = backbone.tokenizer.proj
    return graph.linear(graph.reshape(filled, -1, layer.in_features), layer.weight, layer.bias)


def _turns(graph: Graph, cells: str) -> tuple[str, str]:
    """Return cosines and sines (T, 1, 32)."""
    speeds = np.zeros((3, sum(TURNS)))
    start = 0
    for axis, count in enumerate(TURNS):
        speeds[axis, start : start + count] = BASE ** (-np.arange(count) / (count - 1))
        start += count
    angle = graph.add("MatMul", graph.add("Cast", cells, to=1), graph.constant(speeds))
    angle = graph.reshape(angle, 0, 1, sum(TURNS))
    return graph.add("Cos", angle), graph.add("Sin", angle)


def _block(graph: Graph, block: Block, x: str, by: tuple[str, str]) -> str:
    attended = _attend(graph, block.attn, graph.layer_norm(x, block.norm1), by)
    x = graph.add("Add", x, attended)
    hidden = graph.linear(graph.layer_norm(x, block.norm2), block.mlp.fc1.weight, block.mlp.fc1.bias)
    hidden = graph.linear(graph.add("Gelu", hidden), block.mlp.fc2.weight, block.mlp.fc2.bias)
    return graph.add("Add", x, hidden)


def _attend(graph: Graph, attention: Attention, x: str, by: tuple[str, str]) -> str:
    channels = attention.qkv.in_features
    joined = graph.reshape(graph.linear(x, attention.qkv.weight, attention.qkv.bias), 0, 3, channels // WIDTH, WIDTH)
    thirds = graph.add("Split", joined, outputs=3, axis=1, num_outputs=3)
    query, key, value = (graph.add("Squeeze", third, graph.constant([1])) for third in thirds)
    query = _turn(graph, graph.layer_norm(query, attention.q_norm), by)
    key = _turn(graph, graph.layer_norm(key, attention.k_norm), by)
    query = graph.add("Mul", query, graph.constant(WIDTH**-0.5))
    query, value = (graph.add("Transpose", each, perm=[1, 0, 2]) for each in (query, value))
    scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[1, 2, 0]))
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    mixed = graph.reshape(graph.add("Transpose", mixed, perm=[1, 0, 2]), 0, channels)
    return graph.linear(mixed, attention.proj.weight, attention.proj.bias)


def _turn(graph: Graph, x: str, by: tuple[str, str]) -> str:
    """Turn pairs of channels; see :func:`pointnc.models.attention.turn`."""
    first, second = graph.part(x, 0, 2), graph.part(x, 1, 2)
    cosine, sine = by
    one = graph.add("Sub", graph.add("Mul", first, cosine), graph.add("Mul", second, sine))
    other = graph.add("Add", graph.add("Mul", first, sine), graph.add("Mul", second, cosine))
    return graph.add("Concat", one, other, axis=-1)


def _decode(graph: Graph, backbone: Volt, x: str, row: str) -> str:
    decoder = backbone.decoder
    x = graph.add("Gelu", graph.batch_norm(x, decoder.pre[0]))  # type: ignore[arg-type]
    x = graph.linear(x, decoder.pre[2].weight)  # type: ignore[arg-type]
    x = graph.add("Gelu", graph.batch_norm(x, decoder.pre[3]))  # type: ignore[arg-type]
    places = graph.reshape(graph.linear(x, decoder.unembed.proj.weight), -1, len(decoder.unembed.bias))
    x = graph.add("Add", graph.add("Gather", places, row), graph.constant(decoder.unembed.bias))
    x = graph.add("Gelu", graph.batch_norm(x, decoder.post[0]))  # type: ignore[arg-type]
    neck = backbone.neck
    if isinstance(neck, Neck):
        expand, project = neck.expand, neck.project
        x = graph.batch_norm(graph.linear(x, expand.convolution.matrices[0].T), expand.norm)
        x = graph.linear(graph.add("Relu", x), project.matrices[0].T, project.bias)
    return x


def _head(graph: Graph, model: Segmentor, x: str) -> str:
    head = model.head
    weight, bias = head.weight, head.bias
    assert isinstance(weight, torch.Tensor)
    if isinstance(head, CosineHead):
        length = graph.add("ReduceL2", x, graph.constant([1]), keepdims=1)
        x = graph.add("Div", x, graph.add("Max", length, graph.constant(1e-12)))
        weight = head.log_scale.exp() * F.normalize(weight, dim=1)
    return graph.linear(x, weight, bias if isinstance(bias, torch.Tensor) else None)
