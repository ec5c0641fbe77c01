"""What a las or laz file says of itself, compared with its size before laspy or its decompressor believe it.

After the public LAS 1.4 specification (ASPRS) and the description of LAZ (Isenburg, 2013): a laz file's points lie in
chunks, each beginning with a whole point, and a table behind them holds their sizes. Chunks of point formats 6 to 10 are
made of layers, whose sizes stand behind that point.
"""

from __future__ import annotations

import importlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pointnc.errors import UserError

SMALLEST = (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)
"""Bytes of a point of each format, without extra bytes."""

_HEADER, _HEADER_14, _VLR, _EVLR = 227, 375, 54, 60
_LASZIP = (b"laszip encoded", 22204)
_LAYERS = {10: 9, 11: 1, 12: 2, 13: 1}
"""Kind of an item of a layered chunk to its number of layers; extra bytes (14) have one each."""
_EXTRA = 14
_VARIABLE = 2**32 - 1


@dataclass(frozen=True)
class LasLayout:
    """Where things lie in a file.

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


def check_las(path: Path) -> str | None:
    """Compare the counts and places of a header with the file.

    Returns:
        None where everything fits, else why a decompressor should not be trusted with the file: see
        :func:`pointnc.untrusted.trial.try_reading`.

    Raises:
        UserError: a count or a place lies beyond the file.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            layout = _read_layout(stream, size)
            if not layout.compressed:
                there = (size - layout.start) // layout.record
                if layout.points > there:
                    raise _Damaged(f"its header promises {layout.points} points, {there} are there")
                return None
            return _check_chunks(stream, layout, size) if layout.points else None
    except _Damaged as damage:
        raise UserError(f"{path} is damaged or no las file: {damage}") from None
    except struct.error:
        raise UserError(f"{path} is damaged or no las file: it is truncated") from None


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
    if not (_HEADER_14 if minor >= 4 else _HEADER) <= header_size <= start <= size:
        raise _Damaged(f"its points begin at byte {start} of {size}, behind a header of {header_size}")
    if form >= len(SMALLEST) or record < SMALLEST[form]:
        raise _Damaged(f"points of format {form} with {record} bytes")
    laszip = b""
    for _, user, number, place, length in _walk(
        stream, vlrs, header_size, start, "<H16sHH32s", "variable length records"
    ):
        if (user, number) == _LASZIP:
            stream.seek(place)
            laszip = stream.read(length)
    if minor >= 4 and evlrs:
        for _ in _walk(stream, evlrs, first_evlr, size, "<H16sHQ32s", "extended records"):
            pass
    return LasLayout(points, record, start, bool(kind & 0x80), laszip)


def _walk(stream: BinaryIO, count: int, start: int, end: int, layout: str, what: str) -> Any:
    """Yield number, user, kind, place and length of records, which must lie between ``start`` and ``end``."""
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


def _check_chunks(stream: BinaryIO, layout: LasLayout, size: int) -> str | None:
    compressor, _, chunk_size, items = _parse_laszip(layout)
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
    # A chunk begins with a whole point.
    if version != 0 or chunks > (table - first) // layout.record or chunks > layout.points:
        raise _Damaged(f"its chunk table (version {version}) promises {chunks} chunks in {table - first} bytes")
    if chunk_size != _VARIABLE and chunks != -(-layout.points // max(chunk_size, 1)):
        return f"{layout.points} points are not {chunks} chunks of {chunk_size}"
    if compressor not in (2, 3):
        return f"it is packed by method {compressor}, which has no chunks"
    sizes = _chunk_sizes(stream, layout)
    if sizes is None:
        return "its chunk table cannot be read"
    if sum(length for _, length in sizes) > table - first:
        raise _Damaged("its chunks are longer than the file")
    if chunk_size == _VARIABLE and sum(points for points, _ in sizes) < layout.points:
        raise _Damaged("its chunks hold fewer points than its header promises")
    layers = sum(width if kind == _EXTRA else _LAYERS.get(kind, 0) for kind, width in items)
    at = first
    for _, length in sizes:
        if length < layout.record:
            raise _Damaged(f"a chunk has {length} bytes, less than a point")
        if layers:
            stream.seek(at + layout.record + 4)  # behind the first point and the number of points
            parts = struct.unpack(f"<{layers}I", stream.read(4 * layers))
            if layout.record + 4 + 4 * layers + sum(parts) > length:
                raise _Damaged("the layers of a chunk are longer than the chunk")
        at += length
    return None


def _parse_laszip(layout: LasLayout) -> tuple[int, int, int, list[tuple[int, int]]]:
    """Return compressor, coder, points of a chunk, and kind and bytes of each part of a point."""
    if not layout.laszip:
        raise _Damaged("it has no record of its compressor")
    compressor, coder, chunk_size, count = struct.unpack_from("<HH8xI16xH", layout.laszip)
    parts = struct.unpack_from(f"<{3 * count}H", layout.laszip, struct.calcsize("<HH8xI16xH"))
    items = list(zip(parts[::3], parts[1::3]))
    if sum(width for _, width in items) != layout.record:
        raise _Damaged(f"its points have {layout.record} bytes, its compressor's {sum(width for _, width in items)}")
    return compressor, coder, chunk_size, items


def _chunk_sizes(stream: BinaryIO, layout: LasLayout) -> list[tuple[int, int]] | None:
    """Return points and bytes of each chunk."""
    stream.seek(layout.start)
    try:
        lazrs: Any = importlib.import_module("lazrs")
        return list(lazrs.read_chunk_table(stream, lazrs.LazVlr(layout.laszip)))
    except BaseException as error:  # a panic of Rust is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return None
