"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "remark", "problem"]


@dataclass(frozen=True)
class Finding:
    """A line of the report.

    Attributes:
        subject: what was looked at.
        text: what was seen.
        level: "ok"; "remark", something to know; "problem", something that will not work.
        remedy: what fixes it, mostly a command, or "".
    """

    subject: str
    text: str
    level: Level = "ok"
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types only."""
        return asdict(self)
