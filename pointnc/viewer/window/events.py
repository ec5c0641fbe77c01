"""What hands do: the pointer over the scene, and the keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pointnc.viewer.layers import LAYERS, describe_point, labels_of
from pointnc.viewer.window.control import Control
from pointnc.viewer.window.panel import Panel
from pointnc.viewer.window.picking import Picker
from pointnc.viewer.window.stage import Stage

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
        escaped: whether Escape was pressed or let go since the last step.
    """

    def __init__(self, control: Control, stage: Stage, panel: Panel) -> None:
        """Listen to the window that they are of."""
        self.control, self.stage, self.panel, self.gui = control, stage, panel, control.gui
        self.picker: Picker | None = None
        self.shift = self.dragged = self.hovers = self.escaped = False
        self.pointer = self.pressed = self.clicked_at = (0, 0)
        self.clicked = 0.0
        ignored = self.gui.Widget.EventCallbackResult.IGNORED
        stage.view.set_on_mouse(control.guarded(self._on_mouse, ignored))
        control.native.set_on_key(control.guarded(self._on_key, True))

    # ---- pointer

    def step(self) -> None:
        """Show what is under the pointer, if it has moved."""
        if self.hovers and not self.dragged:
            self.hovers = False
            self.stage.show_tip(self.control.look.labeled, self.pick(), self.pointer)

    def pick(self) -> int | None:
        """Return the number of the point under the pointer."""
        control = self.control
        if self.picker is None:
            camera = control.orbit.camera(*control.size)
            self.picker = Picker(camera, control.look.coord, control.shown, control.drawn_size)
        return self.picker.at(*self.pointer)

    def _on_mouse(self, event: Any) -> Any:
        kinds, frame = self.gui.MouseEvent.Type, self.stage.view.frame
        before, self.pointer = self.pointer, (event.x - frame.x, event.y - frame.y)
        if event.type == kinds.MOVE:
            self.hovers = True
        elif event.type == kinds.BUTTON_DOWN:
            self.pressed, self.dragged = self.pointer, False
        elif event.type == kinds.DRAG:
            self.dragged = self.dragged or self._strayed()
            self._drag(event, self.pointer[0] - before[0], self.pointer[1] - before[1])
        elif event.type == kinds.WHEEL:
            width, height = self.control.size
            x, y = (2 * self.pointer[0] - width) / height, (height - 2 * self.pointer[1]) / height
            self.control.set_orbit(self.control.orbit.zoomed(0.88**event.wheel_dy, x, y))
        elif event.type == kinds.BUTTON_UP:
            if not self.dragged and not self._strayed():
                self._click()
            self.dragged = False
        return self.gui.Widget.EventCallbackResult.CONSUMED

    def _strayed(self) -> bool:
        """Whether the pointer is away from where the button was pressed: fast hands are seen at both ends alone."""
        return max(abs(self.pointer[0] - self.pressed[0]), abs(self.pointer[1] - self.pressed[1])) > STILL

    def _drag(self, event: Any, right: int, down: int) -> None:
        control, modifiers = self.control, (self.gui.KeyModifier.SHIFT, self.gui.KeyModifier.CTRL)
        modified = any(event.is_modifier_down(key) for key in modifiers)
        if event.is_button_down(self.gui.MouseButton.LEFT) and not modified:
            control.set_orbit(control.orbit.turned(TURN * right, TURN * down))
        else:
            height = control.size[1]
            control.set_orbit(control.orbit.moved(right / height, down / height))

    def _click(self) -> None:
        point, now, look = self.pick(), time.monotonic(), self.control.look
        again = now - self.clicked < DOUBLE and self.pointer == self.clicked_at
        self.clicked, self.clicked_at = now, self.pointer
        if point is None:
            return
        if again:
            self.control.set_orbit(self.control.orbit.at(look.coord[point].astype(np.float64)))
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
        elif down and self.panel.searched is not None:
            self.panel.search(event.key)
        elif down:
            self._press(event.key)
        return True

    def _press(self, key: int) -> None:
        control, look, names = self.control, self.control.look, self.gui.KeyName
        character = chr(key) if 32 < key < 127 else ""
        if key == names.F1 or (character == "/" and self.shift):
            self.stage.show_help(not self.stage.help_shown)
        elif key == names.ESCAPE:
            self.stage.show_help(False)
        elif character and character in "12345":
            control.choose(look.set_layer, list(LAYERS)[int(character) - 1])
        elif character in self._actions():
            self._actions()[character]()

    def _actions(self) -> dict[str, Callable[[], Any]]:
        control, look = self.control, self.control.look
        return {
            "n": lambda: control.go(1),
            "b": lambda: control.go(-1),
            "f": lambda: control.fit("oblique"),
            "t": lambda: control.fit("top"),
            "a": lambda: control.choose(look.hide, ()),
            "i": lambda: control.choose(look.invert),
            "o": lambda: self._with_class(look.isolate),
            "x": lambda: self._with_class(look.hide_too),
            "e": lambda: control.choose(look.set_errors_alone, not look.errors_alone),
            "h": lambda: control.choose(look.set_through, not look.through),
            "[": lambda: control.choose(look.set_cut, look.cut - look.cut_step),
            "]": lambda: control.choose(look.set_cut, look.cut + look.cut_step),
            "=": lambda: control.set_point_factor(1.2 * control.point_factor),
            "-": lambda: control.set_point_factor(control.point_factor / 1.2),
            "p": self.stage.save_picture,
            "d": control.turn_dark,
            "l": self.panel.fold,
            "q": control.close,
            "/": self.panel.start_search,
        }

    def _with_class(self, change: Callable[[Iterable[int]], None]) -> None:
        """Change how the class under the pointer is shown, of the labels that the layer shows."""
        point, labels = self.pick(), labels_of(self.control.look.labeled, self.control.look.layer)
        if point is not None and labels is not None:
            self.control.choose(change, [int(labels[point])])
