"""The right part of the window: the scene's name and figures, the legend by which classes are hidden, the settings."""

from __future__ import annotations

from typing import Any

from pointnc.viewer.legend import Row, caption, legend_rows, matching, ordered, short
from pointnc.viewer.window.control import Control
from pointnc.viewer.window.stage import Stage, swatch

WIDTH, COLUMN = 25, 3.2
"""Of the panel, and of a column of figures, in heights of the letters."""

LONGEST = 22
"""Letters of a name."""

ORDERS = {"by points": "points", "lowest IoU first": "iou", "by name": "name"}


class Panel:
    """The panel.

    Attributes:
        rows: of the legend, as far as the search has left them.
        searched: the letters of a search; None where none is going on.
    """

    def __init__(self, control: Control, stage: Stage) -> None:
        """Add the widgets to the window of a stage."""
        self.control, self.stage, self.gui = control, stage, control.gui
        self.em = control.native.theme.font_size
        self.searched: str | None = None
        self.rows: list[Row] = []
        self.boxes: dict[int, Any] = {}
        self.order, self.listed, self.folded = "points", object(), False
        gui, margin = self.gui, round(0.5 * self.em)
        self.margins = gui.Margins(2 * margin, margin, margin, margin)
        self.head = gui.Vert(0.4 * self.em, self.margins)
        self.list = gui.WidgetProxy()
        self.foot = gui.Vert(0.3 * self.em, self.margins)
        self._fill_head()
        self._fill_foot()
        for part in (self.head, self.list, self.foot):
            control.native.add_child(part)
        control.on_change.append(self.update)

    def _button(self, text: str, act: Any) -> Any:
        button = self.gui.Button(text)
        button.vertical_padding_em, button.horizontal_padding_em = 0.1, 0.4
        button.set_on_clicked(self.control.guarded(act))
        return button

    def _fill_head(self) -> None:
        gui, control, gap = self.gui, self.control, 0.4 * self.em
        line = gui.Horiz(gap)
        self.name, self.place = gui.Label(""), gui.Label("")
        for part in (self._button("<", lambda: control.go(-1)), self._button(">", lambda: control.go(1))):
            line.add_child(part)
        line.add_child(self.name)
        line.add_stretch()
        line.add_child(self.place)
        line.add_child(self._button("?", lambda: self.stage.show_help(not self.stage.help_shown)))
        self.head.add_child(line)
        self.figures = gui.Label("")
        self.head.add_child(self.figures)
        line = gui.Horiz(gap)
        line.add_child(self._button("all", lambda: control.choose(control.look.hide, ())))
        line.add_child(self._button("none", lambda: control.choose(control.look.hide, control.look.classes)))
        line.add_child(self._button("invert", lambda: control.choose(control.look.invert)))
        line.add_child(self._button("search", self.start_search))
        line.add_stretch()
        self.orders = gui.Combobox()
        for title in ORDERS:
            self.orders.add_item(title)
        self.orders.set_on_selection_changed(control.guarded(self._reorder))
        line.add_child(self.orders)
        self.head.add_child(line)
        self.found = gui.Label("")
        self.head.add_child(self.found)

    def _fill_foot(self) -> None:
        gui, control = self.gui, self.control
        grid = gui.VGrid(2, 0.4 * self.em)
        self.size, self.cut = gui.Slider(gui.Slider.DOUBLE), gui.Slider(gui.Slider.DOUBLE)
        self.size.set_limits(0.3, 4.0)
        self.size.set_on_value_changed(control.guarded(control.set_point_factor))
        self.cut.set_on_value_changed(self._chooser("set_cut"))
        for title, slider in (("Point size", self.size), ("Height, m", self.cut)):
            grid.add_child(gui.Label(title))
            grid.add_child(slider)
        self.foot.add_child(grid)
        self.through = gui.Checkbox("Look through walls from behind (H)")
        self.through.set_on_checked(self._chooser("set_through"))
        self.errors = gui.Checkbox("Errors alone (E)")
        self.errors.set_on_checked(self._chooser("set_errors_alone"))
        self.foot.add_child(self.through)
        self.foot.add_child(self.errors)

    # ---- what is chosen

    def _chooser(self, change: str) -> Any:
        """Return a callback that changes the look that is shown then by a method of this name."""
        return self.control.guarded(lambda *values: self.control.choose(getattr(self.control.look, change), *values))

    def _reorder(self, title: str, _index: int) -> None:
        self.order = ORDERS[title]
        self.rebuild()

    def fold(self) -> None:
        """Hide the panel, or show it again."""
        self.folded = not self.folded
        for part in (self.head, self.list, self.foot):
            part.visible = not self.folded
        self.control.lay_out_again()

    # ---- what is shown

    def update(self) -> None:
        """Show what is chosen; list the classes again where the scene is another one."""
        look = self.control.look
        if self.listed is not look:
            self.listed = look
            self.name.text, self.place.text = look.labeled.scene.name, self.control.shelf.place
            self.figures.text = caption(look.labeled)
            self.cut.set_limits(0.0, look.top)
            self.through.visible = look.has_normals
            self.errors.visible = "error" in look.layers
            self.rebuild()
        for k, box in self.boxes.items():
            box.checked = k not in look.hidden
        self.size.double_value, self.cut.double_value = self.control.point_factor, look.cut
        self.through.checked, self.errors.checked = look.through, look.errors_alone
        self.control.lay_out_again()

    def rebuild(self) -> None:
        """List the classes that the search leaves, in the order that was chosen."""
        gui, gap, words = self.gui, 0.3 * self.em, self.searched
        choose, look = self.control.choose, self.control.look
        labeled = look.labeled
        everything = legend_rows(labeled)
        self.rows = ordered(matching(everything, words or ""), self.order)
        count = f"{len(self.rows)} of {len(everything)}" if words else f"{len(everything)}"
        self.found.text = f"{count} classes" if words is None else f"search: {words}_   ({count} classes)"
        scored = labeled.figures.iou is not None
        self.boxes = {}
        table = gui.Vert(0.15 * self.em, self.margins)
        head = gui.Horiz(gap)
        head.add_stretch()
        for title in ("points", "IoU") if scored else ("points",):
            head.add_child(self._column(self._soft(title)))
        table.add_child(head)
        for row in self.rows:
            line = gui.Horiz(gap)
            box = gui.Checkbox(row.name if len(row.name) <= LONGEST else f"{row.name[: LONGEST - 3]}...")
            box.checked = row.k not in look.hidden
            box.tooltip = f"{row.name}: {row.points:,} points, {row.predicted:,} in the prediction  {row.group}"
            box.set_on_checked(self.control.guarded(lambda _, k=row.k: choose(look.toggle, k)))
            self.boxes[row.k] = box
            square = swatch(gui, row.color)
            square.set_on_clicked(self.control.guarded(lambda k=row.k: choose(look.isolate, [k])))
            line.add_child(square)
            line.add_child(box)
            line.add_stretch()
            line.add_child(self._button("only", lambda k=row.k: choose(look.isolate, [k])))
            line.add_child(self._column(gui.Label(short(row.points))))
            if scored:
                line.add_child(self._column(gui.Label("-" if row.iou is None else f"{row.iou:.1f}")))
            table.add_child(line)
        scroll = gui.ScrollableVert(0, gui.Margins(0, 0, 0, 0))
        scroll.add_child(table)
        self.list.set_widget(scroll)
        self.control.lay_out_again()

    def _column(self, label: Any) -> Any:
        """Return a label as wide as those above and below it."""
        column = self.gui.Vert()
        column.preferred_width = round(COLUMN * self.em)
        column.add_child(label)
        return column

    def _soft(self, text: str) -> Any:
        label = self.gui.Label(text)
        label.text_color = self.gui.Color(0.62, 0.64, 0.67)
        return label

    # ---- search

    def start_search(self) -> None:
        """Let keys be the letters of a search, until Enter or Escape."""
        self.searched = ""
        self.rebuild()

    def search(self, key: int) -> None:
        """Take a key as a letter of the search, or as its end."""
        names, words = self.gui.KeyName, self.searched or ""
        found = [row.k for row in self.rows]
        self.searched = None if key in (names.ENTER, names.ESCAPE) else words
        if key == names.ENTER and words and found:
            self.control.choose(self.control.look.isolate, found)
        elif key == names.BACKSPACE:
            self.searched = words[:-1]
        elif 32 <= key < 127:
            self.searched = words + chr(key).lower()
        self.rebuild()

    # ---- places

    def lay_out(self, context: Any, area: Any) -> int:
        """Give each part its place at the right of an area; return the width that is taken."""
        if self.folded:
            return 0
        gui, width = self.gui, min(WIDTH * self.em, area.width // 2)
        left = area.get_right() - width
        wanted = gui.Widget.Constraints()
        wanted.width = width
        head = self.head.calc_preferred_size(context, wanted).height
        foot = self.foot.calc_preferred_size(context, wanted).height
        self.head.frame = gui.Rect(left, area.y, width, head)
        self.foot.frame = gui.Rect(left, area.get_bottom() - foot, width, foot)
        self.list.frame = gui.Rect(left, area.y + head, width, max(area.height - head - foot, 0))
        return int(width)
