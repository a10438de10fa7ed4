"""Middleware that admits calls, ends them early, selects its actions, and encoded results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict
from pydantic import BaseModel

from actionhero import (
    Action,
    Call,
    Conflict,
    Connection,
    Encoded,
    Inputs,
    Middleware,
    Outcome,
    RateLimited,
    Session,
    SignInRequired,
)
from actionhero.outputs import encode_outcome
from actionhero.testing import running_app
from actionhero.transport import DeferredPayload, ValuePayload

if TYPE_CHECKING:
    from actionhero.transport import Payload


class NumberInputs(Inputs):
    number: int


def number_action(*layers: Middleware, log: list[str] | None = None) -> type[Action]:
    """Return an action with middleware."""

    class Number(Action):
        """Return the number."""

        name = "number"
        middleware = layers

        async def run(self, inputs: NumberInputs, call: Call) -> int:
            if log is not None:
                log.append("run")
            return inputs.number

    return Number


class Admission(Middleware):
    """Records, and refuses calls on demand."""

    def __init__(self, log: list[str], *, refuse: bool = False) -> None:
        self.log = log
        self.refuse = refuse

    async def admit(self, connection: Connection, action: Any, session: Session | None) -> None:
        self.log.append(f"admit {action.name} {session is None}")
        if self.refuse:
            raise RateLimited("Too many requests", retry_after_seconds=6)

    async def authorize(self, call: Call) -> None:
        self.log.append("authorize")

    async def before(self, call: Call) -> None:
        self.log.append("before")

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.log.append("after")


class SessionAdmission(Admission):
    """The same, with the session."""

    admits_by_session = True


async def test_admit_runs_before_everything_else() -> None:
    """That with the session once the caller is authorized."""
    log: list[str] = []
    action = number_action(SessionAdmission(log), Admission(log), log=log)
    async with running_app(action) as app:
        assert await app.call("number", number=1) == 1

    assert log == [
        "admit number True", "authorize", "authorize", "admit number False",
        "before", "before", "run", "after", "after",
    ]  # fmt: skip


@pytest.mark.parametrize("class_", [Admission, SessionAdmission])
async def test_a_call_that_is_not_admitted_reads_nothing(class_: type[Admission]) -> None:
    """The body is not read, invalid inputs are not reported, and no `after` runs."""
    log: list[str] = []

    async def read() -> Payload:
        log.append("read")
        return ValuePayload({"number": "none"})

    async with running_app(number_action(class_(log, refuse=True), log=log)) as app:
        pipeline = app.app.pipeline
        assert pipeline.authorizes("number")
        outcome = await pipeline.execute(Connection("test"), "number", DeferredPayload(read))

    assert isinstance(outcome.error, RateLimited)
    assert outcome.error.retry_after_seconds == 6
    assert not {"read", "before", "run", "after"} & set(log)


class Cached(Middleware):
    """Ends the call with an outcome."""

    def __init__(self, outcome: Any, log: list[str]) -> None:
        self.outcome = outcome
        self.log = log

    async def before(self, call: Call) -> Any:
        return self.outcome

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.log.append(f"after {outcome.value}")


class Inner(Middleware):
    """Must not be entered."""

    async def before(self, call: Call) -> None:
        raise AssertionError

    async def after(self, call: Call, outcome: Outcome) -> None:
        raise AssertionError


async def test_before_can_end_a_call() -> None:
    """The action and inner middleware do not run, `after` of entered middleware does."""
    log: list[str] = []
    outer = Cached(None, log)
    action = number_action(outer, Cached(Outcome(7), log), Inner(), log=log)
    async with running_app(action) as app:
        assert await app.call("number", number=1) == 7

    assert log == ["after 7", "after 7"]


async def test_before_can_end_a_call_with_an_error() -> None:
    """As by raising it."""
    async with running_app(number_action(Cached(Outcome(error=SignInRequired()), []))) as app:
        with pytest.raises(SignInRequired):
            await app.call("number", number=1)


@pytest.mark.parametrize("wrong", [7, "text", Outcome("no number")])
async def test_a_wrong_outcome_of_before_is_our_fault(
    wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is checked as a result of the action is."""
    async with running_app(number_action(Cached(wrong, []))) as app:
        outcome = await app.connect().outcome("number", number=1)

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert "number" in caplog.text


class OnlyOther(Middleware):
    """Concerns another action only."""

    def for_action(self, action: Any) -> Middleware | None:
        return self if action.name == "other" else None

    async def before(self, call: Call) -> None:
        raise AssertionError


class Replaced(Middleware):
    """Is replaced by another one."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def for_action(self, action: Any) -> Middleware | None:
        return Cached(Outcome(8), self.log)

    async def before(self, call: Call) -> None:
        raise AssertionError


async def test_middleware_selects_its_actions() -> None:
    """It is asked once for each action, while the application is loaded."""
    async with running_app(number_action(OnlyOther())) as app:
        assert await app.call("number", number=1) == 1
    async with running_app(number_action(Replaced([]))) as app:
        assert await app.call("number", number=1) == 8


class Row(BaseModel):
    id: int


class Stored(Action):
    """Return a stored response."""

    name = "stored"

    async def run(self, call: Call) -> Row | Encoded:
        return Encoded(b'{"id":1,"extra":[true]}')


class Outer(Action):
    """Call the other one."""

    name = "outer"

    async def run(self, call: Call) -> Any:
        return await call.run(Stored)


async def test_an_encoded_result_is_sent_as_it_is() -> None:
    """Callers in the process get the value."""
    async with running_app(Stored, Outer) as app:
        outcome = await app.connect().outcome("stored")
        assert encode_outcome(outcome) == b'{"id":1,"extra":[true]}'
        assert not outcome.is_response
        assert await app.call("stored") == {"id": 1, "extra": [True]}
        assert await app.call("outer") == {"id": 1, "extra": [True]}


async def test_a_middleware_can_end_a_call_with_an_encoded_value() -> None:
    """Such as a response that is repeated; `after` sees it."""
    log: list[str] = []
    async with running_app(number_action(Cached(Outcome(Encoded(b"9")), log))) as app:
        outcome = await app.connect().outcome("number", number=1)
        assert encode_outcome(outcome) == b"9"


class Totals(Action):
    """Return a number."""

    name = "totals"

    async def run(self) -> dict[str, int]:
        return {"total": 1}


class Doubling(Middleware):
    """Changes the value of the outcome in place, or replaces the outcome."""

    def __init__(self, *, keeps_outcome: bool, replaces: bool = False) -> None:
        self.keeps_outcome = keeps_outcome  # type: ignore[misc]
        self.replaces = replaces

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        outcome.value["total"] *= 2
        return Outcome(outcome.value) if self.replaces else None


@pytest.mark.parametrize(
    ("middleware", "body"),
    [
        (Doubling(keeps_outcome=False), b'{"total":2}'),
        (Doubling(keeps_outcome=True), b'{"total":1}'),
        (Doubling(keeps_outcome=True, replaces=True), b'{"total":2}'),
    ],
    ids=["changes", "keeps", "replaces"],
)
async def test_an_outcome_is_encoded_again_unless_middleware_keeps_it(
    middleware: Doubling, body: bytes
) -> None:
    class Doubled(Totals):
        name = "doubled"

    Doubled.middleware = [middleware]
    async with running_app(Doubled) as app:
        assert encode_outcome(await app.connect().outcome("doubled")) == body


async def test_an_encoded_result_is_bytes() -> None:
    """Text would be encoded by every transport differently."""

    class Wrong(Action):
        """Return text."""

        name = "wrong"

        async def run(self, call: Call) -> Encoded:
            return Encoded("text")  # type: ignore[arg-type]

    async with running_app(Wrong) as app:
        outcome = await app.connect().outcome("wrong")

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"


class Surrounding(Middleware):
    """Enters another middleware around `run`."""

    def __init__(self, log: list[str], *, fails: bool = False) -> None:
        self.log = log
        self.fails = fails

    def around_run(self, action: Any) -> Middleware:
        return Recording(self.log, "run of " + action.name, fails=self.fails)


class Recording(Middleware):
    """Records `before` and `after`."""

    def __init__(self, log: list[str], name: str, *, fails: bool = False) -> None:
        self.log = log
        self.name = name
        self.fails = fails

    async def before(self, call: Call) -> None:
        self.log.append(f"before {self.name}")

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.log.append(f"after {self.name}: {outcome.error or outcome.value}")
        if self.fails:
            raise Conflict("taken")


async def test_around_run_is_inside_of_all_other_middleware() -> None:
    """Whatever the place of the middleware that returns it."""
    log: list[str] = []
    action = number_action(Surrounding(log), Recording(log, "transaction"), log=log)

    async with running_app(action) as app:
        await app.call("number", number=3)

    assert log == [
        "before transaction",
        "before run of number",
        "run",
        "after run of number: 3",
        "after transaction: 3",
    ]


async def test_an_error_around_run_reaches_the_middleware_outside() -> None:
    """A transaction is rolled back."""
    log: list[str] = []
    action = number_action(Surrounding(log, fails=True), Recording(log, "transaction"), log=log)

    async with running_app(action) as app:
        with pytest.raises(Conflict):
            await app.call("number", number=3)

    assert log[-1] == "after transaction: taken"


class KeyRecorder(Middleware):
    """Records the idempotency key of each call, and whether it has an outer call."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, str | None, bool]] = []

    async def before(self, call: Call) -> None:
        self.keys.append((call.action.name, call.idempotency_key, call.outer is not None))


async def test_an_inner_call_has_no_idempotency_key() -> None:
    """The key is that of the request of the client."""
    recorder = KeyRecorder()
    number = number_action()

    class Outer(Action):
        """Run another action."""

        name = "outer"

        async def run(self, call: Call) -> int:
            value: int = await call.run(number, {"number": 1})
            return value

    async with running_app(recorder, number, Outer) as app:
        await app.connect(idempotency_key="k").call("outer")
        await app.call("number", number=1)

    assert recorder.keys == [("outer", "k", False), ("number", None, True), ("number", None, False)]


def test_several_keys_are_one_list() -> None:
    """As several headers of one name are (RFC 9110 §5.3)."""
    headers = CIMultiDict([("idempotency-key", '"a"'), ("Idempotency-Key", '"b"')])

    connection = Connection("web", raw=SimpleNamespace(headers=headers))

    assert connection.idempotency_key == '"a", "b"'
    assert Connection("web", raw=SimpleNamespace(headers=CIMultiDict())).idempotency_key is None
    assert Connection("test").idempotency_key is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X-A", "a\r\nX-B: b", "contains a control character"),
        ("X-A", "\ud800", "half of a surrogate pair"),
        ("X-A:", "a", "the name of the header 'X-A:' of the response is invalid"),
        ("", "a", "the name of the header '' of the response is invalid"),
        ("Connection", "close", "is set by the server; return a response of the transport"),
    ],
)
def test_headers_that_cannot_be_written_are_refused(name: str, value: str, message: str) -> None:
    connection = Connection("web")

    with pytest.raises(ValueError, match=message):
        connection.add_response_header(name, value)

    assert connection.response_headers is None


def test_middleware_adds_headers_to_responses() -> None:
    """To those that are there."""
    connection = Connection("web")

    connection.add_response_header("X-A", "1")
    connection.add_response_header("X-A", "2")

    assert connection.response_headers == (("X-A", "1"), ("X-A", "2"))


@pytest.mark.parametrize("result", [False, True])
@pytest.mark.parametrize("method", ["admit", "authorize"])
async def test_a_result_of_a_check_allows_no_call(
    method: str, result: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Middleware refuses by an error; a result of `False` is meant to refuse."""

    async def check(self: Any, *_: Any) -> bool:
        return result

    log: list[str] = []
    layer = type("Check", (Middleware,), {method: check})()
    async with running_app(number_action(layer, log=log)) as app:
        outcome = await app.app.pipeline.execute(
            Connection("test"), "number", ValuePayload({"number": 1})
        )

    assert outcome.error is not None
    assert outcome.error.type == "CONNECTION_ACTION_RUN"
    assert log == []
    assert f"returned {result}; raise Forbidden to refuse the call" in caplog.text
