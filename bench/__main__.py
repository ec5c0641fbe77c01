"""``python -m bench`` runs every benchmark of this folder, ``python -m bench NAME`` one of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> int:
    """Run the named benchmarks, or all."""
    known = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    names = sys.argv[1:] or known
    for name in names:
        if name not in known:
            print(f"error: no benchmark {name!r}; choose among {', '.join(known)}", file=sys.stderr)
            return 2
    for name in names:
        print(f"\n== {name} ==")
        importlib.import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
