"""Keys and gestures of the window, as its help lists them."""

from __future__ import annotations

KEYS = (
    ("1 - 5", "color, truth, prediction, error, confidence"),
    ("N  B", "next scene, back"),
    ("F  T", "whole scene, from above"),
    ("O  X", "the class under the pointer: alone, hidden"),
    ("A  I", "all classes, the others instead"),
    ("/", "search classes; Enter shows the found ones alone"),
    ("E  H", "errors alone, through walls from behind"),
    ("[  ]", "height of the cut"),
    ("+  -", "point size"),
    ("P", "save a picture"),
    ("D  L", "dark, legend"),
    ("?  F1", "this help"),
    ("Q", "close the window"),
)
"""Keys and what they do; Open3D knows keys by their place on an American keyboard."""

GESTURES = (
    ("turn", "drag"),
    ("move", "drag with the right button, or with Shift"),
    ("zoom", "wheel"),
    ("what is it?", "pointer on a point; a click prints it"),
    ("go there", "double click"),
)
