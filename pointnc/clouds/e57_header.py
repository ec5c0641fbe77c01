"""What an e57 file says of itself, compared with its size before the library believes it.

After ASTM E2807: a header of 48 bytes; pages whose last four bytes are a checksum; an XML part describing the scans.
"""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

from pointnc.errors import UserError
from pointnc.untrusted.sizes import one_line, whole_number

MOST_XML = 64 << 20
DEPTH = 64
_CHECKSUM = 4
_SPACE = "{http://www.astm.org/COMMIT/E57/2010-e57-v1.0}"


def check_e57(path: Path) -> None:
    """Compare the places and counts of a header, and of the description of the scans, with the file.

    Raises:
        UserError: one lies beyond the file, or the description is no plain XML.
    """
    size = path.stat().st_size
    try:
        root = _parse(_read_xml(path, size))
        for points in root.iter(f"{_SPACE}points"):
            if points.get("type") == "CompressedVector":
                _check_scan(points, size)
    except _Damaged as damage:
        raise UserError(f"{path} is damaged or no e57 file: {damage}", code="damaged-file") from None


class _Damaged(Exception):  # noqa: N818 - what is wrong with the file
    pass


def _read_xml(path: Path, size: int) -> bytes:
    with path.open("rb") as stream:
        head = stream.read(48)
        if len(head) < 48 or head[:8] != b"ASTM-E57":
            raise _Damaged("it does not begin with ASTM-E57")
        _, _, length, offset, xml_length, page = struct.unpack("<IIQQQQ", head[8:])
        # The specification knows this size alone; the checksums of another would lie elsewhere.
        if page != 1024 or length != size or offset >= size:
            raise _Damaged(f"its header promises {length} bytes in pages of {page}, {size} are there")
        if xml_length > min(MOST_XML, size):
            raise _Damaged(f"its description is said to have {xml_length} bytes")
        data, payload = bytearray(), page - _CHECKSUM
        stream.seek(offset)
        while len(data) < xml_length:
            rest = payload - offset % page
            if rest <= 0:
                raise _Damaged("its description begins in a checksum")
            part = stream.read(rest)
            if len(part) < rest:
                raise _Damaged("its description is truncated")
            data += part
            stream.read(_CHECKSUM)
            offset += rest + _CHECKSUM
    return bytes(data[:xml_length])


def _parse(xml: bytes) -> ElementTree.Element:
    if b"<!" in xml.replace(b"<![CDATA[", b"").replace(b"<!--", b""):
        raise _Damaged("its description declares things of its own (<!)")
    builder = _Shallow()
    parser = ElementTree.XMLParser(target=builder)
    try:
        parser.feed(xml)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise _Damaged(f"its description is no XML ({one_line(error)})") from None
    return root


class _Shallow(ElementTree.TreeBuilder):
    """Builds no tree deeper than :data:`DEPTH`: the library goes down one by recursion."""

    depth = 0

    def start(self, tag: str, attrs: dict[str, str]) -> ElementTree.Element:
        self.depth += 1
        if self.depth > DEPTH:
            raise _Damaged(f"its description nests more than {DEPTH} deep")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ElementTree.Element:
        self.depth -= 1
        return super().end(tag)


def _check_scan(points: ElementTree.Element, size: int) -> None:
    count, offset = (whole_number(points.get(key, "")) for key in ("recordCount", "fileOffset"))
    if count is None or offset is None or offset >= size:
        raise _Damaged(f"a scan lies at {points.get('fileOffset')!r} of {size}")
    prototype = points.find(f"{_SPACE}prototype")
    bits = 0 if prototype is None else sum(map(_bits, prototype))
    # A scan all of whose values are equal takes no room: its points are counted as one byte each.
    if count * max(bits, 8) > 8 * size:
        raise _Damaged(f"a scan promises {count} points, which {size} bytes cannot hold")


def _bits(field: ElementTree.Element) -> int:
    """Return the bits of a value of a field, as few as the file may use."""
    kind = field.get("type")
    if kind == "Float":
        return 32 if field.get("precision") == "single" else 64
    if kind not in ("Integer", "ScaledInteger"):
        return 0
    try:
        low, high = int(field.get("minimum", -(2**63))), int(field.get("maximum", 2**63 - 1))
    except ValueError:
        raise _Damaged("the range of a field is no number") from None
    return max(high - low, 0).bit_length()
