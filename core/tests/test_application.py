"""The application package, whose components are found automatically."""

from __future__ import annotations

import importlib
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
    """The folder of an application package, which is removed from `sys.modules` after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    package = tmp_path / "example_guestbook"
    package.mkdir()
    (package / "__init__.py").write_text("")

    yield package

    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


def load(folder: Path, **environ: str) -> App:
    """Load the application in a folder, without installed plugins."""
    variables = {
        "ACTIONHERO_ENV": "test",
        "ACTIONHERO_APP__PACKAGE": "example_guestbook",
        **environ,
    }
    return App.from_plugins([], read_sources(folder, environ=variables))


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


class ExampleServer(Server):
    name = "example"

    async def start(self, app: Application) -> None: ...

    async def close(self) -> None: ...
"""


def test_components_of_the_application_are_found(guestbook: Path) -> None:
    """Actions, initializers and servers; private base classes are ignored."""
    (guestbook / "actions").mkdir()
    (guestbook / "actions" / "__init__.py").write_text("")
    (guestbook / "actions" / "book.py").write_text(APPLICATION)
    (guestbook / "again.py").write_text("from example_guestbook.actions.book import Sign\n")

    app = load(guestbook.parent)

    assert app.problems == []
    assert [action.name for action in app.actions] == ["read", "sign", "status"]
    assert app.actions.find("sign").owner == "application 'example_guestbook'"
    assert [item.name for item in app.initializers] == ["pool"]
    assert [server.name for server in app.servers] == ["example"]
    assert app.get(AppSettings).name == "example_guestbook"


def test_the_application_can_be_in_src(guestbook: Path) -> None:
    """A common layout of projects."""
    (guestbook.parent / "src").mkdir()
    (guestbook / "book.py").write_text(APPLICATION)
    guestbook.rename(guestbook.parent / "src" / guestbook.name)

    assert "sign" in load(guestbook.parent).actions


def test_the_hooks_of_an_application_are_in_its_plugin_module(guestbook: Path) -> None:
    """An action that a hook returns, too, is registered once."""
    (guestbook / "plugin.py").write_text(
        "from actionhero import hookimpl\n"
        "from example_guestbook.book import Sign\n"
        "@hookimpl\n"
        "def actionhero_actions():\n"
        "    return [Sign]\n"
    )
    (guestbook / "book.py").write_text(APPLICATION)

    app = load(guestbook.parent)

    assert app.problems == []
    assert "sign" in app.actions


def test_initializers_with_arguments_are_an_error(guestbook: Path) -> None:
    """The application creates them without arguments."""
    (guestbook / "pool.py").write_text(
        "from actionhero import Initializer\n"
        "class Pool(Initializer):\n"
        "    name = 'pool'\n"
        "    def __init__(self, size): ...\n"
    )

    [problem] = load(guestbook.parent).problems

    assert problem.startswith("example_guestbook.pool.Pool cannot be created without arguments: ")
    assert "remove its arguments, or return an instance from a hook in your plugin.py" in problem


def test_a_missing_application_is_an_error(tmp_path: Path) -> None:
    """The message contains the folder."""
    app = load(tmp_path, ACTIONHERO_APP__PACKAGE="missing_guestbook")

    [problem] = app.problems
    assert problem == (
        "application 'missing_guestbook' was not found: there is no package "
        f"'missing_guestbook' in {tmp_path} or its 'src'; fix app.package, or start in "
        "the folder of the application"
    )


def test_an_application_that_cannot_be_imported_is_an_error(guestbook: Path) -> None:
    """The message contains the file and the line."""
    (guestbook / "broken.py").write_text("\nraise RuntimeError('rain')\n")

    [problem] = load(guestbook.parent).problems

    assert "cannot be imported: after example_guestbook: RuntimeError: rain" in problem
    assert f"{guestbook / 'broken.py'}:2" in problem
    assert problem.endswith("; fix the module")


def test_an_application_that_is_a_plugin_too_is_one_error(guestbook: Path) -> None:
    """Its components are those of the plugin, and are not reported as duplicates."""
    (guestbook / "plugin.py").write_text(
        "from actionhero import Action, hookimpl\n"
        "class Sign(Action):\n"
        "    name = 'sign'\n"
        "    async def run(self) -> None: ...\n"
        "class Copy(Sign):\n"
        "    pass\n"
        "@hookimpl\n"
        "def actionhero_actions():\n"
        "    return [Sign]\n"
    )
    sys.path.insert(0, str(guestbook.parent))
    plugin = importlib.import_module(f"{guestbook.name}.plugin")
    environ = {"ACTIONHERO_APP__PACKAGE": guestbook.name}

    [problem] = App.from_plugins([plugin], read_sources(guestbook.parent, environ=environ)).problems

    assert "has the same module" in problem


def test_component_types_of_plugins_are_found(guestbook: Path) -> None:
    """A plugin registers a base class, and gets its subclasses."""
    (guestbook / "components.py").write_text(
        "from actionhero import Middleware\nclass Recorder(Middleware): ...\n"
    )
    variables = {"ACTIONHERO_ENV": "test", "ACTIONHERO_APP__PACKAGE": guestbook.name}

    class ComponentTypes:
        @hookimpl
        def actionhero_component_types(self) -> list[type]:
            return [Middleware]

    app = App.from_plugins([ComponentTypes()], read_sources(guestbook.parent, environ=variables))

    assert [type_.__name__ for type_ in app.components(Middleware)] == ["Recorder"]
    assert app.components(Session) == []
