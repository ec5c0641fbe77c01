"""The right part of the window: the scene's name and figures, the legend by which classes are hidden, the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointnc.viewer.legend import Row, caption, legend_rows, matching, ordered, short
from pointnc.viewer.window.stage import swatch

if TYPE_CHECKING:
    from pointnc.viewer.window.window import Window

WIDTH, COLUMN = 25, 3.2
"""Of the panel, and of a column of figures, in heights of the letters."""

LONGEST = 22
"""Letters of a name."""

ORDERS = {"by points": "points", "lowest IoU first": "iou", "by name": "name"}


class Panel:
    """The panel.

    Attributes:
        rows: of the legend, as far as the search has left them.
    """

    def __init__(self, window: Window) -> None:
        """Add the widgets to a window."""
        self.window, self.gui = window, window.gui
        self.em = window.window.theme.font_size
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
            window.window.add_child(part)

    def _button(self, text: str, act: Any) -> Any:
        button = self.gui.Button(text)
        button.vertical_padding_em, button.horizontal_padding_em = 0.1, 0.4
        button.set_on_clicked(self.window.guarded(act))
        return button

    def _fill_head(self) -> None:
        gui, window, gap = self.gui, self.window, 0.4 * self.em
        line = gui.Horiz(gap)
        self.name, self.place = gui.Label(""), gui.Label("")
        for part in (self._button("<", lambda: window.go(-1)), self._button(">", lambda: window.go(1))):
            line.add_child(part)
        line.add_child(self.name)
        line.add_stretch()
        line.add_child(self.place)
        line.add_child(self._button("?", lambda: window.stage.show_help(not window.stage.help_shown)))
        self.head.add_child(line)
        self.figures = gui.Label("")
        self.head.add_child(self.figures)
        line = gui.Horiz(gap)
        line.add_child(self._button("all", lambda: window.choose(window.look.hide, ())))
        line.add_child(self._button("none", lambda: window.choose(window.look.hide, window.look.classes)))
        line.add_child(self._button("invert", lambda: window.choose(window.look.invert)))
        line.add_child(self._button("search", window.events.start_search))
        line.add_stretch()
        self.orders = gui.Combobox()
        for title in ORDERS:
            self.orders.add_item(title)
        self.orders.set_on_selection_changed(window.guarded(self._reorder))
        line.add_child(self.orders)
        self.head.add_child(line)
        self.found = gui.Label("")
        self.head.add_child(self.found)

    def _fill_foot(self) -> None:
        gui, window = self.gui, self.window
        grid = gui.VGrid(2, 0.4 * self.em)
        self.size, self.cut = gui.Slider(gui.Slider.DOUBLE), gui.Slider(gui.Slider.DOUBLE)
        self.size.set_limits(0.3, 4.0)
        self.size.set_on_value_changed(window.guarded(window.set_point_factor))
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
        return self.window.guarded(lambda *values: self.window.choose(getattr(self.window.look, change), *values))

    def _reorder(self, title: str, _index: int) -> None:
        self.order = ORDERS[title]
        self.rebuild()

    def fold(self) -> None:
        """Hide the panel, or show it again."""
        self.folded = not self.folded
        for part in (self.head, self.list, self.foot):
            part.visible = not self.folded
        self.window.lay_out_again()

    # ---- what is shown

    def update(self) -> None:
        """Show what is chosen; list the classes again where the scene is another one."""
        look = self.window.look
        if self.listed is not look:
            self.listed = look
            self.name.text, self.place.text = look.labeled.scene.name, self.window.shelf.place
            self.figures.text = caption(look.labeled)
            self.cut.set_limits(0.0, look.top)
            self.through.visible = look.has_normals
            self.errors.visible = "error" in look.layers
            self.rebuild()
        for k, box in self.boxes.items():
            box.checked = k not in look.hidden
        self.size.double_value, self.cut.double_value = self.window.point_factor, look.cut
        self.through.checked, self.errors.checked = look.through, look.errors_alone
        self.window.lay_out_again()

    def rebuild(self) -> None:
        """List the classes that the search leaves, in the order that was chosen."""
        gui, gap, words = self.gui, 0.3 * self.em, self.window.events.searched
        choose, look = self.window.choose, self.window.look
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
            box.set_on_checked(self.window.guarded(lambda _, k=row.k: choose(look.toggle, k)))
            self.boxes[row.k] = box
            square = swatch(gui, row.color)
            square.set_on_clicked(self.window.guarded(lambda k=row.k: choose(look.isolate, [k])))
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
        self.window.lay_out_again()

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
