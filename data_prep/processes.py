"""How many processes a preparation may use."""

from __future__ import annotations

from pointnc.errors import UserError


def check_workers(workers: object) -> None:
    """Refuse a number of processes that is none; None stands for one a core.

    Raises:
        UserError: not None and no whole number from 1.
    """
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise UserError(f"workers={workers} must be a whole number from 1, or null for one a core")
