"""What is remembered of somebody from one call to the next, and when it is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actionhero import (
    Action,
    Call,
    Conflict,
    Connection,
    ErrorType,
    Inputs,
    InvalidInput,
    Middleware,
    Outcome,
    Session,
    SessionStore,
    TypedError,
    hookimpl,
)
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import Callable


class Shelf(SessionStore):
    """Keeps sessions in a dictionary, by the connection, and notes what it is asked."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, object]] = {}
        self.notes: list[str] = []
        self.fault: Exception | None = None

    async def open(self, connection: Connection) -> Session:
        self.notes.append("open")
        return Session(connection.id, dict(self.kept.get(connection.id, {})))

    async def save(self, connection: Connection, session: Session) -> None:
        self.notes.append("save")
        if self.fault is not None:
            raise self.fault
        self.kept[connection.id] = dict(session)

    @hookimpl
    def actionhero_session_store(self) -> SessionStore:
        return self


class Remember(Inputs):
    user: int


class SignIn(Action):
    name = "sign:in"

    async def run(self, inputs: Remember, call: Call) -> None:
        call.session["user"] = inputs.user


class WhoAmI(Action):
    name = "who:am-i"

    async def run(self, call: Call) -> int | None:
        return call.session.get("user")


class SignInAndFail(Action):
    name = "sign:in:fail"

    async def run(self, inputs: Remember, call: Call) -> None:
        call.session["user"] = inputs.user
        raise Conflict("somebody else sits there")


async def test_without_a_store_a_session_lives_as_long_as_the_connection() -> None:
    """One connection remembers, another one knows nothing of it."""
    async with running_app(SignIn, WhoAmI) as app:
        ada, grace = app.connect(), app.connect()
        await ada.call("sign:in", user=7)

        assert await ada.call("who:am-i") == 7
        assert await grace.call("who:am-i") is None


async def test_a_store_keeps_what_was_changed() -> None:
    """A later call of the same connection finds what an earlier one left."""
    shelf = Shelf()
    async with running_app(shelf, SignIn, WhoAmI) as app:
        caller = app.connect()
        await caller.call("sign:in", user=7)

        assert await caller.call("who:am-i") == 7
    assert shelf.kept == {caller.connection.id: {"user": 7}}


async def test_the_store_is_asked_once_per_call_and_writes_only_changes() -> None:
    """A call that changes nothing costs one read and no write."""
    shelf = Shelf()
    async with running_app(shelf, WhoAmI) as app:
        await app.call("who:am-i")

    assert shelf.notes == ["open"]


async def test_what_was_changed_by_a_call_that_failed_is_not_kept() -> None:
    """An error leaves the session as it was."""
    shelf = Shelf()
    async with running_app(shelf, SignInAndFail) as app:
        with pytest.raises(Conflict):
            await app.call("sign:in:fail", user=7)

    assert shelf.notes == ["open"]


async def test_what_came_of_a_call_in_the_end_decides() -> None:
    """A layer that turns the error into a value has the changes kept; the other way, not."""

    class Turn(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> Outcome:
            return Outcome(error=Conflict("no")) if outcome.ok else Outcome("saved")

    shelf = Shelf()
    async with running_app(shelf, SignIn, SignInAndFail, Turn()) as app:
        await app.call("sign:in:fail", user=7)
        assert shelf.notes == ["open", "save"]

        with pytest.raises(Conflict):
            await app.call("sign:in", user=8)
        assert shelf.notes == ["open", "save", "open"]


async def test_changes_of_after_are_kept_too() -> None:
    """The session is saved when everything around the action is done."""

    class Count(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            call.session["calls"] = call.session.get("calls", 0) + 1

    shelf = Shelf()
    async with running_app(shelf, WhoAmI, Count()) as app:
        caller = app.connect()
        await caller.call("who:am-i")
        await caller.call("who:am-i")

    assert shelf.kept[caller.connection.id] == {"calls": 2}


async def test_a_value_whose_session_was_not_kept_is_no_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is told that they are signed in when the store has failed."""
    shelf = Shelf()
    shelf.fault = RuntimeError("the shelf broke")
    async with running_app(shelf, SignIn) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("sign:in", user=7)

    assert [record.getMessage() for record in caplog.records] == [
        "action 'sign:in' failed: the shelf broke"
    ]


async def test_a_store_that_is_gone_is_told_as_that() -> None:
    """A call that cannot even look at its session is told that a service is unavailable."""

    class Gone(Shelf):
        async def open(self, connection: Connection) -> Session:
            raise ConnectionRefusedError

    async with running_app(Gone(), WhoAmI) as app:
        outcome = await app.connect().outcome("who:am-i")

    assert outcome.error is not None
    assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE


async def test_the_session_is_there_before_the_inputs_are_looked_at() -> None:
    """A store is asked for invalid inputs too, and nothing is written."""
    shelf = Shelf()
    async with running_app(shelf, SignIn) as app:
        with pytest.raises(InvalidInput):
            await app.call("sign:in")

    assert shelf.notes == ["open"]


async def test_an_action_inside_another_has_the_same_session() -> None:
    """Both see what the other changed; it is opened once, and saved once, at the end."""

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> int | None:
            await call.run(SignIn, Remember(user=7))
            seen = call.session.get("user")
            call.session["user"] = 8
            await call.run(WhoAmI)
            assert seen == 7
            return await call.run(WhoAmI)

    shelf = Shelf()
    async with running_app(shelf, SignIn, WhoAmI, Outer) as app:
        caller = app.connect()

        assert await caller.call("outer") == 8
    assert shelf.notes == ["open", "save"]
    assert shelf.kept[caller.connection.id] == {"user": 8}


async def test_somebody_who_leaves_changes_nothing() -> None:
    """A call that was cancelled keeps nothing, whatever a layer makes of it."""
    begun = asyncio.Event()

    class Slow(Action):
        name = "slow"

        async def run(self, call: Call) -> None:
            call.session["user"] = 7
            begun.set()
            await asyncio.Event().wait()

    class Save(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> Outcome:
            return Outcome("saved")

    shelf = Shelf()
    async with running_app(shelf, Slow, Save()) as app:
        calling = asyncio.create_task(app.call("slow"))
        await begun.wait()

        calling.cancel()

        with pytest.raises(asyncio.CancelledError):
            await calling
    assert shelf.notes == ["open"]


async def test_somebody_who_leaves_while_the_session_is_saved_passes_through() -> None:
    """A store that hangs can be left."""
    saving = asyncio.Event()

    class Hanging(Shelf):
        async def save(self, connection: Connection, session: Session) -> None:
            saving.set()
            await asyncio.Event().wait()

    async with running_app(Hanging(), SignIn) as app:
        calling = asyncio.create_task(app.call("sign:in", user=7))
        await saving.wait()

        calling.cancel()

        with pytest.raises(asyncio.CancelledError):
            await calling


@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.update(name="Grace"),
        lambda session: session.pop("name"),
        lambda session: session.clear(),
        lambda session: session.setdefault("age", 36),
        lambda session: session.__delitem__("name"),
    ],
    ids=["update", "pop", "clear", "setdefault", "del"],
)
def test_a_session_knows_whether_it_was_changed(change: Callable[[Session], object]) -> None:
    """It is a mapping like any other, and remembers that something was done to it."""
    session = Session("s-1", {"name": "Ada"})
    assert (session["name"], list(session), len(session)) == ("Ada", ["name"], 1)
    assert not session.changed

    change(session)

    assert session.changed


async def test_a_session_that_is_destroyed_is_empty_and_kept_so() -> None:
    """At sign-out everything is forgotten, in the store as well."""

    class SignOut(Action):
        name = "sign:out"

        async def run(self, call: Call) -> None:
            await call.session.destroy()

    shelf = Shelf()
    async with running_app(shelf, SignIn, SignOut) as app:
        caller = app.connect()
        await caller.call("sign:in", user=7)
        await caller.call("sign:out")

    assert shelf.kept[caller.connection.id] == {}


async def test_without_a_store_there_is_nothing_to_regenerate() -> None:
    """An action that changes the identifier at sign-in runs without a store as well."""

    class Renew(Action):
        name = "renew"

        async def run(self, call: Call) -> None:
            await call.session.regenerate()

    async with running_app(Renew) as app:
        assert await app.call("renew") is None


def test_a_session_shows_names_and_no_values() -> None:
    """What is remembered of somebody has no place in a log."""
    assert repr(Session("s-1", {"b": "hunter2", "a": 1})) == "<Session with ['a', 'b']>"


class Forgetful(SessionStore):
    """Keeps nothing, and cannot tell what ends."""

    async def open(self, connection: Connection) -> Session:
        return Session()

    async def save(self, connection: Connection, session: Session) -> None:
        pass


async def test_a_store_that_cannot_tell_what_ends_tells_nothing() -> None:
    """Doors that keep connections open may ask any store."""
    store = Forgetful()

    class Plugin:
        @hookimpl
        def actionhero_session_store(self) -> SessionStore:
            return store

    async with running_app(Plugin()) as app:
        assert app.app.pipeline.session_store is store
        assert [ended async for ended in store.revocations()] == []
