"""Tensors that come out of a file: whether a network can be computed with them, and whether they are those written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pointnc.errors import UserError


def tensors_in(node: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor below a node of mappings, lists and tuples, with its dotted place; each container once."""
    waiting, seen = [("", node)], set()
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, Tensor):
            yield place, value
        elif isinstance(value, Mapping | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            waiting.extend((f"{place}.{key}" if place else str(key), inner) for key, inner in items)


def check_dense(name: str, value: Any, origin: str) -> None:
    """Refuse what is no plain tensor with all its numbers in memory: sparse, quantized, meta, nested, overlapping.

    Raises:
        UserError: it is one of these; the message names it.
    """
    kind = "no tensor"
    if isinstance(value, Tensor):
        kinds = {
            "quantized": value.is_quantized,
            "a nested tensor": value.is_nested,
            "a sparse tensor": value.layout != torch.strided,
            "without numbers (meta)": value.is_meta,
            "of another device": value.device.type != "cpu",
        }
        kind = next((words for words, wrong in kinds.items() if wrong), "")
        if not kind and value.numel() * value.element_size() > value.untyped_storage().nbytes():
            kind = "larger than what is stored of it"
    if kind:
        raise UserError(f"{origin}: {name} is {kind}; plain tensors are expected", code="unsupported")


def check_finite(name: str, value: Tensor, origin: str) -> None:
    """Refuse a tensor on the CPU with NaN or infinity in it.

    Raises:
        UserError: it has; the message names it.
    """
    if not value.is_floating_point():
        return
    value = value.detach()
    numbers = value.numpy() if value.dtype in (torch.float32, torch.float64, torch.float16) else value.float().numpy()
    if not np.isfinite(numbers).all():  # a tenth of the time that torch.isfinite takes
        raise UserError(
            f"{origin}: {name} is not finite (NaN or infinity): no network can be computed with it", code="not-finite"
        )


def first_difference(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> tuple[str, str, str] | None:
    """Return the first name whose shapes differ, with the network's own and the given one; None where all agree."""
    for name in (*own, *state):
        mine, theirs = (str(tuple(one[name].shape)) if name in one else "nothing" for one in (own, state))
        if mine != theirs:
            return name, mine, theirs
    return None


def check_values(own: Mapping[str, Tensor], state: Mapping[str, Tensor], origin: str) -> None:
    """Refuse weights of other types than a network's, or that are not dense and finite.

    Args:
        own: the network's state; of the same names.
        state: what is to be loaded, on the CPU.
        origin: the file, for the message.

    Raises:
        UserError: the message names the first of them.
    """
    for name, value in state.items():
        check_dense(name, value, origin)
        if value.dtype != own[name].dtype:
            theirs, mine = (str(dtype).removeprefix("torch.") for dtype in (value.dtype, own[name].dtype))
            raise UserError(f"{origin}: {name} is {theirs} there, {mine} is expected", code="other-network")
        check_finite(name, value, origin)


def checksum(node: Any) -> str:
    """Return a hash of all tensors below a node: of their places, types, shapes and the sums of their bytes.

    The sum of a tensor's 64-bit words, modulo 2^64, notices any changed bit and any block of zeros. It is no protection
    against people, who could change the hash as well; for damage it is as good as SHA-256 and forty times as fast.
    """
    digest = hashlib.sha256()
    for place, value in sorted(tensors_in(node), key=lambda item: item[0]):
        digest.update(f"{place} {value.dtype} {tuple(value.shape)} {_sum_of_words(value):x}\n".encode())
    return digest.hexdigest()


def _sum_of_words(value: Tensor) -> int:
    content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    whole = len(content) // 8 * 8
    return (int(content[:whole].view("<u8").sum()) + int.from_bytes(content[whole:].tobytes(), "little")) % 2**64
