"""Operators of the stand-in device: computed on the host, refused where CUDA refuses, watched for waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.cuda.tensor import DEVICE, DeviceTensor, is_pinned, means_device, on_device, pinned
from tests.cuda.waits import Waits, aten, waits_for

HOST = torch.device("cpu")
_INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}


class Kernels(TorchDispatchMode):
    """While it is active, operators whose arguments or result belong to the device are computed here.

    Args:
        waits: counts the operators for which the host would wait.

    Attributes:
        random: the device's own random state.
    """

    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self.waits = waits
        self.random = torch.Generator().manual_seed(0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet = func.overloadpacket
        if packet is aten.is_pinned:
            return is_pinned(args[0])
        if packet in (aten.pin_memory, aten._pin_memory):
            return args[0] if is_pinned(args[0]) else pinned(args[0].clone())
        if packet is aten._has_compatible_shallow_copy_type:
            return not any(map(on_device, args))  # a parameter that moves becomes another one
        if packet is aten._to_copy:
            return self._to_copy(func, args[0], **kwargs)
        if packet is aten.copy_:
            return self._copy(*args, **kwargs)
        tensors = list(_tensors((*args, *kwargs.values())))
        there = any(map(on_device, tensors))
        result_there = there if kwargs.get("device") is None else means_device(kwargs["device"])
        if there or result_there:
            if func._can_decompose():  # in inference mode nobody has taken it apart yet
                with self:
                    return func.decompose(*args, **kwargs)
            _refuse_mixture(func, args, kwargs, tensors)
            kind = waits_for(func, args, kwargs)
            if kind is not None:
                self.waits.wait(kind)
        out = self._compute(func, args, kwargs, result_there)
        if kwargs.get("pin_memory"):
            return pinned(out)
        return _result(func, args, kwargs, out) if result_there else out

    def _compute(self, func: Any, args: Any, kwargs: Any, result_there: bool) -> Any:
        kwargs = {key: _of_host(value) for key, value in kwargs.items() if key != "pin_memory"}
        if not result_there or torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*_of_host(args), **kwargs)
        before = torch.get_rng_state()
        torch.set_rng_state(self.random.get_state())
        try:
            return func(*_of_host(args), **kwargs)
        finally:
            self.random.set_state(torch.get_rng_state())
            torch.set_rng_state(before)

    def _to_copy(self, func: Any, source: Tensor, **kwargs: Any) -> Tensor:
        there, device, pin = on_device(source), kwargs.pop("device", None), kwargs.pop("pin_memory", None)
        result_there = there if device is None else means_device(device)
        if device is not None and not result_there:
            kwargs["device"] = device  # the host's, or none at all
        result: Tensor = func(_of_host(source), **kwargs)
        if result_there:
            if not there:
                self._upload(source, kwargs.get("non_blocking", False))
            return DeviceTensor(result)
        if there and result.device == HOST:
            if kwargs.get("non_blocking"):
                self.waits.copy_later(pinned(result), result)
            else:
                self.waits.wait("copy to the host")
        return pinned(result) if pin else result

    def _copy(self, target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
        if on_device(source) and not on_device(target):
            if non_blocking and is_pinned(target):
                self.waits.copy_later(target, _of_host(source).to(target.dtype).expand_as(target))
                return target
            self.waits.wait("copy to the host")
        elif on_device(target) and not on_device(source):
            self._upload(source, non_blocking)
        _of_host(target).copy_(_of_host(source))
        return target

    def _upload(self, source: Tensor, non_blocking: bool) -> None:
        if not (non_blocking and is_pinned(source)):
            self.waits.wait("copy to the device")


def _of_host(value: Any) -> Any:
    """Return what an argument is for the host."""
    if isinstance(value, DeviceTensor):
        return value.host
    if isinstance(value, list | tuple):
        return [_of_host(item) for item in value]
    return HOST if isinstance(value, torch.device) and means_device(value) else value


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _refuse_mixture(func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> None:
    """Raise what CUDA raises for arguments on different devices."""
    generator = kwargs.get("generator")
    if generator is not None and generator.device.type != "cuda":
        raise RuntimeError(f"Expected a 'cuda' device type for generator but found '{generator.device.type}'")
    elsewhere = [tensor for tensor in tensors if not on_device(tensor)]
    if len(elsewhere) in (0, len(tensors)):
        return
    if func.overloadpacket in _INDEXING:
        if not on_device(args[0]):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        elsewhere = [value for value in args[2:3] if not on_device(value)]  # indices may come from the host
    # A single number may come from the host: kernels take it as an argument.
    allowed = func.overloadpacket in (*_INDEXING, aten.fill_) or torch.Tag.pointwise in func.tags
    if not allowed or any(tensor.ndim for tensor in elsewhere):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {DEVICE} and "
            f"{elsewhere[0].device}! (when calling {func})"
        )


def _result(func: Any, args: Any, kwargs: Any, out: Any) -> Any:
    """Wrap what the host has computed; operators that write into an argument return that argument."""
    returns = func._schema.returns
    if returns and returns[0].alias_info is not None and returns[0].alias_info.is_write:
        if torch.Tag.inplace_view in func.tags:
            with no_dispatch():  # the shape that torch knows changes too
                func(*args, **kwargs)
        return kwargs["out"] if "out" in kwargs else args[0]
    if isinstance(out, list | tuple):
        return [DeviceTensor(item) if isinstance(item, Tensor) else item for item in out]
    return DeviceTensor(out) if isinstance(out, Tensor) else out
