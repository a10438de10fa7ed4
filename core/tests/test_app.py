"""`App`: assembly from the contributions of plugins, and its errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    App,
    Application,
    BootError,
    Call,
    Initializer,
    Middleware,
    PluginError,
    RunMode,
    Server,
    Session,
    SessionStore,
    Settings,
    hookimpl,
)
from actionhero.settings.sources import read_sources
from actionhero.testing import running_app

if TYPE_CHECKING:
    from actionhero.connection import Connection


class Greet(Action):
    name = "greet"

    async def run(self, call: Call) -> str:
        return "Hello!"


class PoolInitializer(Initializer):
    name = "pool"


class ExampleServer(Server):
    name = "example"

    async def start(self, app: Application) -> None: ...

    async def close(self) -> None: ...


class GuestSettings(Settings):
    section = "guest"
    limit: int = 7


def load(*plugins: Any, mode: RunMode = RunMode.SERVER, **environ: str) -> App:
    """Load an application, perhaps with problems."""
    variables = {"ACTIONHERO_ENV": "test", **environ}
    return App.from_plugins(plugins, read_sources(Path(__file__).parent, environ=variables), mode)


def plugin(**hooks: Any) -> Any:
    """Return a plugin whose hooks return the given values."""

    def hook(name: str, result: Any) -> Any:
        def implementation() -> Any:
            if isinstance(result, Exception):
                raise result
            return result

        implementation.__name__ = name
        return staticmethod(hookimpl(implementation))

    functions = {
        f"actionhero_{name}": hook(f"actionhero_{name}", result) for name, result in hooks.items()
    }
    return type("Guest", (), functions)()


def test_contributions_of_plugins_are_assembled() -> None:
    """Each hook has its place."""
    app = load(
        plugin(
            settings=[GuestSettings],
            initializers=[PoolInitializer()],
            actions=[Greet],
            servers=[ExampleServer()],
        )
    )

    assert app.problems == []
    assert [action.name for action in app.actions] == ["greet", "status"]
    assert [item.name for item in app.initializers] == ["pool"]
    assert [server.name for server in app.servers] == ["example"]
    assert app.get(GuestSettings).limit == 7
    assert app.get(Application) is app
    assert app.has(GuestSettings)
    assert not app.has(Greet)


def test_hooks_may_return_nothing() -> None:
    """`None`, or an empty list."""
    app = load(plugin(settings=None, initializers=[], actions=None, servers=None))

    assert app.problems == []
    assert [action.name for action in app.actions] == ["status"]


def test_the_command_line_collects_no_servers() -> None:
    """The hook is not called."""
    app = load(plugin(servers=RuntimeError("called")), mode=RunMode.CLI)

    assert app.servers == []
    assert app.problems == []


def test_hooks_receive_the_application() -> None:
    """They can read settings while the application is loaded."""

    class ReadsSettings:
        @hookimpl
        def actionhero_settings(self) -> list[type[Settings]]:
            return [GuestSettings]

        @hookimpl
        def actionhero_actions(self, app: Application) -> list[type[Action]]:
            return [Greet] if app.get(GuestSettings).limit > 5 else []

    assert "greet" in load(ReadsSettings()).actions
    assert "greet" not in load(ReadsSettings(), ACTIONHERO_GUEST__LIMIT="3").actions


async def test_middleware_of_plugins_runs_around_every_call() -> None:
    """The first registered is the outermost."""
    calls: list[str] = []

    class Recorder(Middleware):
        def __init__(self, name: str) -> None:
            self.name = name

        async def before(self, call: Call) -> None:
            calls.append(f"{self.name} {call.action.name}")

    async with running_app(
        Greet, plugin(middleware=[Recorder("a"), Recorder("b")]), plugin(middleware=[Recorder("c")])
    ) as app:
        await app.call("greet")
        await app.call("status")

    assert calls == [f"{name} {action}" for action in ("greet", "status") for name in "abc"]


async def test_the_session_store_of_the_last_plugin_is_used() -> None:
    """That of the application overrides those of plugins."""

    class Store(SessionStore):
        def __init__(self) -> None:
            self.opened = 0

        async def open(self, connection: Connection) -> Session:
            self.opened += 1
            return Session()

        async def save(self, connection: Connection, session: Session) -> None: ...

    first, last = Store(), Store()
    async with running_app(
        Greet, plugin(session_store=first), plugin(session_store=last), plugin(session_store=None)
    ) as app:
        await app.call("greet")

    assert (first.opened, last.opened) == (0, 1)


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ({"actions": [Greet()]}, "which is not a subclass of Action"),
        ({"actions": Greet}, "return a list of subclasses of Action, or None"),
        ({"actions": "greet"}, "returned 'greet' from 'actionhero_actions'"),
        ({"initializers": [PoolInitializer]}, "which is not an instance of Initializer"),
        ({"servers": [object()]}, "which is not an instance of Server"),
        ({"middleware": [Middleware]}, "which is not an instance of Middleware"),
        ({"settings": [GuestSettings()]}, "which is not a subclass of Settings"),
        ({"session_store": object()}, "which is not an instance of SessionStore"),
        ({"actions": RuntimeError("rain")}, "failed in 'actionhero_actions': RuntimeError: rain"),
    ],
)
def test_invalid_results_of_hooks_are_errors(hooks: dict[str, Any], message: str) -> None:
    """The message names the plugin and the location of the hook."""
    [problem] = load(plugin(**hooks)).problems

    assert problem.startswith("plugin 'Guest' ")
    assert message in problem
    assert f"{__file__}:" in problem


def test_duplicate_settings_sections_are_an_error() -> None:
    """Both plugins are named."""

    class Other(Settings):
        section = "guest"

    [problem] = load(plugin(settings=[GuestSettings]), plugin(settings=[Other])).problems

    assert problem == (
        "two plugins have the settings section 'guest': plugin 'Guest' and plugin 'Guest'; "
        "rename one, or add the name of one plugin to plugins.disabled"
    )


def test_sections_of_core_are_reserved() -> None:
    """`app` and the others belong to core."""

    class Duplicate(Settings):
        section = "app"

    [problem] = load(plugin(settings=[Duplicate])).problems

    assert problem.startswith("two plugins have the settings section 'app': actionhero and ")


def test_errors_of_validate_name_the_reporting_plugin() -> None:
    """The message of the hook names the action."""
    [problem] = load(plugin(validate=["action 'greet' has a wrong web"])).problems

    assert problem == "action 'greet' has a wrong web (reported by plugin 'Guest')"


def test_applications_with_invalid_settings_have_the_defaults() -> None:
    """They can be listed, and do not start."""
    app = load(plugin(settings=[GuestSettings], actions=[Greet]), ACTIONHERO_GUEST__LIMIT="many")

    assert app.has_invalid_settings
    assert "greet" in app.actions
    assert app.get(GuestSettings).limit == 7
    assert "ACTIONHERO_GUEST__LIMIT" in app.problems[0]


def test_all_problems_are_reported_at_once() -> None:
    """Users fix them in one go."""

    class Nameless(Action):
        async def run(self, call: Call) -> None: ...

    class Dependent(Initializer):
        name = "dependent"
        requires = ("missing",)

    app = load(
        plugin(actions=[Nameless, Greet, Greet], initializers=[Dependent()]),
        ACTIONHERO_ACTIONS__TIMEOUT="soon",
    )

    assert len(app.problems) == 4
    with pytest.raises(PluginError) as raised:
        app.raise_for_problems()
    message = str(raised.value)
    assert raised.value.exit_code == 78
    for error in (
        "ACTIONHERO_ACTIONS__TIMEOUT",
        "has no name",
        "two actions are called 'greet'",
    ):
        assert error in message
    assert "requires 'missing'" in message


async def test_applications_with_problems_do_not_start() -> None:
    """No initializer runs."""
    started: list[str] = []

    class Recorder(Initializer):
        name = "recorder"

        async def initialize(self, app: Application) -> None:
            started.append("initialized")

    app = load(plugin(initializers=[Recorder()], actions=[Greet, Greet]))

    with pytest.raises(BootError, match="two actions are called 'greet'"):
        await app.start()
    assert started == []
