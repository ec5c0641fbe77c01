"""Tensors that say ``device=cuda:0`` and hold a tensor of the host, which computes for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

DEVICE = torch.device("cuda", 0)
"""What the stand-in says to be."""

MARK = torch.device("meta", 0)
"""What torch's C++ core takes it for: it has no CUDA without CUDA's libraries, and asks nothing of a meta device. The
index tells the two apart: tensors without content have none."""


class DeviceTensor(Tensor):
    """A tensor of the stand-in device.

    Operators come to :class:`tests.cuda.kernels.Kernels`, below autograd. What torch answers without an operator, and
    what CUDA refuses, is answered here.

    Attributes:
        host: the tensor on the host, of the same shape and strides.
    """

    host: Tensor

    @staticmethod
    def __new__(cls, host: Tensor) -> DeviceTensor:
        with torch.inference_mode(host.is_inference()):  # a view is what the tensor is that it looks at
            self = Tensor._make_wrapper_subclass(
                cls,
                host.shape,
                strides=host.stride(),
                storage_offset=host.storage_offset(),
                dtype=host.dtype,
                layout=host.layout,
                device=MARK,
            )
        self.host = host.detach()
        return self

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func}: a tensor of the stand-in device is used where there is no such device")

    device = property(lambda self: DEVICE)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)

    def get_device(self) -> int:
        return 0

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: DeviceTensor) -> None:
        self.host = value.host

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(f"can't convert {DEVICE} device type tensor to numpy. Use Tensor.cpu() first.")
        return self.detach().cpu().numpy()

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def record_stream(self, stream: Any) -> None:
        """There is one stream: memory is never taken too early."""

    def pin_memory(self, device: Any = None) -> Tensor:
        raise RuntimeError("cannot pin a tensor of 'cuda': only dense CPU tensors can be pinned")

    def __format__(self, specification: str) -> str:
        return format(self.item(), specification) if self.ndim == 0 else object.__format__(self, specification)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"{self.detach().cpu()!r} on {DEVICE}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A file of a real run remembers the device too; who reads it says where the tensors go.
        return self.detach().cpu().requires_grad_(self.requires_grad).__reduce_ex__(protocol)


def on_device(value: Any) -> bool:
    """Whether a value is a tensor of the stand-in device."""
    return isinstance(value, DeviceTensor)


def means_device(device: torch.device) -> bool:
    """Whether a device is the stand-in: by its own name, or by the one that torch's core has for it."""
    return device.type == "cuda" or device == MARK


def pinned(tensor: Tensor) -> Tensor:
    """Let the memory of a tensor of the host be page-locked from now on, and return the tensor."""
    tensor.untyped_storage().pinned = True
    return tensor


def is_pinned(tensor: Tensor) -> bool:
    """Whether a tensor is in what stands for page-locked memory."""
    return not on_device(tensor) and getattr(tensor.untyped_storage(), "pinned", False)
