"""What a pcd file says of itself: the words of its header, its fields, the number of its points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointnc.errors import UserError
from pointnc.untrusted.sizes import whole_number

MOST_LINES = 1000
"""Lines of a header, comments included."""

KEYS = ("VERSION", "FIELDS", "COLUMNS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA")


@dataclass(frozen=True)
class Field:
    """A field as the header has it.

    Attributes:
        name: of the field.
        size: bytes of a value.
        kind: F, I or U.
        count: values a point; 0 in the padding of some writers.
        columns: what its values are called: the field's name, or ``name_0``, ``name_1`` where there are several.
    """

    name: str
    size: str
    kind: str
    count: int
    columns: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a value."""
        return np.dtype(f"<{ {'F': 'f', 'I': 'i', 'U': 'u'}[self.kind] }{int(self.size)}")


def read_header(path: Path) -> tuple[dict[str, list[str]], list[bytes], int, int]:
    """Return the words behind each key, all lines as they are, the bytes of all, and the number of points."""
    header: dict[str, list[str]] = {}
    lines: list[bytes] = []
    with path.open("rb") as stream:
        while "DATA" not in header:
            raw = stream.readline(65536)
            if not raw or len(lines) > MOST_LINES:
                raise UserError(f"{path} is no pcd file: its header has no DATA line", code="wrong-format")
            lines.append(raw)
            words = raw.decode("ascii", "replace").split()
            if words and not words[0].startswith("#"):
                if words[0] not in KEYS:
                    raise UserError(
                        f"{path} is no pcd file: its header has a line {words[0][:20]!r}", code="wrong-format"
                    )
                if words[0] in header:
                    raise UserError(f"{path} is damaged: its header has {words[0]} twice", code="damaged-file")
                header[words[0]] = words[1:]
                if words[0] == "COLUMNS":  # of the first versions
                    header["FIELDS"] = words[1:]
        size = stream.tell()
    for key in ("FIELDS", "SIZE", "TYPE", "DATA"):
        if not header.get(key):
            raise UserError(f"{path} is damaged: its header has no {key}", code="damaged-file")
    if not header.get("POINTS") and not header.get("WIDTH"):
        raise UserError(f"{path} is damaged: its header has neither POINTS nor WIDTH", code="damaged-file")
    # Some leave POINTS out, which follows from the others.
    keys = ("POINTS",) if header.get("POINTS") else ("WIDTH", "HEIGHT")
    said = {key: header.get(key, ["1"])[0] for key in keys}
    counts = [whole_number(text) for text in said.values()]
    if header["DATA"][0] not in ("ascii", "binary", "binary_compressed") or None in counts:
        promised = ", ".join(f"{key} {text[:60]}" for key, text in said.items())
        raise UserError(f"{path} is damaged: DATA {header['DATA'][0][:60]}, {promised}", code="damaged-file")
    return header, lines, size, math.prod(count for count in counts if count is not None)
