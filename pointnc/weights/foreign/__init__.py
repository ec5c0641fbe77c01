"""Checkpoints of other code bases: read without running their code, recognized, converted."""

from pointnc.weights.foreign.conversion import Converted, convert, recognize
from pointnc.weights.foreign.reading import read_keywords, read_state

__all__ = ["Converted", "convert", "read_keywords", "read_state", "recognize"]
