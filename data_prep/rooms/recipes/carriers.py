"""Which classes carry small things, named once for all recipes that stand on them."""

from __future__ import annotations

DESKS = ("desk", "table")
LOW_TABLES = ("coffee table", "end table", "nightstand", "dining table")
TABLES = (*DESKS, *LOW_TABLES)
STORAGE = ("dresser", "cabinet", "file cabinet", "tv stand", "stand")
SHELVES = ("bookshelf", "shelf")
KITCHEN_TOPS = ("kitchen counter", "counter", "kitchen cabinet")
BATHROOM_TOPS = ("bathroom vanity", "bathroom counter", "windowsill")
SEATS = ("bed", "couch", "chair", "armchair", "bench")
ANY_TOP = (*TABLES, *STORAGE, *SHELVES, *KITCHEN_TOPS, "windowsill")
