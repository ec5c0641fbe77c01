"""What makes the host wait for the device: counted, with the place in the project's code where it happened."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from tests.cuda.tensor import on_device

aten = torch.ops.aten

# The stand-in's own modules and what they are called from; a wait happens where somebody else called them.
_PASSED_OVER = {"torch", *sys.stdlib_module_names}
_HERE = __name__.rpartition(".")[0]
_ROOT = Path(__file__).parents[2]

# Beside what torch itself marks as having a result, or a size of its result, that the host must know: kernels of
# linear algebra that look whether they succeeded.
_CHECKED = {aten._linalg_svd, aten._linalg_eigh, aten._linalg_check_errors, aten.linalg_eig}


class Waits:
    """Counts waits, and keeps the copies that the device has not made yet.

    A copy to the host that does not wait leaves what it should fill undefined until the host has waited for it in some
    other way. Here such memory is filled with nonsense, and with the copy when the host waits.

    Attributes:
        places: (kind of wait, ``file:line``) to how often it happened there.
    """

    def __init__(self) -> None:
        self.places: Counter[tuple[str, str]] = Counter()
        self._on_the_way: list[tuple[Tensor, Tensor]] = []
        self._arrived = 0

    @property
    def count(self) -> int:
        """How often the host waited."""
        return self.places.total()

    @property
    def own(self) -> Counter[tuple[str, str]]:
        """The waits that the project itself asked for: no library stood between its code and torch."""
        return Counter({wait: n for wait, n in self.places.items() if wait[1].startswith("pointnc/")})

    def kinds(self) -> Counter[str]:
        """Kind of wait to how often it happened anywhere."""
        kinds: Counter[str] = Counter()
        for (kind, _), number in self.places.items():
            kinds[kind] += number
        return kinds

    def reset(self) -> None:
        """Forget what was counted."""
        self.places.clear()

    def wait(self, kind: str, until: int | None = None) -> None:
        """Count a wait and let copies arrive: those before ``until``, a :meth:`mark`, or all that are on the way."""
        self.places[kind, calling_place()] += 1
        self.arrive(self.mark() if until is None else until)

    def mark(self) -> int:
        """The number of copies so far; an event that is recorded now comes after them."""
        return self._arrived + len(self._on_the_way)

    def arrive(self, until: int) -> None:
        """Finish the first ``until`` copies of all."""
        while self._arrived < until:
            target, source = self._on_the_way.pop(0)
            with torch.inference_mode():  # it may have been asked for there
                target.copy_(source)
            self._arrived += 1

    def copy_later(self, target: Tensor, source: Tensor) -> None:
        """Let ``target`` get the values that ``source`` has now when the host next waits; both are on the host."""
        source = source.detach().clone()
        self._on_the_way.append((target, source))
        target.copy_(torch.full_like(source, torch.nan) if source.is_floating_point() else ~source)


def calling_place() -> str:
    """Return ``file:line`` of the innermost caller outside of torch, the standard library and the stand-in."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        stand_in = name.rpartition(".")[0] == _HERE and not name.rpartition(".")[2].startswith("test_")
        if not stand_in and name.partition(".")[0] not in _PASSED_OVER:
            path = Path(frame.f_code.co_filename)
            file = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else Path(*name.split(".")).with_suffix(".py")
            return f"{file.as_posix()}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"


def waits_for(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """Return the kind of wait that an operator means whose arguments are on the device; None for most.

    Copies between device and host are not looked at here.
    """
    packet, name = func.overloadpacket, func.overloadpacket.__name__
    if packet is aten._local_scalar_dense:
        return "item"
    if packet in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_):
        indices = [index for index in args[1] if isinstance(index, Tensor)]
        if not all(map(on_device, indices)):
            return f"{name} by indices on the host"
        masks = [index for index in indices if index.dtype in (torch.bool, torch.uint8)]
        # One value for all that a mask points at is filled in without asking how many these are.
        filled = packet is not aten.index and len(indices) == 1 and args[2].numel() == 1 and not on_device(args[2])
        return f"{name} by a mask" if masks and not filled else None
    if packet is aten.repeat_interleave:
        sized = kwargs.get("output_size") is not None
        return None if sized or func._overloadname != "Tensor" else name
    unknown = {torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output} & set(func.tags)
    return name.strip("_") if unknown or packet in _CHECKED else None
