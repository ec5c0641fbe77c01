"""``python -m data_prep.taxonomy``: the classes of somebody's own files, as a taxonomy to edit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.custom.preparation import TAXONOMY, read_ignored, read_labels, read_taxonomy
from data_prep.settings import LabeledFiles
from data_prep.taxonomy.file import derive_taxonomy, write_taxonomy
from data_prep.taxonomy.values import basis, count_values, report, stored_names
from pointnc.clouds.table import column_names
from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.errors import UserError
from pointnc.scenes.taxonomy import Taxonomy

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class TaxonomyFile(LabeledFiles):
    """The label values of one's own files, counted, as a yaml to fill the names in.

    python -m data_prep.taxonomy root=FOLDER [out=FILE.yaml] [names=scannet200]: label values, counts, groups by
    frequency and colors of one's own files, in a yaml whose names are to be filled in. Exit code 1: some failed.
    """

    root: str | None = setting(None, "folder with train/, val/, ..., as in data_prep.custom; or a store")
    out: str | None = setting(
        None, "the yaml to write; null: root/taxonomy.yaml. Names, colors and groups that it has already are kept"
    )
    name: str | None = setting(None, "of the label set; null: what the yaml has, else custom")
    names: str | None = setting(None, "names and colors by id from another taxonomy: a yaml, scannet200 or scannet20")
    columns: Any = setting(
        None,
        "what the columns of tables without names are: [x,y,z,intensity,red,green,blue,label]; -: any other",
        several=True,
    )
    regroup: bool = setting(False, "derive head, common and tail again for classes that have a group already")
    splits: Any = setting(
        None, "[train,val]; null: every folder. Groups are derived from train, where there is one", text=True
    )
    workers: int | None = setting(None, "processes; null: one a core", least=1)


@entry(TaxonomyFile, "data_prep.taxonomy", words="root")
def main(config: DictConfig) -> int:
    """Write the taxonomy of a folder's labels."""
    from omegaconf import OmegaConf

    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if settings["root"] is None:
        raise UserError("give root=FOLDER (with train/, val/ in it)", code="missing-setting")
    root = Path(settings["root"])
    path = Path(settings["out"] or root / TAXONOMY)
    if path.is_dir():
        raise UserError(f"out={path} is a folder: name a file", code="path-kind")
    given = Taxonomy.from_yaml(path) if path.exists() else None
    names = stored_names(root) if settings["names"] is None else read_taxonomy(settings["names"], root)
    keys = ("label", "splits", "files", "workers")
    found = count_values(
        root,
        labels=read_labels(settings["labels"]),
        ignore=read_ignored(settings["ignore"]),
        columns=column_names(settings["columns"]),
        **{key: settings[key] for key in keys},
    )
    counts = basis(found)
    everything = {number: counts[number] for number in found.total()}
    if not everything:
        first = next((f": {place}: {line}" for place, line in found.failures.items()), "")
        hint = next((f"; there is {remark}" for remark in found.elsewhere), "")
        raise UserError(f"no file in {root} has labels; name their column by label=NAME{hint}{first}", code="no-labels")
    taxonomy = derive_taxonomy(everything, settings["name"], given, names, settings["regroup"])
    write_taxonomy(path, taxonomy, found.total(), found.scenes)
    report(taxonomy, found, path)
    return 1 if found.failures else 0


if __name__ == "__main__":
    main()
