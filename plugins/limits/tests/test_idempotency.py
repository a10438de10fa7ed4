"""`Idempotent`: outcomes that are stored, repetitions, and keys that are refused."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

import actionhero_limits.plugin
import actionhero_redis.plugin
from actionhero import (
    Action,
    Call,
    Conflict,
    ErrorType,
    Event,
    Field,
    File,
    Forbidden,
    Inputs,
    InvalidInput,
    MalformedRequest,
    Middleware,
    NotFound,
    Outcome,
    PluginError,
    Principal,
    RateLimited,
    Secret,
    ServiceUnavailable,
    SignedIn,
    Timeout,
    TypedError,
    hookimpl,
)
from actionhero.testing import running_app
from actionhero_limits import Idempotent
from actionhero_limits.idempotency.claims import LEASE_MS, Claim, ClaimStore
from actionhero_limits.idempotency.idempotency import Idempotency
from actionhero_limits.idempotency.stored_outcome import KEPT_ERRORS
from actionhero_redis import RedisClients
from actionhero_web import ERROR_MAPPINGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

#: The errors of clients that are not stored, as a repetition makes sense.
REPEATABLE = {ErrorType.ACTION_TIMEOUT, ErrorType.INPUT_REQUIRED, ErrorType.RATE_LIMITED}


class OrderInputs(Inputs):
    item: str = "tea"
    pin: Secret[str] = ""
    file: File | None = None
    id: uuid.UUID = Field(default_factory=uuid.uuid4)


def order(
    *layers: Middleware,
    error: BaseException | None = None,
    result: Any = None,
    idempotent: Idempotent | None = None,
    limit: timedelta | None = None,
) -> type[Action]:
    """Return an action that counts its calls."""

    class Order(Action):
        """Order an item."""

        name = "order"
        middleware = [idempotent or Idempotent(), *layers]
        timeout = limit
        count = 0
        started: asyncio.Event | None = None
        finish: asyncio.Event | None = None

        async def run(self, inputs: OrderInputs, call: Call) -> dict[str, Any]:
            type(self).count += 1
            if self.started is not None and self.finish is not None:
                self.started.set()
                await self.finish.wait()
            if error is not None:
                raise error
            return result or {"number": self.count, "item": inputs.item}

    return Order


@contextlib.asynccontextmanager
async def app_with(*plugins: Any, **options: Any) -> AsyncIterator[RunningApp]:
    """Run an application with limits, on Redis in memory unless there is a URL."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory"} if "environ" not in options else {}
    options = {"environ": environ, **options}
    parts = (actionhero_redis.plugin, actionhero_limits.plugin, *plugins)
    async with running_app(*parts, **options) as app:
        yield app


async def repeat(app: RunningApp, key: str | None = "k", **inputs: Any) -> Outcome:
    """Call `order` as a new client."""
    return await app.connect("192.0.2.1", idempotency_key=key).outcome("order", **inputs)


def body_of(outcome: Outcome) -> Any:
    """Return the value of an outcome."""
    assert outcome.error is None, outcome.error
    assert outcome.body is not None
    return json.loads(outcome.body)


# -- values --------------------------------------------------------------------------------------


async def test_a_repetition_gets_the_stored_value() -> None:
    """Byte for byte; another key, or none, runs again."""
    action = order()

    async with app_with(action) as app:
        first, second = await repeat(app), await repeat(app)
        others = [await repeat(app, "other"), await repeat(app, None), await repeat(app, None)]

    assert first.body == second.body == b'{"number":1,"item":"tea"}'
    assert [body_of(outcome)["number"] for outcome in others] == [2, 3, 4]


async def test_the_key_is_that_of_a_caller() -> None:
    """A user, or an address; of IPv6 the network of a client."""
    async with app_with(order()) as app:

        async def number(remote: str | None, user: Any = None) -> int:
            principal = None if user is None else Principal(user, method="test")
            caller = app.connect(remote, principal=principal, idempotency_key="k")
            value: int = (await caller.call("order"))["number"]
            return value

        assert await number("192.0.2.1") == await number("192.0.2.1") == 1
        assert await number("192.0.2.2") == 2
        assert await number("192.0.2.1", 7) == await number("198.51.100.1", 7) == 3
        assert await number("2001:db8::1") == await number("2001:db8::2:1") == 4
        assert await number("2001:db8:0:1::1") == 5
        assert await number(None) == await number(None) == 6
        assert await number(None, "7") == 7


async def test_an_inner_call_has_no_key() -> None:
    """Each of them runs."""
    action = order(idempotent=Idempotent(required=True))

    class Twice(Action):
        """Order twice."""

        name = "twice"

        async def run(self, call: Call) -> list[Any]:
            return [await call.run(action, {"item": item}) for item in ("tea", "milk")]

    async with app_with(action, Twice) as app:
        result = await app.connect(idempotency_key="k").call("twice")

    assert [item["number"] for item in result] == [1, 2]


async def test_equal_inputs_need_not_be_written_equally() -> None:
    """A default that a function makes is no part of them."""
    async with app_with(order()) as app:
        assert body_of(await repeat(app)) == body_of(await repeat(app, item="tea"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"item": "tea"}, {"item": "milk"}, id="value"),
        pytest.param({"pin": "1234"}, {"pin": "1235"}, id="secret"),
        pytest.param({}, {"id": "8e03978e-40d5-43dd-bc93-6894a57f9324"}, id="generated default"),
    ],
)
async def test_a_key_with_other_inputs_is_refused(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """While the first call runs too."""
    async with app_with(action := order()) as app:
        await repeat(app, **first)
        refused = await repeat(app, **second)

    assert isinstance(refused.error, InvalidInput)
    assert refused.error.key == "Idempotency-Key"
    assert refused.error.type is ErrorType.PARAM_VALIDATION
    assert action.count == 1  # type: ignore[attr-defined]


async def test_files_are_compared_by_their_content() -> None:
    """And can be read by the action afterwards."""

    def file(content: bytes) -> File:
        return File("a.txt", "text/plain", len(content), io.BytesIO(content))

    async with app_with(order()) as app:
        first = await repeat(app, file=file(b"a"))
        second = await repeat(app, file=file(b"a"))
        other = await repeat(app, file=file(b"b"))

    assert body_of(first) == body_of(second)
    assert isinstance(other.error, InvalidInput)


async def test_inputs_that_cannot_be_compared_are_our_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log line names the action."""

    class Odd(Action):
        """Take anything."""

        name = "order"
        middleware = [Idempotent()]

        async def run(self, inputs: dict[str, Any]) -> None: ...

    async with app_with(Odd) as app:
        outcome = await repeat(app, value=object())

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert "the inputs of 'order' cannot be compared with those of another call" in caplog.text


async def test_middleware_outside_and_inside_changes_the_value() -> None:
    """The changes inside are part of the stored value."""

    class Mark(Middleware):
        def __init__(self, name: str) -> None:
            self.name = name

        async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
            outcome.value[self.name] = True
            return None

    async with app_with(order(Mark("inside"))) as app:
        first, second = await repeat(app), await repeat(app)

    assert first.body == second.body == b'{"number":1,"item":"tea","inside":true}'


async def test_no_value_is_stored_too() -> None:
    """As it was sent."""

    class Nothing(Action):
        """Return nothing."""

        name = "order"
        middleware = [Idempotent()]
        count = 0

        async def run(self) -> None:
            type(self).count += 1

    async with app_with(Nothing) as app:
        first, second = await repeat(app), await repeat(app)

    assert first.body == second.body == b"{}"
    assert Nothing.count == 1


async def test_outcomes_expire() -> None:
    """Like those of a key that was never used."""
    async with app_with(order(idempotent=Idempotent(ttl=timedelta(minutes=5)))) as app:
        await repeat(app)
        redis = app.get(RedisClients)
        [key] = await redis.client.keys("*idempotency*")
        ttl_ms = await redis.client.pttl(key)

    assert 290_000 < ttl_ms <= 300_000
    assert LEASE_MS == 30_000


# -- errors --------------------------------------------------------------------------------------


def test_kept_errors_are_those_of_the_client() -> None:
    """All with a status 4xx, except those after which a repetition makes sense."""
    client = {type_ for type_, mapping in ERROR_MAPPINGS.items() if 400 <= mapping.status < 500}

    assert client - REPEATABLE == KEPT_ERRORS


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Conflict("taken", key="item", value={"a": [1, None]}), id="conflict"),
        pytest.param(NotFound("gone"), id="not found"),
        pytest.param(Forbidden("no", challenge={"error": "insufficient_scope"}), id="challenge"),
        pytest.param(TypedError("wrong", type=ErrorType.PARAM_FORMATTING), id="typed error"),
    ],
)
async def test_errors_of_the_client_are_stored(error: TypedError) -> None:
    """With their time and the identifier of their request."""
    action = order(error=error)

    async with app_with(action) as app:
        first, second = await repeat(app), await repeat(app)

    assert action.count == 1  # type: ignore[attr-defined]
    assert first.error is not None
    assert second.error is not None
    assert type(second.error) is type(error)
    assert second.error is not error
    for name in ("message", "type", "key", "value", "problems", "challenge", "timestamp_ms",
                 "request_id"):  # fmt: skip
        assert getattr(second.error, name) == getattr(first.error, name)
    assert first.error.request_id
    assert second.stack == first.stack


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RuntimeError("broken"), id="unexpected"),
        pytest.param(TypedError("failed"), id="500"),
        pytest.param(ServiceUnavailable("later"), id="503"),
        pytest.param(RateLimited("slow", retry_after_seconds=6), id="rate limit"),
        pytest.param(Conflict("busy", retry_after_seconds=1), id="temporary"),
        pytest.param(Timeout("slow"), id="timeout"),
    ],
)
async def test_other_errors_are_not_stored(error: Exception) -> None:
    """The caller may try again."""
    action = order(error=error)

    async with app_with(action) as app:
        first, second = await repeat(app), await repeat(app)

    assert action.count == 2  # type: ignore[attr-defined]
    assert first.error is not None
    assert second.error is not None


async def test_refusals_before_run_are_not_stored() -> None:
    """Nor do they keep the key."""

    class Closed(Middleware):
        is_open = False

        async def before(self, call: Call) -> None:
            if not self.is_open:
                raise Forbidden("closed")

    async with app_with(order(closed := Closed())) as app:
        refused = await repeat(app)
        closed.is_open = True
        accepted = await repeat(app)

    assert isinstance(refused.error, Forbidden)
    assert body_of(accepted)["number"] == 1


async def test_a_time_limit_gives_the_key_back() -> None:
    """The call may be repeated immediately."""
    action: Any = order(limit=timedelta(seconds=0.5))
    async with app_with(action) as app:
        # The first connection takes a part of the time.
        await repeat(app, "other")
        action.started, action.finish = asyncio.Event(), asyncio.Event()
        first = await repeat(app)
        action.finish.set()
        second = await repeat(app)

    assert action.started.is_set()
    assert isinstance(first.error, Timeout)
    assert body_of(second)["number"] == 3


async def test_a_cancellation_gives_the_key_back() -> None:
    """As of a client that disconnects."""
    action: Any = order()
    async with app_with(action) as app:
        action.started, action.finish = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(repeat(app))
        await action.started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        action.finish.set()
        second = await repeat(app)

    assert body_of(second)["number"] == 2


async def test_a_response_of_a_transport_is_our_fault(caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be stored; the log line says so."""

    class Redirect(Action):
        """Redirect."""

        name = "order"
        middleware = [Idempotent()]

        async def run(self) -> web.Response:
            return web.Response(status=302)

    class Responses:
        @hookimpl
        def actionhero_response_types(self) -> list[type]:
            return [web.StreamResponse]

    async with app_with(Redirect, Responses()) as app:
        outcomes = [await repeat(app), await repeat(app)]

    for outcome in outcomes:
        assert outcome.error is not None
        assert outcome.error.message == "Internal error"
    assert "action 'order' returned a response of a transport, which Idempotent" in caplog.text


async def test_a_large_value_is_not_stored(caplog: pytest.LogCaptureFixture) -> None:
    """It is sent, with a warning in the log."""
    action = order()
    environ = {
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_LIMITS__IDEMPOTENCY_BODY_BYTES": "10",
    }

    async with app_with(action, environ=environ) as app:
        first, second = await repeat(app), await repeat(app)

    assert [body_of(first)["number"], body_of(second)["number"]] == [1, 2]
    assert "the limit limits.idempotency_body_bytes is 10" in caplog.text


# -- keys ----------------------------------------------------------------------------------------


async def test_a_required_key() -> None:
    """Without it the call is refused."""
    async with app_with(order(idempotent=Idempotent(required=True))) as app:
        missing = await repeat(app, None)
        accepted = await repeat(app, "k")

    assert isinstance(missing.error, MalformedRequest)
    assert "Idempotency-Key is missing" in missing.error.message
    assert accepted.ok


async def test_a_malformed_key_is_refused() -> None:
    """Before anything runs."""
    async with app_with(action := order()) as app:
        outcome = await repeat(app, "two words")

    assert isinstance(outcome.error, MalformedRequest)
    assert action.count == 0  # type: ignore[attr-defined]


async def test_fifty_equal_calls_at_once_run_once(redis_server: ThrowAwayRedis) -> None:
    """The others get a conflict, and the value later."""
    action: Any = order()
    async with app_with(action, environ={"REDIS_URL": redis_server.url}) as app:
        action.started, action.finish = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(repeat(app)) for _ in range(50)]
        while sum(task.done() for task in tasks) < 49:
            await asyncio.wait(
                [task for task in tasks if not task.done()], return_when="FIRST_COMPLETED"
            )
        action.finish.set()
        outcomes = await asyncio.gather(*tasks)
        again = await repeat(app)

    conflicts = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert len(conflicts) == 49
    assert {type(error) for error in conflicts} == {Conflict}
    assert {error.retry_after_seconds for error in conflicts} == {1}
    assert action.count == 1
    assert body_of(again)["number"] == 1


# -- claims --------------------------------------------------------------------------------------


@pytest.fixture
async def store() -> AsyncIterator[ClaimStore]:
    """The keys in memory."""
    async with app_with(order()) as app:
        yield app.get(Idempotency).store


async def test_a_claim_is_renewed_while_its_call_runs(
    monkeypatch: pytest.MonkeyPatch, redis_server: ThrowAwayRedis
) -> None:
    """It outlasts its lease; afterwards nothing renews it."""
    monkeypatch.setattr("actionhero_limits.idempotency.idempotency.RENEW_SECONDS", 0.02)
    renewed = asyncio.Event()
    renew = ClaimStore.renew

    async def recorded(self: ClaimStore, claim: Claim) -> bool:
        is_held = await renew(self, claim)
        renewed.set()
        return is_held

    monkeypatch.setattr(ClaimStore, "renew", recorded)
    action: Any = order()
    async with app_with(action, environ={"REDIS_URL": redis_server.url}) as app:
        action.started, action.finish = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(repeat(app))
        await action.started.wait()
        redis = app.get(RedisClients)
        [key] = await redis.client.keys("*idempotency*")
        # As if most of the lease had passed, and then all of it.
        for change in (redis.client.pexpire(key, 15_000), redis.client.delete(key)):
            await change
            renewed.clear()
            await renewed.wait()
            assert await redis.client.pttl(key) > 20_000
        action.finish.set()
        await task
        assert len(app.get(Idempotency)._held) == 0


async def test_a_claim_of_a_dead_process_lapses(redis_server: ThrowAwayRedis) -> None:
    """Then the next call runs."""
    async with app_with(action := order(), environ={"REDIS_URL": redis_server.url}) as app:
        idempotency = app.get(Idempotency)
        keep = idempotency.leave
        idempotency.settle = lambda claim, stored: asyncio.sleep(0, keep(claim))  # type: ignore[method-assign]
        await repeat(app)
        del idempotency.settle
        conflict = await repeat(app)
        redis = app.get(RedisClients)
        [key] = await redis.client.keys("*idempotency*")
        assert 0 < await redis.client.pttl(key) <= LEASE_MS
        await redis.client.delete(key)
        second = await repeat(app)

    assert isinstance(conflict.error, Conflict)
    assert body_of(second)["number"] == 2
    assert action.count == 2  # type: ignore[attr-defined]


async def test_one_claim_settles_a_key(store: ClaimStore, caplog: pytest.LogCaptureFixture) -> None:
    """A claim that has lapsed neither renews nor releases the one of another call."""
    from actionhero_limits.idempotency.claims import OtherInputs, Running
    from actionhero_limits.idempotency.stored_outcome import StoredOutcome

    first, second = (Claim("scope", b"\xff\x00", 60_000, "order") for _ in range(2))
    other = Claim("scope", b"other", 60_000, "order")

    assert await store.claim(first) is None
    assert await store.claim(first) is None
    assert await store.claim(second) is Running
    assert await store.claim(other) is OtherInputs
    assert not await store.renew(second)
    await store.release(second)
    assert await store.renew(first)
    await store.settle(first, stored := StoredOutcome("value", b"\xc3\xa9"))
    assert await store.claim(second) == stored
    assert await store.claim(other) is OtherInputs
    assert not await store.renew(first)
    await store.release(first)
    assert not caplog.records
    await store.settle(second, StoredOutcome("value", b"2"))
    assert await store.claim(second) == stored
    assert "the claim of an idempotency key has lapsed while 'order' ran" in caplog.text


# -- outages -------------------------------------------------------------------------------------


async def test_without_redis_calls_with_a_key_are_refused(redis_server: ThrowAwayRedis) -> None:
    """With 503; those without a key are not."""
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__TIMEOUT": "1s"}
    async with app_with(action := order(), environ=environ) as app:
        redis_server.stop()
        refused = await repeat(app)
        accepted = await repeat(app, None)
        redis_server.start()
        second = await repeat(app)

    assert isinstance(refused.error, ServiceUnavailable)
    assert body_of(accepted)["number"] == 1
    assert body_of(second)["number"] == 2
    assert action.count == 2  # type: ignore[attr-defined]


async def test_an_outcome_is_stored_once_redis_is_back(
    redis_server: ThrowAwayRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """The call succeeds, and its repetition does not run."""
    caplog.set_level(logging.WARNING, "actionhero.limits")
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__TIMEOUT": "1s"}
    action: Any = order()
    async with app_with(action, environ=environ) as app:
        action.started, action.finish = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(repeat(app))
        await action.started.wait()
        redis_server.stop()
        action.finish.set()
        first = await task
        redis_server.start()
        while (second := await repeat(app)).error is not None:
            assert isinstance(second.error, Conflict | ServiceUnavailable)
            await asyncio.sleep(0.05)

    assert body_of(first) == body_of(second)
    assert action.count == 1
    assert "the outcome of 'order' cannot be stored by its idempotency key" in caplog.text


async def test_an_outcome_is_stored_during_the_shutdown(redis_server: ThrowAwayRedis) -> None:
    """If Redis is back by then."""
    environ = {
        "REDIS_URL": redis_server.url,
        "ACTIONHERO_REDIS__TIMEOUT": "1s",
        # The inputs have a secret: a second process compares them with the same key.
        "ACTIONHERO_APP__SECRET_KEY": "of all processes",
    }
    action: Any = order()
    async with app_with(action, environ=environ) as app:
        action.started, action.finish = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(repeat(app))
        await action.started.wait()
        redis_server.stop()
        action.finish.set()
        await task
        redis_server.start()
    async with app_with(action, environ=environ) as app:
        second = await repeat(app)

    assert body_of(second)["number"] == 1


# -- the start -----------------------------------------------------------------------------------


class Begins(Middleware):
    """Middleware with a transaction."""

    begins_transaction = True


def action_with(*layers: Middleware, requires_: Any = ()) -> type[Action]:
    """Return an action with middleware."""

    class Wrong(Action):
        """Do nothing."""

        name = "wrong"
        middleware = layers
        requires = requires_

        async def run(self) -> None: ...

    return Wrong


class Streaming(Action):
    """Stream numbers."""

    name = "wrong"
    middleware = [Idempotent()]

    async def run(self) -> AsyncIterator[Event[int]]:
        yield Event(1)


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        pytest.param(
            [action_with(Begins(), Idempotent())],
            "inside of Begins, whose transaction would be committed after the result is stored",
            id="transaction",
        ),
        pytest.param(
            [action_with(Idempotent(), SignedIn())],
            "before SignedIn, which refuses callers",
            id="requirement",
        ),
        pytest.param([action_with(Idempotent(), Idempotent())], "twice; remove one", id="twice"),
        pytest.param([Streaming], "streams its result, which cannot be stored", id="stream"),
        pytest.param(
            [Begins(), action_with(Idempotent())], "inside of Begins", id="transaction of all"
        ),
        pytest.param(
            [Idempotent(), action_with()], "would concern every action", id="global middleware"
        ),
    ],
)
async def test_a_wrong_place_is_an_error_at_the_start(plugins: Sequence[Any], message: str) -> None:
    """It names the action and its file."""
    with pytest.raises(PluginError) as caught:
        async with app_with(*plugins):
            pass

    text = str(caught.value)
    assert message in text
    if "action 'wrong'" in text:
        assert "test_idempotency.py" in text


async def test_right_places() -> None:
    """After the requirements, and before the transaction."""
    actions = action_with(SignedIn(), Idempotent(), Begins(), requires_=SignedIn())

    async with app_with(actions):
        pass


@pytest.mark.parametrize(
    "ttl", [pytest.param(timedelta(0), id="zero"), pytest.param(3600, id="number")]
)
def test_a_wrong_duration_is_an_error(ttl: Any) -> None:
    """It names the value."""
    with pytest.raises(ValueError, match=r"ttl is .*; write at least timedelta\(seconds=1\)"):
        Idempotent(ttl=ttl)


async def test_without_idempotent_actions_there_is_nothing() -> None:
    """Neither a resource nor a table."""
    async with app_with(action_with()) as app:
        assert not app.app.has(Idempotency)
        assert app.app.plugins.collect("actionhero_db_outbox_topics", str, app=app.app) == []


async def test_jobs_run_always() -> None:
    """They have keys of their own, and are retried."""
    action = order(idempotent=Idempotent(required=True))
    async with app_with(action) as app:
        caller = app.connect(idempotency_key="k")
        caller.connection.transport = "task"
        numbers = [(await caller.call("order"))["number"] for _ in range(2)]

    assert numbers == [1, 2]
