"""The audit events of the commands of operators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import CompletedCommand, Place

ACTIONS = '''
from actionhero import Action, Conflict, SignedIn
from tortoise import fields
from tortoise.models import Model


class Entry(Model):
    id = fields.IntField(primary_key=True)


class Fail(Action):
    """Fail."""

    name = "fail"
    requires = SignedIn()
    task = {"queue": "default", "retries": 0}

    async def run(self) -> None:
        raise Conflict("no")
'''
#: In production, the lines are written at any level.
PRODUCTION = {"ACTIONHERO_ENV": "production", "ACTIONHERO_APP__SECRET_KEY": "k" * 40}


@pytest.fixture
def shop(place: Place) -> Place:
    """Return an application with a model and an action that fails."""
    place.enabled = ["db", "tasks"]
    place.write("shop/__init__.py", "")
    place.write("shop/models.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "shop"\ndb.url = "sqlite:///shop.sqlite3"\n'
                'tasks.store = "embedded"\n')  # fmt: skip
    return place


def events(command: CompletedCommand) -> list[tuple[Any, ...]]:
    """Return the audit events of a command."""
    lines = [json.loads(line) for line in command.stderr.splitlines() if '"audit"' in line]
    for line in lines:
        assert (line["transport"], line["method"]) == ("cli", "operator")
        assert line["details"].pop("account")
    return [(line["event"], line["outcome"], line["user"], line["details"]) for line in lines]


def test_operations_on_the_database_are_recorded(shop: Place) -> None:
    """With their outcome; commands that only read are not."""
    assert shop.run("db", "make", "first").code == 0

    migrated = shop.run("db", "migrate", "shop", **PRODUCTION)
    status = shop.run("db", "status", **PRODUCTION)
    rolled_back = shop.run("db", "rollback", "shop", **PRODUCTION)
    failed = shop.run("db", "rollback", "shop", "unknown", **PRODUCTION)
    development = shop.run("db", "migrate", "shop")

    assert events(migrated) == [("db.migrate", "success", None, {"label": "shop", "name": None})]
    assert events(status) == []
    [(event, outcome, _, _)] = events(rolled_back)
    assert (event, outcome) == ("db.rollback", "success")
    [(event, outcome, _, details)] = events(failed)
    assert (event, outcome, details["name"]) == ("db.rollback", "failure", "unknown")
    assert details["error"]
    # A developer sees the output only.
    assert (development.code, events(development)) == (0, [])


def test_operations_on_jobs_are_recorded(shop: Place) -> None:
    """As which user a job was enqueued, and which jobs were changed."""
    log = ("--log-level", "info")
    enqueued = shop.run(*log, "--as-user", "7", "enqueue", "fail")
    id = enqueued.stdout.strip()
    cancelled = shop.run(*log, "job", "cancel", id)
    again = shop.run(*log, "job", "cancel", id)
    retried = shop.run(*log, "--as-user", "7", "tasks", "retry", "unknown")
    discarded = shop.run(*log, "tasks", "discard", "--all")

    assert events(enqueued) == [("operator_call", "success", 7, {"job": id})]
    assert events(cancelled) == [("tasks.cancel", "success", None, {"jobs": [id], "count": 1})]
    assert events(again) == [("tasks.cancel", "success", None, {"jobs": [id], "count": 0})]
    assert events(retried) == [("tasks.retry", "success", 7, {"jobs": ["unknown"], "count": 0})]
    assert events(discarded) == [("tasks.discard", "success", None, {"jobs": "all", "count": 0})]


def test_the_shell_records_each_call_once(place: Place) -> None:
    """With its request id; a call that is refused has an event already."""
    place.write("shop/__init__.py", "")
    place.write(
        "shop/actions.py",
        "from actionhero import Action, Forbidden\n"
        "class Change(Action):\n"
        '    """Change or refuse."""\n'
        '    name = "change"\n'
        "    async def run(self, allowed: bool) -> bool:\n"
        "        if not allowed:\n"
        '            raise Forbidden("Not you")\n'
        "        return True\n",
    )
    script = (
        'await call("change", allowed=True)\n'
        'await call("change", allowed=True)\n'
        'await call("change", allowed=False)\n'
    )

    command = place.run("--app", "shop", "--as-user", "7", "shell", "-c", script, **PRODUCTION)

    lines = [json.loads(line) for line in command.stderr.splitlines() if '"audit"' in line]
    assert [(line["event"], line["outcome"], line["user"]) for line in lines] == [
        ("operator_call", "success", 7),
        ("operator_call", "success", 7),
        ("access", "failure", 7),
    ]
    assert len({line["request_id"] for line in lines} - {None}) == 3
