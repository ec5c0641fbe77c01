"""Whether a server of a cluster answers, found out in seconds and said in a line."""

from __future__ import annotations

import socket

from pointnc.errors import UserError


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
        raise UserError(f"{setting}={address} is no address; give host:port")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), patience) as connection:
            if scheme != "tls" and not connection.recv(1):
                raise OSError("it hung up")
    except (OSError, OverflowError) as error:
        raise UserError(f"{setting}={address}: nobody answers ({error}); {remedy}") from None
