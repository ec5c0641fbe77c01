"""Weights on the disk, in whatever form, and the way from there to a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pointnc.weights.source import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":  # torch is imported with the first use, not by python -m pointnc.weights --help
        from pointnc.weights.source import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
