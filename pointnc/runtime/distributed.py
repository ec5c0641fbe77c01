"""Several processes: ``torchrun`` is the only launcher, and it is recognized by its environment variables."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from pointnc.errors import UserError

PATIENCE = timedelta(hours=2)
"""How long a rank waits for the others: rank 0 may prepare a data set or write a report meanwhile, and spconv's kernels
may have to be compiled. NCCL's own ten minutes end such runs."""

LOST_MACHINE = 16.0
"""Seconds after which torchrun takes a machine for gone that says nothing more: three heartbeats of five seconds."""


def rank() -> int:
    """Return this process's number, 0 without torchrun."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return the number of processes, 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def start(kind: str) -> None:
    """Join the processes of torchrun, with nccl on CUDA where torch has it, else gloo; nothing to do for a single one.

    Args:
        kind: of device that this process computes on.

    Raises:
        UserError: torchrun started more processes on this machine than it has devices.
    """
    if not in_torchrun() or dist.is_initialized():
        return
    if kind != "cuda":
        dist.init_process_group("gloo", timeout=PATIENCE)
        return
    local = take_device()
    if not dist.is_nccl_available():  # Windows
        dist.init_process_group("gloo", timeout=PATIENCE)
        return
    dist.init_process_group("nccl", timeout=PATIENCE, device_id=torch.device("cuda", local))


def launcher() -> str:
    """Return what starts as many processes as there are now: ``python``, or torchrun as far as one machine knows."""
    if not in_torchrun():
        return "python"
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    machines = world_size() // local
    return f"torchrun --nproc-per-node {local}" + (f" --nnodes {machines} …" if machines > 1 else "")


def take_device() -> int:
    """Make the CUDA device of this process of torchrun the current one; return its number.

    Raises:
        UserError: torchrun started more processes on this machine than it has devices.
    """
    local, devices = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local >= devices:
        processes = os.environ.get("LOCAL_WORLD_SIZE", str(local + 1))
        raise UserError(
            f"torchrun started {processes} processes here, but torch sees {devices} CUDA devices: "
            f"--nproc-per-node {devices}, or trainer.accelerator=cpu",
            code="no-device",
        )
    torch.cuda.set_device(local)
    return local


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


def gather(value: Any) -> list[Any]:
    """Return the values of all ranks, on every rank; of types that can be pickled."""
    if not dist.is_initialized():
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def wait() -> None:
    """Wait until every rank is here."""
    if dist.is_initialized():
        dist.barrier()


@contextmanager
def outliving_machines() -> Iterator[None]:
    """Where other machines are lost, end late enough for torchrun to have noticed which.

    The processes that are left fail at once, since their connections do. torchrun would then begin again with the
    machine that is gone still on its list, and give up after a minute; a little later it waits for that machine to
    come back.
    """
    try:
        yield
    except RuntimeError:  # of gloo and nccl
        restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))
        if restarts and world_size() > int(os.environ.get("LOCAL_WORLD_SIZE", "1")):
            time.sleep(LOST_MACHINE)
        raise


def in_torchrun() -> bool:
    """Whether torchrun started this process, be it as the only one."""
    return "TORCHELASTIC_RUN_ID" in os.environ or world_size() > 1


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


def broadcast_parameters(module: torch.nn.Module) -> None:
    """Give every rank the parameters of rank 0."""
    if dist.is_initialized():
        for parameter in module.parameters():
            dist.broadcast(parameter.data, src=0)


def trainer_arguments() -> dict[str, Any]:
    """Return the Lightning arguments that fit the processes that torchrun started."""
    if not dist.is_initialized():
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
