"""Which scenes of a raw ScanNet folder belong to which split, and where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from data_prep.scannet.scene import Job
from pointnc.benchmarks import scannet
from pointnc.errors import UserError
from pointnc.untrusted.json_file import SMALL, read_json
from pointnc.untrusted.sizes import read_bounded

Splits: TypeAlias = Mapping[str, Sequence[str]] | Sequence[str] | str | Path
"""Split to scene names, or the names of some splits, or a json file with either."""


def split_lists(raw: Path | None, splits: Splits | None = None) -> dict[str, list[str]]:
    """Return the scene names of each split, without repetitions.

    Args:
        raw: the raw folder; its ``scannetv2_<split>.txt``, where it has some, take the place of the official lists.
        splits: a mapping (or a json file with one) replaces the lists; a list of names keeps these splits only.

    Raises:
        UserError: a list is damaged, names a path instead of a scene, or two splits share a scene.
    """
    if isinstance(splits, (str, Path)):
        splits = _read(Path(splits))
    if isinstance(splits, Mapping):
        lists = {str(split): _checked(split, names) for split, names in splits.items()}
    else:
        lists = {split: _checked(split, names) for split, names in _default_lists(raw).items()}
        if splits is not None:
            unknown = [split for split in splits if not isinstance(split, str) or split not in lists]
            if unknown:
                raise UserError(f"unknown split {unknown[0]!r}; choose among {', '.join(lists)}", code="unknown-name")
            lists = {split: lists[split] for split in lists if split in splits}
    owner: dict[str, str] = {}
    for split, names in lists.items():
        for name in names:
            if name in owner:
                raise UserError(
                    f"scene {name} is in split {owner[name]} and in split {split}; take it out of one", code="ambiguous"
                )
            owner[name] = split
    return lists


def _read(path: Path) -> Mapping[str, Sequence[str]] | Sequence[str]:
    try:
        data = read_json(path, "write {'train': ['scene0000_00', ...]}")
    except OSError as error:
        raise UserError(f"splits file {path} cannot be read: {error.strerror or error}", code="file-access") from None
    if not isinstance(data, (dict, list)):
        raise UserError(
            f"splits file {path} holds neither an object of lists nor a list of split names", code="malformed"
        )
    return data


def _default_lists(raw: Path | None) -> dict[str, list[str]]:
    own = {split: raw / f"scannetv2_{split}.txt" for split in scannet.SPLITS} if raw else {}
    own = {split: path for split, path in own.items() if path.is_file()}
    if not own:
        return {split: scannet.split_scenes(split) for split in scannet.SPLITS}
    hint = "fetch it again"
    return {
        split: read_bounded(path, SMALL, hint).decode("utf-8-sig", "replace").split() for split, path in own.items()
    }


def _checked(split: str, names: Sequence[str]) -> list[str]:
    if not _is_name(split):
        raise UserError(f"{split!r} is no split name; use letters, digits and _", code="bad-name")
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise UserError(f"split {split} is no list of scene names", code="malformed")
    for name in names:
        if not _is_name(name):
            raise UserError(f"the list of split {split} holds {name!r}, which is no scene name", code="bad-name")
    return list(dict.fromkeys(names))


def _is_name(name: object) -> bool:
    """Whether ``name`` is a plain, visible folder name: a list must not lead out of the folder."""
    return isinstance(name, str) and Path(name).name == name != "" and name[0] != "." and "\0" not in name


def find_jobs(raw: Path, out: Path, lists: Mapping[str, Sequence[str]]) -> tuple[list[Job], dict[str, list[str]]]:
    """Return the scenes that are there, and by split the listed scenes that are not.

    Scenes of "test" are in ``scans_test/`` and have no labels; those of a test split of one's own may be in
    ``scans/``, where every scene has them.

    Raises:
        UserError: none of the listed scenes is there, or none of train.
    """
    jobs: list[Job] = []
    missing: dict[str, list[str]] = {}
    for split, names in lists.items():
        for name in names:
            places = [raw / place / name for place in (("scans_test", "scans") if split == "test" else ("scans",))]
            folder = next((place for place in places if place.is_dir()), None)
            if folder is None:
                missing.setdefault(split, []).append(name)
            else:
                jobs.append(Job(folder, out / split / name, labels=folder.parent.name == "scans"))
    if not jobs:
        count = sum(map(len, missing.values()))
        raise UserError(
            f"none of the {count} listed scenes is in {raw.absolute()}/scans: give raw=FOLDER with scans/ in it, "
            "or put your own scannetv2_train.txt and scannetv2_val.txt beside scans/",
            code="nothing-there",
        )
    if "train" in lists and not any(job.target.parent.name == "train" for job in jobs):
        names = ", ".join(map(repr, lists["train"][:3])) + (", ..." if len(lists["train"]) > 3 else "")
        raise UserError(
            f"no scene of train is there: its list names {len(lists['train'])} ({names}), none of which is in "
            f"{raw.absolute()}/scans; put them there, correct the list, or leave train out by splits=[val]",
            code="missing-scene",
        )
    return jobs, missing
