"""Checkpoints of other code bases: read without running their code, recognised, converted."""

from pointnc.weights.foreign.conversion import Converted, convert, recognise
from pointnc.weights.foreign.reading import read_state

__all__ = ["Converted", "convert", "read_state", "recognise"]
