"""All packages have the same shape and the same version."""

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
#: A plugin of pytest, and none of an application.
KIT = Path("plugins", "pytest")
PLUGINS = [folder for folder in FOLDERS if folder not in {Path("core"), KIT}]

each_package = pytest.mark.parametrize("folder", FOLDERS, ids=str)
each_plugin = pytest.mark.parametrize("folder", PLUGINS, ids=str)


def project(folder: Path) -> dict[str, Any]:
    """Return the `project` table of a package."""
    table = tomllib.loads((ROOT / folder / "pyproject.toml").read_text("utf-8"))
    return cast("dict[str, Any]", table["project"])


def import_name(folder: Path) -> str:
    """Return the import name of a package."""
    return str(project(folder)["name"]).replace("-", "_")


@each_package
def test_all_packages_have_the_same_version(folder: Path) -> None:
    """One number in a bug report identifies the installation."""
    assert project(folder)["version"] == __version__


def test_the_changelog_is_written_for_the_same_version() -> None:
    """The next release has the version of the packages."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]

    assert tools["towncrier"]["version"] == __version__


@each_package
def test_all_packages_have_the_same_files(folder: Path) -> None:
    """A reader of one package can navigate all."""
    source = ROOT / folder / "src" / import_name(folder)

    assert (ROOT / folder / "README.md").is_file()
    assert (source / "__init__.py").is_file()
    assert (source / "py.typed").is_file()
    assert list((ROOT / folder / "tests").glob("test_*.py"))


@each_package
def test_every_package_contains_the_license(folder: Path) -> None:
    """Each wheel contains a copy of the license at the root."""
    assert (ROOT / folder / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    assert project(folder)["license"] == "Apache-2.0"


@each_plugin
def test_entry_points_are_named_like_their_package(folder: Path) -> None:
    """The entry point of a plugin is its module `plugin`."""
    name = str(project(folder)["name"]).removeprefix("actionhero-")

    assert project(folder)["entry-points"]["actionhero"] == {name: f"{import_name(folder)}.plugin"}
    assert (ROOT / folder / "src" / import_name(folder) / "plugin.py").is_file()


@each_plugin
def test_plugins_require_each_other_in_the_same_version(folder: Path) -> None:
    """Our plugins are released together with core; examples depend on it as third parties do."""
    siblings = [name for name in project(folder)["dependencies"] if name.startswith("actionhero")]

    assert any(re.match(r"actionhero\b(?!-)", sibling) for sibling in siblings)
    for sibling in siblings:
        if folder.parts[0] == "plugins":
            assert sibling.endswith(f"=={__version__}")
        else:
            assert "==" not in sibling


@each_package
def test_every_package_has_complete_metadata(folder: Path) -> None:
    """An index shows links, keywords and supported versions of each package alike."""
    metadata = project(folder)
    first = project(FOLDERS[0])

    assert set(metadata["urls"]) == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert metadata["urls"] == first["urls"]
    assert len(metadata["keywords"]) >= 3
    for classifier in first["classifiers"]:
        if classifier.startswith(("Programming Language", "Development Status", "Typing")):
            assert classifier in metadata["classifiers"]


@each_package
def test_no_test_folder_is_a_package(folder: Path) -> None:
    """Test files are identified by their path, so that two packages may use the same name."""
    assert not list((ROOT / folder / "tests").rglob("__init__.py"))
