"""One's own labeled scans to a scene store: ``python -m data_prep.custom root=FOLDER out=STORE``.

``FOLDER/<split>/`` holds one file a scene, of any format that :mod:`pointnc.clouds` reads. A scene that is done is done
again only where its file or the settings have changed; a bad file is reported and the others are done.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from data_prep.custom.folder import Room, find_rooms
from data_prep.custom.report import print_report
from data_prep.custom.scene import Settings, is_done, prepare_room, read_record
from data_prep.preparing.report import FAILED
from data_prep.preparing.scenes import explain
from data_prep.preparing.store import check_target
from data_prep.processes import check_workers, in_parallel, unseen, unseen_line
from data_prep.stopping import nothing_left, sweep_store
from pointnc.benchmarks import scannet
from pointnc.clouds.conditions import check_frame
from pointnc.clouds.table import column_names
from pointnc.errors import UserError
from pointnc.files.atomic import write_json
from pointnc.files.leftovers import remove
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scenes.writing import write_manifest

TAXONOMY = "taxonomy.yaml"


def prepare(
    root: str | Path,
    out: str | Path,
    settings: Settings,
    *,
    splits: Sequence[str] | None = None,
    files: str = "*",
    workers: int | None = None,
    overwrite: bool = False,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Prepare every file and return the manifest, and file ("train/a.ply") to what is wrong with it.

    The failures are also kept in ``failed.json`` of the store, and printed.

    Args:
        root: folder with a folder for each split.
        out: the store to write; a store that is there already is completed.
        settings: how the files are read.
        splits: which folders; None for all.
        files: pattern that file names must match.
        workers: processes; None for one a core.
        overwrite: prepare again what is done.

    Raises:
        UserError: the folder is missing or holds nothing, or ``out`` is another kind of store.
    """
    check_workers(workers)
    root, out = Path(root).absolute(), Path(out).absolute()
    rooms, failures = find_rooms(root, splits, files, settings.labels)
    _check_target(root, out, rooms, settings)
    sweep_store(out)
    todo = [room for room in rooms if overwrite or not is_done(room, out / room.split / room.name, settings)]
    out.mkdir(parents=True, exist_ok=True)
    folders = {out / room.split for room in todo}
    with nothing_left(folders), closing(_run(todo, out, settings, workers, overwrite)) as results:
        for room, error, bad in results:
            if error is not None:
                failures[room.label] = error
            if bad:  # what an earlier state of the file gave must not stand for it
                remove(out / room.split / room.name)
    done = {out / room.split / room.name: room for room in todo if room.label not in failures}
    failures |= {done[path].label: unseen_line(path) for path in unseen(list(done))}
    failures = dict(sorted(failures.items()))
    manifest = write_manifest(out, [settings.taxonomy], source="files of one's own", more=_listed)
    (out / FAILED).unlink(missing_ok=True)
    if failures:
        write_json(out / FAILED, failures)
    print_report(manifest, settings.taxonomy, len(rooms) - len(todo), failures)
    return manifest, failures


def _check_target(root: Path, out: Path, rooms: Sequence[Room], settings: Settings) -> None:
    """Refuse a store that holds what this preparation would not replace and could not sum up.

    Raises:
        UserError: it does.
    """
    check_target(out, root)
    if not out.is_dir():
        return
    _ = SceneStore(out).manifest  # a damaged one is better found before the work than after it
    mine = {(room.split, room.name) for room in rooms}
    others = [path.parent for path in sorted(out.glob("[!.]*/[!.]*/scene.json"))]
    others = [path for path in others if (path.parent.name, path.name) not in mine]
    strange = [path for path in others if read_record(path).get("settings") != settings.fingerprint()]
    if strange:
        raise UserError(
            f"out={out} holds {len(strange)} scenes that were prepared otherwise, first "
            f"{strange[0].parent.name}/{strange[0].name}: remove them, or give another out=",
            code="other-settings",
        )


def _listed(manifest: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    return {"listed": {split: list(content["scenes"]) for split, content in manifest["splits"].items()}}


def _run(
    rooms: list[Room], out: Path, settings: Settings, workers: int | None, overwrite: bool
) -> Generator[tuple[Room, str | None, bool], None, None]:
    """Yield each room with an error line or None, and whether its file is at fault, as they are done."""
    from rich.progress import track

    prepare_one = partial(_prepare_or_explain, out=out, settings=settings, overwrite=overwrite)
    with closing(in_parallel(prepare_one, rooms, workers)) as results:
        yield from track(results, description="prepare", total=len(rooms), disable=not rooms)


def _prepare_or_explain(room: Room, out: Path, settings: Settings, overwrite: bool) -> tuple[Room, str | None, bool]:
    """Prepare a file; return it with an error line or None, and whether the file itself is at fault."""
    target = out / room.split / room.name
    try:
        if overwrite or not is_done(room, target, settings):  # another process may have done it meanwhile
            prepare_room(room, target, settings)
    except UserError as error:
        return room, str(error), True
    except Exception as error:  # a full disk, say: nothing speaks against what stands there
        return room, explain(error, room.path), not isinstance(error, OSError | MemoryError)
    return room, None, False


def read_taxonomy(value: str | None, root: Path) -> Taxonomy:
    """Return the taxonomy of a file, or of a benchmark by name.

    Args:
        value: the file or name; None for ``taxonomy.yaml`` in ``root``.
        root: the folder of the data.

    Raises:
        UserError: it is missing or malformed.
    """
    if value in scannet.TAXONOMIES and not Path(str(value)).exists():
        return scannet.taxonomy(str(value))
    path = root / TAXONOMY if value is None else Path(value)
    if not path.is_file():
        raise UserError(
            f"taxonomy file {path} does not exist: give taxonomy=FILE, or make one by "
            f"python -m data_prep.taxonomy root={root}",
            code="missing-file",
        )
    return Taxonomy.from_yaml(path)


def read_settings(config: dict[str, Any]) -> Settings:
    """Return the settings of a composed configuration.

    Raises:
        UserError: one is out of range.
    """
    for key, allowed in (("unknown", ("error", "ignore")), ("normals", ("auto", "none"))):
        if config[key] not in allowed:
            raise UserError(f"{key}={config[key]}: choose one of {', '.join(allowed)}", code="option")
    check_frame(config["units"], config["up"], config["color_bits"])
    return Settings(
        taxonomy=read_taxonomy(config["taxonomy"], Path(config["root"])),
        ignore=read_ignored(config["ignore"]),
        columns=column_names(config["columns"]),
        labels=read_labels(config["labels"]),
        **{key: config[key] for key in ("label", "instance", "unknown", "units", "up", "normals", "color_bits")},
    )


def read_labels(value: str | None) -> str | None:
    """Return ``labels=`` as it holds in processes that stand in another folder: a table of colors by its full path."""
    return str(Path(value).absolute()) if value is not None and Path(value).is_file() else value


def read_ignored(value: Any) -> tuple[int, ...]:
    """Return the ids that mean no class, given as one or a list; -1 always is one.

    Raises:
        UserError: it is neither.
    """
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in values):
        raise UserError(f"ignore={value}: give the ids that mean no class, such as ignore=[0,255]", code="option")
    return tuple(sorted({-1, *values}))
