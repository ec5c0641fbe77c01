"""Parts of a transformer that the backward pass computes again instead of keeping their inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.checkpoint import checkpoint


def recomputed(part: Callable[..., Any], *inputs: Any) -> Any:
    """Run a part of a network so that its inside is computed again in the backward pass instead of kept."""
    return checkpoint(part, *inputs, use_reentrant=False, preserve_rng_state=False)  # nothing inside is random


def called(part: Callable[..., Any], *inputs: Any) -> Any:
    """Run a part of a network as it is."""
    return part(*inputs)
