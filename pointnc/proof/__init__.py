"""Does this machine compute what it should? The checks behind ``python -m pointnc.doctor prove=true``.

Every check compares a device with something slower and surer: convolutions and networks with float64 on the CPU,
training steps with the CPU's, transforms on the device with the host's, a resumed run and its evaluation with the run
itself. They are functions of a :class:`Subject` that return :class:`Outcome`s; the tests that need a GPU call the same.
"""

from pointnc.proof.subjects import Outcome, Subject, subjects

__all__ = ["Outcome", "Subject", "subjects"]
