"""What an action writes is kept, or none of it; and what waits for that runs only then."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tortoise.exceptions import IntegrityError, TransactionManagementError

from actionhero import Action, Call, Conflict, Inputs, NotFound
from actionhero.errors import ErrorType
from actionhero.testing import running_app
from actionhero_db import Database, Page, Transaction, plugin
from actionhero_db.testing import rolled_back

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from actionhero.testing import RunningApp


class SignUpInputs(Inputs):
    email: str


class Told:
    """What was told after a commit: one list for each application."""

    def __init__(self) -> None:
        self.lines: list[str] = []


class _Step(Action):
    """Writes a row in a transaction, then does what a test asks for."""

    middleware = [Transaction()]

    async def then(self, call: Call) -> None:
        """Do no more."""

    async def run(self, inputs: SignUpInputs, call: Call) -> int:
        person = await call.get(People).Person.create(email=inputs.email)
        await call.get(Database).after_commit(call.get(Told).lines.append, inputs.email)
        await self.then(call)
        return int(person.id)


class People:
    """Stands for the plugin of the fixture, so that actions reach its model by type."""

    Person: Any


class Keep(_Step):
    """Write, and answer."""

    name = "keep"


class Fail(_Step):
    """Write, and fail."""

    name = "fail"

    async def then(self, call: Call) -> None:
        raise NotFound("nothing there")


class Hang(_Step):
    """Write, and take too long."""

    name = "hang"
    timeout = timedelta(milliseconds=50)

    async def then(self, call: Call) -> None:
        await asyncio.Event().wait()


class Wait(_Step):
    """Write, and wait until somebody gives up."""

    name = "wait"
    entered: asyncio.Event

    async def then(self, call: Call) -> None:
        call.get(Entered).set()
        await asyncio.Event().wait()


class Entered(asyncio.Event):
    """Set when an action has begun to wait."""


class Outer(_Step):
    """Write, run an action that fails, and go on."""

    name = "outer"

    async def then(self, call: Call) -> None:
        with contextlib.suppress(NotFound):
            await call.run(Fail, SignUpInputs(email="inner-fail@example.org"))
        await call.run(Keep, SignUpInputs(email="inner-keep@example.org"))


class OuterFails(_Step):
    """Write, run an action that succeeds, and fail."""

    name = "outer:fails"

    async def then(self, call: Call) -> None:
        await call.run(Keep, SignUpInputs(email="inner-keep@example.org"))
        raise NotFound("nothing there")


class SideBySide(_Step):
    """Write, and run two actions at once, of which one fails."""

    name = "side"

    async def then(self, call: Call) -> None:
        await asyncio.gather(
            *(call.run(Keep, SignUpInputs(email=f"{n}@example.org")) for n in range(5)),
            call.run(Fail, SignUpInputs(email="fails@example.org")),
            return_exceptions=True,
        )


class SignUp(Action):
    """Sign up, once for each address."""

    name = "sign:up"
    middleware = [Transaction()]

    async def run(self, inputs: SignUpInputs, call: Call) -> int:
        try:
            person = await call.get(People).Person.create(email=inputs.email)
        except IntegrityError:
            raise Conflict("That address is taken") from None
        return int(person.id)


class ListPeople(Action):
    """List people, by number."""

    name = "people"

    async def run(self, inputs: Page, call: Call) -> dict[str, Any]:
        people, pagination = await inputs.fetch(call.get(People).Person.all().order_by("id"))
        return {"people": [person.email for person in people], "pagination": pagination}


class Outlive(Action):
    """Start a task that goes on after the transaction."""

    name = "outlive"
    middleware = [Transaction()]

    async def run(self, call: Call) -> None:
        people = call.get(People)

        async def later() -> None:
            await call.get(Entered).wait()
            await people.Person.create(email="late@example.org")

        call.get(Late).task = asyncio.create_task(later())


class Late:
    """Holds a task."""

    task: asyncio.Task[None]


ACTIONS = (Keep, Fail, Hang, Wait, Outer, OuterFails, SideBySide, SignUp, ListPeople, Outlive)


@pytest.fixture
async def app(people: Any, each_url: str) -> AsyncIterator[RunningApp]:
    async with running_app(plugin, people, *ACTIONS, environ={"DATABASE_URL": each_url}) as running:
        for type_, value in (
            (People, people),
            (Told, Told()),
            (Entered, Entered()),
            (Late, Late()),
        ):
            running.app.provide(type_, value)
        yield running


@pytest.fixture
def emails(people: Any) -> Callable[[], Awaitable[set[str]]]:
    async def read() -> set[str]:
        return set(await people.Person.all().values_list("email", flat=True))

    return read


async def test_a_value_commits(app: RunningApp, emails: Any) -> None:
    """An action that answers keeps what it wrote, and then tells of it."""
    await app.call("keep", email="ada@example.org")

    assert await emails() == {"ada@example.org"}
    assert app.get(Told).lines == ["ada@example.org"]


async def test_an_error_rolls_back(app: RunningApp, emails: Any) -> None:
    """An action that fails leaves nothing, and nothing is told."""
    with pytest.raises(NotFound):
        await app.call("fail", email="ada@example.org")

    assert await emails() == set()
    assert app.get(Told).lines == []


async def test_a_timeout_rolls_back(app: RunningApp, emails: Any) -> None:
    """An action that takes too long leaves nothing."""
    outcome = await app.connect().outcome("hang", email="ada@example.org")

    assert outcome.error is not None
    assert outcome.error.type is ErrorType.ACTION_TIMEOUT
    assert await emails() == set()
    assert app.get(Told).lines == []


async def test_a_cancellation_rolls_back(app: RunningApp, emails: Any) -> None:
    """A client that goes away, or a process that stops, leaves nothing half done."""
    calling = asyncio.create_task(app.call("wait", email="ada@example.org"))
    await app.get(Entered).wait()

    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling

    assert await emails() == set()


async def test_many_cancellations_leave_the_connections_usable(
    app: RunningApp, emails: Any
) -> None:
    """Calls cut off at whatever point they are at cost no connection."""
    for steps in range(40):
        calling = [
            asyncio.create_task(app.call("keep", email=f"{n}-{steps}@example.org"))
            for n in range(3)
        ]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in calling:
            task.cancel()
        await asyncio.gather(*calling, return_exceptions=True)

    await app.call("keep", email="after@example.org")
    # What was told of was kept, and nothing else.
    assert await emails() >= {"after@example.org"}
    assert set(app.get(Told).lines) <= await emails()


async def test_an_inner_action_that_fails_is_undone_alone(app: RunningApp, emails: Any) -> None:
    """The outer one may go on; what it writes, and what others inside write, is kept."""
    await app.call("outer", email="outer@example.org")

    assert await emails() == {"outer@example.org", "inner-keep@example.org"}
    assert app.get(Told).lines == ["outer@example.org", "inner-keep@example.org"]


async def test_an_inner_action_is_kept_only_with_the_outer_one(
    app: RunningApp, emails: Any
) -> None:
    """`call.run` joins the transaction: if that is rolled back, so is all inside of it."""
    with pytest.raises(NotFound):
        await app.call("outer:fails", email="outer@example.org")

    assert await emails() == set()
    assert app.get(Told).lines == []


async def test_inner_actions_side_by_side_take_turns(app: RunningApp, emails: Any) -> None:
    """Of six at once the one that fails is undone, and no other."""
    await app.call("side", email="outer@example.org")

    assert await emails() == {"outer@example.org", *(f"{n}@example.org" for n in range(5))}


async def test_a_hundred_sign_ups_with_one_address(app: RunningApp, emails: Any) -> None:
    """One succeeds, and ninety-nine are told that the address is taken."""
    outcomes = await asyncio.gather(
        *(app.connect().outcome("sign:up", email="ada@example.org") for _ in range(100))
    )

    assert sum(outcome.ok for outcome in outcomes) == 1
    assert {outcome.error.type for outcome in outcomes if outcome.error} == {ErrorType.CONFLICT}
    assert await emails() == {"ada@example.org"}


async def test_a_task_that_outlives_its_transaction_is_told_so(
    app: RunningApp, emails: Any
) -> None:
    """It must not write on a connection that is somebody else's by now."""
    await app.call("outlive")
    app.get(Entered).set()

    with pytest.raises(TransactionManagementError, match="must not be started inside of it: use"):
        await app.get(Late).task

    assert await emails() == set()


async def test_a_block_is_a_transaction_too(app: RunningApp, people: Any, emails: Any) -> None:
    """`database.transaction()` is for a part of an action, or a script."""
    database = app.get(Database)

    async with database.transaction():
        await people.Person.create(email="kept@example.org")
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction():
            await people.Person.create(email="gone@example.org")
            raise ZeroDivisionError

    assert await emails() == {"kept@example.org"}


async def test_without_a_transaction_what_waits_for_a_commit_runs_at_once(
    app: RunningApp,
) -> None:
    """Every statement is kept as it is run, so the row is there."""
    told: list[str] = []

    async def tell() -> None:
        told.append("told")

    await app.get(Database).after_commit(tell)

    assert told == ["told"]


async def test_a_callback_that_fails_changes_nothing(
    app: RunningApp, people: Any, emails: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The row is there; that nobody was told is logged, and the next callback runs."""
    told: list[str] = []
    database = app.get(Database)

    async with database.transaction():
        await people.Person.create(email="kept@example.org")
        await database.after_commit(lambda: 1 / 0)
        await database.after_commit(told.append, "told")

    assert await emails() == {"kept@example.org"}
    assert told == ["told"]
    assert "which waited for a commit, failed" in caplog.text


async def test_a_test_can_roll_everything_back(app: RunningApp, emails: Any) -> None:
    """Within the block calls see what they wrote, and are told of it; afterwards it is gone."""
    async with rolled_back(app):
        await app.call("keep", email="ada@example.org")
        inside = await emails()

    assert inside == {"ada@example.org"}
    assert app.get(Told).lines == ["ada@example.org"]
    assert await emails() == set()


async def test_a_list_comes_in_pages(app: RunningApp) -> None:
    """Ten rows a page unless said otherwise, and what there is besides."""
    for number in range(12):
        await app.call("keep", email=f"{number:02}@example.org")

    first = await app.call("people")
    second = await app.call("people", page=2, limit=5)
    beyond = await app.call("people", page=10**18)

    assert len(first["people"]) == 10
    assert first["pagination"] == {"page": 1, "limit": 10, "total": 12, "pages": 2}
    assert second["people"] == [f"{number:02}@example.org" for number in range(5, 10)]
    assert second["pagination"] == {"page": 2, "limit": 5, "total": 12, "pages": 3}
    assert beyond["people"] == []


@pytest.mark.parametrize(
    ("inputs", "key"), [({"page": 0}, "page"), ({"limit": 0}, "limit"), ({"limit": 101}, "limit")]
)
async def test_a_page_that_cannot_be_is_refused(
    app: RunningApp, inputs: dict[str, int], key: str
) -> None:
    """Pages begin at 1, and have between 1 and 100 rows."""
    outcome = await app.connect().outcome("people", **inputs)

    assert outcome.error is not None
    assert outcome.error.key == key
