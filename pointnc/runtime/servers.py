"""Whether a server of a cluster answers, found out in seconds and said in a line."""

from __future__ import annotations

import logging
import socket
from typing import Any

from pointnc.errors import UserError

_RAY = "start one by: ray start --head"
_TOKEN = "Where it asks for a token (clusters of `ray start` do), set RAY_AUTH_MODE=token here too"


def check_answers(setting: str, address: str, remedy: str, patience: float = 10.0) -> None:
    """Make sure that a server listens at ``[scheme://]host:port`` and speaks first, as those of Dask and Ray do.

    Left to themselves, Ray would try for minutes and Dask wait without end for a server of another kind.

    Args:
        setting: where the address comes from, for the message.
        address: of the server; Ray's ``auto`` passes.
        remedy: ends the message.
        patience: seconds that the server may take.

    Raises:
        UserError: nobody speaks in time, or the address is none.
    """
    if address == "auto":
        return
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":")
    if not (host and port.isdecimal()):
        raise UserError(f"{setting}={address} is no address; give host:port", code="option")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), patience) as connection:
            if scheme != "tls" and not connection.recv(1):
                raise OSError("it hung up")
    except (OSError, OverflowError) as error:
        raise UserError(f"{setting}={address}: nobody answers ({error}); {remedy}", code="no-server") from None


def join_ray(setting: str, address: str | None, **options: Any) -> None:
    """Connect to a Ray cluster, or start one on this machine.

    Args:
        setting: where the address comes from, for the message.
        address: ``host:port`` or ``auto``; None: what RAY_ADDRESS says, else a new cluster.
        options: of ``ray.init``.

    Raises:
        UserError: there is no cluster at the address, or it does not let us in.
    """
    import ray

    if address is not None:
        check_answers(setting, address, _RAY)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{setting}={address}: no Ray cluster ({reason}); {_RAY}. {_TOKEN}", code="no-server") from None
