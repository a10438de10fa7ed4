"""Transactions, savepoints, `after_commit` callbacks, and pages."""

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


class Notifications:
    """The lines of the `after_commit` callbacks of an application."""

    def __init__(self) -> None:
        self.lines: list[str] = []


class _Step(Action):
    """Writes a row in a transaction, then runs the code of a subclass."""

    middleware = [Transaction()]

    async def then(self, call: Call) -> None:
        """Do nothing."""

    async def run(self, inputs: SignUpInputs, call: Call) -> int:
        person = await call.get(People).Person.create(email=inputs.email)
        await call.get(Database).after_commit(call.get(Notifications).lines.append, inputs.email)
        await self.then(call)
        return int(person.id)


class People:
    """The type under which actions find the plugin of the fixture."""

    Person: Any


class Succeed(_Step):
    """Write, and return."""

    name = "succeed"


class Fail(_Step):
    """Write, and fail."""

    name = "fail"

    async def then(self, call: Call) -> None:
        raise NotFound("not found")


class Hang(_Step):
    """Write, and exceed the timeout."""

    name = "hang"
    timeout = timedelta(milliseconds=50)

    async def then(self, call: Call) -> None:
        await asyncio.Event().wait()


class Wait(_Step):
    """Write, and wait for a cancellation."""

    name = "wait"
    entered: asyncio.Event

    async def then(self, call: Call) -> None:
        call.get(Entered).set()
        await asyncio.Event().wait()


class Entered(asyncio.Event):
    """Set when an action has started to wait."""


class Outer(_Step):
    """Write, run an action that fails, and continue."""

    name = "outer"

    async def then(self, call: Call) -> None:
        with contextlib.suppress(NotFound):
            await call.run(Fail, SignUpInputs(email="inner-fail@example.org"))
        await call.run(Succeed, SignUpInputs(email="inner@example.org"))


class OuterFails(_Step):
    """Write, run an action that succeeds, and fail."""

    name = "outer:fails"

    async def then(self, call: Call) -> None:
        await call.run(Succeed, SignUpInputs(email="inner@example.org"))
        raise NotFound("not found")


class Concurrent(_Step):
    """Write, and run several actions concurrently, of which one fails."""

    name = "concurrent"

    async def then(self, call: Call) -> None:
        await asyncio.gather(
            *(call.run(Succeed, SignUpInputs(email=f"{n}@example.org")) for n in range(5)),
            call.run(Fail, SignUpInputs(email="fails@example.org")),
            return_exceptions=True,
        )


class SignUp(Action):
    """Sign up; each address is unique."""

    name = "sign:up"
    middleware = [Transaction()]

    async def run(self, inputs: SignUpInputs, call: Call) -> int:
        try:
            person = await call.get(People).Person.create(email=inputs.email)
        except IntegrityError:
            raise Conflict("That address is taken") from None
        return int(person.id)


class ListPeople(Action):
    """List people, by id."""

    name = "people"

    async def run(self, inputs: Page, call: Call) -> dict[str, Any]:
        people, pagination = await inputs.fetch(call.get(People).Person.all().order_by("id"))
        return {"people": [person.email for person in people], "pagination": pagination}


class Outlive(Action):
    """Start a task that outlives the transaction."""

    name = "outlive"
    middleware = [Transaction()]

    async def run(self, call: Call) -> None:
        people = call.get(People)

        async def later() -> None:
            await call.get(Entered).wait()
            await people.Person.create(email="late@example.org")

        call.get(Late).task = asyncio.create_task(later())


class Late:
    """Holds the task that outlives its transaction."""

    task: asyncio.Task[None]


ACTIONS = (Succeed, Fail, Hang, Wait, Outer, OuterFails, Concurrent, SignUp, ListPeople, Outlive)


@pytest.fixture
async def app(people: Any, each_url: str) -> AsyncIterator[RunningApp]:
    async with running_app(plugin, people, *ACTIONS, environ={"DATABASE_URL": each_url}) as running:
        for type_, value in (
            (People, people),
            (Notifications, Notifications()),
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
    """After the commit, the callback runs."""
    await app.call("succeed", email="ada@example.org")

    assert await emails() == {"ada@example.org"}
    assert app.get(Notifications).lines == ["ada@example.org"]


async def test_an_error_rolls_back(app: RunningApp, emails: Any) -> None:
    """The row is gone, and the callback does not run."""
    with pytest.raises(NotFound):
        await app.call("fail", email="ada@example.org")

    assert await emails() == set()
    assert app.get(Notifications).lines == []


async def test_a_timeout_rolls_back(app: RunningApp, emails: Any) -> None:
    """As with any other error."""
    outcome = await app.connect().outcome("hang", email="ada@example.org")

    assert outcome.error is not None
    assert outcome.error.type is ErrorType.ACTION_TIMEOUT
    assert await emails() == set()
    assert app.get(Notifications).lines == []


async def test_a_cancellation_rolls_back(app: RunningApp, emails: Any) -> None:
    """Both a disconnected client and a shutdown cancel calls."""
    calling = asyncio.create_task(app.call("wait", email="ada@example.org"))
    await app.get(Entered).wait()

    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling

    assert await emails() == set()


async def test_many_cancellations_leave_the_connections_usable(
    app: RunningApp, emails: Any
) -> None:
    """Calls cancelled at any point release their connection."""
    for steps in range(40):
        calling = [
            asyncio.create_task(app.call("succeed", email=f"{n}-{steps}@example.org"))
            for n in range(3)
        ]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in calling:
            task.cancel()
        await asyncio.gather(*calling, return_exceptions=True)

    await app.call("succeed", email="after@example.org")
    # Callbacks ran for committed rows, for all of them and no others.
    assert await emails() >= {"after@example.org"}
    assert set(app.get(Notifications).lines) == await emails()


async def test_an_inner_action_is_rolled_back_alone(app: RunningApp, emails: Any) -> None:
    """The writes of the outer action, and of other inner actions, are committed."""
    await app.call("outer", email="outer@example.org")

    assert await emails() == {"outer@example.org", "inner@example.org"}
    assert app.get(Notifications).lines == ["outer@example.org", "inner@example.org"]


async def test_an_inner_action_is_committed_only_with_the_outer_one(
    app: RunningApp, emails: Any
) -> None:
    """A rollback of the outer transaction includes the inner one."""
    with pytest.raises(NotFound):
        await app.call("outer:fails", email="outer@example.org")

    assert await emails() == set()
    assert app.get(Notifications).lines == []


async def test_concurrent_inner_actions_run_one_after_another(app: RunningApp, emails: Any) -> None:
    """Of six actions, only the failed one is rolled back."""
    await app.call("concurrent", email="outer@example.org")

    assert await emails() == {"outer@example.org", *(f"{n}@example.org" for n in range(5))}


async def test_a_hundred_sign_ups_with_one_address(app: RunningApp, emails: Any) -> None:
    """One succeeds, and the others fail with a conflict."""
    outcomes = await asyncio.gather(
        *(app.connect().outcome("sign:up", email="ada@example.org") for _ in range(100))
    )

    assert sum(outcome.ok for outcome in outcomes) == 1
    assert {outcome.error.type for outcome in outcomes if outcome.error} == {ErrorType.CONFLICT}
    assert await emails() == {"ada@example.org"}


async def test_a_task_that_outlives_its_transaction_cannot_write(
    app: RunningApp, emails: Any
) -> None:
    """Its connection may belong to another call by now."""
    await app.call("outlive")
    app.get(Entered).set()

    with pytest.raises(TransactionManagementError, match="must not be started inside of it: use"):
        await app.get(Late).task

    assert await emails() == set()


async def test_a_block_is_a_transaction(app: RunningApp, people: Any, emails: Any) -> None:
    """`database.transaction()` is for a part of an action, or a script."""
    database = app.get(Database)

    async with database.transaction():
        await people.Person.create(email="committed@example.org")
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction():
            await people.Person.create(email="rolled-back@example.org")
            raise ZeroDivisionError

    assert await emails() == {"committed@example.org"}


async def test_without_a_transaction_callbacks_run_immediately(app: RunningApp) -> None:
    """Every statement is committed at once."""
    lines: list[str] = []

    async def notify() -> None:
        lines.append("ran")

    await app.get(Database).after_commit(notify)

    assert lines == ["ran"]


def divide(number: int, by: int) -> float:
    """Divide, as a callback with arguments."""
    return number / by


async def test_a_callback_that_fails_changes_nothing(
    app: RunningApp, people: Any, emails: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The row is committed, the failure is logged, and the next callback runs."""
    lines: list[str] = []
    database = app.get(Database)

    async with database.transaction():
        await people.Person.create(email="committed@example.org")
        await database.after_commit(divide, 1, 0)
        await database.after_commit(lines.append, "ran")

    assert await emails() == {"committed@example.org"}
    assert lines == ["ran"]
    place = f"{__file__}:{divide.__code__.co_firstlineno}"
    assert (
        f"the after_commit callback 'divide' ({place}) failed: ZeroDivisionError: division by zero"
        in caplog.text
    )


async def test_a_test_can_roll_back_all_writes(app: RunningApp, emails: Any) -> None:
    """Calls in the block see their writes, and run callbacks; afterwards the rows are gone."""
    async with rolled_back(app):
        await app.call("succeed", email="ada@example.org")
        inside = await emails()

    assert inside == {"ada@example.org"}
    assert app.get(Notifications).lines == ["ada@example.org"]
    assert await emails() == set()


async def test_a_list_is_paginated(app: RunningApp) -> None:
    """Ten rows a page by default."""
    for number in range(12):
        await app.call("succeed", email=f"{number:02}@example.org")

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
async def test_invalid_pages_are_refused(app: RunningApp, inputs: dict[str, int], key: str) -> None:
    """Pages start at 1, and have between 1 and 100 rows."""
    outcome = await app.connect().outcome("people", **inputs)

    assert outcome.error is not None
    assert outcome.error.key == key


@pytest.mark.parametrize("each_url", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize("in_transaction", [False, True])
async def test_raw_statements_return_their_rows_and_the_number_of_rows(
    app: RunningApp, in_transaction: bool
) -> None:
    """As on the other databases, inside and outside of transactions."""
    database = app.get(Database)
    async with database.transaction() if in_transaction else contextlib.nullcontext():
        client = await database.connection()
        inserted, new = await client.execute_query(
            "INSERT INTO person (email, age) VALUES ('a', 1), ('b', 2) RETURNING email"
        )
        updated, none = await client.execute_query(
            "UPDATE person SET email = 'returning ' || email"
        )
        deleted, old = await client.execute_query(
            "DELETE FROM person WHERE age = 1 RETURNING email"
        )
        added, _ = await client.execute_query("INSERT INTO person (email, age) VALUES ('c', 3)")

    assert (inserted, updated, deleted, added) == (2, 2, 1, 1)
    assert sorted(row["email"] for row in new) == ["a", "b"]
    assert list(none) == []
    assert [row["email"] for row in old] == ["returning a"]
