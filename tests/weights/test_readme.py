"""The README of a bundle: what it tells, and that somebody else's card cannot write into it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.architecture import Architecture
from pointnc.weights.card import ModelCard
from pointnc.weights.readme import LICENSES, RANGES, render_readme

PLAN = {"in_channels": 6, "planes": [6, 8, 8, 6], "layers": [1, 1, 1, 1]}
TAXONOMY = Taxonomy.from_dict({"name": "my_two", "names": ["wall", "door | frame"], "groups": ["head", "tail"]})


def front_matter(text: str) -> dict[str, object]:
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))


class Page(HTMLParser):
    """The text of a page, and its elements with their attributes."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        body = markdown.split("\n---\n", 1)[1]
        # Raw HTML is let through: what a card says must be harmless without a filter behind it.
        self.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(body))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_tells_what_a_user_must_know() -> None:
    card = ModelCard(
        Architecture("SpUNet", dict(PLAN)), ("color_half", "normal"), 0.02, TAXONOMY, "pointcept", "model_best.pth",
        "c0ffee", "MIT", ("The order of the classes was assumed.",), "beef", "0.1",
    )  # fmt: skip
    text = render_readme(card, 1234567)
    assert front_matter(text) == {
        "license": "mit",
        "library_name": "pointnc",
        "tags": ["point-cloud", "point-cloud-segmentation", "semantic-segmentation", "3d", "my_two"],
    }
    page = Page(text).text
    for words in (
        "1,234,567", "Voxels of 2 cm", "6, 8, 8, 6", "2 classes (my_two)", "wall (head)", "door | frame (tail)",
        "color_half: red, green, blue scaled to -0.5…0.5", "normal: unit normal", "pointcept", "model_best.pth",
        "c0ffee", "beef", "MIT", "The order of the classes was assumed.", "pointnc.evaluate checkpoint=THIS_FOLDER",
        "pointnc.weights.load",
    ):  # fmt: skip
        assert words in page, words


def test_without_classes_it_offers_fine_tuning_alone() -> None:
    text = render_readme(ModelCard(Architecture("SpUNet", dict(PLAN)), ("color", "normal"), 0.02, None), 1)
    assert "there is no classifier" in text and "weights=THIS_FOLDER" in text
    assert "pointnc.evaluate" not in text and "weights.load" not in text


def test_a_transformer_is_called_one() -> None:
    volt = Architecture("Volt", {"in_channels": 6, "channels": 64, "depth": 1, "out_channels": 64})
    for architecture, words in ((Architecture("SpUNet", dict(PLAN)), "A sparse 3-D U-Net"), (volt, "A transformer")):
        text = render_readme(ModelCard(architecture, ("color", "normal"), 0.02, TAXONOMY), 10)
        assert f"{words} of 10 parameters" in text


@pytest.mark.parametrize(
    ("stated", "heading"),
    [
        ("CC-BY-NC-4.0", {"license": "cc-by-nc-4.0"}),
        ("", {"license": "unknown"}),
        ("For research only (see terms)", {"license": "other", "license_name": "for-research-only-see-terms"}),
        ("§", {"license": "other", "license_name": "unnamed"}),
    ],
)
def test_the_hub_gets_a_license_that_it_takes(stated: str, heading: dict[str, str]) -> None:
    card = ModelCard(Architecture("SpUNet", dict(PLAN)), ("color",), 0.02, None, license=stated)
    found = front_matter(render_readme(card, 1))
    assert {key: value for key, value in found.items() if key.startswith("license")} == heading


def hostile(text: str) -> ModelCard:
    taxonomy = Taxonomy.from_dict({"name": text, "names": [text, text + "b"]})
    return ModelCard(
        Architecture("MinkUNet", {**PLAN, "block": text}),
        (text,),
        0.02,
        taxonomy,
        text,
        text,
        text,
        text,
        (text,),
        text,
        text,
    )


EVIL = "x\n---\n# Heading <script>alert(1)</script> [link](javascript:x) ![i](y) `code` | cell </details> ~~a~~ __b__"


@pytest.mark.parametrize(
    "text",
    [EVIL, "--- a", "<!-- a", "a\u2028---\u2029b", "\ud800a", "a\u202eb", "a\x00\x1bb", "&lt;b&gt;", "a\\", "[a]: b"],
)
def test_a_hostile_card_stays_text(text: str) -> None:
    check_harmless(text)


@given(st.text(alphabet=st.sampled_from(list("<>[]()!`*_~|\\#&;:-=\n\t $\"'ab1.+@/\u2028\ud800")), min_size=1))
def test_no_card_adds_anything_but_text(text: str) -> None:
    check_harmless(text)


def check_harmless(text: str) -> None:
    readme = render_readme(hostile("a" + text), 1)
    readme.encode()  # it can be written
    heading = front_matter(readme)
    assert set(heading) <= {"license", "license_name", "library_name", "tags"} and heading["library_name"] == "pointnc"
    assert heading["license"] in LICENSES and all(isinstance(tag, str) for tag in heading["tags"])
    harmless = render_readme(hostile("a"), 1)
    page, expected = Page(readme), Page(harmless)
    assert page.elements == expected.elements
    # What the card says is shown as it stands, but for what cannot be seen.
    seen = "".join(character for character in f"a{text}" if character.isprintable() or character.isspace())
    shown = page.text.split("Assumed or filled in", 1)[1]
    assert shown.split() == seen.split()


def test_every_feature_has_its_range() -> None:
    from pointnc.data.features import CHANNELS

    assert set(RANGES) == set(CHANNELS)
