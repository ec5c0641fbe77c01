"""The zip archives that ``torch.save`` writes, looked at before and after torch reads them.

torch compares no CRC: a file with a flipped bit is loaded without a word. It also unpacks what is packed, so that a
small file could ask for all memory.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

BLOCK = 1 << 20


class DamagedArchiveError(Exception):
    """The file is none of torch's archives, or not as it was written; the message says in half a sentence why."""


def check_archive(path: Path, tensors: bool) -> None:
    """Compare the CRCs of a file's members with what they hold.

    Args:
        path: the file.
        tensors: compare those of the tensors' numbers too, which takes about as long as loading them; otherwise only of
            what describes them.

    Raises:
        DamagedArchiveError: they differ; or it is no archive of ``torch.save``; or a member is packed, or longer than
            the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise DamagedArchiveError("it is packed, which torch.save does not do")
            if sum(member.file_size for member in members) > path.stat().st_size:
                raise DamagedArchiveError("it says that it holds more than it does")
            for member in members:
                if tensors or "/data/" not in member.filename:
                    with archive.open(member) as stream:
                        while stream.read(BLOCK):  # zipfile compares at the end
                            pass
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise DamagedArchiveError(str(error) or type(error).__name__) from None
