"""The left part of the window: the scene, and over it the bar of layers, the tip, the key of the colors, the help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from pointnc.reporting.colors import UNLABELED
from pointnc.reporting.pictures import write_png
from pointnc.scenes.scene import IGNORE
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.layers import LAYERS, describe_point, labels_of
from pointnc.viewer.legend import key_of
from pointnc.viewer.window.control import Control
from pointnc.viewer.window.keys import GESTURES, KEYS

CARD, INK = (0.16, 0.17, 0.19, 0.92), (0.93, 0.93, 0.93, 1.0)
"""RGBA of what lies over the scene, and of its letters."""


class Stage:
    """The scene and what lies over it.

    Attributes:
        view: the scene's widget.
        help_shown: whether the help is.
    """

    def __init__(self, control: Control, renderer: Any) -> None:
        """Add the widgets to a window.

        Args:
            control: of the window.
            renderer: Open3D's scene, which it draws.
        """
        gui = control.gui
        self.control, self.gui = control, gui
        self.help_shown = False
        self.em = control.native.theme.font_size
        self.view = gui.SceneWidget()
        self.view.scene = renderer
        self.view.scene.view.set_post_processing(False)  # it would tone the colors: the legend's would be others
        self.view.enable_scene_caching(True)
        self.bar = self._card(gui.Horiz)
        self.buttons = {}
        for number, (layer, title) in enumerate(LAYERS.items(), start=1):
            button = gui.Button(f"{number}  {title}")
            button.toggleable = True
            button.set_on_clicked(control.guarded(lambda layer=layer: control.choose(control.look.set_layer, layer)))
            self.bar.add_child(button)
            self.buttons[layer] = button
        self.key = self._card(gui.Horiz)
        self.key_parts = [(swatch(gui), gui.Label("")) for _ in range(5)]
        for square, label in self.key_parts:
            self.key.add_child(square)
            self.key.add_child(label)
        self.tip = self._card(gui.Vert)
        self.tip_lines = []
        for title in ("truth", "prediction"):
            line = gui.Horiz(0.4 * self.em)
            square, label = swatch(gui), gui.Label(title)
            line.add_child(square)
            line.add_child(label)
            self.tip.add_child(line)
            self.tip_lines.append((line, square, label))
        self.tip_place = gui.Label("")
        self.tip.add_child(self.tip_place)
        self.tip_at = (0, 0)
        self.said = self._card(gui.Vert)
        self.said_text = gui.Label("")
        self.said.add_child(self.said_text)
        self.help = self._help()
        for widget in (self.view, self.bar, self.key, self.said, self.tip, self.help):
            control.native.add_child(widget)
        for widget in (self.key, self.said, self.tip, self.help):
            widget.visible = False
        control.on_change.append(self.update)
        control.on_move, control.on_message = self.hide_tip, self.say

    def _card(self, kind: Any) -> Any:
        margin = round(0.4 * self.em)
        card = kind(0.4 * self.em, self.gui.Margins(2 * margin, margin, 2 * margin, margin))
        card.background_color = self.gui.Color(*CARD)
        return card

    def _help(self) -> Any:
        gui, card = self.gui, self._card(self.gui.Vert)
        for title, entries in (("Keys", KEYS), ("Mouse", GESTURES)):
            heading = gui.Label(title)
            heading.text_color = gui.Color(1.0, 0.83, 0.45)
            card.add_child(heading)
            grid = gui.VGrid(2, 0.35 * self.em)
            for keys, meaning in entries:
                label = gui.Label(keys)
                label.text_color = gui.Color(*INK)
                grid.add_child(label)
                grid.add_child(gui.Label(meaning))
            card.add_child(grid)
        return card

    # ---- what is shown

    def update(self) -> None:
        """Show layer and key of the colors."""
        look = self.control.look
        for layer, button in self.buttons.items():
            button.visible = layer in look.layers
            button.is_on = layer == look.layer
        entries = key_of(look.labeled, look.layer)
        self.key.visible = bool(entries)
        for number, (square, label) in enumerate(self.key_parts):
            square.visible = label.visible = number < len(entries)
            if number < len(entries):
                square.background_color = shade(self.gui, entries[number][0])
                label.text = entries[number][1]
                label.visible = bool(entries[number][1])
        self.control.lay_out_again()

    def say(self, text: str) -> None:
        """Show a message; "" takes it away."""
        self.said_text.text = text
        self.said.visible = bool(text)
        self.control.lay_out_again()

    def show_help(self, shown: bool) -> None:
        """Show the help, or take it away."""
        self.help.visible = self.help_shown = shown
        self.hide_tip()
        self.control.lay_out_again()

    def show_tip(self, labeled: LabeledScene, point: int | None, at: tuple[int, int]) -> None:
        """Show what is known of a point, away from a pixel of the scene; nothing where there is no point."""
        if point is None or self.help_shown:
            self.hide_tip()
            return
        place, *said = describe_point(labeled, point).split("; ")
        self.tip_place.text = place
        for (line, square, label), layer in zip(self.tip_lines, ("truth", "prediction")):
            labels = labels_of(labeled, layer)
            text = next((part for part in said if part.startswith(layer)), None)
            line.visible = text is not None and labels is not None
            if text is not None and labels is not None:
                label.text = text
                k = int(labels[point])
                color = UNLABELED if k == IGNORE else labeled.taxonomy.colors[k]
                square.background_color = shade(self.gui, color)
        self.tip.visible, self.tip_at = True, at
        self.control.lay_out_again()

    def hide_tip(self) -> None:
        """Take the tip away."""
        if self.tip.visible:
            self.tip.visible = False
            self.control.lay_out_again()

    def save_picture(self) -> None:
        """Save what is seen of the scene as a png in the working folder, under a name that is free."""
        stem = re.sub(r"[^\w.-]+", "_", f"{self.control.look.labeled.scene.name}_{self.control.look.layer}")

        def save(image: Any) -> None:
            path, number = Path(f"{stem}.png"), 1
            while path.exists():
                number += 1
                path = Path(f"{stem}_{number}.png")
            write_png(path, np.asarray(image)[..., :3])
            print(f"written: {path.absolute()}", flush=True)
            self.say(f"written: {path.name}")

        self.view.scene.scene.render_to_image(self.control.guarded(save))
        self.control.redraw()

    # ---- places

    def lay_out(self, context: Any, area: Any) -> None:
        """Give each part its place in an area of the window."""
        gap = round(0.6 * self.em)
        self.view.frame, self.control.size = area, (max(area.width, 1), max(area.height, 1))
        width, height = self._wanted(context, self.bar)
        self.bar.frame = self.gui.Rect(area.x + (area.width - width) // 2, area.y + gap, width, height)
        self.control.free = max(1 - 2 * (height + 2 * gap) / self.control.size[1], 0.3)
        bottom = area.get_bottom() - gap
        for card in (self.key, self.said):
            if card.visible:
                width, height = self._wanted(context, card)
                card.frame = self.gui.Rect(area.x + (area.width - width) // 2, bottom - height, width, height)
                bottom -= height + gap
        if self.tip.visible:
            width, height = self._wanted(context, self.tip)
            # In a corner where the pointer is not: what lies under the pointer would take the scene's events.
            left, top = area.x + gap, area.get_bottom() - gap - height
            if self.tip_at[0] < width + 4 * gap and self.tip_at[1] > area.height - height - 4 * gap:
                left = area.get_right() - gap - width
            self.tip.frame = self.gui.Rect(left, top, width, height)
        if self.help.visible:
            width, height = self._wanted(context, self.help)
            x, y = area.x + (area.width - width) // 2, area.y + max((area.height - height) // 2, 0)
            self.help.frame = self.gui.Rect(x, y, width, height)

    def _wanted(self, context: Any, widget: Any) -> tuple[int, int]:
        size = widget.calc_preferred_size(context, self.gui.Widget.Constraints())
        return size.width, size.height


def swatch(gui: Any, color: tuple[int, int, int] = (0, 0, 0)) -> Any:
    """Return a button of one color: no font of Open3D has a square, and an image is drawn when its pixels are gone."""
    button = gui.Button(" ")
    button.vertical_padding_em, button.horizontal_padding_em = 0.0, 0.2
    button.background_color = shade(gui, color)
    return button


def shade(gui: Any, color: tuple[int, int, int]) -> Any:
    """Return a color of Open3D's."""
    return gui.Color(*(channel / 255 for channel in color))
