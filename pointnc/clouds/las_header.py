"""What a las or laz file says of itself, compared with its size before laspy or its decompressor believe it.

After the public LAS 1.4 specification (ASPRS) and the description of LAZ (Isenburg, 2013): a laz file's points are in
chunks, each of which begins with a whole point, and a table behind them holds their sizes.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pointnc.errors import UserError
from pointnc.untrusted.sizes import LARGEST_COUNT

SMALLEST = (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)
"""Bytes of a point of each format, without extra bytes."""

_HEADER, _HEADER_14, _VLR, _EVLR = 227, 375, 54, 60
_ITEMS = 32
"""Where the compressor's record lists the parts of a point."""
_CHUNKED = (2, 3)
"""Compressors that cut points into chunks."""
_LASZIP = (b"laszip encoded", 22204)


@dataclass(frozen=True)
class LasLayout:
    """Where things are in a file.

    Attributes:
        points: number of them.
        record: bytes of one.
        start: byte at which they begin.
        compressed: whether it is laz.
        laszip: what the compressor noted of itself; empty where it did not.
    """

    points: int
    record: int
    start: int
    compressed: bool
    laszip: bytes


def read_layout(path: Path) -> LasLayout:
    """Read a header, and compare its counts and places with the file.

    Raises:
        UserError: a count or a place is beyond the file.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            layout = _read_layout(stream, size)
            if layout.compressed and layout.points:
                _check_chunks(stream, layout, size)
            return layout
    except _Damaged as damage:
        raise UserError(f"{path} is damaged or no las file: {damage}", code="damaged-file") from None
    except struct.error:
        raise UserError(f"{path} is damaged or no las file: it is truncated", code="damaged-file") from None


class _Damaged(Exception):  # noqa: N818 - what is wrong with the file
    pass


def _read_layout(stream: BinaryIO, size: int) -> LasLayout:
    head = stream.read(_HEADER_14)
    if head[:4] != b"LASF":
        raise _Damaged("it does not begin with LASF")
    header_size, start, vlrs = struct.unpack_from("<HII", head, 94)
    kind, record, points = struct.unpack_from("<BHI", head, 104)
    minor = head[25]
    if minor >= 4:
        first_evlr, evlrs, points = struct.unpack_from("<QIQ", head, 235)
    form = kind & 0x3F
    if points > LARGEST_COUNT:
        raise _Damaged(f"its header promises {points} points")
    if not (_HEADER_14 if minor >= 4 else _HEADER) <= header_size <= start <= size:
        raise _Damaged(f"its points begin at byte {start} of {size}, behind a header of {header_size}")
    if form >= len(SMALLEST) or record < SMALLEST[form]:
        raise _Damaged(f"points of format {form} with {record} bytes")
    scales = struct.unpack_from("<3d", head, 131)
    if not all(math.isfinite(scale) and scale for scale in scales):
        raise _Damaged(f"its coordinates are scaled by {scales}")
    compressed, laszip = bool(kind & 0x80), b""
    for _, user, number, place, length in _walk(
        stream, vlrs, header_size, start, "<H16sHH32s", "variable length records"
    ):
        if (user, number) == _LASZIP:
            stream.seek(place)
            laszip = stream.read(length)
    if minor >= 4 and evlrs:
        for _ in _walk(stream, evlrs, first_evlr, size, "<H16sHQ32s", "extended records"):
            pass
    there = (size - start) // record
    if not compressed and points > there:
        raise _Damaged(f"it is truncated: its header promises {points} points, {there} are there")
    return LasLayout(points, record, start, compressed, laszip)


def _walk(stream: BinaryIO, count: int, start: int, end: int, layout: str, what: str) -> Any:
    """Yield number, user, kind, place and length of records, which must be between ``start`` and ``end``."""
    width = struct.calcsize(layout)
    if start > end or count > (end - start) // width:
        raise _Damaged(f"its header promises {count} {what}, for which there is no room")
    for number in range(count):
        stream.seek(start)
        _, user, kind, length, _ = struct.unpack(layout, stream.read(width))
        if length > end - start - width:
            raise _Damaged(f"{what}, number {number}, promises {length} bytes, {max(end - start - width, 0)} are there")
        yield number, user.split(b"\0")[0], kind, start + width, length
        start += width + length


def _check_chunks(stream: BinaryIO, layout: LasLayout, size: int) -> None:
    if not layout.laszip:
        raise _Damaged("it has no record of its compressor")
    (count,) = struct.unpack_from("<H", layout.laszip, _ITEMS)
    widths = struct.unpack_from(f"<{3 * count}H", layout.laszip, _ITEMS + 2)[1::3]  # kind, bytes, version of each part
    if sum(widths) != layout.record:
        raise _Damaged(f"its points have {layout.record} bytes, its compressor's {sum(widths)}")
    compressor, chunk_size = struct.unpack_from("<H10xI", layout.laszip)
    if compressor not in _CHUNKED:
        return
    stream.seek(layout.start)
    (table,) = struct.unpack("<q", stream.read(8))
    if table == -1:  # a writer that could not go back noted it at the end
        stream.seek(size - 8)
        (table,) = struct.unpack("<q", stream.read(8))
    first = layout.start + 8
    if not first <= table <= size - 8:
        raise _Damaged(f"its chunk table is said to be at byte {table} of {size}")
    stream.seek(table)
    version, chunks = struct.unpack("<II", stream.read(8))
    if version != 0 or chunks > (table - first) // layout.record or chunks > layout.points:
        raise _Damaged(f"its chunk table (version {version}) promises {chunks} chunks in {table - first} bytes")
    if layout.points > chunks * chunk_size:  # 2^32 - 1 where each chunk has as many as it likes
        raise _Damaged(f"its header promises {layout.points} points in {chunks} chunks of {chunk_size}")
