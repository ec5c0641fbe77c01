"""The pages of e57 files: taken apart, and put together with right checksums, so that damage gets past them."""

from __future__ import annotations

import random
import struct

from tests.robustness.mutations import Mutation, blind, by_fields, by_words

PAGE, PAYLOAD = 1024, 1020


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)  # CRC-32C
        table.append(value)
    return table


_TABLE = _table()


def checksum(data: bytes) -> bytes:
    """What stands behind the payload of a page."""
    value = 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 255]
    return struct.pack(">I", value ^ 0xFFFFFFFF)


def unpack(data: bytes) -> bytes:
    """The file without checksums."""
    return b"".join(data[at : at + PAYLOAD] for at in range(0, len(data), PAGE))


def pack(logical: bytes) -> bytes:
    """The file with checksums, its last page filled up."""
    logical += bytes(-len(logical) % PAYLOAD)
    pages = (logical[at : at + PAYLOAD] for at in range(0, len(logical), PAYLOAD))
    return b"".join(page + checksum(page) for page in pages)


def within(mutation: Mutation) -> Mutation:
    """A mutation of what the pages hold; the length in the header is that of the new file."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        packed = bytearray(mutation(unpack(data), rng))
        size = -(-len(packed) // PAYLOAD) * PAGE
        if len(packed) >= 24 and rng.random() < 0.9:
            packed[16:24] = struct.pack("<Q", size)
        return pack(bytes(packed))

    return mutate


def description(logical: bytes) -> tuple[int, int]:
    """Where the XML part begins and ends in a file without checksums."""
    at = logical.index(b"<?xml")
    return at, at + struct.unpack_from("<Q", logical, 32)[0]


def by_description(data: bytes, rng: random.Random) -> bytes:
    """Change words and numbers of the XML part; its length in the header is the new one."""
    logical = unpack(data)
    at, end = description(logical)
    xml = by_words()(logical[at:end], rng)
    if rng.random() < 0.1:
        xml = xml.replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
            b'<!ENTITY a%d "&a%d;&a%d;">' % (i, i - 1, i - 1) for i in range(1, 40)) + b"]>", 1)  # fmt: skip
    elif rng.random() < 0.1:
        xml = xml.replace(b"<data3D", b"<x>" * 3000 + b"</x>" * 3000 + b"<data3D", 1)
    head = bytearray(logical[:at] + xml)
    head[32:40] = struct.pack("<Q", len(xml))
    head[16:24] = struct.pack("<Q", -(-len(head) // PAYLOAD) * PAGE)
    return pack(bytes(head))


HEADER = by_fields([(8, 4), (12, 4), (16, 8), (24, 8), (32, 8), (40, 8)])
SECTION = by_fields([(48, 1), (56, 8), (64, 8), (72, 8), (80, 1), (81, 1), (82, 2), (84, 2)])
E57: tuple[Mutation, ...] = (
    blind,
    within(blind),
    within(HEADER),
    within(SECTION),
    by_description,
    by_description,
    HEADER,
)
