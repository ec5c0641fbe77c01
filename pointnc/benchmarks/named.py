"""Label sets by what a user calls them: a benchmark's name, a yaml, or those that a store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pointnc.benchmarks import s3dis, scannet, semantickitti
from pointnc.errors import UserError
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy

NAMES = (*scannet.TAXONOMIES, "s3dis", "semantickitti")


def named_taxonomy(choice: Any) -> Taxonomy:
    """Return the label set of a benchmark, or of a yaml.

    Raises:
        UserError: there is none of this name, or the file is missing or malformed.
    """
    name = str(choice)
    if Path(name).suffix in (".yaml", ".yml"):
        return Taxonomy.from_yaml(name)
    if name in scannet.TAXONOMIES:
        return scannet.taxonomy(name)
    if name in NAMES:
        return s3dis.taxonomy() if name == "s3dis" else semantickitti.taxonomy()
    raise UserError(
        f"unknown taxonomy {name!r}; choose one of {', '.join(NAMES)}, or give FILE.yaml", code="unknown-name"
    )


def store_taxonomy(store: SceneStore, choice: Any = None) -> Taxonomy:
    """Return the label set that a store's labels are of.

    Args:
        store: with labels; one without a manifest, made by another tool, is taken for one of ScanNet200's.
        choice: a name or yaml; None: the store's own, of several the one with the most classes.

    Raises:
        UserError: it is unknown, or the store has labels of other ones.
    """
    if choice is None:
        known = store.taxonomies()
        return max(known.values(), key=len) if known else scannet.taxonomy(scannet.TAXONOMIES[0])
    taxonomy = named_taxonomy(choice)
    store.check_taxonomy(taxonomy)
    return taxonomy
