"""The messages about the name of the application package."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from actionhero import RunMode
from actionhero.app import App
from actionhero.settings import read_sources

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the folders of applications, which are added to the path."""
    monkeypatch.setattr(sys, "path", sys.path[:])


def problem(folder: Path, package: str) -> str:
    """Return the first problem of an application with a package of a name."""
    environ = {"ACTIONHERO_ENV": "test", "ACTIONHERO_APP__PACKAGE": package}
    app = App.from_plugins((), read_sources(folder, environ=environ), RunMode.CLI)
    return app.problems[0].replace(f"{folder}", "FOLDER")


@pytest.mark.parametrize(
    "name",
    [
        "misnamedbook.py",
        "./misnamedbook.py",
        "misnamedbook/",
        "misnamedbook:app",
        "Misnamedbook",
        "misnamedbok",
    ],
)
@pytest.mark.parametrize("path", ["misnamedbook.py", "src/misnamedbook/__init__.py"])
def test_a_name_that_is_no_package_has_a_suggestion(tmp_path: Path, path: str, name: str) -> None:
    """Paths, names of objects as for other servers, and typing errors."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("")

    assert problem(tmp_path, name) == (
        f"application {name!r} was not found: there is no package {name!r} in FOLDER or its "
        "'src'; did you mean 'misnamedbook'?"
    )


def test_a_package_in_another_folder_has_no_suggestion(tmp_path: Path) -> None:
    """It is started in the wrong folder, perhaps."""
    assert problem(tmp_path, "elsewherebook").endswith(
        "fix app.package, or start in the folder of the application"
    )


@pytest.mark.parametrize("path", ["json.py", "json/__init__.py", "src/json.py"])
def test_a_file_with_the_name_of_an_imported_module_is_reported(tmp_path: Path, path: str) -> None:
    """Python imports a name once, so the actions of the file would be missing."""
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("")

    assert problem(tmp_path, "json") == (
        f"application 'json' is not FOLDER/{path}: its name is that of {json.__file__}, which is "
        "imported already; rename it, and change app.package"
    )
