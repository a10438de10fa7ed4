"""The application's own package: what it defines is found without being listed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from actionhero import App, Middleware, Session, hookimpl
from actionhero.settings import AppSettings
from actionhero.settings.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def guestbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of an application's package, which is forgotten after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    package = tmp_path / "guestbook_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("")

    yield package

    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


def load(folder: Path, **environ: str) -> App:
    """Load the application in a folder, with no plugin but core's own."""
    variables = {
        "ACTIONHERO_ENV": "test",
        "ACTIONHERO_APP__PACKAGE": "guestbook_of_a_test",
        **environ,
    }
    return App.of([], read_sources(folder, environ=variables))


APPLICATION = """
from __future__ import annotations

from actionhero import Action, App, Application, Call, Initializer, Server


class _Base(Action):
    async def run(self, call: Call) -> str:
        return self.name


class Sign(_Base):
    name = "sign"


class Read(_Base):
    name = "read"


class Pool(Initializer):
    name = "pool"


class Door(Server):
    name = "door"

    async def start(self, app: Application) -> None: ...

    async def close(self) -> None: ...
"""


def test_what_an_application_defines_is_found_without_being_listed(guestbook: Path) -> None:
    """Actions, initializers and servers; the author's own bases are left out."""
    (guestbook / "actions").mkdir()
    (guestbook / "actions" / "__init__.py").write_text("")
    (guestbook / "actions" / "book.py").write_text(APPLICATION)
    (guestbook / "again.py").write_text("from guestbook_of_a_test.actions.book import Sign\n")

    app = load(guestbook.parent)

    assert app.problems == []
    assert [action.name for action in app.actions] == ["read", "sign", "status"]
    assert app.actions.find("sign").owner == "application 'guestbook_of_a_test'"
    assert [item.name for item in app.initializers] == ["pool"]
    assert [server.name for server in app.servers] == ["door"]
    assert app.get(AppSettings).name == "guestbook_of_a_test"


def test_an_application_may_lie_in_a_folder_called_src(guestbook: Path) -> None:
    """As many projects have it."""
    (guestbook.parent / "src").mkdir()
    (guestbook / "book.py").write_text(APPLICATION)
    guestbook.rename(guestbook.parent / "src" / guestbook.name)

    assert "sign" in load(guestbook.parent).actions


def test_hooks_of_an_application_stand_in_its_plugin_module(guestbook: Path) -> None:
    """An action that a hook lists too is there once."""
    (guestbook / "plugin.py").write_text(
        "from actionhero import hookimpl\n"
        "from guestbook_of_a_test.book import Sign\n"
        "@hookimpl\n"
        "def actionhero_actions():\n"
        "    return [Sign]\n"
    )
    (guestbook / "book.py").write_text(APPLICATION)

    app = load(guestbook.parent)

    assert app.problems == []
    assert "sign" in app.actions


def test_an_initializer_that_wants_arguments_is_told(guestbook: Path) -> None:
    """It is made by the application, which has none to give."""
    (guestbook / "pool.py").write_text(
        "from actionhero import Initializer\n"
        "class Pool(Initializer):\n"
        "    name = 'pool'\n"
        "    def __init__(self, size): ...\n"
    )

    [problem] = load(guestbook.parent).problems

    assert problem.startswith("guestbook_of_a_test.pool.Pool cannot be made without arguments: ")
    assert "give it none, or return an instance from a hook in your plugin.py" in problem


def test_an_application_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the folder that was looked in."""
    app = load(tmp_path, ACTIONHERO_APP__PACKAGE="guestbook_that_is_not_there")

    [problem] = app.problems
    assert problem == (
        "application 'guestbook_that_is_not_there' was not found: there is no package "
        f"'guestbook_that_is_not_there' in {tmp_path} or its 'src'; mend app.package, or start in "
        "the folder of the application"
    )


def test_an_application_that_does_not_import_is_told(guestbook: Path) -> None:
    """With the file and the line."""
    (guestbook / "broken.py").write_text("\nraise RuntimeError('rain')\n")

    [problem] = load(guestbook.parent).problems

    assert "does not import: after guestbook_of_a_test: RuntimeError: rain" in problem
    assert f"{guestbook / 'broken.py'}:2" in problem
    assert problem.endswith("; mend the module")


def test_kinds_of_plugins_are_found_in_the_application(guestbook: Path) -> None:
    """A plugin names its base class, and gets the subclasses."""
    (guestbook / "kinds.py").write_text(
        "from actionhero import Middleware\nclass Note(Middleware): ...\n"
    )
    variables = {"ACTIONHERO_ENV": "test", "ACTIONHERO_APP__PACKAGE": guestbook.name}

    class Kinds:
        @hookimpl
        def actionhero_component_types(self) -> list[type]:
            return [Middleware]

    app = App.of([Kinds()], read_sources(guestbook.parent, environ=variables))

    assert [kind.__name__ for kind in app.found(Middleware)] == ["Note"]
    assert app.found(Session) == []
