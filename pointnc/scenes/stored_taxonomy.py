"""The label set that a store itself holds: what makes a data set of one's own need no configuration."""

from __future__ import annotations

from pathlib import Path

from pointnc.errors import UserError
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy


def stored_taxonomy(
    root: str | Path, hint: str = "prepare it with python -m data_prep.custom", segment: str | None = None
) -> Taxonomy:
    """Return the label set of a store's manifest.

    Args:
        root: the store's folder.
        hint: what to type to make the store; ends the message when it is missing.
        segment: which label array is meant ("segment200"); None where the store has only one.

    Raises:
        UserError: the store is missing, has no manifest, lacks the array, or has several and none is named.
    """
    store = SceneStore(root, hint)
    if store.manifest is None:
        raise UserError(f"{store.root} has no manifest.json, which would name its classes; {hint}", code="not-a-store")
    known = store.taxonomies()
    if segment is None and len(known) != 1:
        raise UserError(
            f"the store {store.root} has the labels {', '.join(sorted(known)) or 'of no data set'}: "
            "say which by dataset.taxonomy.segment=NAME",
            code="ambiguous",
        )
    if segment is not None and segment not in known:
        raise UserError(
            f"the store {store.root} has no labels {segment}, only {', '.join(sorted(known))}: "
            "give dataset.taxonomy.segment= one of these",
            code="other-taxonomy",
        )
    return known[segment or next(iter(known))]
