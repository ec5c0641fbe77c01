"""Members of zip files: read whole, but never more of one than was agreed on."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib

from pointnc.untrusted.sizes import one_line

DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError,
    OverflowError, MemoryError,
)  # fmt: skip
"""What :mod:`zipfile` raises on damaged archives."""


class RefusedMember(Exception):  # noqa: N818 - the message says why a member cannot be read
    """A member that is damaged or not to be unpacked; the message goes behind its name."""


def is_link(member: zipfile.ZipInfo) -> bool:
    """Whether a member stands for a link to another file."""
    return stat.S_ISLNK(member.external_attr >> 16)


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int, whose: str) -> bytes:
    """Return a member's bytes; its checksum is compared.

    Args:
        archive: the zip.
        member: of it.
        limit: bytes that it may unpack to.
        whose: what these are enough for, for the message: "12 vertices".

    Raises:
        RefusedMember: it is a link, encrypted, packed in a way that few tools know, larger, or damaged.
    """
    if is_link(member):
        raise RefusedMember("is a link; zip the file itself")
    if member.flag_bits & 0x41:
        raise RefusedMember("is encrypted; zip it without a password")
    # Besides, python bounds what it unpacks at a time for these two alone.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedMember(f"is packed with method {member.compress_type}; use deflate")
    if member.file_size > limit:
        raise RefusedMember(f"unpacks to {member.file_size:,} bytes, too many for {whose}")
    try:
        with archive.open(member) as stream:
            # No more than the zip says is unpacked; where it says too little, the checksum is wrong.
            raw = stream.read(member.file_size + 1)
    except DAMAGE as error:
        raise RefusedMember(f"is damaged ({one_line(error)}); zip it again") from None
    if len(raw) != member.file_size:
        raise RefusedMember(f"is damaged ({len(raw):,} of {member.file_size:,} bytes); zip it again")
    return raw
