"""Jobs that are enqueued in a database transaction are added after its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dramatiq
import pytest

import actionhero_db.plugin
import actionhero_tasks.plugin
from actionhero import Action, Call, Conflict, Inputs, hookimpl
from actionhero.testing import running_app
from actionhero_db import Database, Models, Transaction
from actionhero_tasks import Tasks
from actionhero_tasks.dramatiq.declarations import DECLARATIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from actionhero.testing import RunningApp

MODELS = """
from tortoise import fields
from tortoise.models import Model


class Member(Model):
    id = fields.IntField(primary_key=True)
"""


class Welcome(Action):
    """Do nothing."""

    name = "welcome"

    async def run(self) -> None:
        pass


class SignUpInputs(Inputs):
    fail: bool = False


class Send(Action):
    """Send messages to an action and to an actor, and return the jobs before the commit."""

    name = "send"
    middleware = [Transaction()]

    async def run(self, inputs: SignUpInputs, call: Call) -> int:
        tasks = call.get(Tasks)
        for name in ("welcome", "greet"):
            tasks.broker.get_actor(name).send()
        if inputs.fail:
            raise Conflict("it exists already")
        return len(await queue_counts(tasks))


class SignUp(Action):
    """Enqueue in a nested transaction, and return the jobs before the commit."""

    name = "sign-up"
    middleware = [Transaction()]

    async def run(self, inputs: SignUpInputs, call: Call) -> dict[str, Any]:
        async with call.get(Database).transaction():
            id = await call.get(Tasks).enqueue(Welcome)
        if inputs.fail:
            raise Conflict("it exists already")
        return {"id": id, "before": len(await queue_counts(call.get(Tasks)))}


async def queue_counts(tasks: Tasks) -> list[Any]:
    return await tasks.use(lambda store: store.counts())


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningApp]:
    (tmp_path / "members_after_commit.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    class Members:
        @hookimpl
        def actionhero_db_models(self) -> list[Models]:
            return [Models("members", ["members_after_commit"])]

    plugins = (actionhero_db.plugin, actionhero_tasks.plugin, Members(), Welcome, SignUp, Send)
    async with running_app(*plugins, folder=tmp_path) as app:
        yield app


async def test_a_job_is_enqueued_after_the_commit(app: RunningApp) -> None:
    """In nested transactions, after the commit of the outermost."""
    result = await app.call("sign-up")

    assert result["before"] == 0
    assert (await app.get(Tasks).job(result["id"])).action == "welcome"


async def test_no_job_is_enqueued_after_a_rollback(app: RunningApp) -> None:
    with pytest.raises(Conflict):
        await app.call("sign-up", fail=True)

    assert await queue_counts(app.get(Tasks)) == []


@pytest.fixture
def greet() -> Iterator[None]:
    """Declare an actor of dramatiq."""

    @dramatiq.actor
    def greet() -> None:
        pass

    yield
    del DECLARATIONS.actors["greet"]


@pytest.mark.usefixtures("greet", "app")
async def test_messages_are_sent_after_the_commit(app: RunningApp) -> None:
    """Of actions and of actors of dramatiq; not after a rollback."""
    with pytest.raises(Conflict):
        await app.call("send", fail=True)
    after_rollback = await queue_counts(app.get(Tasks))
    before_commit = await app.call("send")
    [counts] = await queue_counts(app.get(Tasks))

    assert (after_rollback, before_commit, counts.ready) == ([], 0, 2)
