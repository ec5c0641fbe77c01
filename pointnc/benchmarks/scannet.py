"""ScanNet and ScanNet200: label sets, splits and the map from raw category names to ids.

The tables in ``data/`` hold facts of the public benchmark (ids, names, colours, groups, split lists and instance
counts of ScanNet/ScanNet, BenchmarkScripts). Papers: Dai et al., CVPR 2017; Rozenberszki et al., ECCV 2022.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pointnc.errors import UserError
from pointnc.scenes.taxonomy import Taxonomy

DATA = Path(__file__).parent / "data"
TAXONOMIES = ("scannet200", "scannet20")
SPLITS = ("train", "val", "test")
LABEL_MAP_FILE = "scannetv2-labels.combined.tsv"


def _table(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@lru_cache
def taxonomy(name: str) -> Taxonomy:
    """Return the label set "scannet200" (200 classes) or "scannet20" (20 classes, NYU40 ids).

    Raises:
        UserError: another name.
    """
    if name not in TAXONOMIES:
        raise UserError(f"unknown taxonomy {name!r}; choose one of {', '.join(TAXONOMIES)}")
    rows = _table(name)
    return Taxonomy(
        name=name,
        segment=name.replace("scannet", "segment"),
        names=tuple(row["name"] for row in rows),
        ids=tuple(int(row["id"]) for row in rows),
        colors=tuple((int(row["red"]), int(row["green"]), int(row["blue"])) for row in rows),
        groups=tuple(row["group"] for row in rows),
        train_only=tuple(index for index, row in enumerate(rows) if row["in_val"] == "0"),
    )


@lru_cache
def instance_counts() -> dict[str, int]:
    """Return the number of annotated instances of each of the 200 classes in ScanNet, by class name."""
    return {row["name"]: int(row["instances"]) for row in _table("scannet200")}


def split_scenes(split: str) -> list[str]:
    """Return the official scene names of "train" (1201), "val" (312) or "test" (100)."""
    if split not in SPLITS:
        raise UserError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    return (DATA / f"scannetv2_{split}.txt").read_text(encoding="ascii").split()


@dataclass(frozen=True)
class LabelMap:
    """Raw category name to the ids of both benchmarks (0 where a benchmark has no such class).

    Attributes:
        scannet200: raw category to ScanNet200 id.
        nyu40: raw category to NYU40 id, whose 20 benchmark ids make ScanNet20.
    """

    scannet200: dict[str, int]
    nyu40: dict[str, int]

    @classmethod
    def from_tsv(cls, path: str | Path) -> LabelMap:
        """Read ``scannetv2-labels.combined.tsv``; of a raw category listed twice the first row counts.

        Raises:
            UserError: the file is missing, is no such table, or is the older one without ScanNet200 ids.
        """
        path = Path(path)
        try:
            with path.open(encoding="utf-8", newline="") as stream:
                reader = csv.DictReader(stream, delimiter="\t")
                columns = reader.fieldnames or []
                for column in ("raw_category", "id", "nyu40id"):
                    if column not in columns:
                        raise UserError(f"{path} has no column {column!r}; fetch {LABEL_MAP_FILE} of ScanNet v2 again")
                rows = list(reader)
        except FileNotFoundError:
            raise UserError(
                f"label map {path.absolute()} does not exist; fetch {LABEL_MAP_FILE} of ScanNet v2"
            ) from None
        fine: dict[str, int] = {}
        coarse: dict[str, int] = {}
        for line, row in enumerate(rows, start=2):
            try:
                fine.setdefault(row["raw_category"], int(row["id"] or 0))
                coarse.setdefault(row["raw_category"], int(row["nyu40id"] or 0))
            except (TypeError, ValueError):
                raise UserError(f"{path}, line {line}: ids are not numbers; fetch the file again") from None
        names = dict(zip(taxonomy("scannet200").names, taxonomy("scannet200").ids))
        wrong = [
            name for name in ("wall", "chair", "office chair", "monitor") if fine.get(name, names[name]) != names[name]
        ]
        if wrong:
            raise UserError(
                f"{path} gives {wrong[0]!r} the id {fine[wrong[0]]} instead of {names[wrong[0]]}: it is the older "
                "table; fetch the one released with ScanNet200"
            )
        return cls(fine, coarse)
