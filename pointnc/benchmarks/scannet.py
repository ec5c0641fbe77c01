"""ScanNet and ScanNet200: label sets, splits and the map from raw category names to ids.

The tables in ``data/`` hold facts of the public benchmark (ids, names, colors, groups, split lists and instance
counts of ScanNet/ScanNet, BenchmarkScripts). Papers: Dai et al., CVPR 2017; Rozenberszki et al., ECCV 2022.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pointnc.benchmarks.tables import DATA, read_table, read_taxonomy
from pointnc.errors import UserError
from pointnc.scenes.taxonomy import LARGEST_ID, Taxonomy
from pointnc.untrusted.sizes import read_bounded

TAXONOMIES = ("scannet200", "scannet20")
SPLITS = ("train", "val", "test")
LABEL_MAP_FILE = "scannetv2-labels.combined.tsv"
MOST_BYTES = 16 << 20
"""Of such a table; the published one has 120 kB."""


@lru_cache
def taxonomy(name: str) -> Taxonomy:
    """Return the label set "scannet200" (200 classes) or "scannet20" (20 classes, NYU40 ids).

    Raises:
        UserError: another name.
    """
    if name not in TAXONOMIES:
        raise UserError(f"unknown taxonomy {name!r}; choose one of {', '.join(TAXONOMIES)}", code="unknown-name")
    return read_taxonomy(name, segment=name.replace("scannet", "segment"))


@lru_cache
def instance_counts() -> dict[str, int]:
    """Return the number of annotated instances of each of the 200 classes in ScanNet, by class name."""
    return {row["name"]: int(row["instances"]) for row in read_table("scannet200")}


def split_scenes(split: str) -> list[str]:
    """Return the official scene names of "train" (1201), "val" (312) or "test" (100)."""
    if split not in SPLITS:
        raise UserError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}", code="unknown-name")
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
            UserError: the file is missing, is no such table, is the older one without ScanNet200 ids, or is the table
                of ScanNet v1.
        """
        path = Path(path)
        columns, rows = _read_label_map(path)
        if "raw_category" not in columns and "category" in columns:
            raise UserError(
                f"{path} is the label table of ScanNet v1 (its column is 'category', not 'raw_category'); "
                f"pointnc reads ScanNet v2: fetch {LABEL_MAP_FILE} and the v2 annotations",
                code="other-version",
            )
        if len(set(columns)) < len(columns):
            raise UserError(f"{path} has a column twice; fetch {LABEL_MAP_FILE} of ScanNet v2 again", code="ambiguous")
        for column in ("raw_category", "nyu40id"):
            if column not in columns:
                raise UserError(
                    f"{path} has no column {column!r}; fetch {LABEL_MAP_FILE} of ScanNet v2 again",
                    code="missing-column",
                )
        if "id" not in columns:
            raise UserError(
                f"{path} has no column 'id': it is the older table without ScanNet200 ids; fetch the one released "
                "with ScanNet200",
                code="other-version",
            )
        fine: dict[str, int] = {}
        coarse: dict[str, int] = {}
        for line, row in enumerate(rows, start=2):
            try:
                # An empty cell is no class of that set; None is the end of a row that was cut off.
                ids = [0 if row[key] == "" else int(row[key]) for key in ("id", "nyu40id")]
                if not all(0 <= one <= LARGEST_ID for one in ids):
                    raise ValueError("out of range")
                fine.setdefault(row["raw_category"], ids[0])
                coarse.setdefault(row["raw_category"], ids[1])
            except (TypeError, ValueError):
                raise UserError(
                    f"{path}, line {line}: ids are not numbers; fetch the file again", code="damaged-file"
                ) from None
        _refuse_older(path, fine)
        return cls(fine, coarse)


def _read_label_map(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the columns and rows of a label table.

    Raises:
        UserError: the file is missing, empty or unreadable.
    """
    try:
        # Names that are not utf-8 can match no annotation; they must not hide the other rows.
        text = read_bounded(path, MOST_BYTES, f"fetch {LABEL_MAP_FILE} again").decode("utf-8-sig", "replace")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t")
        rows = list(reader)
    except FileNotFoundError:
        v1 = path.with_name("scannet-labels.combined.tsv").is_file()
        note = " (scannet-labels.combined.tsv beside it belongs to ScanNet v1)" if v1 else ""
        raise UserError(
            f"label map {path.absolute()} does not exist{note}; fetch {LABEL_MAP_FILE} of ScanNet v2 "
            "or give label_map=FILE",
            code="missing-file",
        ) from None
    except (OSError, csv.Error) as error:
        raise UserError(
            f"label map {path} cannot be read ({error}); fetch {LABEL_MAP_FILE} again", code="damaged-file"
        ) from None
    if not rows:
        raise UserError(f"label map {path} is empty; fetch {LABEL_MAP_FILE} of ScanNet v2 again", code="empty-file")
    return list(reader.fieldnames or ()), rows


def _refuse_older(path: Path, ids: dict[str, int]) -> None:
    """Raise a UserError where the ids of raw categories are not those that ScanNet200 was made with."""
    classes = taxonomy("scannet200")
    known = {name: id_ for name, id_ in zip(classes.names, classes.ids) if name in ids}
    wrong = [name for name, id_ in known.items() if ids[name] != id_]
    # A class name need not be the raw category of the same id, so a few differences say nothing.
    certain = [name for name in wrong if name in ("wall", "chair", "office chair", "monitor")]
    if certain or 4 * len(wrong) > len(known):
        name = (certain or wrong)[0]
        raise UserError(
            f"{path} gives {name!r} the id {ids[name]} instead of {known[name]}: it is the older table without "
            "ScanNet200 ids; fetch the one released with ScanNet200",
            code="other-version",
        )
