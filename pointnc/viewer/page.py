"""One html page that holds scenes, program and style, and asks the network for nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.reporting.colors import IGNORED, RIGHT, UNLABELED, WRONG
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.version import __version__
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.layers import LAYERS, RAMP
from pointnc.viewer.payload import Payload, pack, plain_figures

ASSETS = Path(__file__).parent / "assets"

SCRIPTS = (
    "vectors.js",
    "data.js",
    "camera.js",
    "shaders.js",
    "renderer.js",
    "gestures.js",
    "classes.js",
    "legend.js",
    "panes.js",
    "application.js",
)
"""The program's files in their order: each uses only what stands before it."""

BREAK = 1 << 20
"""Characters of base64 a line: some editors refuse a page of one endless line."""


def write_page(path: str | Path, scenes: Iterable[LabeledScene], shown_points: int, title: str = "") -> list[int]:
    """Write the page, whole or not at all; one scene at a time is in memory.

    Args:
        path: ``FILE.html``.
        scenes: at least one; all of one taxonomy.
        shown_points: a larger scene is thinned to at most so many points.
        title: heading of the page; "": the names of the scenes.

    Returns:
        How many points of each scene are in the page.

    Raises:
        UserError: the scenes have different classes.
    """
    headers: list[dict[str, Any]] = []
    taxonomy: Taxonomy | None = None
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        # The scenes stand first: a browser reads them while it has nothing else to do, and the program finds them.
        stream.write(_head(title or "pointnc"))
        for number, labeled in enumerate(scenes):
            if taxonomy is None:
                taxonomy = labeled.taxonomy
            elif difference := taxonomy.difference(labeled.taxonomy):
                raise UserError(
                    f"scene {labeled.scene.name} has other classes than the first: {difference}", code="other-taxonomy"
                )
            payload = pack(labeled.thinned(shown_points))
            headers.append({**payload.header, "points": len(labeled.scene), "figures": plain_figures(labeled)})
            stream.write(_block(number, payload))
        if taxonomy is None:
            raise UserError("there is no scene to show", code="nothing-there")
        stream.write(_json("description", describe(taxonomy, headers, title)))
        program = "\n".join(_asset(name) for name in SCRIPTS)
        stream.write(f'<script>\n"use strict";\n(() => {{\n{program}\n}})();\n</script>\n</body>\n</html>\n')
    return [header["count"] for header in headers]


def describe(taxonomy: Taxonomy, headers: list[dict[str, Any]], title: str = "") -> dict[str, Any]:
    """Return what the program is told: classes, colors, layers and the scenes' headers; plain types."""
    return {
        "title": title,
        "version": __version__,
        "taxonomy": {
            "name": taxonomy.name,
            "names": list(taxonomy.names),
            "ids": list(taxonomy.ids),
            "colors": [list(color) for color in taxonomy.colors],
            "groups": list(taxonomy.groups),
        },
        "layers": LAYERS,
        "colors": {"none": UNLABELED, "right": RIGHT, "wrong": WRONG, "ignored": IGNORED, "ramp": RAMP},
        "scenes": headers,
    }


def _head(title: str) -> str:
    body = _asset("viewer.html").replace("{{style}}", _asset("viewer.css")).replace("{{title}}", escape(title))
    return body.rstrip() + "\n"


def _block(number: int, payload: Payload) -> str:
    text = base64.b64encode(payload.block).decode("ascii")
    lines = "\n".join(text[start : start + BREAK] for start in range(0, len(text), BREAK))
    return f'<script type="text/plain" id="scene-{number}">\n{lines}\n</script>\n'


def _json(name: str, data: Any) -> str:
    # No name of a class or scene can end the element early, or begin a comment in it.
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
