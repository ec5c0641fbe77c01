"""YAML: plain values out of files, bounded in size and depth, without aliases.

Ten lines of aliases that name each other stand for more than any memory holds; no file of ours needs one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pointnc.errors import UserError
from pointnc.untrusted.sizes import one_line, read_bounded

DEPTH = 16
"""Mappings and lists within each other."""

MOST = 1 << 20
"""Bytes: thousands of classes; the parser takes some ten seconds for them."""


def read_yaml(path: str | Path, what: str, hint: str) -> Any:
    """Return what a file holds: mappings, lists, texts, numbers, truth values, dates.

    Args:
        path: of the file.
        what: how messages call such a file.
        hint: how to fix what is wrong with it; ends every message.

    Raises:
        UserError: it is no yaml, is too large, nests too deep, or has an alias.
        OSError: it is missing or cannot be read.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("it has an alias (*name): write the value out")
            self.depth += 1
            if self.depth > DEPTH:
                raise yaml.YAMLError(f"it nests more than {DEPTH} deep")
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    raw = read_bounded(path, MOST, hint)
    try:
        return yaml.load(raw.decode("utf-8-sig"), Loader)
    except Exception as error:  # numbers, dates and tags of no sense raise in many ways
        raise UserError(f"{what} {path} is not yaml: {one_line(error)}; {hint}", code="damaged-file") from None
