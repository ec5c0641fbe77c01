"""LAS and LAZ files (ASPRS) through laspy; new columns become extra bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns
from pointnc.clouds.las_header import read_layout
from pointnc.clouds.laz import MOST_AT_A_TIME, LazBackend
from pointnc.errors import UserError
from pointnc.untrusted.sizes import one_line

COPC = "copc"
"""Whose records describe the octree of a COPC file, by the places of its chunks."""

WAVEFORMS = ("LASF_Spec", 65535)
"""The record of the waveforms, whose place the header notes."""

_EVLR = 60


class LasFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`. Needs ``pip install pointnc[las]``.

    Points of a laz file are unpacked in a process of their own, see :mod:`pointnc.clouds.laz`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import laspy
        except ImportError:
            raise UserError(f"{path} needs laspy: pip install 'pointnc[las]'", code="no-package") from None
        self._laspy = laspy
        self._layout = read_layout(path)
        with self._open() as reader:
            self.count = int(reader.header.point_count)
            self._names = list(reader.header.point_format.dimension_names)
        if "" in self._names:
            raise UserError(
                f"{path} describes an extra column without a name: write it again with one", code="bad-name"
            )

    def __len__(self) -> int:
        return self.count

    def names(self) -> list[str]:
        """The dimensions."""
        return self._names

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read and scale chunk by chunk."""
        read = 0
        with self._open() as reader:
            for points in self._pieces(reader, size):
                columns = {name: np.asarray(points[name]) for name in self._names if name not in ("X", "Y", "Z")}
                yield from_columns({axis: np.asarray(points[axis], np.float64) for axis in "xyz"} | columns, self.path)
                read += len(points)
        if read != self.count:
            raise UserError(
                f"{self.path} is truncated: its header promises {self.count} points, {read} are there",
                code="damaged-file",
            )

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Copy header, records and what follows; coordinates stay the integers that they are.

        Raises:
            UserError: the file is damaged, or has names or records that laspy reads and cannot write.
        """
        try:
            self._rewrite(target, Rows(columns))
        except (UserError, OSError):
            raise
        except Exception as error:  # what is odd in a header was kept until now
            raise UserError(
                f"{self.path} cannot be written with more columns ({one_line(error)})", code="file-access"
            ) from None

    def _rewrite(self, target: Path, rows: Rows) -> None:
        with self._open() as reader:
            header = _copy(reader.header)
            self._leave_out(header)
            present = set(header.point_format.dimension_names)
            fresh = [name for name in rows.dtypes if name not in present]
            header.add_extra_dims([self._laspy.ExtraBytesParams(name, rows.dtypes[name]) for name in fresh])
            compress = self.path.suffix.lower() == ".laz"
            with (
                target.open("wb") as stream,
                self._laspy.LasWriter(stream, header, do_compress=compress, closefd=False) as writer,
            ):
                for points in self._pieces(reader, CHUNK):
                    record = self._laspy.ScaleAwarePointRecord.zeros(len(points), header=header)
                    for name in points.array.dtype.names or ():  # packed bit fields have names of their own
                        record.array[name] = points.array[name]
                    for name, values in rows.take(len(points)).items():
                        record[name] = values
                    writer.write_points(record)
                if header.version.minor >= 4 and reader.evlrs:
                    self._write_extended(writer, reader.evlrs)

    def _leave_out(self, header: Any) -> None:
        """Take out of a copy's header what describes the layout of this file, and say so."""
        kept = [vlr for vlr in header.vlrs if vlr.user_id != COPC]
        if len(kept) < len(header.vlrs):
            self.remarks.append("a COPC file: the copy is a plain laz without its octree")
            header.vlrs.clear()
            header.vlrs.extend(kept)
        encoding = header.global_encoding
        if header.version.minor < 4 and header.start_of_waveform_data_packet_record:
            self.remarks.append("the copy is without the waveforms at the end of the file")
            header.start_of_waveform_data_packet_record = 0
        elif encoding.waveform_data_packets_external:
            self.remarks.append(f"its waveforms are in {self.path.stem}.wdp, which belongs beside the copy as well")

    def _write_extended(self, writer: Any, records: Any) -> None:
        """Write the records behind the points, but for the octree of a COPC file; waveforms are found again."""
        kept = type(records)()
        for record in records:
            if record.user_id != COPC:
                kept.append(record)
        if not kept:
            return
        writer.write_evlrs(kept)
        start = writer.header.start_of_first_evlr
        for record in kept:
            if (record.user_id, record.record_id) == WAVEFORMS:
                writer.header.start_of_waveform_data_packet_record = start
            start += _EVLR + len(record.record_data_bytes())

    def _open(self) -> Any:
        backend: Any = LazBackend(self.path, self._layout)  # laspy's type lists its own alone
        try:
            return self._laspy.open(str(self.path), laz_backend=backend)
        except Exception as error:  # damaged names, dates and records raise in many ways
            raise UserError(f"{self.path} is damaged or no las file ({one_line(error)})", code="damaged-file") from None

    def _pieces(self, reader: Any, size: int) -> Iterator[Any]:
        """Turn what laspy raises in mid-file into a line."""
        pieces = reader.chunk_iterator(max(1, min(size, MOST_AT_A_TIME // reader.header.point_format.size)))
        while True:
            try:
                points = next(pieces)
            except StopIteration:
                return
            except UserError:
                raise
            except Exception as error:
                raise UserError(
                    f"{self.path} is damaged or truncated ({one_line(error)})", code="damaged-file"
                ) from None
            yield points


def _copy(header: Any) -> Any:
    import copy

    return copy.deepcopy(header)
