"""What a forge reads of this repository: workflows, forms, the citation, the hooks; and the one place of the version."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import pointnc
from pointnc.__main__ import COMMANDS
from tests.helpers.pages import compose

ROOT = Path(__file__).parents[1]
CI: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


def steps(job: str) -> list[str]:
    """The shell lines of a job."""
    return [line for step in CI["jobs"][job]["steps"] for line in step.get("run", "").splitlines()]


def test_jobs_run_targets_of_the_makefile_on_every_python() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    used = {word for job in CI["jobs"] for line in steps(job) for word in line.split()[1:] if line.startswith("make ")}
    assert {word for word in used if "=" not in word} == {"check", "docs", "test", "test-window"} <= targets
    assert CI["jobs"]["tests"]["strategy"]["matrix"]["python"] == PYTHONS
    requires = re.search(r'requires-python = ">=([\d.]+),<([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert requires is not None and requires.groups() == (PYTHONS[0], "3.14")
    assert any(entry["os"].startswith("macos") for entry in CI["jobs"]["wheel"]["strategy"]["matrix"]["include"])


@pytest.mark.parametrize("line", [line for line in steps("wheel") if line.startswith("pointnc ") and "=" in line])
def test_the_smoke_run_is_made_of_commands_that_compose(line: str) -> None:
    command, *rest = shlex.split(line)[1:]
    compose(COMMANDS[command][0], rest)


def test_the_bug_form_asks_for_the_doctor() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text())
    fields = {part["id"]: part for part in form["body"] if "id" in part}
    assert "pointnc doctor json=" in fields["doctor"]["attributes"]["label"]
    assert all(fields[name]["validations"]["required"] for name in ("command", "output", "doctor"))
    for file in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        assert yaml.safe_load(file.read_text())


def test_the_citation_names_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "license"} <= citation.keys()
    (paper,) = citation["references"]
    assert paper["title"] == "Understanding Imbalanced Semantic Segmentation Through Neural Collapse"
    assert [one["family-names"] for one in paper["authors"]] == ["Zhong", "Cui", "Yang", "Wu", "Qi", "Zhang", "Jia"]
    assert "2301.01100" in paper["url"]


def test_hooks_are_the_tools_of_the_constraints() -> None:
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"
    pinned = (ROOT / "constraints.txt").read_text()
    assert all(re.search(rf"^{hook['entry'].split()[0]}==", pinned, re.MULTILINE) for hook in repo["hooks"])


def test_the_version_stands_in_one_place() -> None:
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()
    assert f"\n## {pointnc.__version__} " in (ROOT / "CHANGELOG.md").read_text()
    places = [
        path
        for folder in ("pointnc", "data_prep", "conf")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".yaml") and f'"{pointnc.__version__}"' in path.read_text("utf-8")
    ]
    assert places == [ROOT / "pointnc/version.py"]
    metadata = importlib.metadata.metadata("pointnc")  # of the installation, which may be older than the checkout
    assert metadata["Name"] == "pointnc"
