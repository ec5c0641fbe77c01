"""The scenes of a window: those that were shown, and the next one, which is read while the window goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator

from pointnc.errors import UserError
from pointnc.viewer.labeled_scene import LabeledScene


class Shelf:
    """Scenes in their order; the first is read at once, each further one when it is asked for.

    Args:
        scenes: at least one.
        most_points: a larger scene is thinned to at most so many points.

    Attributes:
        number: of the scene that is shown, from 0.
        complete: whether there are no scenes but those that were read.

    Raises:
        UserError: there is no scene.
    """

    def __init__(self, scenes: Iterable[LabeledScene], most_points: int) -> None:
        self._source: Iterator[LabeledScene] = iter(scenes)
        self._most, self._read = most_points, list[LabeledScene]()
        self._answers: queue.SimpleQueue[LabeledScene | Exception | None] = queue.SimpleQueue()
        self._waiting = False
        self.number, self.complete = 0, False
        first = next(self._source, None)
        if first is None:
            raise UserError("there is no scene to show", code="nothing-there")
        self._read.append(first.thinned(most_points))

    @property
    def scene(self) -> LabeledScene:
        """The scene that is shown."""
        return self._read[self.number]

    @property
    def place(self) -> str:
        """Which of how many scenes is shown, in words; "" where it is the only one."""
        if self.complete:
            return "" if len(self._read) == 1 else f"{self.number + 1} of {len(self._read)}"
        return f"{self.number + 1}"

    def go(self, step: int) -> bool:
        """Turn to the next scene (1) or the one before (-1); behind the last comes the first.

        Returns:
            Whether it is there; if not, it is being read, and :meth:`arrived` says when.
        """
        number = self.number + step
        if number == len(self._read) and not self.complete:
            if not self._waiting:
                self._waiting = True
                threading.Thread(target=self._pull, daemon=True).start()
            return False
        self.number = number % len(self._read)
        return True

    def arrived(self) -> bool:
        """Return whether the scene that was being read is there now, or there is no further one: then the first is.

        Raises:
            Exception: what reading it came to; there are no further scenes then.
        """
        try:
            answer = self._answers.get_nowait()
        except queue.Empty:
            return False
        self._waiting = False
        if isinstance(answer, Exception):
            self.complete = True
            raise answer
        if answer is None:
            self.complete, self.number = True, 0
        else:
            self._read.append(answer)
            self.number = len(self._read) - 1
        return True

    def _pull(self) -> None:
        try:
            scene = next(self._source, None)
            self._answers.put(None if scene is None else scene.thinned(self._most))
        except Exception as error:
            self._answers.put(error)
