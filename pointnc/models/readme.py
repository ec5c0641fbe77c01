"""The README of a bundle: the model card as people and the Hugging Face hub read it."""

from __future__ import annotations

import html
import re

import yaml

from pointnc.models.card import ModelCard

RANGES = {
    "color": "red, green, blue scaled to -1…1",
    "color_unit": "red, green, blue scaled to 0…1",
    "color_half": "red, green, blue scaled to -0.5…0.5",
    "normal": "unit normal x, y, z",
    "coord": "x, y, z in metres, centred",
}
"""Feature name to what its three channels hold."""


def render_readme(card: ModelCard, parameters: int) -> str:
    """Return the Markdown text; whatever a card says is escaped, since it may be a stranger's.

    Args:
        card: the card.
        parameters: number of trained parameters.
    """
    tags = ["point-cloud", "semantic-segmentation", "3d"]
    if card.taxonomy is not None:
        tags.append(_flat(card.taxonomy.name))
    heading = {"license": _flat(card.license), "library_name": "pointnc", "tags": tags}
    front = yaml.safe_dump(heading, sort_keys=False, allow_unicode=True, width=10**6)
    rows = [
        ("Architecture", card.architecture.title),
        ("Parameters", f"{parameters:,}"),
        ("Voxel size", f"{100 * card.voxel_size:g} cm"),
        ("Source", f"{card.source}, {card.origin}"),
        ("Hash of the source", card.origin_sha256),
        ("Hash of the tensors", card.sha256),
        ("Written by", f"pointnc {card.version}"),
        ("Licence", card.license),
    ]
    lines = ["---", front.rstrip(), "---", "", f"# {_safe(card.architecture.name)} for point clouds", ""]
    lines += ["| | |", "|---|---|", *(f"| {name} | {_safe(value)} |" for name, value in rows), ""]
    lines += ["## Input", "", "Channels of a voxel, in this order:", ""]
    lines += [f"- `{_safe(name)}`: {RANGES.get(name, 'three channels')}" for name in card.features]
    lines += ["", "## Output", "", *_classes(card), ""]
    if card.notes:
        lines += ["## Assumed or filled in", "", *(f"- {_safe(note)}" for note in card.notes), ""]
    lines += [
        "## Use",
        "",
        "    pip install pointnc",
        "    python -m pointnc.evaluate checkpoint=THIS_FOLDER data_root=STORE",
        "    python -m pointnc.train dataset=… weights=THIS_FOLDER",
        "",
        'or `pointnc.models.load("THIS_FOLDER")` in Python.',
        "",
    ]
    return "\n".join(lines)


def _classes(card: ModelCard) -> list[str]:
    taxonomy = card.taxonomy
    if taxonomy is None:
        return ["A feature vector for every voxel; there is no classifier."]
    lines = [f"<details><summary>{len(taxonomy)} classes ({_safe(taxonomy.name)})</summary>", ""]
    for index, (name, group) in enumerate(zip(taxonomy.names, taxonomy.groups)):
        lines.append(f"{index}. {_safe(name)}" + (f" ({_safe(group)})" if group else ""))
    return [*lines, "", "</details>"]


def _flat(text: str) -> str:
    """Return a text in one line."""
    return " ".join(str(text).split())


def _safe(text: str) -> str:
    """Return a stranger's text without line breaks, and with nothing that Markdown or HTML would read as theirs."""
    return re.sub(r"([\\`*_\[\]|#<>])", r"\\\1", html.escape(_flat(text), quote=False))
