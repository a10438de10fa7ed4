"""Sessions: their lifetime, and when changes are saved."""

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


class MemoryStore(SessionStore):
    """Stores sessions in a dictionary, by connection, and records its calls."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, object]] = {}
        self.calls: list[str] = []
        self.error: Exception | None = None

    async def open(self, connection: Connection) -> Session:
        self.calls.append("open")
        return Session(connection.id, dict(self.sessions.get(connection.id, {})))

    async def save(self, connection: Connection, session: Session) -> None:
        self.calls.append("save")
        if self.error is not None:
            raise self.error
        self.sessions[connection.id] = dict(session)

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
        raise Conflict("already signed in")


async def test_without_a_store_a_session_lives_as_long_as_the_connection() -> None:
    """Each connection has its own session."""
    async with running_app(SignIn, WhoAmI) as app:
        ada, grace = app.connect(), app.connect()
        await ada.call("sign:in", user=7)

        assert await ada.call("who:am-i") == 7
        assert await grace.call("who:am-i") is None


async def test_changes_are_saved_in_the_store() -> None:
    """A later call of the same connection has the changes of an earlier one."""
    store = MemoryStore()
    async with running_app(store, SignIn, WhoAmI) as app:
        caller = app.connect()
        await caller.call("sign:in", user=7)

        assert await caller.call("who:am-i") == 7
    assert store.sessions == {caller.connection.id: {"user": 7}}


async def test_the_session_is_opened_once_and_saved_only_if_changed() -> None:
    """A call without changes costs one read and no write."""
    store = MemoryStore()
    async with running_app(store, WhoAmI) as app:
        await app.call("who:am-i")

    assert store.calls == ["open"]


async def test_changes_of_a_failed_call_are_not_saved() -> None:
    """An error leaves the session unchanged."""
    store = MemoryStore()
    async with running_app(store, SignInAndFail) as app:
        with pytest.raises(Conflict):
            await app.call("sign:in:fail", user=7)

    assert store.calls == ["open"]


async def test_the_final_outcome_decides_whether_changes_are_saved() -> None:
    """Middleware may turn an error into a value, or a value into an error."""

    class Invert(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> Outcome:
            return Outcome(error=Conflict("no")) if outcome.ok else Outcome()

    store = MemoryStore()
    async with running_app(store, SignIn, SignInAndFail, Invert()) as app:
        await app.call("sign:in:fail", user=7)
        assert store.calls == ["open", "save"]

        with pytest.raises(Conflict):
            await app.call("sign:in", user=8)
        assert store.calls == ["open", "save", "open"]


async def test_changes_in_after_are_saved() -> None:
    """The session is saved after all middleware."""

    class Count(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            call.session["calls"] = call.session.get("calls", 0) + 1

    store = MemoryStore()
    async with running_app(store, WhoAmI, Count()) as app:
        caller = app.connect()
        await caller.call("who:am-i")
        await caller.call("who:am-i")

    assert store.sessions[caller.connection.id] == {"calls": 2}


async def test_an_error_of_the_store_is_the_outcome(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A sign-in does not succeed if its session cannot be saved."""
    store = MemoryStore()
    store.error = RuntimeError("disk full")
    async with running_app(store, SignIn) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("sign:in", user=7)

    assert [record.getMessage() for record in caplog.records] == [
        "action 'sign:in' failed: disk full"
    ]


async def test_an_unreachable_store_is_service_unavailable() -> None:
    """The error is the same for reading the session."""

    class Unreachable(MemoryStore):
        async def open(self, connection: Connection) -> Session:
            raise ConnectionRefusedError

    async with running_app(Unreachable(), WhoAmI) as app:
        outcome = await app.connect().outcome("who:am-i")

    assert outcome.error is not None
    assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE


async def test_the_session_is_opened_before_validation() -> None:
    """Also for invalid inputs; nothing is saved."""
    store = MemoryStore()
    async with running_app(store, SignIn) as app:
        with pytest.raises(InvalidInput):
            await app.call("sign:in")

    assert store.calls == ["open"]


async def test_nested_calls_share_the_session() -> None:
    """Both see all changes; it is opened once, and saved once at the end."""

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> int | None:
            await call.run(SignIn, Remember(user=7))
            user = call.session.get("user")
            call.session["user"] = 8
            await call.run(WhoAmI)
            assert user == 7
            return await call.run(WhoAmI)

    store = MemoryStore()
    async with running_app(store, SignIn, WhoAmI, Outer) as app:
        caller = app.connect()

        assert await caller.call("outer") == 8
    assert store.calls == ["open", "save"]
    assert store.sessions[caller.connection.id] == {"user": 8}


async def test_changes_of_a_cancelled_call_are_not_saved() -> None:
    """Even if middleware replaces the outcome."""
    started = asyncio.Event()

    class Slow(Action):
        name = "slow"

        async def run(self, call: Call) -> None:
            call.session["user"] = 7
            started.set()
            await asyncio.Event().wait()

    class Recover(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> Outcome:
            return Outcome()

    store = MemoryStore()
    async with running_app(store, Slow, Recover()) as app:
        task = asyncio.create_task(app.call("slow"))
        await started.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
    assert store.calls == ["open"]


async def test_a_call_can_be_cancelled_while_its_session_is_saved() -> None:
    """A store that hangs does not prevent it."""
    saving = asyncio.Event()

    class Hanging(MemoryStore):
        async def save(self, connection: Connection, session: Session) -> None:
            saving.set()
            await asyncio.Event().wait()

    async with running_app(Hanging(), SignIn) as app:
        task = asyncio.create_task(app.call("sign:in", user=7))
        await saving.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task


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
def test_changes_of_a_session_are_detected(change: Callable[[Session], object]) -> None:
    """All methods of a mutable mapping count."""
    session = Session("s-1", {"name": "Ada"})
    assert (session["name"], list(session), len(session)) == ("Ada", ["name"], 1)
    assert not session.changed

    change(session)

    assert session.changed


async def test_a_destroyed_session_is_saved_empty() -> None:
    """At sign-out, the stored values are deleted."""

    class SignOut(Action):
        name = "sign:out"

        async def run(self, call: Call) -> None:
            await call.session.destroy()

    store = MemoryStore()
    async with running_app(store, SignIn, SignOut) as app:
        caller = app.connect()
        await caller.call("sign:in", user=7)
        await caller.call("sign:out")

    assert store.sessions[caller.connection.id] == {}


async def test_regenerate_has_no_effect_without_a_store() -> None:
    """An action that calls it at sign-in works without a store."""

    class Renew(Action):
        name = "renew"

        async def run(self, call: Call) -> None:
            await call.session.regenerate()

    async with running_app(Renew) as app:
        assert await app.call("renew") is None


def test_the_repr_of_a_session_has_names_only() -> None:
    """The values are private."""
    assert repr(Session("s-1", {"b": "hunter2", "a": 1})) == "<Session with ['a', 'b']>"


class NullStore(SessionStore):
    """Stores nothing, and does not override `revocations`."""

    async def open(self, connection: Connection) -> Session:
        return Session()

    async def save(self, connection: Connection, session: Session) -> None:
        pass


async def test_a_store_has_no_revocations_by_default() -> None:
    """Transports can watch any store."""
    store = NullStore()

    class Plugin:
        @hookimpl
        def actionhero_session_store(self) -> SessionStore:
            return store

    async with running_app(Plugin()) as app:
        assert app.app.pipeline.session_store is store
        assert [revoked async for revoked in store.revocations()] == []
