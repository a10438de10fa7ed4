"""`actionhero job cancel` of a job that is still in the outbox of the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

MODELS = """
from tortoise import fields
from tortoise.models import Model


class Member(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50)
"""

ACTIONS = """
from __future__ import annotations

from actionhero import Action, Call
from actionhero_db import Transaction
from actionhero_tasks import Tasks

from club.models import Member


class Welcome(Action):
    name = "welcome"
    task = {}

    async def run(self, name: str) -> str:
        return name


class SignUp(Action):
    name = "sign-up"
    middleware = [Transaction()]

    async def run(self, call: Call) -> str:
        tasks = call.get(Tasks)
        await Member.create(name="Ada")
        id = await tasks.enqueue(Welcome, {"name": "Ada"})
        # As if the process ended between the commit and the sending.
        tasks.enqueuer.stop()
        return id


class Rows(Action):
    name = "rows"

    async def run(self) -> int:
        connection = Member._meta.db
        return (await connection.execute_query("SELECT * FROM actionhero_outbox"))[0]
"""


@pytest.fixture
def club(place: Place) -> Place:
    """A folder with an application whose action leaves a job in the outbox."""
    place.write("club/__init__.py", "")
    place.write("club/models.py", MODELS)
    place.write("club/actions.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "club"\n')
    place.enabled = ["db", "tasks"]
    return place


def test_a_job_of_the_outbox_is_cancelled_by_the_command(club: Place) -> None:
    """Its row is deleted, and the store has it as a cancelled job."""
    migrate = club.run("db", "migrate")
    id = json.loads(club.run("call", "sign-up").stdout)
    before = club.run("call", "rows").stdout

    cancel = club.run("job", "cancel", id)
    again = club.run("job", "cancel", id)
    status = club.run("job", "status", id, "--format", "json")

    assert migrate.code == 0, migrate
    assert before == "1\n"
    assert (cancel.code, cancel.stdout) == (0, "cancelled\n"), cancel
    assert club.run("call", "rows").stdout == "0\n"
    assert again.code == 1
    assert json.loads(status.stdout)["state"] == "cancelled"


def test_an_unknown_job_is_not_cancelled(club: Place) -> None:
    """Neither the store nor the database has it."""
    command = club.run("job", "cancel", "unknown")

    assert command.code == 1
    assert "Error: unknown job 'unknown'" in command.stderr
