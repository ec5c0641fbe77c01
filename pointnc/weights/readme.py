"""The README of a bundle: the model card as people and the Hugging Face hub read it."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any

import yaml

from pointnc.weights.card import ModelCard

RANGES = {
    "color": "red, green, blue scaled to -1…1",
    "color_unit": "red, green, blue scaled to 0…1",
    "color_half": "red, green, blue scaled to -0.5…0.5",
    "normal": "unit normal x, y, z",
    "coord": "x, y, z in meters, centered",
    "strength": "how much of a laser pulse came back, 0…1",
}
"""Feature name to what its channels hold."""

IDENTIFIERS = """
afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc0-1.0
cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0
cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-permissive-1.0
cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 epl-1.0 epl-2.0 eupl-1.1 gpl gpl-2.0 gpl-3.0 isc lgpl lgpl-2.1
lgpl-3.0 mit mpl-2.0 ms-pl ncsa odbl odc-by openrail osl-3.0 other pddl postgresql unknown unlicense wtfpl zlib
"""
LICENSES = frozenset(IDENTIFIERS.split())
"""The identifiers that the hub takes as a license; anything else must be ``other`` with a name of its own."""


def render_readme(card: ModelCard, parameters: int) -> str:
    """Return the Markdown text; whatever a card says is escaped, since it may be untrusted.

    Args:
        card: the card.
        parameters: number of trained parameters.
    """
    front = yaml.safe_dump(_metadata(card), sort_keys=False, allow_unicode=True, width=10**6)
    output = "a class" if card.taxonomy is not None else "a feature vector"
    lines = ["---", front.rstrip(), "---", "", f"# {_safe(card.architecture.name)} for point clouds", ""]
    lines += [
        f"A {card.architecture.kind} of {parameters:,} parameters that gives {output} for every voxel of a scene."
    ]
    lines += ["", "## Use", ""]
    if card.taxonomy is not None:
        lines += ["    python -m pointnc.evaluate checkpoint=THIS_FOLDER data_root=STORE"]
    lines += ["    python -m pointnc.train dataset=DATASET data_root=STORE weights=THIS_FOLDER", ""]
    if card.taxonomy is not None:
        lines += ['or `pointnc.weights.load("THIS_FOLDER")` in Python.', ""]
    lines += ["## Architecture", "", *_table(_architecture(card, parameters)), ""]
    lines += ["## Input", "", f"Voxels of {100 * card.voxel_size:g} cm. Their channels, in this order:", ""]
    # A name that pointnc knows needs no escape, which a span of code would show.
    lines += [f"- `{name}`: {RANGES[name]}" if name in RANGES else f"- {_safe(name)}" for name in card.features]
    lines += ["", "## Output", "", *_classes(card), ""]
    lines += ["## Source and license", "", *_table(_source(card)), ""]
    if card.notes:
        lines += ["## Assumed or filled in", "", *(f"- {_safe(note)}" for note in card.notes), ""]
    return "\n".join(lines)


def _metadata(card: ModelCard) -> dict[str, Any]:
    """Return what the hub files the repository under."""
    stated = _flat(card.license).lower() or "unknown"
    heading: dict[str, Any] = {"license": stated}
    if stated not in LICENSES:
        name = re.sub(r"[^a-z0-9.]+", "-", stated).strip("-.")[:64]
        heading = {"license": "other", "license_name": name or "unnamed"}
    tags = ["point-cloud", "point-cloud-segmentation", "semantic-segmentation", "3d"]
    if card.taxonomy is not None:
        tags.append(_flat(card.taxonomy.name))
    return {**heading, "library_name": "pointnc", "tags": tags}


def _architecture(card: ModelCard, parameters: int) -> list[tuple[str, str]]:
    rows = [("Network", card.architecture.name), ("Parameters", f"{parameters:,}")]
    for name, value in card.architecture.arguments.items():
        if value is not None:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            rows.append((name.replace("_", " ").capitalize(), shown))
    if not card.head.is_linear:
        rows.append(("Head", card.head.name))
    return rows


def _source(card: ModelCard) -> list[tuple[str, str]]:
    rows = [
        ("License", card.license),
        ("Trained with", card.source),
        ("File", card.origin),
        ("SHA-256 of the file", card.origin_sha256),
        ("SHA-256 of the tensors", card.sha256),
        ("Written by", f"pointnc {card.version}"),
    ]
    return [row for row in rows if row[1]]


def _table(rows: list[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {_safe(name)} | {_safe(value)} |" for name, value in rows)]


def _classes(card: ModelCard) -> list[str]:
    taxonomy = card.taxonomy
    if taxonomy is None:
        return ["A feature vector for every voxel; there is no classifier: fine-tune one on it."]
    name = html.escape(_flat(taxonomy.name), quote=False)  # inside HTML a backslash would be shown
    lines = [f"<details><summary>{len(taxonomy)} classes ({name})</summary>", ""]
    for index, (name, group) in enumerate(zip(taxonomy.names, taxonomy.groups)):
        lines.append(f"{index}. {_safe(name)}" + (f" ({_safe(group)})" if group else ""))
    return [*lines, "", "</details>"]


def _flat(text: str) -> str:
    """Return a text in one line, without characters that cannot be seen, turn its direction or cannot be written."""
    line = " ".join(str(text).split())
    return "".join(character for character in line if unicodedata.category(character) not in ("Cc", "Cf", "Cs"))


def _safe(text: str) -> str:
    """Return an untrusted text without line breaks, and with nothing that Markdown or HTML would read as theirs."""
    return re.sub(r"([\\`*_~$\[\]|#<>])", r"\\\1", html.escape(_flat(text), quote=False))
