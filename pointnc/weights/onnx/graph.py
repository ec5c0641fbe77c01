"""A graph of ONNX that grows node by node, and the layers that networks here are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 20
"""With GELU and layer normalization."""

IR_VERSION = 10
"""What runtimes of 2024 and later read."""


class Graph:
    """Nodes and constants; a value is spoken of by its name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; return the name of its output, or a list of names where there are several."""
        names = [f"v{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Tensor | NDArray[Any] | Sequence[int] | float) -> str:
        """Add a constant: whole numbers become int64, others float32."""
        array = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def linear(self, x: str, weight: Tensor, bias: Tensor | None = None) -> str:
        """Multiply the rows of x by a weight (out, in), and add a bias (out,)."""
        product = self.add("MatMul", x, self.constant(weight.T))
        return product if bias is None else self.add("Add", product, self.constant(bias))

    def layer_norm(self, x: str, layer: nn.LayerNorm) -> str:
        """Normalize over the last axis."""
        return self.add(
            "LayerNormalization", x, self.constant(layer.weight), self.constant(layer.bias), axis=-1, epsilon=layer.eps
        )

    def batch_norm(self, x: str, layer: nn.BatchNorm1d) -> str:
        """Normalize (N, C) by the running statistics."""
        assert layer.running_mean is not None and layer.running_var is not None
        scale = layer.weight / (layer.running_var + layer.eps).sqrt()
        shift = layer.bias - layer.running_mean * scale
        return self.add("Add", self.add("Mul", x, self.constant(scale)), self.constant(shift))

    def part(self, x: str, start: int, step: int, axis: int = -1) -> str:
        """Take every ``step``-th entry of an axis."""
        far = np.iinfo(np.int64).max
        bounds = [self.constant([number]) for number in (start, far, axis, step)]
        return self.add("Slice", x, *bounds)

    def reshape(self, x: str, *shape: int) -> str:
        """Give another shape; 0 stands for an axis as it is, -1 for what is left."""
        return self.add("Reshape", x, self.constant(list(shape)))

    def model(
        self,
        inputs: dict[str, tuple[str, list[str | int]]],
        outputs: dict[str, tuple[str, str, list[str | int]]],
        notes: dict[str, str],
    ) -> onnx.ModelProto:
        """Return the finished model, checked.

        Args:
            inputs: name to kind ("float" or "int64") and shape, whose words stand for what is free.
            outputs: name to the value that it is, its kind and its shape.
            notes: to be kept in the file.
        """
        kinds = {"float": TensorProto.FLOAT, "int64": TensorProto.INT64}
        given, made_of = (
            [helper.make_tensor_value_info(name, kinds[kind], shape) for name, (*_, kind, shape) in side.items()]
            for side in (inputs, outputs)
        )
        self._nodes += [helper.make_node("Identity", [value], [name]) for name, (value, *_) in outputs.items()]
        graph = helper.make_graph(self._nodes, "pointnc", given, made_of, initializer=self._constants)
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="pointnc"
        )
        helper.set_model_props(made, notes)
        onnx.checker.check_model(made)
        return made
