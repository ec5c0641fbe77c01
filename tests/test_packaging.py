"""What pyproject.toml asks for: on every platform what has wheels there, and all that the code imports."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

REPOSITORY = Path(__file__).parent.parent
PLATFORMS = {
    "Linux x86-64": ("linux", "x86_64"),
    "Linux aarch64": ("linux", "aarch64"),
    "macOS arm64": ("darwin", "arm64"),
    "Windows AMD64": ("win32", "AMD64"),
    "Windows ARM64": ("win32", "ARM64"),
}
OPTIONAL = {"distributed", "huggingface-hub", "laspy", "onnx", "open3d", "pye57", "ray", "submitit", "wandb"}
"""What only extras bring: imported by the code, but inside functions that say what is missing."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def required(project: dict[str, Any], platform: str) -> set[str]:
    system, machine = PLATFORMS[platform]
    requirements = [Requirement(line) for line in project["dependencies"]]
    where = {"sys_platform": system, "platform_machine": machine}
    return {canonicalize_name(r.name) for r in requirements if r.marker is None or r.marker.evaluate(where)}


@pytest.mark.parametrize(
    ("platform", "compiled"),
    [
        ("Linux x86-64", {"spconv-cu118", "embreex"}),
        ("Windows AMD64", {"spconv-cu118", "embreex"}),
        ("macOS arm64", {"embreex"}),
        ("Linux aarch64", set()),
        ("Windows ARM64", set()),
    ],
)
def test_a_platform_is_asked_for_what_has_wheels_there(
    project: dict[str, Any], platform: str, compiled: set[str]
) -> None:
    everywhere = set.intersection(*(required(project, each) for each in PLATFORMS))
    assert required(project, platform) - everywhere == compiled
    assert {"torch", "numba", "scipy", "pyyaml"} <= everywhere


def test_there_is_one_build_of_spconv(project: dict[str, Any]) -> None:
    """An extra with another would be installed beside this one, and they overwrite one another."""
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    assert [Requirement(line).name for line in lines if "spconv" in line or "cumm" in line] == ["spconv-cu118"]


def imports(*folders: str) -> Iterator[tuple[str, bool, str]]:
    """Yield the top-level name of each import, whether importing its module runs it, and where it stands."""
    for path in (path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))):
        tree = ast.parse(path.read_text())
        later = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            else:
                continue
            for name in names:
                yield name.split(".")[0], node not in later, f"{path.relative_to(REPOSITORY)}:{node.lineno}"


providers = cache(packages_distributions)


def distributions(name: str) -> set[str]:
    """Return the distributions that bring a module, as they are declared; of those not installed the likeliest name."""
    if name == "spconv":
        return {"spconv-cu118"}  # whichever build is installed
    unseen = {"skimage": ["scikit-image"]}  # Python 3.10 looks at top_level.txt alone, which newer packages lack
    return {canonicalize_name(found) for found in providers().get(name, unseen.get(name, [name]))}


def test_what_the_code_imports_is_declared_and_what_is_declared_is_imported(project: dict[str, Any]) -> None:
    ours = {"pointnc", "data_prep", *sys.stdlib_module_names}
    needed: dict[str, str] = {}
    for name, _, place in imports("pointnc", "data_prep"):
        if name not in ours:
            needed |= dict.fromkeys(distributions(name), place)
    declared = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert {name: place for name, place in needed.items() if name not in declared | OPTIONAL} == {}
    # Tensorboard is what Lightning's logger writes with; plyfile is promised, and what reading is compared with.
    assert declared - needed.keys() == {"tensorboard", "plyfile"}
    extras = {
        canonicalize_name(Requirement(line).name) for x in project["optional-dependencies"].values() for line in x
    }
    assert extras >= OPTIONAL


def test_nothing_imports_what_not_every_platform_has_before_it_is_used() -> None:
    places = [
        place
        for name, at_once, place in imports("pointnc", "data_prep")
        if at_once and name in {"spconv", "cumm", "embreex", "laspy", "open3d", "pye57", "huggingface_hub", "wandb"}
    ]
    assert places == []


def test_every_requirement_has_a_version_that_was_tested(project: dict[str, Any]) -> None:
    pins = {
        canonicalize_name(match[1])
        for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
        if (match := re.match(r"([\w.-]+)==", line))
    }
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for name in extras for line in extras[name])]
    assert {canonicalize_name(Requirement(line).name) for line in lines} <= pins
    for build in ("cu118", "cu121", "cu126"):  # docs/install.md
        assert {f"spconv-{build}", f"cumm-{build}"} <= pins
