"""Several processes: ``torchrun`` is the only launcher, and it is recognised by its environment variables."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist


def rank() -> int:
    """Return this process's number, 0 without torchrun."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return the number of processes, 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def start(accelerator: str) -> None:
    """Join the processes of torchrun, with nccl on CUDA and gloo on a CPU; nothing to do for a single one."""
    if world_size() == 1 or dist.is_initialized():
        return
    cuda = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if cuda else "gloo")


def stop() -> None:
    """Leave the processes of torchrun."""
    if dist.is_initialized():
        dist.destroy_process_group()


def agree(value: Any) -> Any:
    """Return rank 0's value on every rank."""
    if not dist.is_initialized():
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def wait() -> None:
    """Wait until every rank is here."""
    if dist.is_initialized():
        dist.barrier()


def any_rank(flag: bool, device: torch.device) -> bool:
    """Return whether the flag is set on any rank."""
    if not dist.is_initialized():
        return flag
    tensor = torch.tensor(int(flag), device=device)
    dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
    return bool(tensor.item())


def broadcast_buffers(module: torch.nn.Module) -> None:
    """Give every rank the buffers (batch-norm statistics) of rank 0."""
    if dist.is_initialized():
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)


def trainer_arguments() -> dict[str, Any]:
    """Return the Lightning arguments that fit the processes that torchrun started."""
    if world_size() == 1:
        return {"devices": 1}
    from pytorch_lightning.strategies import DDPStrategy

    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return {
        "devices": local,
        "num_nodes": world_size() // local,
        # Evaluation shards without padding, so ranks run different numbers of forward passes: buffers are
        # given round before each validation instead of in every pass.
        "strategy": DDPStrategy(broadcast_buffers=False),
    }
