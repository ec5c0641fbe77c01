"""What every command does with a file before it uses the points: look through it, decide, say what was assumed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pointnc.clouds.cloud import CloudFile, PointCloud
from pointnc.clouds.conditions import Bits, Conditions, Unit, Up
from pointnc.clouds.survey import Survey, survey, survey_points
from pointnc.errors import UserError


@dataclass(frozen=True)
class Reading:
    """A file that was looked through.

    Attributes:
        seen: what it holds.
        conditions: how its points become meters, z up, colors from 0 to 255.
        remarks: everything that was assumed of it, by whoever assumed it.
    """

    seen: Survey
    conditions: Conditions
    remarks: list[str]


def look_through(
    file: CloudFile,
    arrays: Collection[str],
    unit: Unit = "m",
    up: Up = "z",
    color_bits: Bits = "auto",
    *,
    pieces: Iterable[PointCloud] | None = None,
    fate: str = "are left out",
) -> Reading:
    """Look through a file and decide how it is read.

    Args:
        file: the cloud.
        arrays: what is wanted besides coordinates, of "color", "normal" and "strength"; "color?" and "normal?" ask for
            these where the file has them.
        unit: of the coordinates.
        up: the axis that points up.
        color_bits: of a color value.
        pieces: the points, where somebody holds them already.
        fate: what becomes of points without a place.

    Raises:
        UserError: the file is damaged, has no points with finite coordinates, or lacks what is wanted and cannot be
            made up.
    """
    seen = survey(file) if pieces is None else survey_points(pieces, file.path)
    reading = decide(seen, file.path, arrays, unit, up, color_bits, fate)
    return replace(reading, remarks=[*file.remarks, *reading.remarks])


def decide(
    seen: Survey,
    name: str | Path,
    arrays: Collection[str],
    unit: Unit = "m",
    up: Up = "z",
    color_bits: Bits = "auto",
    fate: str = "are left out",
) -> Reading:
    """Decide how points that were looked through are read.

    Args:
        seen: what they hold.
        name: of their file, for messages.
        arrays: see :func:`look_through`.
        unit: of the coordinates.
        up: the axis that points up.
        color_bits: of a color value.
        fate: what becomes of points without a place.

    Raises:
        UserError: what is wanted is lacking and cannot be made up.
    """
    there = {"color?": seen.color_high is not None, "normal?": seen.has_normal}
    wanted = {one.removesuffix("?") for one in arrays if there.get(one, True)}
    try:
        conditions, remarks = Conditions.of(seen, wanted, unit, up, color_bits)
    except UserError as error:
        raise UserError(f"{name}: {error}", code=error.code) from None
    if seen.flagged:
        remarks.append(f"{seen.flagged} points are no measurements, as a flag of the file says, and {fate}")
    if seen.unmeasured:
        remarks.append(f"{seen.unmeasured} points lie at 0, 0, 0 as if never measured, and {fate}")
    lacking = seen.points - seen.finite - seen.stray - seen.flagged - seen.unmeasured
    if lacking > 0:
        remarks.append(f"{lacking} points without finite coordinates {fate}")
    return Reading(seen, conditions, remarks)
