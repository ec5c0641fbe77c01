"""Calls of torch's functions, above autograd: what they say about the device is translated, autocast is applied."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tests.cuda.tensor import MARK, on_device

_FROM_DATA = {torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor}

# The parts of CUDA's lists that a segmentation network meets.
_IN_HALF = {"linear", "matmul", "__matmul__", "__rmatmul__", "mm", "addmm", "bmm", "baddbmm", "addbmm", "mv", "einsum"}
_IN_FLOAT32 = {
    "acos", "cosh", "cross_entropy", "cross_entropy_loss", "cumsum", "cumprod", "exp", "expm1", "log", "log10", "log1p",
    "log2", "log_softmax", "logsumexp", "mse_loss", "nll_loss", "norm", "pow", "__pow__", "prod", "reciprocal", "rsqrt",
    "smooth_l1_loss", "softmax", "softplus", "sum", "tan", "normalize", "cosine_similarity", "kl_div", "layer_norm",
}  # fmt: skip


class Calls(TorchFunctionMode):
    """While it is active, ``cuda`` in a call means the stand-in device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.device:
            return func(*args, **(kwargs or {}))
        args, kwargs = [_translated(value) for value in args], dict(kwargs or {})
        if "device" in kwargs:
            kwargs["device"] = MARK if isinstance(kwargs["device"], int) else _translated(kwargs["device"])
        if func is Tensor.cuda:
            return args[0].to(MARK, non_blocking=kwargs.get("non_blocking", False))
        if func in _FROM_DATA and (kwargs.get("device") == MARK or on_device(args[0])):
            # torch fills new memory past all hooks, and only that of the host.
            gradient = kwargs.pop("requires_grad", False)
            kwargs.pop("device", None)
            source = torch.as_tensor if func in (torch.as_tensor, torch.asarray) else torch.tensor
            if func is Tensor.new_tensor:
                kwargs.setdefault("dtype", args.pop(0).dtype)
            return source(*args, **kwargs).to(MARK).requires_grad_(gradient)
        if func in (Tensor.__getitem__, Tensor.__setitem__) and on_device(args[0]):
            args[1] = tuple(map(_index, args[1])) if isinstance(args[1], tuple) else _index(args[1])
            if isinstance(args[-1], bool | int | float) and func is Tensor.__setitem__:
                args[2] = torch.tensor(args[2], dtype=args[0].dtype)  # as for CUDA: a number stays on the host
        if torch.is_autocast_enabled("cuda"):
            args, kwargs = _autocast(getattr(func, "__name__", ""), args, kwargs)
        return func(*args, **kwargs)


def _translated(value: Any) -> Any:
    is_name = isinstance(value, str) and value.partition(":")[0] == "cuda"
    return MARK if is_name or (isinstance(value, torch.device) and value.type == "cuda") else value


def _index(index: Any) -> Any:
    """Let lists and arrays be what they are on the host: they are filled past all hooks too."""
    return torch.as_tensor(index) if isinstance(index, list | np.ndarray) else index


def _autocast(name: str, args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Change the dtype of arguments as CUDA's autocast would."""
    if name not in _IN_HALF and name not in _IN_FLOAT32:
        return args, kwargs
    dtype = torch.get_autocast_dtype("cuda") if name in _IN_HALF else torch.float32

    def cast(value: Any) -> Any:
        eligible = on_device(value) and value.is_floating_point() and value.dtype != torch.float64
        return value.to(dtype) if eligible else value

    return [cast(value) for value in args], {key: cast(value) for key, value in kwargs.items()}
