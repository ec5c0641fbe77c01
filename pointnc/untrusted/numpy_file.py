"""npy and npz: arrays without pickles, of the kind and rank that the caller asks for."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.untrusted.sizes import check_unpacked, one_line
from pointnc.untrusted.zip_member import RefusedMember, read_member

NUMBERS = "iuf"
"""Kinds of dtypes: integers and floating point."""

MOST_MEMBERS = 1000
WIDEST = 8
"""Bytes of a number; what has more, torch does not know."""


def map_array(path: Path, hint: str, *, kinds: str | None = None, ranks: Collection[int] | None = None) -> NDArray[Any]:
    """Return the array of an npy file as a map: nothing of it is read before it is used.

    Args:
        path: of the file.
        hint: how to fix what is wrong with it; ends every message.
        kinds: letters of dtypes that it may have ("iu": integers), in the machine's byte order and of at most 64 bits;
            None for any but objects.
        ranks: numbers of axes that it may have; None for any.

    Raises:
        UserError: it is damaged, no npy file (a zip that is called so is none), or of another kind or rank.
        FileNotFoundError: there is none.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise zipfile.BadZipFile
    except FileNotFoundError:
        raise
    except zipfile.BadZipFile:  # it begins as a zip does
        raise UserError(
            f"{path} is damaged or an npz file: these are called .npz; {hint}", code="damaged-file"
        ) from None
    except Exception as error:  # a damaged header raises in many ways
        raise UserError(f"{path} is damaged or no npy file ({one_line(error)}); {hint}", code="damaged-file") from None
    check_array(array, str(path), hint, kinds=kinds, ranks=ranks)
    return array


def check_array(
    array: NDArray[Any], what: str, hint: str, *, kinds: str | None = None, ranks: Collection[int] | None = None
) -> None:
    """Compare an array's kind and rank with those that are asked for; see :func:`map_array`.

    Raises:
        UserError: they are others.
    """
    kind = array.dtype
    if kinds is not None and (kind.kind not in kinds or not kind.isnative or kind.itemsize > WIDEST):
        wanted = "integers" if "f" not in kinds else "integers or floating point"
        raise UserError(
            f"{what} holds values of the type {kind}: {wanted} of at most 64 bits are needed; {hint}", code="dtype"
        )
    if ranks is not None and array.ndim not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise UserError(f"{what} has the shape {array.shape}: {wanted} axes are needed; {hint}", code="shape")


def read_archive(path: Path, hint: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz file by name, all of them in memory.

    Raises:
        UserError: it is damaged or no npz file, has a member that is no array, or unpacks to more than
            :data:`~pointnc.untrusted.sizes.MOST_UNPACKED` bytes.
    """
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise UserError(f"{path} holds {len(members)} arrays: it is no point cloud", code="too-large")
            check_unpacked(path, sum(member.file_size for member in members), hint)
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name == member.filename or name in arrays:
                    raise UserError(
                        f"{path}: {member.filename!r} is no array or there twice; write it by numpy.savez",
                        code="damaged-file",
                    )
                raw = read_member(archive, member, member.file_size, "it")
                arrays[name] = _read_array(raw)
    except UserError:
        raise
    except RefusedMember as refused:
        raise UserError(f"{path}: {member.filename!r} {refused}", code="damaged-file") from None
    except Exception as error:  # a damaged zip, or an array in it, raises in many ways
        raise UserError(f"{path} is damaged or no npz file ({one_line(error)})", code="damaged-file") from None
    return arrays


def _read_array(raw: bytes) -> NDArray[Any]:
    """Read an array whose header may promise anything: nothing is allocated beyond the bytes that are there."""
    stream = io.BytesIO(raw)
    version = npy_format.read_magic(stream)
    read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, dtype = read_header(stream)  # of version 3 too: it differs in field names beyond latin-1 alone
    if dtype.hasobject:
        raise ValueError("Object arrays hold pickles, which are not read")
    count = 1
    for length in shape:
        count *= length
    if min(shape, default=0) < 0 or count * dtype.itemsize > len(raw) - stream.tell():
        raise ValueError(f"its header promises the shape {shape}, which is more than there is")
    return npy_format.read_array(io.BytesIO(raw), allow_pickle=False)
