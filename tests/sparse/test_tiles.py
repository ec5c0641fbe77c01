"""Loops whose innermost code is in another file are compiled again when that file changes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pointnc.sparse import gradient_loops, product_loops, register_tiles

INNER = "from numba.extending import intrinsic\nfrom numba import types\n\n@intrinsic\ndef inner(context):\n"
CODE = """
from numba import njit
from inner import inner

@njit(cache=True)
def outer():
    return inner()

print(outer())
"""


@pytest.mark.parametrize("loops", [product_loops, gradient_loops])
def test_loops_hold_the_hash_of_their_tiles(loops: object) -> None:
    digest = hashlib.sha256(Path(register_tiles.__file__).read_bytes()).hexdigest()[:16]
    assert digest == loops.TILES, f"write TILES = {digest!r} there, or numba goes on with what it compiled before"


def test_numba_alone_would_not_see_the_change(tmp_path: Path) -> None:
    def result(value: int) -> str:
        body = f"    return types.int64(), lambda context, builder, signature, arguments: context.get_constant(types.int64, {value})\n"
        (tmp_path / "inner.py").write_text(INNER + body)
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "outer.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    (tmp_path / "outer.py").write_text(CODE)
    assert (result(1), result(2)) == ("1", "1")
    (tmp_path / "outer.py").write_text(f"{CODE}# changed\n")
    assert result(2) == "2"
