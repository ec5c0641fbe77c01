"""Submissions: the scenes that a split asks for, and the zip that a benchmark server takes.

The zip holds one ``<scene>.txt`` for each scene at its top level and nothing else; what is written has been checked by
:func:`pointnc.benchmarks.validation.find_violations`.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import ClassVar

from pointnc.benchmarks import scannet
from pointnc.benchmarks.validation import Expected, Violation, find_violations
from pointnc.error_codes import ErrorCode
from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.scenes.ply_header import read_header
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy

__all__ = ["Expected", "InvalidSubmission", "Violation", "expected_scenes", "find_violations", "write_zip"]

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip can hold: one time for all, so that equal labels give equal bytes


class InvalidSubmission(UserError):  # noqa: N818 - as UserError, a mistake and no fault of the program
    """A submission was not written because a server would refuse it; ``violations`` has all the reasons."""

    usual_code: ClassVar[ErrorCode] = "invalid-submission"

    def __init__(self, out: Path, violations: list[Violation]) -> None:
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"{out} was not written: {violations[0]}{more}")
        self.violations = violations


def expected_scenes(split: str, root: str | Path | None = None) -> Expected:
    """Return the scenes of a split with their numbers of vertices.

    Args:
        split: "test", "val"...
        root: a scene store with ``<split>/``, or a raw root with ``scans/`` or ``scans_test/``; without it the scenes
            are those of the official ScanNet list and their numbers of vertices are not known.

    Raises:
        UserError: an unknown split, or ``root`` holds none of its scenes.
    """
    if root is None:
        return dict.fromkeys(scannet.split_scenes(split))
    root = Path(root)
    if root.is_dir() and all((root / part).is_dir() for part in SceneStore(root).parts(split)):
        store = SceneStore(root)
        return {scene: len(store.load(split, scene)) for scene in store.scenes(split)}
    scans = root / ("scans_test" if split == "test" else "scans")
    if scans.is_dir():
        return _raw_scenes(scans, split)
    raise UserError(
        f"{root.absolute()} holds no scenes of the split {split}: give data_root=FOLDER, a store with {split}/ or a "
        f"raw root with {scans.name}/",
        code="nothing-there",
    )


def _raw_scenes(scans: Path, split: str) -> Expected:
    own = scans.parent / f"scannetv2_{split}.txt"
    scenes = own.read_text(encoding="utf-8-sig").split() if own.is_file() else scannet.split_scenes(split)
    meshes = {scene: scans / scene / f"{scene}_vh_clean_2.ply" for scene in scenes}
    if not any(mesh.is_file() for mesh in meshes.values()):
        raise UserError(
            f"{scans.absolute()} holds none of the {len(scenes)} scenes of the split {split}", code="nothing-there"
        )
    return {scene: _count_vertices(mesh) if mesh.is_file() else None for scene, mesh in meshes.items()}


def _count_vertices(mesh: Path) -> int:
    """Read the number of vertices from a ply header."""
    vertex = read_header(mesh).find("vertex")
    return 0 if vertex is None else vertex.count


def write_zip(
    folder: str | Path, out: str | Path, taxonomy: Taxonomy, expected: Expected, overwrite: bool = False
) -> Path:
    """Zip the prediction files of a folder and return the zip's path; what a server would refuse is not written.

    Equal files give equal bytes (with the same zlib). The zip appears whole and valid, or not at all.

    Args:
        folder: holds one ``<scene>.txt`` for each scene; other kinds of files are left out.
        out: the zip.
        taxonomy: whose ids are allowed.
        expected: the scenes of the split.
        overwrite: replace ``out`` if it is there.

    Raises:
        InvalidSubmission: there are violations.
        UserError: no prediction files, ``out`` is there already or cannot be written.
    """
    folder, out = Path(folder), Path(out)
    check_output(out, overwrite)
    files = sorted(path for path in folder.glob("*.txt") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise UserError(
            f"no prediction files in {folder.absolute()}; it needs one <scene>.txt for each scene", code="nothing-there"
        )
    try:
        with atomic_path(out) as temporary:
            with zipfile.ZipFile(temporary, "w") as archive:
                for path in files:
                    _add(archive, path)
            # The very bytes that are handed in are checked; a violation removes them.
            violations = find_violations(temporary, taxonomy, expected)
            if violations:
                raise InvalidSubmission(out, violations)
    except OSError as error:
        raise UserError(
            f"could not write {out} ({error.strerror}): free space or choose another out=", code="file-access"
        ) from None
    return out


def check_output(out: Path, overwrite: bool) -> None:
    """Check that ``out`` may be written.

    Raises:
        UserError: it is a folder, or it is there and ``overwrite`` is not given.
    """
    if out.is_dir():
        raise UserError(f"{out.absolute()} is a folder; give out=FILE.zip", code="path-kind")
    if out.exists() and not overwrite:
        raise UserError(
            f"{out.absolute()} exists; add overwrite=true to replace it, or choose another out=", code="exists"
        )


def _add(archive: zipfile.ZipFile, path: Path) -> None:
    member = zipfile.ZipInfo(path.name, date_time=_EARLIEST)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.create_system = 3  # unix, on whatever machine it is written
    member.external_attr = 0o644 << 16
    member.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(member, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)
