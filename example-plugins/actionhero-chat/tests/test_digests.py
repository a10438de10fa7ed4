"""Background work of the chat: digests and recurring actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import RunMode
from actionhero.testing import running_app
from actionhero_auth import plugin as auth_plugin
from actionhero_channels import plugin as channels_plugin
from actionhero_chat import plugin as chat_plugin
from actionhero_chat.models import Message, User
from actionhero_db import plugin as db_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_tasks import Tasks
from actionhero_tasks import plugin as tasks_plugin
from actionhero_tasks.task import task_of
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from pathlib import Path

PLUGINS = (
    web_plugin,
    redis_plugin,
    sessions_plugin,
    db_plugin,
    auth_plugin,
    channels_plugin,
    tasks_plugin,
    chat_plugin,
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a chat that needs no other server."""
    return {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path / "data"),
        "ACTIONHERO_CHAT__DEFAULT_USER": "false",
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_WEB__PORT": "0",
        "DATABASE_URL": f"sqlite://{tmp_path / 'chat.sqlite3'}",
    }


async def test_messages_of_all_users_are_counted_in_the_background(
    environ: dict[str, str],
) -> None:
    """There is one job per user, and one status for all of them."""
    async with running_app(*PLUGINS, environ=environ, mode=RunMode.SERVER) as app:
        users = [
            await User.create(name=name, email=f"{name}@example.com", password_hash="-")
            for name in ("ada", "grace", "linus")
        ]
        await Message.create(user=users[1], body="hello")

        run = await app.call("users:digest")
        async for job in app.get(Tasks).fan_out_jobs(run["digests"]):
            await app.get(Tasks).wait(job.id)
        status: dict[str, Any] = await app.call("digests:view", digests=run["digests"])

        assert (status["total"], status["completed"], status["failed"]) == (3, 3, 0)
        counts = {each["user"]: each["messages"] for each in status["digests"]}
        assert counts == {users[0].id: 0, users[1].id: 1, users[2].id: 0}


@pytest.mark.parametrize(("hello", "recurring"), [("false", False), ("true", True)])
async def test_cleanup_recurs_hourly_and_hello_only_with_its_setting(
    environ: dict[str, str], hello: str, recurring: bool
) -> None:
    """`chat.hello` schedules `messages:hello`."""
    async with running_app(*PLUGINS, environ={**environ, "ACTIONHERO_CHAT__HELLO": hello}) as app:
        tasks = {action.name: task_of(action) for action in app.app.actions}

        every = tasks["messages:cleanup"].every
        assert every is not None
        assert every.total_seconds() == 3600
        assert tasks["messages:hello"].recurs is recurring
