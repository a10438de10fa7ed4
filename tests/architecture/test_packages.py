"""Every package has the same shape and the same version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest

from actionhero import __version__

ROOT = Path(__file__).parents[2]
FOLDERS = [
    path.parent.relative_to(ROOT)
    for pattern in ("core", "plugins/*", "example-plugins/*")
    for path in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))
]
#: A plugin of pytest: no application of ours looks for it.
KIT = Path("plugins", "pytest")
PLUGINS = [folder for folder in FOLDERS if folder not in {Path("core"), KIT}]

each_package = pytest.mark.parametrize("folder", FOLDERS, ids=str)
each_plugin = pytest.mark.parametrize("folder", PLUGINS, ids=str)


def project(folder: Path) -> dict[str, Any]:
    """Return the `project` table of a package."""
    table = tomllib.loads((ROOT / folder / "pyproject.toml").read_text("utf-8"))
    return cast("dict[str, Any]", table["project"])


def import_name(folder: Path) -> str:
    """Return the name by which a package is imported."""
    return str(project(folder)["name"]).replace("-", "_")


@each_package
def test_every_package_has_the_one_version(folder: Path) -> None:
    """One number in a bug report says what is installed."""
    assert project(folder)["version"] == __version__


def test_the_next_release_has_the_one_version() -> None:
    """The changelog is written for the version that the packages carry."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]

    assert tools["towncrier"]["version"] == __version__


@each_package
def test_every_package_brings_the_same_files(folder: Path) -> None:
    """Who has found their way in one package knows it in all."""
    source = ROOT / folder / "src" / import_name(folder)

    assert (ROOT / folder / "README.md").is_file()
    assert (source / "__init__.py").is_file()
    assert (source / "py.typed").is_file()
    assert list((ROOT / folder / "tests").glob("test_*.py"))


@each_package
def test_every_package_carries_the_licence(folder: Path) -> None:
    """The licence goes with each wheel, in the words of the one at the root."""
    assert (ROOT / folder / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    assert project(folder)["license"] == "Apache-2.0"


@each_plugin
def test_every_plugin_is_found_by_its_module_plugin(folder: Path) -> None:
    """The entry point is called as the package, and leads to its `plugin.py`."""
    name = str(project(folder)["name"]).removeprefix("actionhero-")

    assert project(folder)["entry-points"]["actionhero"] == {name: f"{import_name(folder)}.plugin"}
    assert (ROOT / folder / "src" / import_name(folder) / "plugin.py").is_file()


@each_plugin
def test_our_own_plugins_ask_for_their_siblings_in_their_own_version(folder: Path) -> None:
    """Our plugins move together with core; examples lean on it as a third party would."""
    siblings = [name for name in project(folder)["dependencies"] if name.startswith("actionhero")]

    assert any(re.match(r"actionhero\b(?!-)", sibling) for sibling in siblings)
    for sibling in siblings:
        if folder.parts[0] == "plugins":
            assert sibling.endswith(f"=={__version__}")
        else:
            assert "==" not in sibling


@each_package
def test_no_test_folder_is_a_package(folder: Path) -> None:
    """Test files are told apart by their path, so that two packages may use one file name."""
    assert not list((ROOT / folder / "tests").rglob("__init__.py"))
