"""Operators of the stand-in device: computed on the host, refused where CUDA refuses, watched for waits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

from tests.cuda.tensor import DEVICE, MARK, DeviceTensor, on_device
from tests.cuda.waits import Waits, aten, waits_for

HOST = torch.device("cpu")
_INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}


class Kernels(TorchDispatchMode):
    """While it is active, operators whose arguments or result belong to the device are computed here.

    Args:
        waits: counts the operators for which the host would wait.
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
            return args[0] if is_pinned(args[0]) else _pinned(args[0].clone())
        if packet is aten._has_compatible_shallow_copy_type:
            return not any(map(on_device, args))  # a parameter that moves becomes another one
        if packet is aten._to_copy:
            return self._to_copy(func, args[0], **kwargs)
        if packet is aten.copy_:
            return self._copy(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        wanted = kwargs.get("device")
        result_there = any(map(on_device, tensors)) if wanted is None else wanted == MARK
        if result_there or any(map(on_device, tensors)):
            if func._can_decompose():  # in inference mode nobody has taken it apart yet
                with self:
                    return func.decompose(*args, **kwargs)
            _refuse_mixture(func, args, kwargs, tensors)
            kind = waits_for(func, args, kwargs)
            if kind is not None:
                self.waits.wait(kind)
        out = self._compute(func, args, kwargs, result_there)
        if kwargs.get("pin_memory"):
            return _pinned(out)
        return _result(func, args, kwargs, out) if result_there else out

    def _compute(self, func: Any, args: Any, kwargs: Any, random_there: bool) -> Any:
        host = {key: HOST if value == MARK else value for key, value in kwargs.items() if key != "pin_memory"}
        args, host = tree_map(lambda value: value.host if on_device(value) else value, (args, host))
        if not random_there or torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **host)
        # The device draws from a state of its own.
        before = torch.get_rng_state()
        torch.set_rng_state(self.random.get_state())
        try:
            return func(*args, **host)
        finally:
            self.random.set_state(torch.get_rng_state())
            torch.set_rng_state(before)

    def _to_copy(self, func: Any, source: Tensor, **kwargs: Any) -> Tensor:
        there = on_device(source)
        device, pinned = kwargs.pop("device", None), kwargs.pop("pin_memory", None)
        result_there = there if device is None else device == MARK
        if device is not None and not result_there:
            kwargs["device"] = device  # the host's, or none at all
        host = func(source.host if there else source, **kwargs)
        if result_there:
            if not there:
                self._count_upload(source, kwargs.get("non_blocking", False))
            return DeviceTensor(host)
        if there and host.device == HOST:
            if kwargs.get("non_blocking"):
                self.waits.copy_later(_pinned(host), host)
            else:
                self.waits.wait("copy to the host")
        return _pinned(host) if pinned else host

    def _copy(self, target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
        target_host = target.host if on_device(target) else target
        source_host = source.host if on_device(source) else source
        if on_device(source) and not on_device(target):
            if non_blocking and is_pinned(target):
                self.waits.copy_later(target, source_host.to(target.dtype).expand_as(target))
                return target
            self.waits.wait("copy to the host")
        elif on_device(target) and not on_device(source):
            self._count_upload(source, non_blocking)
        target_host.copy_(source_host)
        return target

    def _count_upload(self, source: Tensor, non_blocking: bool) -> None:
        if not (non_blocking and is_pinned(source)):
            self.waits.wait("copy to the device")


def is_pinned(tensor: Tensor) -> bool:
    """Whether a tensor lies in what stands for page-locked memory."""
    return not on_device(tensor) and getattr(tensor.untyped_storage(), "pinned", False)


def _pinned(tensor: Tensor) -> Tensor:
    tensor.untyped_storage().pinned = True  # type: ignore[attr-defined]
    return tensor


def _refuse_mixture(func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> None:
    """Raise what CUDA raises for arguments on different devices."""
    generator = kwargs.get("generator")
    if generator is not None and generator.device.type != "cuda":
        raise RuntimeError(f"Expected a 'cuda' device type for generator but found '{generator.device.type}'")
    strangers = [tensor for tensor in tensors if not on_device(tensor)]
    if func.overloadpacket in _INDEXING:
        if not on_device(args[0]):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        strangers = [value for value in args[2:3] if not on_device(value)]  # indices may come from the host
        allowed = True
    else:
        allowed = torch.Tag.pointwise in func.tags or func.overloadpacket is aten.fill_
    # A single number may come from the host: kernels take it as an argument.
    mixed = strangers and any(map(on_device, tensors))
    if not mixed or (allowed and all(tensor.ndim == 0 for tensor in strangers)):
        return
    raise RuntimeError(
        f"Expected all tensors to be on the same device, but found at least two devices, {DEVICE} and "
        f"{strangers[0].device}! (when calling {func})"
    )


def _result(func: Any, args: Any, kwargs: Any, out: Any) -> Any:
    """Wrap what the host has computed; operators that write into an argument return that argument."""
    returns = func._schema.returns
    if returns and returns[0].alias_info is not None and returns[0].alias_info.is_write:
        if torch.Tag.inplace_view in func.tags:
            with no_dispatch():  # the shape that torch knows changes too
                func(*args, **kwargs)
        return kwargs["out"] if "out" in kwargs else args[0]
    return tree_map_only(Tensor, DeviceTensor, out)
