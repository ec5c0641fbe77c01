"""LZF, the compression of binary_compressed pcd files, after its public description.

A control byte below 32 is followed by that many + 1 literal bytes. Any other holds in its upper three bits the length
− 2 of a repetition (7: a byte with more of it follows) and in its lower five, with the next byte, how far back it
begins, − 1.
"""

from __future__ import annotations

import numpy as np

_LITERALS = 32

MOST_GROWTH = 88
"""So many times as long as before the unpacked bytes can be: three packed bytes stand for 264 at most."""


def decompress(packed: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that were packed.

    Raises:
        ValueError: the data are damaged.
    """
    out = bytearray()
    at, end = 0, len(packed)
    try:
        while at < end:
            control = packed[at]
            at += 1
            if control < _LITERALS:
                literals = packed[at : at + control + 1]
                if len(literals) != control + 1:
                    raise ValueError("its compressed data end in the middle of a run")
                out += literals
                at += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += packed[at]
                at += 1
            start = len(out) - ((control & 31) << 8) - packed[at] - 1
            at += 1
            if start < 0 or len(out) > size:
                raise ValueError("its compressed data point before their beginning")
            length += 2
            if start + length <= len(out):
                out += out[start : start + length]
            else:  # the repetition overlaps what it writes
                period = bytes(out[start:])
                out += (period * (length // len(period) + 1))[:length]
    except IndexError:
        raise ValueError("its compressed data end too early") from None
    if len(out) != size:
        raise ValueError(f"its compressed data hold {len(out)} bytes instead of {size}")
    return bytes(out)


def compress(raw: bytes) -> bytes:
    """Pack bytes as literal runs only: every reader reads it; it is a thirty-second larger than before."""
    whole = len(raw) // _LITERALS * _LITERALS
    runs = np.full((whole // _LITERALS, _LITERALS + 1), _LITERALS - 1, np.uint8)
    runs[:, 1:] = np.frombuffer(raw[:whole], np.uint8).reshape(-1, _LITERALS)
    rest = raw[whole:]
    return runs.tobytes() + (bytes([len(rest) - 1]) + rest if rest else b"")
