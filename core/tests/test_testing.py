"""Test applications and callers for authors."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from actionhero import (
    Action,
    Application,
    BootError,
    Call,
    Conflict,
    Initializer,
    Inputs,
    InvalidInput,
    Middleware,
    RunMode,
    Server,
    Settings,
    TypedError,
    hookimpl,
)
from actionhero import testing as testing_module
from actionhero.errors import LifecycleError
from actionhero.settings import ActionsSettings, AppSettings
from actionhero.testing import running_app

if TYPE_CHECKING:
    from pathlib import Path


class Person(Inputs):
    name: str


class Greet(Action):
    name = "greet"

    async def run(self, inputs: Person, call: Call) -> str:
        return f"Hello, {inputs.name}!"


class Count(Action):
    name = "count"

    async def run(self, call: Call) -> int:
        call.session["calls"] = call.session.get("calls", 0) + 1
        return int(call.session["calls"])


async def test_installed_plugins_are_not_loaded() -> None:
    """A test is the same in every environment."""
    async with running_app(Greet) as app:
        assert [action.name for action in app.app.actions] == ["greet", "status"]
        assert app.app.environment == "test"
        assert app.app.servers == []


async def test_each_caller_has_its_own_connection_and_session() -> None:
    """`app.call` is a new client each time; `app.connect` returns one client."""
    async with running_app(Count) as app:
        ada = app.connect("10.0.0.7")

        assert [await ada.call("count"), await ada.call("count")] == [1, 2]
        assert await app.connect().call("count") == 1
        assert [await app.call("count"), await app.call("count")] == [1, 1]
        assert ada.connection.remote == "10.0.0.7"
        assert ada.connection.transport == "test"


async def test_errors_are_raised_or_returned_as_outcomes() -> None:
    """A test can use either form."""

    class Refuse(Action):
        name = "refuse"

        async def run(self, call: Call) -> None:
            raise Conflict("taken")

    async with running_app(Refuse) as app:
        caller = app.connect()

        with pytest.raises(Conflict, match="taken"):
            await caller.call("refuse")
        assert (await caller.outcome("refuse")).error is not None


async def test_the_original_exception_is_the_cause() -> None:
    """A failing test shows the exception of the action."""

    class Break(Action):
        name = "break"

        async def run(self, call: Call) -> None:
            raise RuntimeError("out of memory")

    async with running_app(Break) as app:
        with pytest.raises(TypedError, match="Internal error") as raised:
            await app.call("break")

    assert isinstance(raised.value.__cause__, RuntimeError)


async def test_an_undeclared_input_is_an_error() -> None:
    """A test with a misspelled input would test nothing."""
    async with running_app(Greet) as app:
        with pytest.raises(InvalidInput, match=r"Unknown param: nam \(did you mean 'name'\?\)"):
            await app.call("greet", name="Ada", nam="x")


async def test_an_action_can_be_called_by_its_class() -> None:
    """Inputs and result are typed; the inputs are an instance."""
    async with running_app(Greet, Count) as app:
        caller = app.connect()

        assert await caller.run(Greet, Person(name="Ada")) == "Hello, Ada!"
        assert await caller.run(Count) == 1


class ColorSettings(Settings):
    section = "color"
    paint: str = "red"


class ColorPlugin:
    @hookimpl
    def actionhero_settings(self) -> list[type[Settings]]:
        return [ColorSettings]


async def test_settings_come_from_instances_variables_or_a_folder(tmp_path: Path) -> None:
    """Variables of the process and other files are not read."""
    (tmp_path / "actionhero.toml").write_text('[color]\npaint = "green"\n')

    async with running_app(ColorPlugin()) as app:
        assert app.get(ColorSettings).paint == "red"
    async with running_app(ColorPlugin(), folder=tmp_path) as app:
        assert app.get(ColorSettings).paint == "green"
    async with running_app(
        ColorPlugin(), folder=tmp_path, environ={"ACTIONHERO_COLOR__PAINT": "blue"}
    ) as app:
        assert app.get(ColorSettings).paint == "blue"
    async with running_app(ColorPlugin(), settings=[ColorSettings(paint="pink")]) as app:
        assert app.get(ColorSettings).paint == "pink"
        assert app.get(ActionsSettings).timeout.total_seconds() == 300


async def test_invalid_settings_prevent_the_start() -> None:
    """As in a real start."""
    with pytest.raises(BootError, match="ACTIONHERO_COLOR__PANT"):
        async with running_app(ColorPlugin(), environ={"ACTIONHERO_COLOR__PANT": "blue"}):
            pass


class Pool:
    def __init__(self) -> None:
        self.open = False


class PoolInitializer(Initializer):
    name = "pool"

    async def initialize(self, app: Application) -> None:
        app.provide(Pool, Pool())

    async def start(self, app: Application) -> None:
        app.get(Pool).open = True

    async def stop(self, app: Application) -> None:
        app.get(Pool).open = False


async def test_initializers_run_during_the_block() -> None:
    """They are stopped even if the test fails."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is tested
        async with running_app(PoolInitializer) as app:
            pool = app.get(Pool)
            assert pool.open
            1 / 0  # noqa: B018 - a test that fails

    assert not pool.open


async def test_the_error_of_a_missing_resource_lists_the_known_types() -> None:
    """They are those of the application."""
    async with running_app() as app:
        with pytest.raises(BootError, match=r"nothing provides 'Pool'; available: .*AppSettings"):
            app.get(Pool)
        assert app.get(AppSettings) is app.app.get(AppSettings)


async def test_servers_start_in_server_mode_only() -> None:
    """Most tests need no socket."""
    opened: list[str] = []

    class Echo(Server):
        name = "echo"

        async def start(self, app: Application) -> None:
            opened.append("open")

        async def close(self) -> None:
            opened.append("closed")

    class EchoPlugin:
        @hookimpl
        def actionhero_servers(self) -> list[Server]:
            return [Echo()]

    async with running_app(EchoPlugin()):
        assert opened == []
    async with running_app(EchoPlugin(), mode=RunMode.SERVER):
        assert opened == ["open"]
    assert opened == ["open", "closed"]


async def test_an_error_at_start_is_raised_in_the_test() -> None:
    """With the original exception as the cause."""

    class Broken(Initializer):
        name = "broken"

        async def start(self, app: Application) -> None:
            raise ConnectionRefusedError("connection refused")

    with pytest.raises(LifecycleError, match="initializer 'broken'"):
        async with running_app(Broken):
            pass


async def test_middleware_can_be_passed_as_a_plugin() -> None:
    """The instance is added to every call."""
    seen: list[str] = []

    class Record(Middleware):
        async def before(self, call: Call) -> None:
            seen.append(call.action.name)

    async with running_app(Greet, Record()) as app:
        await app.call("greet", name="Ada")

    assert seen == ["greet"]


async def test_two_applications_may_run_at_the_same_time() -> None:
    """Applications share no state."""
    async with running_app(Count) as one, running_app(Greet) as two:
        assert await one.call("count") == 1
        assert await two.call("greet", name="Ada") == "Hello, Ada!"


def test_the_testing_module_does_not_import_pytest() -> None:
    """It works with other test frameworks."""
    program = "import actionhero.testing, sys; sys.exit('pytest' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    with pytest.raises(AttributeError, match=r"'actionhero.testing' has no attribute 'nothing'"):
        _ = testing_module.nothing


class Welcome(Action):
    """Welcome a person."""

    name = "welcome"

    async def run(self, inputs: Person) -> str:
        return f"Welcome, {inputs.name}!"


class Members(Action):
    """Count the members."""

    name = "members"

    async def run(self) -> int:
        return 3


async def test_actions_are_called_by_class_with_typed_inputs() -> None:
    """By the running application, and by each client."""
    async with running_app(Welcome, Members) as app:
        ada = Person(name="Ada")

        assert await app.call(Welcome, ada) == "Welcome, Ada!"
        assert await app.connect().call(Welcome, ada) == "Welcome, Ada!"
        assert await app.call(Welcome, name="Ada") == "Welcome, Ada!"
        assert await app.call(Members) == 3
        with pytest.raises(InvalidInput, match="Missing required param: name"):
            await app.call(Welcome, nam="Ada")
        for arguments in (("welcome", ada), (Welcome, ada, ada)):
            with pytest.raises(TypeError, match=r"has positional inputs; write call\('greet'"):
                await app.call(*arguments)
