"""What columns are called by the programs that write clouds.

After the documents of CloudCompare, PDAL, MeshLab, Open3D, ParaView and the extensions of e57. Names are compared in
lower case, without what a program puts before them (``scalar_``, ``nor:``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

COORDS = (
    ("x", "y", "z"), ("coord_x", "coord_y", "coord_z"), ("x_coord", "y_coord", "z_coord"),
    ("cartesianx", "cartesiany", "cartesianz"), ("pos_x", "pos_y", "pos_z"), ("points:0", "points:1", "points:2"),
    ("points_0", "points_1", "points_2"), ("easting", "northing", "elevation"), ("easting", "northing", "height"),
)  # fmt: skip
COLORS = (
    ("red", "green", "blue"), ("r", "g", "b"), ("rf", "gf", "bf"), ("diffuse_red", "diffuse_green", "diffuse_blue"),
    ("colorred", "colorgreen", "colorblue"), ("color_r", "color_g", "color_b"),
    ("color_red", "color_green", "color_blue"), ("rgb:0", "rgb:1", "rgb:2"), ("rgb_0", "rgb_1", "rgb_2"),
    ("colors_0", "colors_1", "colors_2"), ("color_0", "color_1", "color_2"),
)  # fmt: skip
NORMALS = (
    ("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z"), ("normalx", "normaly", "normalz"),
    ("n_x", "n_y", "n_z"), ("normals:0", "normals:1", "normals:2"), ("normal_0", "normal_1", "normal_2"),
    ("normals_0", "normals_1", "normals_2"),
)  # fmt: skip

STRENGTHS = ("strength", "remission", "intensity", "reflectance", "reflectivity")
"""What columns are called that say how much of a laser pulse came back."""

NO_MEASUREMENT = ("cartesianinvalidstate", "sphericalinvalidstate", "withheld")
"""Flags by which e57 and las say that a record is no measurement, wherever they are not 0.

ASTM E2807: a state of 1 gives a direction alone, 2 nothing. LAS: a withheld point "should not be included in
processing".
"""

NO_COLOR = "iscolorinvalid"
NO_STRENGTH = "isintensityinvalid"
"""Flags by which e57 says that a single value is none, wherever they are not 0."""

_UNIT = re.compile(r"\s*[\[(]\s*(?:m|cm|mm|ft|deg|rad|-)?\s*[\])]$")
_PREFIXES = ("scalar_", "nor:")


def plain(name: str) -> str:
    """Return a name as it is compared, without a unit behind it."""
    name = _UNIT.sub("", name.strip().lower())
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def by_plain_name(names: Iterable[str]) -> dict[str, str]:
    """Return what names are compared as, to the names; one that needs no prefix taken off comes before others."""
    found: dict[str, str] = {}
    names = list(names)
    for name in names:
        found.setdefault(name.lower(), name)
    for name in names:
        found.setdefault(plain(name), name)
    return found
