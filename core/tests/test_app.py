"""Putting an application together: what plugins give, and all that is wrong with it at once."""

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


class Door(Server):
    name = "door"

    async def start(self, app: Application) -> None: ...

    async def close(self) -> None: ...


class GuestSettings(Settings):
    section = "guest"
    limit: int = 7


def put_together(*plugins: Any, mode: RunMode = RunMode.SERVER, **environ: str) -> App:
    """Put an application together, and do not mind what is wrong with it."""
    variables = {"ACTIONHERO_ENV": "test", **environ}
    return App.of(plugins, read_sources(Path(__file__).parent, environ=variables), mode)


def plugin(**hooks: Any) -> Any:
    """Return a plugin whose hooks return what is given."""

    def hook(name: str, returned: Any) -> Any:
        def give() -> Any:
            if isinstance(returned, Exception):
                raise returned
            return returned

        give.__name__ = name
        return staticmethod(hookimpl(give))

    made = {f"actionhero_{name}": hook(f"actionhero_{name}", it) for name, it in hooks.items()}
    return type("Guest", (), made)()


def test_what_plugins_give_is_put_together() -> None:
    """Each hook has its place."""
    app = put_together(
        plugin(
            settings=[GuestSettings],
            initializers=[PoolInitializer()],
            actions=[Greet],
            servers=[Door()],
        )
    )

    assert app.problems == []
    assert [action.name for action in app.actions] == ["greet", "status"]
    assert [item.name for item in app.initializers] == ["pool"]
    assert [server.name for server in app.servers] == ["door"]
    assert app.get(GuestSettings).limit == 7
    assert app.get(Application) is app
    assert app.has(GuestSettings)
    assert not app.has(Greet)


def test_nothing_given_is_nothing_wrong() -> None:
    """A hook may return `None`, or an empty list."""
    app = put_together(plugin(settings=None, initializers=[], actions=None, servers=None))

    assert app.problems == []
    assert [action.name for action in app.actions] == ["status"]


def test_a_call_from_the_command_line_opens_no_door() -> None:
    """Servers are not even asked for."""
    app = put_together(plugin(servers=RuntimeError("asked")), mode=RunMode.CLI)

    assert app.servers == []
    assert app.problems == []


def test_hooks_are_given_the_application() -> None:
    """Settings can be read while the rest is put together."""

    class Reads:
        @hookimpl
        def actionhero_settings(self) -> list[type[Settings]]:
            return [GuestSettings]

        @hookimpl
        def actionhero_actions(self, app: Application) -> list[type[Action]]:
            return [Greet] if app.get(GuestSettings).limit > 5 else []

    assert "greet" in put_together(Reads()).actions
    assert "greet" not in put_together(Reads(), ACTIONHERO_GUEST__LIMIT="3").actions


async def test_middleware_of_plugins_runs_around_every_call() -> None:
    """Outermost is what was registered first."""
    seen: list[str] = []

    class Note(Middleware):
        def __init__(self, name: str) -> None:
            self.name = name

        async def before(self, call: Call) -> None:
            seen.append(f"{self.name} {call.action.name}")

    async with running_app(
        Greet, plugin(middleware=[Note("a"), Note("b")]), plugin(middleware=[Note("c")])
    ) as app:
        await app.call("greet")
        await app.call("status")

    assert seen == [f"{name} {action}" for action in ("greet", "status") for name in "abc"]


async def test_the_first_answer_of_the_last_plugin_is_the_session_store() -> None:
    """The application, which comes last, may bring its own."""

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
    ("hooks", "told"),
    [
        ({"actions": [Greet()]}, "which is not a subclass of Action"),
        ({"actions": Greet}, "return a list, or None for nothing"),
        ({"actions": "greet"}, "returned 'greet' from 'actionhero_actions'"),
        ({"initializers": [PoolInitializer]}, "which is not an instance of Initializer"),
        ({"servers": [object()]}, "which is not an instance of Server"),
        ({"middleware": [Middleware]}, "which is not an instance of Middleware"),
        ({"settings": [GuestSettings()]}, "which is not a subclass of Settings"),
        ({"session_store": object()}, "which is not an instance of SessionStore"),
        ({"actions": RuntimeError("rain")}, "failed in 'actionhero_actions': RuntimeError: rain"),
    ],
)
def test_a_hook_that_gives_something_else_is_told(hooks: dict[str, Any], told: str) -> None:
    """The plugin is named, and the place of the hook in its file."""
    [problem] = put_together(plugin(**hooks)).problems

    assert problem.startswith("plugin 'Guest' ")
    assert told in problem
    assert f"{__file__}:" in problem


def test_two_plugins_with_one_settings_section_are_told() -> None:
    """Both are named."""

    class Other(Settings):
        section = "guest"

    [problem] = put_together(plugin(settings=[GuestSettings]), plugin(settings=[Other])).problems

    assert problem == (
        "two plugins have the settings section 'guest': plugin 'Guest' and plugin 'Guest'; "
        "rename one, or put the name of one plugin into plugins.disabled"
    )


def test_a_plugin_cannot_take_a_section_of_ours() -> None:
    """`app` and the others belong to actionhero."""

    class Mine(Settings):
        section = "app"

    [problem] = put_together(plugin(settings=[Mine])).problems

    assert problem.startswith("two plugins have the settings section 'app': actionhero and ")


def test_what_a_plugin_finds_wrong_with_the_actions_of_others_is_told() -> None:
    """The check names what is wrong, the application who found it."""
    [problem] = put_together(plugin(check=["action 'greet' has a wrong web"])).problems

    assert problem == "action 'greet' has a wrong web (found by plugin 'Guest')"


def test_with_wrong_settings_the_rest_can_still_be_looked_at() -> None:
    """Listings and diagnosis work with defaults; nothing starts."""
    app = put_together(
        plugin(settings=[GuestSettings], actions=[Greet]), ACTIONHERO_GUEST__LIMIT="many"
    )

    assert app.settings_are_wrong
    assert "greet" in app.actions
    assert app.get(GuestSettings).limit == 7
    assert "ACTIONHERO_GUEST__LIMIT" in app.problems[0]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """A person who mends it need not start again and again."""

    class Nameless(Action):
        async def run(self, call: Call) -> None: ...

    class Lost(Initializer):
        name = "lost"
        requires = ("nobody",)

    app = put_together(
        plugin(actions=[Nameless, Greet, Greet], initializers=[Lost()]),
        ACTIONHERO_ACTIONS__TIMEOUT="soon",
    )

    assert len(app.problems) == 4
    with pytest.raises(PluginError) as raised:
        app.refuse_problems()
    told = str(raised.value)
    assert raised.value.exit_code == 78
    for fault in ("ACTIONHERO_ACTIONS__TIMEOUT", "has no name", "two actions are called 'greet'"):
        assert fault in told
    assert "requires 'nobody'" in told


async def test_nothing_starts_while_anything_is_wrong() -> None:
    """Not even what has no part in it."""
    started: list[str] = []

    class Eager(Initializer):
        name = "eager"

        async def initialize(self, app: Application) -> None:
            started.append("initialized")

    app = put_together(plugin(initializers=[Eager()], actions=[Greet, Greet]))

    with pytest.raises(BootError, match="two actions are called 'greet'"):
        await app.start()
    assert started == []
