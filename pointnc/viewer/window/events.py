"""What hands do: the pointer over the scene, and the keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from pointnc.viewer.layers import LAYERS, describe_point, labels_of
from pointnc.viewer.window.picking import Picker

if TYPE_CHECKING:
    from pointnc.viewer.window.window import Window

DOUBLE = 0.35
"""Seconds between two clicks that are one double click."""

STILL = 3
"""Pixels that a hand may move in a click."""

TURN = 0.34
"""Degrees for a pixel."""


class Events:
    """The pointer and the keys of a window.

    Attributes:
        picker: the points as they are drawn; None where that has changed.
        searched: the letters of a search; None where none is going on.
        escaped: whether Escape was pressed or let go since the last step.
    """

    def __init__(self, window: Window) -> None:
        """Listen to a window."""
        self.window, self.gui = window, window.gui
        self.picker: Picker | None = None
        self.searched: str | None = None
        self.shift = self.dragged = self.hovers = self.escaped = False
        self.pointer = self.pressed = self.clicked_at = (0, 0)
        self.clicked = 0.0
        ignored = self.gui.Widget.EventCallbackResult.IGNORED
        window.stage.view.set_on_mouse(window.guarded(self._on_mouse, ignored))
        window.window.set_on_key(window.guarded(self._on_key, True))

    # ---- pointer

    def step(self) -> None:
        """Show what is under the pointer, if it has moved."""
        if self.hovers and not self.dragged:
            self.hovers = False
            self.window.stage.show_tip(self.window.look.labeled, self.pick(), self.pointer)

    def pick(self) -> int | None:
        """Return the number of the point under the pointer."""
        window = self.window
        if self.picker is None:
            camera = window.orbit.camera(*window.stage.size)
            self.picker = Picker(camera, window.look.coord, window.shown, window.drawn_size)
        return self.picker.at(*self.pointer)

    def _on_mouse(self, event: Any) -> Any:
        kinds, frame = self.gui.MouseEvent.Type, self.window.stage.view.frame
        before, self.pointer = self.pointer, (event.x - frame.x, event.y - frame.y)
        if event.type == kinds.MOVE:
            self.hovers = True
        elif event.type == kinds.BUTTON_DOWN:
            self.pressed, self.dragged = self.pointer, False
        elif event.type == kinds.DRAG:
            self.dragged = self.dragged or self._strayed()
            self._drag(event, self.pointer[0] - before[0], self.pointer[1] - before[1])
        elif event.type == kinds.WHEEL:
            width, height = self.window.stage.size
            x, y = (2 * self.pointer[0] - width) / height, (height - 2 * self.pointer[1]) / height
            self.window.set_orbit(self.window.orbit.zoomed(0.88**event.wheel_dy, x, y))
        elif event.type == kinds.BUTTON_UP:
            if not self.dragged and not self._strayed():
                self._click()
            self.dragged = False
        return self.gui.Widget.EventCallbackResult.CONSUMED

    def _strayed(self) -> bool:
        """Whether the pointer is away from where the button was pressed: fast hands are seen at both ends alone."""
        return max(abs(self.pointer[0] - self.pressed[0]), abs(self.pointer[1] - self.pressed[1])) > STILL

    def _drag(self, event: Any, right: int, down: int) -> None:
        window, modifiers = self.window, (self.gui.KeyModifier.SHIFT, self.gui.KeyModifier.CTRL)
        modified = any(event.is_modifier_down(key) for key in modifiers)
        if event.is_button_down(self.gui.MouseButton.LEFT) and not modified:
            window.set_orbit(window.orbit.turned(TURN * right, TURN * down))
        else:
            height = window.stage.size[1]
            window.set_orbit(window.orbit.moved(right / height, down / height))

    def _click(self) -> None:
        point, now, look = self.pick(), time.monotonic(), self.window.look
        again = now - self.clicked < DOUBLE and self.pointer == self.clicked_at
        self.clicked, self.clicked_at = now, self.pointer
        if point is None:
            return
        if again:
            self.window.set_orbit(self.window.orbit.at(look.coord[point].astype(np.float64)))
        else:
            print(describe_point(look.labeled, point), flush=True)
            self.hovers = True

    # ---- keys

    def _on_key(self, event: Any) -> bool:
        names = self.gui.KeyName
        down = event.type == self.gui.KeyEvent.Type.DOWN
        self.escaped = self.escaped or event.key == names.ESCAPE
        if event.key in (names.LEFT_SHIFT, names.RIGHT_SHIFT):
            self.shift = down
        elif down and self.searched is not None:
            self._search(event.key)
        elif down:
            self._press(event.key)
        return True

    def _press(self, key: int) -> None:
        window, look, names = self.window, self.window.look, self.gui.KeyName
        character = chr(key) if 32 < key < 127 else ""
        if key == names.F1 or (character == "/" and self.shift):
            window.stage.show_help(not window.stage.help_shown)
        elif key == names.ESCAPE:
            window.stage.show_help(False)
        elif character and character in "12345":
            window.choose(look.set_layer, list(LAYERS)[int(character) - 1])
        elif character in self._actions():
            self._actions()[character]()

    def _actions(self) -> dict[str, Callable[[], Any]]:
        window, look = self.window, self.window.look
        return {
            "n": lambda: window.go(1),
            "b": lambda: window.go(-1),
            "f": lambda: window.fit("oblique"),
            "t": lambda: window.fit("top"),
            "a": lambda: window.choose(look.hide, ()),
            "i": lambda: window.choose(look.invert),
            "o": lambda: self._with_class(look.isolate),
            "x": lambda: self._with_class(look.hide_too),
            "e": lambda: window.choose(look.set_errors_alone, not look.errors_alone),
            "h": lambda: window.choose(look.set_through, not look.through),
            "[": lambda: window.choose(look.set_cut, look.cut - look.cut_step),
            "]": lambda: window.choose(look.set_cut, look.cut + look.cut_step),
            "=": lambda: window.set_point_factor(1.2 * window.point_factor),
            "-": lambda: window.set_point_factor(window.point_factor / 1.2),
            "p": window.save_picture,
            "d": window.turn_dark,
            "l": window.panel.fold,
            "q": window.close,
            "/": self.start_search,
        }

    def _with_class(self, change: Callable[[Iterable[int]], None]) -> None:
        """Change how the class under the pointer is shown, of the labels that the layer shows."""
        point, labels = self.pick(), labels_of(self.window.look.labeled, self.window.look.layer)
        if point is not None and labels is not None:
            self.window.choose(change, [int(labels[point])])

    # ---- search

    def start_search(self) -> None:
        """Let keys be the letters of a search, until Enter or Escape."""
        self.searched = ""
        self.window.panel.rebuild()

    def _search(self, key: int) -> None:
        names, words = self.gui.KeyName, self.searched or ""
        found = [row.k for row in self.window.panel.rows]
        self.searched = None if key in (names.ENTER, names.ESCAPE) else words
        if key == names.ENTER and words and found:
            self.window.choose(self.window.look.isolate, found)
        elif key == names.BACKSPACE:
            self.searched = words[:-1]
        elif 32 <= key < 127:
            self.searched = words + chr(key).lower()
        self.window.panel.rebuild()
