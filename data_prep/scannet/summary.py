"""What a preparation adds up to: totals for the manifest, the closing table, the list of failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rich.table import Table


def totals(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the annotation of all scenes of a manifest adds up to.

    Returns:
        ``unknown_names`` (vertices by raw name, most first), ``shared_segments``, ``unaligned`` (labeled scenes
        whose alignment is the identity) and ``labels_ply`` (``scenes`` and ``vertices`` compared, ``differ``,
        ``worst``: vertices by scene, at most ten).
    """
    unknown: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    shared = unaligned = compared = vertices = 0
    identity = np.eye(4).ravel().tolist()
    for split, content in manifest["splits"].items():
        for name, record in content["scenes"].items():
            unknown.update(record.get("unknown_names", {}))
            shared += record.get("shared_segments", 0)
            unaligned += "objects" in record and record.get("axis_alignment") == identity
            if record.get("labels_ply"):
                compared += 1
                vertices += record["labels_ply"]["vertices"]
                differ[f"{split}/{name}"] = record["labels_ply"]["differ"]
    return {
        "unknown_names": dict(unknown.most_common()),
        "shared_segments": shared,
        "unaligned": unaligned,
        "labels_ply": {
            "scenes": compared,
            "vertices": vertices,
            "differ": differ.total(),
            "worst": {name: count for name, count in differ.most_common(10) if count},
        },
    }


def summary_table(
    manifest: Mapping[str, Any], done_before: int, missing: Mapping[str, Sequence[str]], failed: int
) -> Table:
    """Return the closing table: scenes, points and classes by split, and what is odd about the annotation.

    Args:
        manifest: the manifest, with its ``totals``.
        done_before: scenes that were there already.
        missing: listed scenes that are not in the raw folder, by split.
        failed: scenes that could not be prepared.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(title="scene store", caption_justify="left")
    for column in ("split", "scenes", "points", "classes of 200", "classes of 20", "labels.ply differs"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split, content in manifest["splits"].items():
        seen = [
            str(np.count_nonzero(content["histogram"][key])) if key in content["histogram"] else "–"
            for key in ("segment200", "segment20")
        ]
        checks = [record["labels_ply"] for record in content["scenes"].values() if record.get("labels_ply")]
        differ = f"{sum(check['differ'] for check in checks):,} points" if checks else "–"
        table.add_row(split, str(len(content["scenes"])), f"{content['points']:,}", *seen, differ)
    # As plain text: a raw name may hold brackets.
    table.caption = Text("\n".join(_notes(manifest["totals"], done_before, missing, failed)))
    return table


def _notes(total: Mapping[str, Any], done_before: int, missing: Mapping[str, Sequence[str]], failed: int) -> list[str]:
    count = sum(map(len, missing.values()))
    where = f" ({', '.join(f'{split} {len(names)}' for split, names in missing.items())})" if count else ""
    notes = [f"{done_before} scenes were done before, {count} listed scenes are missing{where}, {failed} failed"]
    check = total["labels_ply"]
    if check["differ"]:
        scene, most = next(iter(check["worst"].items()))
        share = check["differ"] / check["vertices"]
        notes.append(
            f"labels.ply gives {check['differ']:,} points ({share:.2%}) another one of the 20 classes than the objects "
            f"do; most in {scene} ({most:,})"
        )
    if total["shared_segments"]:
        notes.append(
            f"{total['shared_segments']:,} over-segments are claimed by several objects; the later one has them"
        )
    if total["unaligned"]:
        notes.append(f"{total['unaligned']} labeled scenes have no axis alignment")
    unknown = total["unknown_names"]
    if unknown:
        listing = ", ".join(f"{name} ({points:,} points)" for name, points in list(unknown.items())[:10])
        notes.append(f"{len(unknown)} names are not in the label map: {listing}")
    return notes
