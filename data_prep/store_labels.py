"""Which of a store's label sets a command works with."""

from __future__ import annotations

from pointnc.benchmarks import scannet
from pointnc.errors import UserError
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy


def choose_taxonomy(store: SceneStore, segment: str | None = None) -> Taxonomy:
    """Return the label set that ``segment`` names, or the one with the most classes.

    A store without a manifest, made by another tool, is taken for one of ScanNet's.

    Raises:
        UserError: there is none of this name.
    """
    own = [scannet.taxonomy(name) for name in scannet.TAXONOMIES]
    known = store.taxonomies() or {taxonomy.segment: taxonomy for taxonomy in own}
    if segment is None:
        return max(known.values(), key=len)
    if segment not in known:
        raise UserError(
            f"segment={segment}: the store {store.root} has the labels {', '.join(sorted(known))}",
            code="other-taxonomy",
        )
    return known[segment]
