"""The README of a bundle: what it tells, and that a stranger's card cannot write into it."""

from __future__ import annotations

import yaml

from pointnc.models.architecture import Architecture
from pointnc.models.card import ModelCard
from pointnc.models.readme import render_readme
from pointnc.scenes.taxonomy import Taxonomy

PLAN = {"in_channels": 6, "planes": [6, 8, 8, 6], "layers": [1, 1, 1, 1]}
TAXONOMY = Taxonomy.from_dict({"name": "two", "names": ["wall", "door | frame"], "groups": ["head", "tail"]})


def front_matter(text: str) -> dict[str, object]:
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))


def test_it_tells_what_a_user_must_know() -> None:
    card = ModelCard(Architecture("SpUNet", dict(PLAN)), ("color_half", "normal"), 0.02, TAXONOMY, license="mit")
    text = render_readme(card, 1234567)
    assert front_matter(text) == {
        "license": "mit", "library_name": "pointnc", "tags": ["point-cloud", "semantic-segmentation", "3d", "two"],
    }  # fmt: skip
    for words in (
        "SpUNet, planes 6-8-8-6",
        "1,234,567",
        "2 cm",
        "scaled to -0.5…0.5",
        "0. wall (head)",
        r"door \| frame",
    ):
        assert words in text, text


def test_without_classes_it_says_so() -> None:
    card = ModelCard(Architecture("SpUNet", dict(PLAN)), ("color", "normal"), 0.02, None)
    assert "there is no classifier" in render_readme(card, 1)


def test_a_hostile_card_stays_text() -> None:
    evil = "x\n---\n# Heading <script>alert(1)</script> [link](javascript:x) `code` | cell"
    taxonomy = Taxonomy.from_dict({"name": evil, "names": [evil, "b"]})
    card = ModelCard(
        Architecture("MinkUNet", dict(PLAN)), (evil,), 0.02, taxonomy, evil, evil, evil, evil, (evil,), evil, evil
    )
    text = render_readme(card, 1)
    assert front_matter(text)["license"] == " ".join(evil.split())
    body = text.split("\n---\n", 1)[1]
    assert "<script" not in body and "[link](" not in body and "\n---" not in body
    assert not [line for line in body.splitlines() if line.startswith("# Heading")]
