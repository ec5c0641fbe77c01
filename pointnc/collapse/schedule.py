"""How strong a regularizer is in the course of a training: nothing, a rise, full size, a fall."""

from __future__ import annotations

from pointnc.checks import check_number, check_whole

Steps = int | float
"""A number of training batches, or a share of the training: a fraction between 0 and 1."""


class StrengthSchedule:
    """A factor in [0, 1] for each training batch.

    Args:
        start: batches in which it is 0.
        ramp: batches after those over which it rises linearly to 1.
        end: the batch from which on it falls back to 0, over as many batches as it rose; None: it stays.

    Raises:
        UserError: one is neither a whole number nor a share of the training.
    """

    def __init__(self, start: Steps, ramp: Steps, end: Steps | None) -> None:
        for key, value in (("start_step", start), ("ramp_steps", ramp), ("end_step", end)):
            if isinstance(value, float) and 0 < value < 1:
                continue
            if isinstance(value, float):
                check_number(f"{key}", value, above=0, below=1)
            check_whole(f"{key}", value, least=int(key == "end_step"), optional=key == "end_step")
        self._asked = (start, ramp, end)
        self._length: int | None = None

    def set_length(self, steps: int) -> None:
        """Take the number of batches of the whole training, which shares refer to."""
        self._length = steps

    @property
    def start(self) -> int:
        """Batches in which the factor is 0."""
        return self._steps(self._asked[0])

    def factor(self, step: int) -> float:
        """Return the factor of a batch, the first being 1."""
        span = self._steps(self._asked[1]) + 1
        rise = max(step - self.start, 0) / span
        end = self._asked[2]
        fall = 1.0 if end is None else max(self._steps(end) + span - step, 0) / span
        return min(rise, fall, 1.0)

    def _steps(self, value: Steps) -> int:
        if isinstance(value, int):
            return value
        if self._length is None:
            raise RuntimeError(f"{value} of a training needs set_length() before the first batch")
        return round(value * self._length)
