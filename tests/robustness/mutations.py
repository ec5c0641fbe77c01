"""Ways to damage a file: blindly, by its words and numbers, or by the fields that its format has."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

NUMBERS = (
    "0", "-1", "1", "2", "3", "7", "65536", "2147483647", "2147483648", "4294967295", "4294967296", "1000000000000",
    "9223372036854775807", "9223372036854775808", "18446744073709551616", "1" * 30, "9" * 5000, "1e999", "-1e308", "1e30",
    "nan", "inf", "-0", "0.5", "1e-320", "0x10", "1_000", "²", "٣", "", "true", "null", "~", "--1", "1.2.3", "2020-01-01",
)  # fmt: skip

WORDS = (
    "\0", "\x1b[2J", "\r", "\n\n", "\ufeff", "é", "\udcff", '"', "'", "[", "{", "]", "}", ",", ":", ";", "#", "//", "\t",
    " " * 300, "x" * 70_000, "[" * 100_000, "{\"a\":" * 20_000, "- " * 5000, "x", "X", "y", "coord", "list uchar int",
    "property list uchar uchar x\n", "element foo 1000000000000\n", "element face 7\n", "&a", "*a", "<<", "!!int x",
    "!!python/object/apply:os.system [true]", "!!binary x", "\\ud800", "..", "../../x", "a" * 300, "NaN", "Infinity",
)  # fmt: skip

INTEGERS = (
    0,
    1,
    2,
    3,
    7,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**40,
    2**63 - 1,
    2**63,
    2**64 - 1,
)


def blind(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat, swap or blank bytes, whatever they mean."""
    out = bytearray(data)
    size = len(out)
    a, b = sorted((rng.randrange(size + 1), rng.randrange(size + 1)))
    short = slice(a, min(b, a + rng.choice((1, 4, 16, 200))))
    kind = rng.randrange(9)
    if kind == 0:
        del out[rng.choice((a, b, size // 2, max(size - 1, 0), 1, 0)) :]
    elif kind == 1:
        for _ in range(rng.choice((1, 3, 30))):
            out[rng.randrange(size)] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del out[short]
    elif kind == 3:
        out[a:a] = out[short] * rng.choice((1, 2, 50))
    elif kind == 4:
        out[short] = bytes(len(out[short]))
    elif kind == 5:
        out[short] = b"\xff" * len(out[short])
    elif kind == 6:
        out[a:a] = rng.randbytes(rng.choice((1, 4, 100)))
    elif kind == 7:
        middle = (a + b) // 2
        out[a:b] = out[middle:b] + out[a:middle]
    else:
        width = rng.choice((1, 2, 4, 8))
        place = rng.randrange(max(size - width, 0) + 1)
        out[place : place + width] = (rng.choice((*INTEGERS, size)) % 256**width).to_bytes(
            width, rng.choice(("little", "big"))
        )
    return bytes(out)


def by_words(limit: int | None = None) -> Mutation:
    """Change numbers, words and lines of a text, or of the first ``limit`` bytes, where a header is."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        head, rest = (data, b"") if limit is None else (data[:limit], data[limit:])
        text = head.decode("utf-8", "surrogateescape")
        kind = rng.randrange(7)
        if kind <= 2 and (found := list(re.finditer(r"-?\d+(\.\d*)?", text))):
            one = rng.choice(found)
            text = text[: one.start()] + rng.choice(NUMBERS) + text[one.end() :]
        elif kind == 3 and (found := list(re.finditer(r"[A-Za-z_]+", text))):
            one, other = rng.choice(found), rng.choice(found)
            text = text[: one.start()] + rng.choice((other.group(), *WORDS)) + text[one.end() :]
        elif kind == 4:
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(WORDS) + text[at:]
        else:
            lines = text.splitlines(keepends=True) or [""]
            a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
            change = rng.randrange(4)
            if change == 0:
                del lines[a]
            elif change == 1:
                lines.insert(b, lines[a])
            elif change == 2:
                lines[a], lines[b] = lines[b], lines[a]
            else:
                lines[a] = lines[a].rstrip("\n") + rng.choice((" ", ",")) + rng.choice(NUMBERS) + "\n"
            text = "".join(lines)
        return text.encode("utf-8", "surrogateescape" if "\udcff" in text else "surrogatepass") + rest

    return mutate


def by_fields(fields: Sequence[tuple[int, int]]) -> Mutation:
    """Set one of the little-endian integers at (place, width) to a number that a reader may trip over."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        out = bytearray(data)
        place, width = rng.choice(fields)
        value = int.from_bytes(out[place : place + width], "little")
        near = (
            value + 1,
            value - 1,
            value * 2,
            value << 8,
            len(data),
            len(data) - 1,
            len(data) + 1,
            rng.randrange(2**63),
        )
        out[place : place + width] = (rng.choice((*INTEGERS, *near)) % 256**width).to_bytes(width, "little")
        return bytes(out)

    return mutate


def by_json(data: bytes, rng: random.Random) -> bytes:
    """Exchange, remove or add a value of a json text, at any depth."""
    tree = json.loads(data)
    nodes: list[tuple[Any, Any]] = []
    level = [tree]
    for one in level:
        keys = list(one) if isinstance(one, dict) else list(range(min(len(one), 50)))
        nodes += [(one, key) for key in keys]
        level += [one[key] for key in keys if isinstance(one[key], (dict, list))]
    values: tuple[Any, ...] = (
        None, True, -1, 0, 1, 2**31, 2**63, 10**30, 0.5, 1e308, "", "x", "../x", "a\0b", [], {}, [[]], [1, [2]], {"a": 1},
        [0] * 3, "@DEEP", "@INF", "@LONG", "@TEXT",
    )  # fmt: skip
    if not nodes or rng.random() < 0.1:
        tree = rng.choice(values)
    else:
        node, key = rng.choice(nodes)
        kind = rng.randrange(4)
        if kind == 0:
            del node[key]
        elif kind == 1 and isinstance(node, dict):
            node[rng.choice(("", "x", "-1", "9" * 30, key + " "))] = node.pop(key)
        else:
            node[key] = rng.choice((*values, tree if len(data) < 1000 else None))
            if node[key] is tree:
                node[key] = json.loads(data)
    text = json.dumps(tree)
    for word, full in (
        ("DEEP", "[" * 20_000 + "]" * 20_000),
        ("INF", "1e999"),
        ("LONG", "9" * 5000),
        ("TEXT", '"' + "x" * 100_000 + '"'),
    ):
        text = text.replace(f'"@{word}"', full)
    return text.encode()


def by_npy(data: bytes, rng: random.Random) -> bytes:
    """Give an npy file another header: shape, dtype, order; its length is right, for the most part."""
    length = struct.unpack_from("<H", data, 8)[0]
    header = data[10 : 10 + length].decode("latin-1")
    body = data[10 + length :]
    shapes = ("()", "(0,)", "(0, 3)", "(1,)", "(3, 1)", "(-1, 3)", "(10**30, 3)", "(True, 3)", f"({10**30}, 3)", f"({2**32}, {2**32})",
              f"({2**62}, 3)", "(1000000000000, 3)", "(2, 2, 3)", "5", "None", "(37, 0)", "(1.5, 3)", "('a',)", "(" * 300 + ")" * 300)  # fmt: skip
    kinds = ("<f2", "<f8", ">f4", "<f16", "|b1", "|O", "<c16", "<M8[s]", "<U3", "|V0", "|S0", "|V12", "<i8", "<u8", ">i2", "|i1", "x", "",
             "<f4, <f4", "(1000000000,)<f4")  # fmt: skip
    kind = rng.randrange(6)
    if kind == 0:
        header = re.sub(r"'shape': \([^)]*\)", lambda _: f"'shape': {rng.choice(shapes)}", header)
    elif kind == 1:
        header = re.sub(r"'descr': '[^']*'", lambda _: f"'descr': '{rng.choice(kinds)}'", header)
    elif kind == 2:
        records = (
            "[('x', '<f4'), ('x', '<f4')]",
            "[('a\\x00b', '<f4')]",
            "[('x', '|O')]",
            "[('x', '<f4', (10**9,))]",
            "[]",
            "[('x',)]",
        )
        header = re.sub(r"'descr': ('[^']*'|\[.*?\])", lambda _: f"'descr': {rng.choice(records)}", header)
    elif kind == 3:
        header = header.replace("False", rng.choice(("True", "None", "0", "x")))
    elif kind == 4:
        header = by_words()(header.encode(), rng).decode("utf-8", "replace")
    else:
        return data[:6] + bytes([rng.choice((1, 2, 3, 9)), rng.choice((0, 1))]) + data[8:]
    raw = header.rstrip("\n ").encode("latin-1", "replace")[:65_000]
    raw += b" " * (-(len(raw) + 11) % 64) + b"\n"
    return data[:8] + struct.pack("<H", len(raw) if rng.random() < 0.9 else rng.randrange(65_536)) + raw + body


def by_zip(inner: Mutation) -> Mutation:
    """Damage a member of a zip, its name or its packing, or the entries that describe it."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        kind = rng.randrange(4)
        if kind == 0:  # the central directory, the local headers
            places = [found.start() for found in re.finditer(b"PK\1\2|PK\3\4|PK\5\6", data)]
            return by_fields([(place + rng.randrange(4, 30), rng.choice((2, 4))) for place in places])(data, rng)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        number = rng.randrange(len(members))
        name, raw = members[number]
        method = zipfile.ZIP_DEFLATED
        if kind == 1:
            members[number] = (name, inner(raw, rng))
        elif kind == 2:
            other = rng.choice(
                (
                    members[0][0],
                    "../x.npy",
                    "/x.npy",
                    "x.txt",
                    "file.npy",
                    "x.npy",
                    "",
                    "a\x1bb.npy",
                    "x" * 60_000,
                    "dir/",
                )
            )
            members[number] = (other, raw)
        else:
            method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
            members += rng.choice(([], [members[number]], [(f"m{i}.npy", b"") for i in range(1500)]))
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, raw in members:
                archive.writestr(zipfile.ZipInfo(name or "_"), raw, method)
        return out.getvalue()

    return mutate


def by_yaml(data: bytes, rng: random.Random) -> bytes:
    """Change the words of a yaml text, or put a bomb of aliases, depth or tags into it."""
    if rng.random() < 0.7:
        return by_words()(data, rng)
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
    bombs = (
        *(f"{bomb}{key}: *a9\n" for key in ("name", "segment", "names", "ids", "groups", "colors", "classes", "train_only")),
        f"{bomb}names: [*a9]\n", "names: " + "[" * 5000, "- " * 20_000, "names: &a [*a]\n", "{" * 3000, "? " * 3000,
        "names: [a]\nids: [" + "9" * 5000 + "]\n", "names: !!set {a}\n", "names: [!!timestamp x]\n", "names: [!!int '']\n",
        "names: [2020-01-01]\n", "names: [[a]]\n", "names: [{a: b}]\n", "names: [a]\nids: [.inf]\n", "names: [a]\nids: 5\n",
        "names: [a]\ncolors: [[1e999, 0, 0]]\n", "names: [a]\ntrain_only: [99]\n", "names: [!!bool x]\n", "names: [a]\nids: abc\n",
    )  # fmt: skip
    return rng.choice(bombs).encode()


def any_of(*mutations: Mutation, times: int = 2) -> Mutation:
    """One to ``times`` of some mutations, one after the other."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        for _ in range(rng.randint(1, times)):
            try:
                data = rng.choice(mutations)(data, rng)
            except Exception:
                data = blind(data or b"\0", rng)  # damaged beyond the mutation's own understanding
        return data

    return mutate
