"""What authors have in hand for their own tests."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

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
from actionhero.errors import ABSENT, ErrorType, LifecycleError, Problem
from actionhero.settings import ActionsSettings, AppSettings
from actionhero.testing import running_app
from pytest_actionhero import (
    CallFailure,
    CallResult,
    ServerContract,
    TransportClient,
    contract_actions,
)
from pytest_actionhero.server_contract import CASES, Case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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


async def test_only_what_is_given_is_there() -> None:
    """Installed plugins are not looked for, so that a test is the same everywhere."""
    async with running_app(Greet) as app:
        assert [action.name for action in app.app.actions] == ["greet", "status"]
        assert app.app.environment == "test"
        assert app.app.servers == []


async def test_each_caller_has_a_connection_and_a_session_of_its_own() -> None:
    """`app.call` is somebody new each time; `app.connect` gives somebody who stays."""
    async with running_app(Count) as app:
        ada = app.connect("10.0.0.7")

        assert [await ada.call("count"), await ada.call("count")] == [1, 2]
        assert await app.connect().call("count") == 1
        assert [await app.call("count"), await app.call("count")] == [1, 1]
        assert ada.connection.remote == "10.0.0.7"
        assert ada.connection.transport == "test"


async def test_a_failure_is_raised_or_given_as_an_outcome() -> None:
    """Whichever reads better in a test."""

    class Refuse(Action):
        name = "refuse"

        async def run(self, call: Call) -> None:
            raise Conflict("taken")

    async with running_app(Refuse) as app:
        caller = app.connect()

        with pytest.raises(Conflict, match="taken"):
            await caller.call("refuse")
        assert (await caller.outcome("refuse")).error is not None


async def test_what_went_wrong_inside_is_the_cause() -> None:
    """A test that fails shows the exception of the action, and not only what callers are told."""

    class Break(Action):
        name = "break"

        async def run(self, call: Call) -> None:
            raise RuntimeError("the cellar is flooded")

    async with running_app(Break) as app:
        with pytest.raises(TypedError, match="Internal error") as raised:
            await app.call("break")

    assert isinstance(raised.value.__cause__, RuntimeError)


async def test_a_slip_in_the_name_of_an_input_is_an_error() -> None:
    """A test that calls with an input that is not there would test nothing."""
    async with running_app(Greet) as app:
        with pytest.raises(InvalidInput, match=r"Unknown param: nam \(did you mean 'name'\?\)"):
            await app.call("greet", name="Ada", nam="x")


async def test_an_action_can_be_called_by_its_class() -> None:
    """Both ends are typed; inputs are an instance already."""
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
    """The variables of the process and files outside of the folder have no say."""
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


async def test_wrong_settings_are_told_before_anything_starts() -> None:
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


async def test_what_initializers_provide_is_there_for_as_long_as_the_block() -> None:
    """It is started before, and stopped after, also if the test fails."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with running_app(PoolInitializer) as app:
            pool = app.get(Pool)
            assert pool.open
            1 / 0  # noqa: B018 - a test that fails

    assert not pool.open


async def test_something_that_is_not_provided_is_told_with_what_there_is() -> None:
    """The list is that of the application."""
    async with running_app() as app:
        with pytest.raises(BootError, match=r"nothing provides 'Pool'; there are: .*AppSettings"):
            app.get(Pool)
        assert app.get(AppSettings) is app.app.get(AppSettings)


async def test_servers_open_only_if_they_are_asked_for() -> None:
    """Most tests need no socket; one that does says so."""
    opened: list[str] = []

    class TransportClient(Server):
        name = "door"

        async def start(self, app: Application) -> None:
            opened.append("open")

        async def close(self) -> None:
            opened.append("closed")

    class Doors:
        @hookimpl
        def actionhero_servers(self) -> list[Server]:
            return [TransportClient()]

    async with running_app(Doors()):
        assert opened == []
    async with running_app(Doors(), mode=RunMode.SERVER):
        assert opened == ["open"]
    assert opened == ["open", "closed"]


async def test_what_does_not_start_is_raised_in_the_test() -> None:
    """With the first failure as the cause."""

    class Broken(Initializer):
        name = "broken"

        async def start(self, app: Application) -> None:
            raise ConnectionRefusedError("nobody is there")

    with pytest.raises(LifecycleError, match="initializer 'broken'"):
        async with running_app(Broken):
            pass


async def test_middleware_may_be_given_by_itself() -> None:
    """An instance stands for a plugin that puts it around every call."""
    seen: list[str] = []

    class Note(Middleware):
        async def before(self, call: Call) -> None:
            seen.append(call.action.name)

    async with running_app(Greet, Note()) as app:
        await app.call("greet", name="Ada")

    assert seen == ["greet"]


async def test_two_applications_may_run_at_the_same_time() -> None:
    """Nothing is kept in the process outside of an application."""
    async with running_app(Count) as one, running_app(Greet) as two:
        assert await one.call("count") == 1
        assert await two.call("greet", name="Ada") == "Hello, Ada!"


def test_nothing_but_the_contract_needs_pytest() -> None:
    """Whoever tests with something else can do so, and errors name what is missing."""
    program = "import actionhero.testing, sys; sys.exit('pytest' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    with pytest.raises(AttributeError, match=r"'actionhero.testing' has no attribute 'nothing'"):
        _ = testing_module.nothing


def test_a_failure_is_read_from_the_envelope_as_from_the_error() -> None:
    """However a door tells it, the contract compares the same."""
    problem = Problem("/name", "too short", "string_too_short")
    error = InvalidInput("too short", key="name", value="A", problems=(problem,))
    document = {
        "error": {
            "message": "too short",
            "type": "CONNECTION_ACTION_PARAM_VALIDATION",
            "timestamp": 1,
            "key": "name",
            "value": "A",
            "errors": [{"pointer": "/name", "message": "too short", "type": "string_too_short"}],
        }
    }

    assert CallFailure.from_envelope(document) == CallFailure.from_error(error)
    assert CallFailure.from_envelope({"error": {"message": "x", "type": "y"}}).value is ABSENT


class WrongDoor(TransportClient):
    """Answers every call alike."""

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        return CallResult(failure=CallFailure("No", ErrorType.ACTION_RUN.value), text="No")

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], begun: Callable[[], Awaitable[None]]
    ) -> None: ...


class TestAgainstAWrongDoor(ServerContract):
    """The contract finds what is wrong: each of its tests fails here, and says why."""

    @pytest.fixture
    async def door(self) -> AsyncIterator[TransportClient]:
        async with running_app(contract_actions):
            yield WrongDoor()

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    async def test_every_door_makes_the_same_of_a_call(
        self, door: TransportClient, case: Case, journal: Path
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"answer:\n  expected|journal:"):
            await super().test_every_door_makes_the_same_of_a_call(door, case, journal)

    async def test_an_unknown_action_is_told_as_that(
        self, door: TransportClient, journal: Path
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"type:\n  expected 'CONN"):
            await super().test_an_unknown_action_is_told_as_that(door, journal)

    @pytest.fixture(autouse=True)
    def no_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pytest_actionhero.server_contract.PATIENCE_SECONDS", 0.0)

    async def test_whoever_leaves_ends_the_call(self, door: TransportClient, journal: Path) -> None:
        with pytest.raises(pytest.fail.Exception, match="has no 'after outer: cancelled'"):
            await super().test_whoever_leaves_ends_the_call(door, journal)


async def test_the_contract_hears_what_a_door_says_aloud() -> None:
    """A door that tells a secret, or our insides, is found out though its answer is right."""

    class Loud(WrongDoor):
        async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
            async with running_app(contract_actions) as app:
                outcome = await app.connect().outcome(action, **inputs)
            assert outcome.error is not None
            return CallResult(failure=CallFailure.from_error(outcome.error), text=str(inputs))

    case = next(case for case in CASES if case.hidden == ("hunter2",))

    class Journal:
        def exists(self) -> bool:
            return False

        def __str__(self) -> str:
            return "nowhere"

    journal: Any = Journal()
    with pytest.raises(pytest.fail.Exception, match="the caller can read 'hunter2' in"):
        await ServerContract().test_every_door_makes_the_same_of_a_call(Loud(), case, journal)


def test_a_suite_without_a_door_says_what_is_missing(tmp_path: Path) -> None:
    """The fixture is all that an author has to give."""
    suite = tmp_path / "test_suite.py"
    suite.write_text(
        "from actionhero.testing import ServerContract\nclass TestIt(ServerContract): pass\n"
    )

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", suite],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "a suite that inherits ServerContract gives a fixture 'door'" in ran.stdout
